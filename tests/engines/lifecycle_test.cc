// The hook over a container's life and over a machine's: its stages, its record, policies that are
// edited between two starts, and many containers at once.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGrantFlows =
    "select: {}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows}\n";

class Lifecycle : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    installation_.write_policy(policy_text(kGrantFlows));
  }

  std::string view() {
    RuntimeContainer container(GetParam());
    const auto result = run(container, {"ls /sys/fs/bpf"});
    return answer(result, "ls /sys/fs/bpf");
  }
};

TEST_P(Lifecycle, WorksAtPrestart) {
  container_.spec.hooks["prestart"] = {installation_.hook("prestart")};
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
}

TEST_P(Lifecycle, MakesOneViewAndOneRecordWhenTheHookRunsTwice) {
  container_.spec.hooks["prestart"] = {installation_.hook("prestart")};
  container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
  container_.probe({"ls /sys/fs/bpf", "mounts /sys/fs/bpf"});
  ASSERT_THAT(container_.create(), Succeeds());
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  ASSERT_THAT(container_.start(), Succeeds());
  ASSERT_TRUE(container_.wait_stopped());
  EXPECT_THAT(container_.output(), HasSubstr("ls /sys/fs/bpf: ok flows\n"));
  EXPECT_THAT(container_.output(), testing::Not(HasSubstr(";"))) << "two mounts at one place";
  int granted = 0;
  for (const auto& line : installation_.audit()) granted += line.outcome == "granted" ? 1 : 0;
  EXPECT_EQ(granted, 1);
}

// The instance of a bpffs at `path`, seen from outside, as a row of a record; `id`: which id of the
// mount.
std::string instance_at(const std::string& path, bool sealed, unsigned id) {
  struct statx status {};
  check(statx(AT_FDCWD, path.c_str(), 0, id, &status), "statx");
  return "[\"bpf\"," + std::to_string(status.stx_dev_major) + "," +
         std::to_string(status.stx_dev_minor) + "," + (sealed ? "true" : "false") + ",[" +
         std::to_string(status.stx_mnt_id) + "]]";
}

TEST_P(Lifecycle, RecordsTheInstancesByWhatFindsThemInAnyMountNamespace) {
  installation_.write_policy(policy_text(std::string(kGrantFlows) +
                                         "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 100"});
  ASSERT_THAT(container_.create(), Succeeds());
  const std::string view = "/proc/" + std::to_string(container_.pid()) + "/root/sys/fs/bpf";
  const auto rows = [&](unsigned id) {
    return HasSubstr("\"rows\":[" + instance_at(view, true, id) + "," +
                     instance_at(view + "/_rw", false, id) + "]");
  };
  // The suite runs on kernels without unique ids, too, and as if this one were such a one.
  constexpr unsigned kUniqueId = 0x4000;  // STATX_MNT_ID_UNIQUE
  EXPECT_THAT(installation_.record(container_.id()),
              testing::AnyOf(rows(kUniqueId), rows(STATX_MNT_ID)));
}

TEST_P(Lifecycle, RecordsAContainerFromItsCreationToItsDeletion) {
  installation_.hook_into(container_.spec);
  container_.probe({"ls /sys/fs/bpf", "sleep 100"});
  const auto created = container_.create();
  ASSERT_EQ(created.status, 0) << created;
  ASSERT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  const auto json =
      JsonDocument::parse(installation_.record(container_.id()), "record", ErrorCode::kRecord);
  ASSERT_TRUE(json.has_value());
  const auto record = json->root();
  EXPECT_EQ(record.string_or("state", "").value(), "applied");
  EXPECT_EQ(record.unsigned_or("pid", 0).value(), static_cast<uint64_t>(container_.pid()));
  EXPECT_EQ(record.string_or("bundle", "").value(), container_.bundle());

  ASSERT_THAT(container_.start(), Succeeds());
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  ASSERT_THAT(container_.kill(), Succeeds());
  ASSERT_TRUE(container_.wait_stopped());
  ASSERT_THAT(container_.remove(), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  EXPECT_EQ(installation_.last_audit().stage, "poststop");
}

TEST_P(Lifecycle, ShowsWhyAContainerDoesNotStart) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/gone}\n"));
  expect_refused(
      "cannot open source pin \"/sys/fs/bpf/gone\": No such file or directory; policy \"test\" at "
      "test.yaml:8:7",
      "source-missing");
}

