// Values in real containers, served by a real pinscoped: programs that people use read them where
// bpf(2) is refused, and what list, inspect and drift say when nobody answers.
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "tests/engines/values_daemons.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kOnly =
    "select: {}\n"
    "view: {values: only}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/counters, mode: \"0444\"}\n";

class ValuesServed : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
    pins_.map("/sys/fs/bpf/counters", {.type = MapSpec::Type::kArray, .max_entries = 4});
    set_value("/sys/fs/bpf/counters", 1, 7);
    installation_.write_policy(policy_text(kOnly));
    daemons_ = std::make_unique<ValuesDaemons>(installation_.state_directory());
  }
  void TearDown() override {
    daemons_.reset();
    ViewTest::TearDown();
  }

  // What a shell of this machine prints in the container, with this machine's programs.
  CommandResult shell(const std::string& script) {
    auto& spec = container_.spec;
    for (const char* place : {"/usr", "/lib", "/lib64"})
      spec.mounts.push_back({place, "bind", place, {"rbind", "ro"}});
    spec.env = {"PATH=/usr/bin:/usr/sbin"};
    spec.seccomp_default = "SCMP_ACT_ALLOW";
    spec.seccomp = {{.names = {"bpf"}, .action = "SCMP_ACT_ERRNO", .args = {}}};
    spec.args = {"/usr/bin/sh", "-ec", "mkdir /copy; cd /run/bpf; " + script};
    installation_.hook_into(spec);
    return container_.run();
  }
  // Of the container that runs.
  std::string pinscope(std::vector<std::string> words) {
    words.insert(words.begin(), kPinscope);
    words.insert(words.end(), {"--state-dir", installation_.state_directory()});
    return test::run(std::move(words)).out;
  }
  bool is_said_to_be(const std::string& word) {
    return pinscope({"inspect", container_.id()}).find("/run/bpf (" + word + ")") !=
           std::string::npos;
  }

  std::unique_ptr<ValuesDaemons> daemons_;
};

TEST_P(ValuesServed, AreReadByProgramsThatPeopleUseWithoutBpf) {
  const std::string value = "\"hex:0700000000000000\"\n";
  const auto tar = shell(
      "tar -cf /copy/all.tar counters; tar -xOf /copy/all.tar counters/keys/1;"
      "tar -xOf /copy/all.tar counters/entries | wc -l;"
      "find . -type f | sort | tr '\\n' ' ';"
      "grep -rl hex:07 counters/keys; tail -n 1 counters/keys/1; tail -n 3 counters/entries | head "
      "-n 1;"
      "cat counters/entries | wc -l; cp -r counters /copy; cat /copy/counters/keys/1;"
      "if command -v rsync > /copy/which; then rsync -a counters/keys/ /copy/keys; cat "
      "/copy/keys/1; else cat counters/keys/1; fi;"
      "echo x 2>/copy/error > counters/keys/1 || echo refused; ls /dev/fuse || echo no device");
  EXPECT_EQ(tar.status, 0) << tar;
  EXPECT_EQ(tar.out, value + "4\n" +
                         "./counters/entries ./counters/keys/0 ./counters/keys/1 "
                         "./counters/keys/2 ./counters/keys/3 ./counters/schema " +
                         "counters/keys/1\n" + value +
                         "{\"key\":1,\"value\":\"hex:0700000000000000\"}\n4\n" + value + value +
                         "refused\nno device\n");
}

TEST_P(ValuesServed, OfAMapThatIsNotGrantedAreNotThere) {
  pins_.map("/sys/fs/bpf/others");
  const auto result = shell("ls; cat others/entries 2>/dev/null || echo none");
  EXPECT_EQ(result.out, "counters\nnone\n") << result;
}

// By the name that a container has for it, in its view.
TEST_P(ValuesServed, AndTheMapIsDumpedByTheContainersName) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: also}\n"
                  "grants: [{pin: /sys/fs/bpf/counters, as: team/counts}]\n"));
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  EXPECT_THAT(pinscope({"dump", container_.id() + ":team/counts", "-o", "json"}),
              HasSubstr("{\"key\":1,\"value\":\"hex:0700000000000000\"}\n"));
}

TEST_P(ValuesServed, AreDumpedByTheirNameInTheContainerWithoutAPin) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: only}\n"
                  "grants: [{pin: /sys/fs/bpf/counters, as: team/counts}]\n"));
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  for (const std::string name : {"counts", "team/counts", "/run/bpf/team/counts"})
    EXPECT_THAT(pinscope({"dump", container_.id() + ":" + name, "-o", "json"}),
                HasSubstr("{\"key\":1,\"value\":\"hex:0700000000000000\"}\n"))
        << name;
  EXPECT_EQ(pinscope({"dump", container_.id() + ":team"}), "");
}

// Nobody asks the container's file system: who looks would wait for the service.
TEST_P(ValuesServed, AreSaidToBeUnservedWhereNobodyAnswers) {
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  EXPECT_TRUE(wait_until([&] { return is_said_to_be("served"); }));
  EXPECT_THAT(pinscope({"list"}), HasSubstr("running"));
  daemons_->end_service();
  EXPECT_THAT(pinscope({"list"}), HasSubstr("values unserved"));
  EXPECT_TRUE(is_said_to_be("waiting"));
  daemons_->start_service();
  EXPECT_TRUE(wait_until([&] { return is_said_to_be("served"); })) << "it goes on";
  // Both are gone: the file system is dead, for good.
  daemons_->end_service();
  daemons_->end_holder();
  EXPECT_TRUE(is_said_to_be("lost"));
  daemons_->start_holder();
  daemons_->start_service();
  EXPECT_TRUE(is_said_to_be("lost"));
  EXPECT_THAT(pinscope({"list"}), HasSubstr("values unserved"));
  const std::string file = "/proc/" + std::to_string(container_.pid()) + "/root/run/bpf/counters";
  EXPECT_EQ(::open(file.c_str(), O_RDONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

PINSCOPE_EACH_RUNTIME(ValuesServed);

}  // namespace
}  // namespace pinscope::test
