// Root in a container that sees the host's processes, by the host's PID namespace or by a volume of
// its /proc, and has an engine's default capabilities: none of our programs can be reached by it,
// in no moment of its life. The process of the container is a real one; each of our programs is
// stopped at each of its system calls, from the one that starts it on, while the container tries
// every door that the kernel has.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>

#include "plugin/base/text.h"
#include "tests/attack/attack_test.h"
#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/node.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::IsEmpty;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;  // the leak checker attaches to its own process
#else
constexpr bool kSanitized = false;
#endif

struct Way {
  std::string runtime;
  bool host_pid_namespace = false;  // or a read-only volume of /proc
};

// The container, which answers while it lives.
class Attacker {
 public:
  explicit Attacker(const Way& way) : container_(way.runtime) {
    for (const char* name : {"requests", "answers"})
      check(::mkfifo(fifos_.path(name).c_str(), 0600), "make a FIFO");
    // For both ends, so that neither side waits for the other to open it.
    requests_ = Fd(check(::open(fifos_.path("requests").c_str(), O_RDWR | O_CLOEXEC), "open"));
    answers_ = Fd(check(::open(fifos_.path("answers").c_str(), O_RDWR | O_CLOEXEC), "open"));
    auto& spec = container_.spec;
    spec.mounts.push_back({"/fifos", "bind", fifos_.path(), {"bind", "rw"}});
    if (way.host_pid_namespace) {
      spec.namespaces.erase("pid");
      container_.probe({"reach-on-request /proc numbers /fifos/requests /fifos/answers"});
    } else {
      spec.mounts.push_back({"/host-proc", "bind", "/proc", {"bind", "ro"}});
      container_.probe({"reach-on-request /host-proc entries /fifos/requests /fifos/answers"});
    }
    const auto created = container_.create();
    EXPECT_EQ(created.status, 0) << created;
    EXPECT_THAT(container_.start(), Succeeds());
  }

  // The doors to the process that are open.
  std::set<std::string> reach(pid_t pid) {
    const std::string line = std::to_string(pid) + "\n";
    EXPECT_EQ(::write(requests_.get(), line.data(), line.size()),
              static_cast<ssize_t>(line.size()));
    std::string text;
    while (!text.ends_with('\n')) {
      std::array<char, 4096> buffer{};
      pollfd ready = {answers_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 20'000) != 1) return {"no answer: " + container_.output()};
      const ssize_t size = ::read(answers_.get(), buffer.data(), buffer.size());
      if (size <= 0) return {"no answer"};
      text.append(buffer.data(), static_cast<size_t>(size));
    }
    text.pop_back();
    std::set<std::string> doors;
    for (const auto door : split(text, ' '))
      if (!door.empty()) doors.emplace(door);
    return doors;
  }

 private:
  TempDirectory fifos_;
  RuntimeContainer container_;
  Fd requests_;
  Fd answers_;
};

class Reach : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (!has_program(GetParam().runtime)) GTEST_SKIP() << GetParam().runtime << " is not installed";
    if (kSanitized) GTEST_SKIP() << "a sanitized program looks at itself as a debugger does";
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
    attacker_ = std::make_unique<Attacker>(GetParam());
  }

  // Ends the program where it says so.
  using Until = std::function<Verdict(const SystemCall&)>;

  // Runs the program and has the attacker try it and what it starts, in front of each system call.
  // Limits are asked for by ids alone, so that they are open until the program has changed its
  // saved group. Gives the names of our programs that were looked at.
  std::set<std::string> attack(const std::vector<std::string>& argv, const std::string& input = "",
                               const Until& until = nullptr) {
    std::set<std::string> programs;
    std::set<pid_t> set_apart;
    int stops = 0;
    result_ = run_supervised(argv, input, [&](const SystemCall& call) {
      std::error_code error;
      const auto exe =
          std::filesystem::read_symlink("/proc/" + std::to_string(call.pid) + "/exe", error);
      if (exe.string().starts_with(PINSCOPE_BIN_DIR)) {
        programs.insert(exe.filename());
        ++stops;
        auto doors = attacker_->reach(call.pid);
        if (!set_apart.contains(call.pid)) doors.erase("prlimit");
        EXPECT_THAT(doors, IsEmpty()) << exe << " before " << describe(call) << ", stop " << stops;
      }
      if (call.number == SYS_setresgid) set_apart.insert(call.pid);
      if (call.number == SYS_execve) set_apart.erase(call.pid);
      return until ? until(call) : Verdict::run();
    });
    EXPECT_GT(stops, 20) << result_;
    EXPECT_THAT(set_apart, Not(IsEmpty())) << result_;
    return programs;
  }

  HostPins pins_;
  Installation installation_;
  CommandResult result_;
  std::unique_ptr<Attacker> attacker_;
};

// What all of this is about, and that the attacker is able to do it.
TEST_P(Reach, FindsEveryDoorOfAProcessOfRootWithoutCapabilitiesOpen) {
  const pid_t process = check(fork(), "fork");
  if (process == 0) {
    execl(PINSCOPE_BIN_DIR "/pinscope_probe", "probe", "keep-caps 0", "sleep 60", nullptr);
    _exit(127);
  }
  std::set<std::string> doors;
  for (int i = 0; i < 1000 && !doors.contains("root"); ++i) doors = attacker_->reach(process);
  kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
  for (const char* door : {"root", "cwd", "exe", "fd/0", "ns/mnt", "maps", "environ", "auxv", "io"})
    EXPECT_TRUE(doors.contains(door)) << door << " of " << testing::PrintToString(doors);
  if (GetParam().host_pid_namespace) {
    EXPECT_TRUE(doors.contains("prlimit"));
  }
}

