// The hook as a process: what it inherits has no effect, and what it holds is as little as it
// needs.
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "plugin/base/text.h"
#include "tests/engines/direct_hook.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/unprivileged.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kStatic = false;  // sanitizers need the dynamic loader
#else
constexpr bool kStatic = true;
#endif

class HookProcess : public DirectHook {
 protected:
  Command command(const std::string& input) {
    Command command(installation_.hook_argv("createRuntime"));
    command.input(input);
    return command;
  }
};

// Podman reads the same configuration when a user without privileges runs it.
class RootlessHook : public HookProcess {
 protected:
  CommandResult run(const std::string& stage, const std::string& input,
                    void (*become)(uid_t) = become_namespace_root);
  std::vector<std::string> in_front_;  // a program that starts the hook
};

CommandResult RootlessHook::run(const std::string& stage, const std::string& input,
                                void (*become)(uid_t)) {
  installation_.write_policy(
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: all}\n"
      "spec: {select: {}}\n");
  auto argv = installation_.hook_argv(stage);
  // By descriptor: the user may be unable to search the directories above the program.
  const Fd program(check(open(argv.front().c_str(), O_RDONLY), "open the hook"));
  argv.front() = "/proc/self/fd/" + std::to_string(program.get());
  argv.insert(argv.begin(), in_front_.begin(), in_front_.end());
  Command rootless(argv);
  rootless.input(input).before_exec([=] { become(kPlainUser); });
  return rootless.run();
}

TEST_F(RootlessHook, LeavesContainersAlone) {
  for (const char* stage : {"createRuntime", "poststop"}) {
    const auto result = run(stage, state());
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(result.err, "");
  }
}

// Of runc and crun that their user starts without an engine.
TEST_F(RootlessHook, LeavesContainersAloneOutsideOfAUserNamespaceToo) {
  for (const char* stage : {"createRuntime", "poststop"}) {
    const auto result = run(stage, state(), become_plain_user);
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(result.err, "");
  }
}

// More than a pipe holds, so that who writes notices.
TEST_F(RootlessHook, ReadsTheStateThatItDoesNotNeed) {
  if (!has_program("bash")) GTEST_SKIP() << "there is no bash here, as in a guest";
  in_front_ = {"bash", "-c", "set -o pipefail; head -c 1000000 /dev/zero | \"$@\"", "bash"};
  for (const char* stage : {"createRuntime", "poststop"}) EXPECT_THAT(run(stage, ""), Succeeds());
}

TEST_F(RootlessHook, GivesPodmanTheConfigurationBackAsItWas) {
  const auto result = run("precreate", "{ \"ociVersion\" : 1 }\n");
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "{ \"ociVersion\" : 1 }\n");
}

TEST_F(RootlessHook, RefusesWhoAsksForAView) {
  installation_.options = {"--require-policy", "all"};
  const auto result = run("createRuntime", state());
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(
      result.err,
      "pinscope-hook: cannot give a view to a container of a rootless engine: the host's pins "
      "are root's (run it in a session of `pinscope run`)\n");
}

// A hook that has prepared itself and waits for its state.
class WaitingHook {
 public:
  explicit WaitingHook(const std::vector<std::string>& argv) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    const Fd reader(ends[0]);
    writer_ = Fd(ends[1]);
    std::vector<char*> arguments;
    arguments.reserve(argv.size() + 1);
    for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      dup2(reader.get(), 0);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 2);
      for (int fd = 100; fd < 120; fd++) dup2(null, fd);
      umask(0);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    EXPECT_TRUE(wait_until([&] { return waits(); }));
  }
  ~WaitingHook() {
    writer_.reset();
    waitpid(pid_, nullptr, 0);
  }
  WaitingHook(const WaitingHook&) = delete;
  WaitingHook& operator=(const WaitingHook&) = delete;

  [[nodiscard]] std::string proc(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/" + name;
  }
  // A line of /proc/PID/status.
  [[nodiscard]] std::string status(const std::string& key) const {
    const std::string text = read_file(proc("status"));
    for (const auto line : split(text, '\n'))
      if (line.starts_with(key + ":\t")) return std::string(line.substr(key.size() + 2));
    return "";
  }

 private:
  // In read(2) of its standard input.
  [[nodiscard]] bool waits() const { return read_file(proc("syscall")).starts_with("0 0x0 "); }

  Fd writer_;
  pid_t pid_ = -1;
};

TEST_F(HookProcess, HoldsFewPrivilegesAndNothingInherited) {
  const WaitingHook hook(installation_.hook_argv("createRuntime"));
  EXPECT_EQ(hook.status("NoNewPrivs"), "1");
  uint64_t allowed = 0;
  for (const int capability :
       {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETUID, CAP_SETGID,
        CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_BPF})
    allowed |= 1ULL << capability;
  for (const char* set : {"CapEff", "CapPrm"}) {
    const uint64_t held = std::stoull(hook.status(set), nullptr, 16);
    EXPECT_EQ(held & ~allowed, 0U) << set << " " << hook.status(set);
    EXPECT_NE(held, 0U);
  }
  EXPECT_EQ(hook.status("CapInh"), "0000000000000000");
  EXPECT_EQ(hook.status("CapAmb"), "0000000000000000");
  EXPECT_EQ(hook.status("Umask"), "0022");
  EXPECT_EQ(hook.status("Threads"), "1");
  EXPECT_EQ(std::filesystem::read_symlink(hook.proc("cwd")), "/");
  std::vector<std::string> descriptors;
  for (const auto& entry : std::filesystem::directory_iterator(hook.proc("fd")))
    descriptors.push_back(entry.path().filename());
  EXPECT_THAT(descriptors, testing::UnorderedElementsAre("0", "1", "2"));
}