// The runtime repeats the annotations in the state that it gives to hooks.
TEST_P(Lifecycle, StartsAContainerWithHugeAnnotationsThatNoPolicySelects) {
  installation_.write_policy(
      policy_text("select: {engine: docker}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"));
  for (const size_t mebibytes : {size_t{5}, size_t{20}}) {
    SCOPED_TRACE(mebibytes);
    RuntimeContainer container(GetParam());
    container.spec.annotations["note"] = std::string(mebibytes << 20, 'x');
    const auto result = run(container, {"id"});
    EXPECT_EQ(result.status, 0) << result.err.substr(0, 1000);
    EXPECT_NE(answer(result, "id"), "no answer");
  }
}

TEST_P(Lifecycle, FollowsAnEditOfThePolicies) {
  EXPECT_EQ(view(), "ok flows");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/counters}\n"));
  EXPECT_EQ(view(), "ok counters");
  installation_.write_policy(policy_text(kGrantFlows, "more"), "more.yaml");
  EXPECT_EQ(view(), "ok counters flows");
  installation_.remove_policy("test.yaml");
  EXPECT_EQ(view(), "ok flows");
  installation_.remove_policy("more.yaml");
  EXPECT_EQ(view(), "ok");
}

TEST_P(Lifecycle, KeepsTheLastGoodPoliciesAfterABadEdit) {
  EXPECT_EQ(view(), "ok flows");
  installation_.write_policy(policy_text("selekt: {}\n"));
  EXPECT_EQ(view(), "ok flows");
  EXPECT_EQ(view(), "ok flows");
  std::vector<AuditLine> rejected;
  for (auto& line : installation_.audit())
    if (line.outcome == "policy-rejected") rejected.push_back(line);
  ASSERT_EQ(rejected.size(), 1U) << "reported once, not at each start";
  const auto kept = std::filesystem::directory_iterator(installation_.cache_directory());
  EXPECT_TRUE(std::ranges::any_of(
      kept, [](const auto& entry) { return entry.path().extension() == ".rejected"; }));
  EXPECT_EQ(rejected[0].code, "policy-invalid");
  EXPECT_THAT(rejected[0].error, HasSubstr("test.yaml:6:3: error: "));

  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/counters}\n"));
  EXPECT_EQ(view(), "ok counters");
}

TEST_P(Lifecycle, StartsNothingWhereNoPolicyWasEverAccepted) {
  installation_.write_policy("nonsense: [");
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(answer(result, "id"), "no answer");
  EXPECT_EQ(installation_.last_audit().code, "policy-unavailable");
}

TEST_P(Lifecycle, ServesTwentyContainersAtOnce) {
  constexpr int kContainers = 20;
  std::vector<std::unique_ptr<RuntimeContainer>> containers;
  for (int i = 0; i < kContainers; i++) {
    auto& container = containers.emplace_back(std::make_unique<RuntimeContainer>(GetParam()));
    installation_.hook_into(container->spec);
    container->probe({"ls /sys/fs/bpf"});
  }
  // A process for each: what a container's run says goes to its exit status.
  std::vector<pid_t> children;
  for (auto& container : containers) {
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
      const auto result = container->run();
      _exit(result.status == 0 && answer(result, "ls /sys/fs/bpf") == "ok flows" ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    check(waitpid(child, &status, 0), "waitpid");
    EXPECT_EQ(status, 0);
  }
  EXPECT_THAT(installation_.records(), IsEmpty());
  int granted = 0;
  int removed = 0;
  for (const auto& line : installation_.audit()) {
    granted += line.outcome == "granted" ? 1 : 0;
    removed += line.outcome == "removed" ? 1 : 0;
  }
  EXPECT_EQ(granted, kContainers);
  EXPECT_EQ(removed, kContainers);
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Lifecycle);

}  // namespace
}  // namespace pinscope::test
