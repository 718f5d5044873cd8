// Kernels that take the options of a delegating bpffs and do something else with them, and the
// child that opens it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <filesystem>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/support/container/hooked_process.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class DelegatingKernel : public testing::Test {
 protected:
  void SetUp() override {
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
    hooked_ = std::make_unique<HookedProcess>("delegated");
  }

  void expect_refused(const Supervise& supervise, const std::string& sentence,
                      const std::string& code) {
    const auto result = hooked_->create(supervise);
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_THAT(result.err, HasSubstr(sentence));
    EXPECT_EQ(hooked_->installation().last_audit().code, code);
    EXPECT_THAT(hooked_->traces(), IsEmpty()) << result;
  }

  std::unique_ptr<HookedProcess> hooked_;
};

std::string text_at(const SystemCall& call, size_t argument) {
  char text[32] = {};
  iovec here = {text, sizeof(text) - 1};
  iovec there = {reinterpret_cast<void*>(call.arguments[argument]),  // NOLINT: in call.pid
                 sizeof(text) - 1};
  if (process_vm_readv(call.pid, &here, 1, &there, 1, 0) < 0) return "";
  return text;
}

bool sets_an_option(const SystemCall& call) {
  return call.number == SYS_fsconfig && call.arguments[1] == FSCONFIG_SET_STRING;
}

// fail(0): the call is not made, and the program is told that it went well.
Verdict pretend() {
  return Verdict::fail(0);
}

// Before 6.9: bpffs takes every option and ignores those that it does not know.
TEST_F(DelegatingKernel, ThatKnowsNoTokensIsNotTrusted) {
  expect_refused(
      [](const SystemCall& call) {
        return sets_an_option(call) && text_at(call, 2).starts_with("delegate_") ? pretend()
                                                                                 : Verdict::run();
      },
      "cannot delegate BPF to a container: this kernel has no BPF tokens", "kernel-unsupported");
}

TEST_F(DelegatingKernel, ThatDoesNotKeepAnOptionIsNoticed) {
  expect_refused(
      [](const SystemCall& call) {
        const bool is_meant = sets_an_option(call) && text_at(call, 2) == "delegate_maps" &&
                              text_at(call, 3) == "0x2";
        return is_meant ? pretend() : Verdict::run();
      },
      "cannot delegate what the policies say: the kernel has kept something else", "delegation");
}

TEST_F(DelegatingKernel, ThatDoesNotKeepTheModeIsNoticed) {
  expect_refused(
      [](const SystemCall& call) {
        return sets_an_option(call) && text_at(call, 2) == "mode" ? pretend() : Verdict::run();
      },
      "cannot delegate BPF: the root has another owner or mode", "delegation");
}

// Ubuntu's 6.8.
TEST_F(DelegatingKernel, ThatRefusesToCreateItIsNamed) {
  int created = 0;
  expect_refused(
      [&](const SystemCall& call) {
        const bool creates =
            call.number == SYS_fsconfig && call.arguments[1] == FSCONFIG_CMD_CREATE;
        // The first two are the instances of the grants.
        const bool is_it = creates && ++created % 3 == 0;
        return is_it ? Verdict::fail(EPERM) : Verdict::run();
      },
      "cannot create the delegating bpffs: Operation not permitted (Ubuntu's 6.8 takes the options",
      "kernel-unsupported");
}

// Everybody with CAP_SYS_PTRACE in the namespace could otherwise look into the child.
TEST_F(DelegatingKernel, SeesAChildThatNobodyMayLookInto) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer opens files of its own in the child; the release build shows it";
#endif
  pid_t hook = 0;
  std::vector<std::string> calls;
  std::vector<std::string> held;
  const auto result = hooked_->create([&](const SystemCall& call) {
    if (call.number == SYS_umask) hook = call.pid;
    if (hook == 0 || call.pid == hook) return Verdict::run();
    if (call.number == SYS_prctl && call.arguments[0] == PR_SET_DUMPABLE &&
        call.arguments[1] == 0 && (calls.empty() || calls.back() != "undumpable"))
      calls.emplace_back("undumpable");
    if (call.number == SYS_setns) {
      const std::string descriptors = "/proc/" + std::to_string(call.pid) + "/fd";
      for (const auto& entry : std::filesystem::directory_iterator(descriptors))
        held.push_back(std::filesystem::read_symlink(entry).string().substr(0, 6));
      calls.emplace_back(call.arguments[1] == (CLONE_NEWUSER | CLONE_NEWNS) ? "enter" : "setns");
    }
    if (call.number == SYS_fsopen) calls.emplace_back("fsopen");
    if (call.number == SYS_execve || call.number == SYS_execveat) calls.emplace_back("exec");
    if (call.number == SYS_openat || call.number == SYS_open) calls.emplace_back("open");
    return Verdict::run();
  });
  EXPECT_EQ(result.status, 0) << result;
  // Once more after each change of ids.
  EXPECT_THAT(calls,
              testing::ElementsAre("undumpable", "enter", "undumpable", "fsopen", "undumpable"));
  // Besides the standard three, which are files here.
  std::erase_if(held, [](const std::string& name) { return name.starts_with("/"); });
  EXPECT_THAT(held, testing::UnorderedElementsAre(testing::StartsWith("socket"),
                                                  testing::AnyOf("anon_i", "pidfd:")));
}

}  // namespace
}  // namespace pinscope::test