TEST_F(HookProcess, HoldsNoPrivilegesAtPoststop) {
  const WaitingHook hook(installation_.hook_argv("poststop"));
  EXPECT_EQ(hook.status("NoNewPrivs"), "1");
  EXPECT_EQ(hook.status("CapEff"), "0000000000000000");
  EXPECT_EQ(hook.status("CapPrm"), "0000000000000000");
}

TEST_F(HookProcess, NeedsNoLoaderAndNoEnvironment) {
  if (!kStatic) GTEST_SKIP() << "a sanitized hook is not static";
  const std::string preload = "LD_PRELOAD=" PINSCOPE_EVIL;
  const std::string audit = "LD_AUDIT=" PINSCOPE_EVIL;
  expect_view(
      command(state())
          .environment({preload, "LD_LIBRARY_PATH=/nonexistent", audit, "PATH=", "TZ=:/etc/shadow",
                        "GLIBC_TUNABLES=glibc.malloc.check=3", "MALLOC_PERTURB_=1",
                        "PINSCOPE_EVIL_MARK=" + installation_.directory().path("mark")})
          .run());
  expect_view(command(state()).environment({}).run());
  EXPECT_FALSE(std::filesystem::exists(installation_.directory().path("mark")));
}

TEST_F(HookProcess, PassesNoEnvironmentToTheCompiler) {
  if (!kStatic) GTEST_SKIP() << "a sanitized hook is not static";
  const std::string mark = installation_.directory().path("mark");
  const std::vector<std::string> environment = {"LD_PRELOAD=" PINSCOPE_EVIL,
                                                "PINSCOPE_EVIL_MARK=" + mark};
  // The library does its work in a program that takes the environment, such as this one.
  Command({"/proc/self/exe", "--gtest_list_tests"}).environment(environment).run();
  ASSERT_TRUE(std::filesystem::remove(mark));

  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows, mode: \"0400\"}\n"));
  const auto result = command(state()).environment(environment).run();
  EXPECT_EQ(installation_.audit().front().outcome, "policy-accepted");
  expect_view(result);
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_F(HookProcess, DependsOnNoWorkingDirectory) {
  const std::string gone = installation_.directory().make_directory("gone");
  expect_view(command(state())
                  .before_exec([&] {
                    if (chdir(gone.c_str()) < 0 || rmdir(gone.c_str()) < 0) _exit(125);
                  })
                  .run());
}

TEST_F(HookProcess, WorksWithClosedOutputs) {
  expect_view(command(state())
                  .before_exec([] {
                    close(1);
                    close(2);
                  })
                  .run());
}

TEST_F(HookProcess, WritesItsErrorsToNoFileThatTookTheNumberOfStderr) {
  const auto result = command(state_with("pid", "0")).before_exec([] { close(2); }).run();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(installation_.last_audit().outcome, "refused");  // every line of it is JSON
  expect_nothing_left();
}

TEST_F(HookProcess, TakesAClosedInputForAnEmptyState) {
  const auto result = command("")
                          .before_exec([] {
                            for (int fd = 0; fd <= 2; fd++) close(fd);
                          })
                          .run();
  EXPECT_EQ(result.status, 1);
  expect_nothing_left();
}

TEST_F(HookProcess, OutlivesAReaderThatIsGone) {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  close(ends[0]);
  const Fd broken(ends[1]);
  const auto result =
      command(state_with("pid", "0")).before_exec([&] { dup2(broken.get(), 2); }).run();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(installation_.last_audit().outcome, "refused");
}

TEST_F(HookProcess, RefusesArgumentsThatMakeNoSense) {
  const std::string hook = PINSCOPE_BIN_DIR "/pinscope-hook";
  const auto error = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), hook);
    const auto result = pinscope::test::run(arguments);
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  const std::string start = "pinscope-hook: cannot use these arguments: ";
  const std::string end = " (see pinscope-hook --help)\n";
  EXPECT_EQ(error({}), start + "exactly one hook stage is needed" + end);
  EXPECT_EQ(error({"createRuntime", "poststop"}), start + "exactly one hook stage is needed" + end);
  EXPECT_EQ(error({"--frobnicate", "poststop"}),
            start + "there is no option \"--frobnicate\"" + end);
  EXPECT_EQ(error({"-x", "poststop"}), start + "there is no option \"-x\"" + end);
  EXPECT_EQ(error({"--policy"}), start + "the option \"--policy\" needs a value" + end);
  EXPECT_EQ(error({"--policy", "policy.d", "poststop"}),
            start + "\"policy.d\" is not an absolute path" + end);
  EXPECT_EQ(error({"--engine", "emacs", "poststop"}), start + "there is no engine \"emacs\"" + end);
  EXPECT_EQ(error({"poststart"}),
            "pinscope-hook: cannot run at stage \"poststart\": only createRuntime, prestart, "
            "poststop and precreate are supported\n");
}

TEST_F(HookProcess, TellsItsVersionAndItsOptions) {
  const std::string hook = PINSCOPE_BIN_DIR "/pinscope-hook";
  const auto version = pinscope::test::run({hook, "--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "pinscope-hook " PINSCOPE_VERSION "\n");
  const auto help = pinscope::test::run({hook, "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("createRuntime|prestart|poststop"));
}

}  // namespace
}  // namespace pinscope::test