TEST_P(Reach, FindsNoDoorToTheHookAndItsCompiler) {
  HookedProcess hooked("shared");
  hooked.installation().write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows}]"));
  const auto programs =
      attack(hooked.installation().hook_argv("createRuntime"), hooked.state("creating"));
  EXPECT_EQ(result_.status, 0) << result_;
  EXPECT_THAT(programs, testing::ElementsAre("pinscope", "pinscope-hook"));
  EXPECT_THAT(attack(hooked.installation().hook_argv("poststop"), hooked.state("stopped")),
              testing::ElementsAre("pinscope-hook"));
  EXPECT_EQ(result_.status, 0) << result_;
}

TEST_P(Reach, FindsNoDoorToTheHookThatDelegates) {
  HookedProcess hooked("delegated");
  attack(hooked.installation().hook_argv("createRuntime"), hooked.state("creating"));
  EXPECT_THAT(hooked.poststop(), Succeeds());
}

TEST_P(Reach, FindsNoDoorToTheShim) {
  installation_.directory().write("bundle/config.json",
                                  R"({"ociVersion":"1.0.2","root":{"path":"rootfs"}})");
  const std::string shim = PINSCOPE_BIN_DIR "/pinscope-runtime";
  EXPECT_THAT(
      attack({shim, "--pinscope-policy=" + installation_.policy_directory(),
              "--pinscope-state-dir=" + installation_.state_directory(),
              "--pinscope-cache-dir=" + installation_.cache_directory(),
              "--pinscope-audit=" + installation_.audit_path(), "--pinscope-runtime=/bin/true",
              "create", "--bundle", installation_.directory().path("bundle"), "reach"}),
      testing::ElementsAre("pinscope", "pinscope-runtime"));
  EXPECT_EQ(result_.status, 0) << result_;
}

TEST_P(Reach, FindsNoDoorToASession) {
  attack({kPinscope, "run", "--policy", installation_.policy_directory(), "--state-dir",
          installation_.state_directory(), "--cache-dir", installation_.cache_directory(),
          "--audit", installation_.audit_path(), "--user", "4001", "--", "/bin/true"});
  EXPECT_EQ(result_.status, 0) << result_;
}

TEST_P(Reach, FindsNoDoorToTheService) {
  if (!has_program("setpriv")) GTEST_SKIP() << "there is no setpriv here, as in a guest";
  // As config/kubernetes has it.
  std::vector<std::string> argv = {"setpriv", "--no-new-privs", "--inh-caps=-all",
                                   "--bounding-set=-all,+setgid,+sys_ptrace"};
  for (const std::string& word : {std::string(PINSCOPE_BIN_DIR "/pinscoped"), std::string("--nri"),
                                  "--nri-socket=" + installation_.directory().path("nri.sock"),
                                  std::string("--hook=" PINSCOPE_BIN_DIR "/pinscope-hook"),
                                  "--policy=" + installation_.policy_directory(),
                                  "--cache-dir=" + installation_.cache_directory()})
    argv.push_back(word);
  int connections = 0;
  attack(argv, "", [&](const SystemCall& call) {
    return call.number == SYS_connect && ++connections == 3 ? Verdict::kill() : Verdict::run();
  });
  EXPECT_EQ(connections, 3) << result_;
}

// As pinscoped starts it there.
TEST_P(Reach, FindsNoDoorToTheCompilerInAPod) {
  if (!has_program("setpriv")) GTEST_SKIP() << "there is no setpriv here, as in a guest";
  attack({"setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+setgid,+sys_ptrace",
          kPinscope, "compile", "--policy", installation_.policy_directory(), "--cache-dir",
          installation_.cache_directory()});
  EXPECT_EQ(result_.status, 0) << result_;
}

TEST_P(Reach, FindsNoDoorToTheAgentOfANode) {
  if (!has_program("setpriv")) GTEST_SKIP() << "there is no setpriv here, as in a guest";
  Node node;
  node.volume().update({{"a.yaml", granting("flows", "a")}});
  pid_t agent = 0;
  bool told = false;
  attack(node.command("run", {"--remove-on-exit"}), "", [&](const SystemCall& call) {
    if (agent == 0) agent = call.pid;
    if (!told && node.status() == "ready\n") {
      kill(agent, SIGTERM);
      told = true;
    }
    return Verdict::run();
  });
  EXPECT_TRUE(told) << result_;
  EXPECT_EQ(result_.status, 0) << result_;
}

INSTANTIATE_TEST_SUITE_P(, Reach,
                         testing::Values(Way{"runc", true}, Way{"runc", false}, Way{"crun", true},
                                         Way{"crun", false}),
                         [](const auto& way) {
                           return way.param.runtime + (way.param.host_pid_namespace
                                                           ? "WithTheHostsProcesses"
                                                           : "WithTheHostsProc");
                         });

}  // namespace
}  // namespace pinscope::test
