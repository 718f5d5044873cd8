// Containers that a record must not be mistaken for: two of one id in two roots of a runtime, and
// those whose creation failed.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "plugin/json/json.h"
#include "plugin/record/store.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/mounts.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class Twins : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(
        policy_text("select: {}\n"
                    "grants:\n"
                    "  - {pin: /sys/fs/bpf/flows}\n"));
    installation_.hook_into(container_.spec);
    container_.probe({"sleep 100"});
    root_ = installation_.directory().make_directory("root");
  }
  void TearDown() override {
    if (!IsSkipped()) (void)of_other_root({"delete", "--force", container_.id()});
  }

  // The runtime with another root, which knows nothing of the first one. What it starts must not
  // hold the ends of our pipes.
  [[nodiscard]] CommandResult of_other_root(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {
        "/bin/sh", "-c", "\"$@\" >/dev/null 2>&1 </dev/null", "sh", runtime_program(GetParam()),
        "--root",  root_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return pinscope::test::run(argv);
  }
  // runc from 1.3 on starts nothing in a cgroup that is not empty.
  void write_config_of_twin(const std::string& bundle) {
    container_.spec.cgroups_path = "/" + container_.id() + "-other";
    write_file(bundle + "/config.json", to_config_json(container_.spec));
  }
  [[nodiscard]] CommandResult pinscope(std::vector<std::string> words) const {
    words.insert(words.begin(), PINSCOPE_BIN_DIR "/pinscope");
    words.insert(words.end(), {"--state-dir", installation_.state_directory()});
    return pinscope::test::run(words);
  }
  [[nodiscard]] std::set<std::string> listed(const std::string& field) const {
    const auto result = pinscope({"list", "--output", "json"});
    EXPECT_EQ(result.status, 0) << result;
    const auto json = JsonDocument::parse(result.out, "list", ErrorCode::kUsage);
    std::set<std::string> values;
    const auto containers = json->root().find("containers").value()->elements().value();
    for (const auto& container : containers)
      values.insert(field == "pid" ? std::to_string(container.unsigned_or("pid", 0).value())
                                   : container.string_or(field, "").value());
    return values;
  }
  [[nodiscard]] size_t outcomes(const std::string& outcome) const {
    const auto lines = installation_.audit();
    return static_cast<size_t>(std::ranges::count(lines, outcome, &AuditLine::outcome));
  }
  void end_first() {
    ASSERT_THAT(container_.kill(), Succeeds());
    ASSERT_TRUE(container_.wait_stopped());
    ASSERT_THAT(container_.remove(), Succeeds());
  }

  std::string root_;
};

TEST_P(Twins, OfOneIdInTwoRootsHaveARecordEach) {
  ASSERT_THAT(container_.create(), Succeeds());
  const std::string bundle = installation_.directory().make_directory("other");
  std::filesystem::copy(container_.bundle(), bundle, std::filesystem::copy_options::recursive);
  write_config_of_twin(bundle);
  const auto other = of_other_root({"create", "--bundle", bundle, container_.id()});
  ASSERT_EQ(other.status, 0) << installation_.last_audit().error;
  EXPECT_EQ(outcomes("granted"), 2U);
  EXPECT_THAT(listed("bundle"), UnorderedElementsAre(bundle, container_.bundle()));

  const auto table = pinscope({"list"});
  EXPECT_THAT(table.out, HasSubstr("PID"));
  EXPECT_THAT(table.out, HasSubstr(bundle + "\n"));
  const auto ambiguous = pinscope({"inspect", container_.id()});
  EXPECT_NE(ambiguous.status, 0);
  EXPECT_THAT(ambiguous.err, HasSubstr("2 containers have this id (say which with --pid"));
  const auto one =
      pinscope({"inspect", container_.id(), "--pid", std::to_string(container_.pid())});
  EXPECT_EQ(one.status, 0) << one;
  EXPECT_THAT(one.out, HasSubstr(container_.bundle() + "\n"));
  EXPECT_THAT(one.out, Not(HasSubstr(bundle + "\n")));

  // The end of one is not the other's.
  ASSERT_THAT(container_.start(), Succeeds());
  end_first();
  EXPECT_THAT(listed("bundle"), ElementsAre(bundle));
  EXPECT_EQ(installation_.run_gc().out, "nothing to remove\n");
  ASSERT_THAT(of_other_root({"delete", "--force", container_.id()}), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(outcomes("removed"), 2U);
}

TEST_P(Twins, AreBothComparedWithOtherPolicies) {
  ASSERT_THAT(container_.create(), Succeeds());
  write_config_of_twin(container_.bundle());
  const auto other = of_other_root({"create", "--bundle", container_.bundle(), container_.id()});
  ASSERT_EQ(other.status, 0) << installation_.last_audit().error;
  const std::string policies = installation_.policy_directory();
  const WithoutEngines engines;
  const auto compared = pinscope({"diff", policies, policies, "--output", "json"});
  const auto json = JsonDocument::parse(compared.out, "diff", ErrorCode::kUsage);
  ASSERT_TRUE(json) << compared;
  const auto containers = json->root().find("containers").value()->elements().value();
  EXPECT_EQ(std::ranges::count_if(containers,
                                  [&](const auto& container) {
                                    return container.string_or("id", "").value() == container_.id();
                                  }),
            2)
      << compared;
  ASSERT_THAT(of_other_root({"delete", "--force", container_.id()}), Succeeds());
  ASSERT_THAT(container_.start(), Succeeds());
  end_first();
}

TEST_P(Twins, OfOneIdAndOneBundleHaveARecordEach) {
  ASSERT_THAT(container_.create(), Succeeds());
  const std::string first = std::to_string(container_.pid());
  write_config_of_twin(container_.bundle());
  const auto other = of_other_root({"create", "--bundle", container_.bundle(), container_.id()});
  ASSERT_EQ(other.status, 0) << installation_.last_audit().error;
  EXPECT_THAT(listed("pid"), SizeIs(2));
  ASSERT_THAT(of_other_root({"delete", "--force", container_.id()}), Succeeds());
  EXPECT_THAT(listed("pid"), ElementsAre(first));
  ASSERT_THAT(container_.start(), Succeeds());
  end_first();
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// crun runs no poststop for them.
TEST_P(Twins, WhoseCreationFailedLeaveNoRecordForLong) {
  constexpr int kFailures = 4;
  for (int i = 0; i < kFailures; ++i) {
    RuntimeContainer failing(GetParam());
    installation_.hook_into(failing.spec);
    failing.spec.args = {"/nope"};
    EXPECT_NE(failing.run().status, 0);
  }
  EXPECT_EQ(outcomes("granted"), static_cast<size_t>(kFailures));
  if (!is_crun()) {
    EXPECT_THAT(installation_.records(), IsEmpty());
  }
  // And one whose process's number somebody else has by now: this program.
  model::Record reused;
  reused.given.id = "reused";
  reused.given.pid = ::getpid();
  reused.process_start = 1;
  const auto store = record::Store::open(installation_.state_directory(), true);
  ASSERT_TRUE(store && store->begin(reused));
  // Others that start clear them away, once poststop has had its time.
  for (int second = 0; second < 60 && !installation_.records().empty(); ++second) {
    RuntimeContainer next(GetParam());
    EXPECT_THAT(run(next, {"id"}), Succeeds());
    if (!installation_.records().empty()) ::sleep(1);
  }
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(outcomes("collected"), static_cast<size_t>(is_crun() ? kFailures + 1 : 1));
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Twins);

}  // namespace
}  // namespace pinscope::test
