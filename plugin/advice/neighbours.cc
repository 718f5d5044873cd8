#include "plugin/advice/neighbours.h"

#include "plugin/base/text.h"

namespace pinscope::advice {
namespace {

using Kind = Remark::Kind;
using model::Namespace;
using model::NamespaceKind;

const Namespace* joined_users(const model::Container& container) {
  const auto& users = model::namespace_of(container, NamespaceKind::kUser);
  return users.mode == Namespace::Mode::kPath ? &users : nullptr;
}

}  // namespace

std::string maps_to_read(const model::Decision& decision) {
  std::string names;
  for (const auto& grant : decision.grants)
    if (grant.access == model::Access::kRead &&
        grant.expect.kind.value_or(model::ObjectKind::kMap) == model::ObjectKind::kMap)
      names += (names.empty() ? "" : ", ") + quoted(grant.name);
  return names;
}

std::vector<Remark> remarks_on_neighbours(const model::Container& container,
                                          const model::Decision& decision) {
  std::vector<Remark> remarks;
  const auto* users = joined_users(container);
  if (decision.delegation && users != nullptr)
    remarks.push_back({Kind::kNote, "shared-user-namespace",
                       "the container joins the user namespace at " + quoted(users->path) +
                           ": a process there with CAP_PERFMON or CAP_SYS_ADMIN, to which it "
                           "passes a token, can read all memory of the kernel",
                       "add neither capability to any container of this user namespace"});
  const std::string names = maps_to_read(decision);
  if (!names.empty())
    remarks.push_back({Kind::kNote, "descriptors-travel",
                       "a descriptor of " + names +
                           " that the container passes on becomes writable in the hands of whoever "
                           "may load programs or pin in a bpffs, and can be passed back",
                       "the owner of the map can prevent it: by BPF_F_RDONLY_PROG when the map is "
                       "made, by BPF_MAP_FREEZE if nobody has to write it any more, by "
                       "excl_prog_hash if one program alone uses it (Linux 6.18)"});
  return remarks;
}

}  // namespace pinscope::advice
