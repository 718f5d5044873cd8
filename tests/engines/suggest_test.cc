// `pinscope suggest` of a real container with the host's bpffs: under the policy that it writes,
// and without the volume, the same calls work.
#include <unistd.h>

#include <filesystem>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

class SuggestedPolicy : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/agent/flows");
    pins_.map("/sys/fs/bpf/quota");
    pins_.map("/sys/fs/bpf/keys");
    pins_.program("/sys/fs/bpf/guard");
    std::filesystem::create_directories(installation_.state_directory());
    std::filesystem::permissions(installation_.state_directory(),
                                 std::filesystem::perms::owner_all);
  }
  void TearDown() override {
    if (!IsSkipped()) stop();
  }
  void start(std::vector<std::string> commands) {
    last_ = commands.back();
    commands.emplace_back("sleep 100");
    container_.probe(commands);
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
    ASSERT_TRUE(wait_until([&] { return tried(last_) != "no answer"; })) << container_.output();
  }
  void stop() {
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
  }
  [[nodiscard]] std::string tried(const std::string& command) const {
    CommandResult result;
    result.out = container_.output();
    return answer(result, command);
  }
  CommandResult suggest() {
    return pinscope::test::run({kPinscope, "suggest", std::to_string(container_.pid()), "--bundle",
                                container_.bundle(), "--state-dir",
                                installation_.state_directory()});
  }
  std::string last_;
};

TEST_P(SuggestedPolicy, LetsTheContainerGoOnWithoutTheVolume) {
  const std::vector<std::string> commands = {
      "hold-ro /sys/fs/bpf/agent/flows", "hold-rw /sys/fs/bpf/quota",
      "hold-rw /sys/fs/bpf/guard",       "lookup /sys/fs/bpf/agent/flows 1",
      "update /sys/fs/bpf/quota 1 7",    "get-ro /sys/fs/bpf/keys"};
  set_value("/sys/fs/bpf/agent/flows", 1, 42);
  container_.spec.without_mount("/sys/fs/bpf");
  container_.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"bind"}});
  start(commands);
  EXPECT_EQ(tried("get-ro /sys/fs/bpf/keys"), "ok");
  const auto suggested = suggest();
  ASSERT_EQ(suggested.status, 0) << suggested;
  EXPECT_THAT(suggested.out, HasSubstr("pin: \"/sys/fs/bpf/agent/flows\"\n"
                                       "      as: \"agent/flows\"\n"
                                       "      access: read\n"));
  EXPECT_THAT(suggested.out, Not(HasSubstr("pin: \"/sys/fs/bpf/keys\"")));
  EXPECT_THAT(suggested.out, HasSubstr("does not hold \"/sys/fs/bpf/keys\""));
  stop();

  installation_.write_policy(suggested.out);
  const auto checked = pinscope::test::run({"sh", "-c",
                                            std::string(kPinscope) + " check --no-host - < " +
                                                installation_.policy_directory() + "/test.yaml"});
  EXPECT_EQ(checked.status, 0) << checked << suggested.out;
  container_.spec.mounts.pop_back();
  container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
  start(commands);
  for (const auto& command : commands)
    EXPECT_EQ(tried(command).substr(0, 2), command == commands.back() ? "EN" : "ok")
        << command << suggested.out;
  EXPECT_EQ(tried(commands.back()), "ENOENT");
  const auto again = suggest();
  EXPECT_EQ(again.status, 1) << again;
  EXPECT_THAT(again.err, HasSubstr("it has a view already (pinscope inspect " + container_.id()));
}

// Whoever may read a pin can pin its object again where all may make pins, and put another object
// in that place later.
TEST_P(SuggestedPolicy, DoesNotGrantWhatOthersPinned) {
  container_.spec.without_mount("/sys/fs/bpf");
  container_.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"bind"}});
  pins_.object(open_pin("/sys/fs/bpf/agent/flows"), "/sys/fs/bpf/p0");
  ASSERT_EQ(::chown("/sys/fs/bpf/p0", 1000, 1000), 0);
  start({"hold-ro /sys/fs/bpf/agent/flows"});
  const auto suggested = suggest();
  EXPECT_THAT(suggested.out, HasSubstr("pin: \"/sys/fs/bpf/agent/flows\"\n"));
  EXPECT_THAT(suggested.out, Not(HasSubstr("pin: \"/sys/fs/bpf/p0\"")));
  pins_.remove("/sys/fs/bpf/agent/flows");
  const auto alone = suggest();
  EXPECT_THAT(alone.out, HasSubstr("\"/sys/fs/bpf/p0\" belongs to uid 1000"));
  EXPECT_THAT(alone.out, HasSubstr("  grants: []\n"));
}

TEST_P(SuggestedPolicy, OfAContainerThatHoldsNothingGrantsNothing) {
  start({"id"});
  const auto suggested = suggest();
  EXPECT_EQ(suggested.status, 0) << suggested;
  EXPECT_THAT(suggested.out, HasSubstr("  grants: []\n"));
  EXPECT_THAT(suggested.out, Not(HasSubstr("# void:")));
}

TEST_P(SuggestedPolicy, SaysWhatMakesItWorthless) {
  for (const char* name : {"CAP_SYS_ADMIN", "CAP_SYS_MODULE"})
    container_.spec.capabilities.emplace_back(name);
  start({"id"});
  const auto suggested = suggest();
  EXPECT_THAT(suggested.out, HasSubstr("  # void: with CAP_SYS_ADMIN and no user namespace"));
  EXPECT_THAT(suggested.out, HasSubstr("  # void: with CAP_SYS_MODULE and no user namespace"));
}

PINSCOPE_EACH_RUNTIME(SuggestedPolicy);

}  // namespace
}  // namespace pinscope::test
