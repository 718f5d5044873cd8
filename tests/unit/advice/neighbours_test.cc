// What explain says of whoever is beside a container.
#include "plugin/advice/neighbours.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pinscope::advice {
namespace {

using model::Access;
using model::NamespaceKind;

model::Decision granting(Access access, std::optional<model::ObjectKind> kind = std::nullopt) {
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  model::GrantedPin grant;
  grant.name = "flows";
  grant.access = access;
  grant.expect.kind = kind;
  decision.grants = {grant};
  return decision;
}

model::Container joining(NamespaceKind kind, const std::string& path) {
  model::Container container;
  model::namespace_of(container, kind) = {model::Namespace::Mode::kPath, path};
  return container;
}

Remark find(const model::Container& container, const model::Decision& decision,
            const std::string& code) {
  const auto remarks = remarks_on(container, decision, {});
  const auto found = std::ranges::find(remarks, code, &Remark::code);
  return found == remarks.end() ? Remark{} : *found;
}

TEST(NeighbourRemarks, CallAViewVoidThatStandsInAPidNamespaceOfOthers) {
  const auto container = joining(NamespaceKind::kPid, "/proc/7/ns/pid");
  const auto remark = find(container, granting(Access::kReadWrite), "shared-pid-namespace");
  EXPECT_EQ(remark.kind, Remark::Kind::kVoid);
  EXPECT_EQ(
      remark.text,
      "the container joins the PID namespace at \"/proc/7/ns/pid\": a process there of the "
      "same user with no fewer capabilities opens the view through /proc/PID/root, so nothing "
      "that the policy says of this container alone holds");
  EXPECT_TRUE(remarks_on_neighbours(joining(NamespaceKind::kNet, "/proc/7/ns/net"),
                                    granting(Access::kReadWrite))
                  .empty());
}

TEST(NeighbourRemarks, NameWhoMayUseATokenThatIsHandedOn) {
  auto decision = granting(Access::kReadWrite);
  const auto container = joining(NamespaceKind::kUser, "/proc/7/ns/user");
  EXPECT_EQ(find(container, decision, "shared-user-namespace").code, "");
  decision.delegation.emplace();
  EXPECT_EQ(find(container, decision, "shared-user-namespace").kind, Remark::Kind::kNote);
}

TEST(NeighbourRemarks, SayOfMapsThatAreReadHowTheirOwnerClosesThem) {
  const auto remark = find({}, granting(Access::kRead), "descriptors-travel");
  EXPECT_EQ(remark.kind, Remark::Kind::kNote);
  EXPECT_NE(remark.text.find("\"flows\""), std::string::npos);
  for (const char* way : {"BPF_F_RDONLY_PROG", "BPF_MAP_FREEZE", "excl_prog_hash"})
    EXPECT_NE(remark.action.find(way), std::string::npos) << way;
  EXPECT_EQ(find({}, granting(Access::kReadWrite), "descriptors-travel").code, "");
  EXPECT_EQ(
      find({}, granting(Access::kRead, model::ObjectKind::kProgram), "descriptors-travel").code,
      "");
}

}  // namespace
}  // namespace pinscope::advice
