// Each of our programs under each resource limit at nothing: it works, or it says why not, and a
// container that a policy selects starts with its whole view or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/private_machine.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

struct Limit {
  int resource = 0;
  const char* name = nullptr;
  // The kernel or the dynamic loader may end the program, without a word of ours.
  bool may_end_it = false;
  // Where standard error is a file, nothing can be said.
  bool silences = false;
};

constexpr Limit kLimits[] = {
    {RLIMIT_AS, "AddressSpace", true},
    {RLIMIT_CORE, "Core"},
    {RLIMIT_CPU, "Time", true},
    {RLIMIT_DATA, "Data", true},
    {RLIMIT_FSIZE, "FileSize", false, true},
    {RLIMIT_LOCKS, "Locks"},
    {RLIMIT_MEMLOCK, "LockedMemory"},
    {RLIMIT_MSGQUEUE, "Messages"},
    {RLIMIT_NOFILE, "Descriptors", true},
    {RLIMIT_NPROC, "Processes"},
    {RLIMIT_RSS, "ResidentMemory"},
    {RLIMIT_SIGPENDING, "Signals"},
    {RLIMIT_STACK, "Stack", true},
};

// A limit of none, as `amount` allows.
CommandResult run_with(const Limit& limit, rlim_t amount, const std::vector<std::string>& argv,
                       const std::string& input = "") {
  return Command(argv)
      .input(input)
      .before_exec([&] {
        const struct rlimit none = {amount, amount};
        if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &none) != 0) _exit(124);
      })
      .run();
}

class EachLimit : public testing::TestWithParam<Limit> {
 protected:
  static bool was_ended(const CommandResult& result) {
    return GetParam().may_end_it && result.status > 126;
  }
  // It worked, or ended with a sentence of its own, or was ended.
  void expect_to_end_well(const CommandResult& result, const std::string& program) {
    EXPECT_FALSE(result.timed_out) << result;
    if (result.status == 0 || was_ended(result)) return;
    EXPECT_THAT(result.status, AnyOf(1, 125, 126)) << result;
    if (!GetParam().silences) {
      EXPECT_THAT(result.err, HasSubstr(program + ": cannot ")) << result;
    }
  }
};

TEST_P(EachLimit, GivesTheWholeViewOrNothing) {
  HookedProcess hooked("shared");
  const auto result =
      run_with(GetParam(), 0, hooked.installation().hook_argv("createRuntime"), hooked.state());
  expect_to_end_well(result, "pinscope-hook");
  if (result.status == 0) {
    EXPECT_THAT(hooked.defects(), IsEmpty()) << result;
  } else if (!was_ended(result)) {
    EXPECT_THAT(hooked.traces(), IsEmpty()) << result;
  }
  expect_to_end_well(
      run_with(GetParam(), 0, hooked.installation().hook_argv("poststop"), hooked.state("stopped")),
      "pinscope-hook");
  hooked.renew();
  EXPECT_THAT(hooked.installation().run_gc(), Succeeds());
  EXPECT_THAT(hooked.installation().records(), IsEmpty());
  EXPECT_THAT(hooked.traces_outside_state(), IsEmpty());
}

// Policies have changed: the hook has them compiled, under the same limit.
TEST_P(EachLimit, LeavesTheLastGoodPoliciesWhereTheCompilerCannotWork) {
  HookedProcess hooked("shared");
  hooked.installation().write_policy(
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/fault/flows}]\n", "more"), "more.yaml");
  const auto result =
      run_with(GetParam(), 0, hooked.installation().hook_argv("createRuntime"), hooked.state());
  expect_to_end_well(result, "pinscope-hook");
  if (result.status != 0 && !was_ended(result)) {
    EXPECT_THAT(hooked.traces(), IsEmpty()) << result;
  }
  EXPECT_THAT(hooked.poststop(), Succeeds());
  hooked.renew();
  EXPECT_THAT(hooked.installation().compile(), Succeeds());
  EXPECT_THAT(hooked.create(), Succeeds());
  EXPECT_THAT(hooked.poststop(), Succeeds());
}

TEST_P(EachLimit, LetsTheCommandLineAndTheShimEndWithASentence) {
  HostPins pins;
  pins.map("/sys/fs/bpf/flows");
  Installation installation;
  installation.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  const std::vector<std::string> places = {"--policy", installation.policy_directory(),
                                           "--cache-dir", installation.cache_directory()};
  const auto with_places = [&](std::vector<std::string> argv,
                               const std::vector<std::string>& more = {}) {
    argv.insert(argv.end(), places.begin(), places.end());
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  };
  expect_to_end_well(run_with(GetParam(), 0, with_places({kPinscope, "compile"})), "pinscope");
  ASSERT_THAT(installation.compile(), Succeeds());
  expect_to_end_well(
      run_with(GetParam(), 0,
               with_places({kPinscope, "run", "--state-dir", installation.state_directory(),
                            "--audit", installation.audit_path()},
                           {"--user", "4001", "--", "/bin/true"})),
      "pinscope");
  wait_for_children();
  const std::string config = R"({"ociVersion":"1.0.2","root":{"path":"rootfs"}})";
  const auto& directory = installation.directory();
  const std::string path = directory.write("bundle/config.json", config);
  const std::string program = PINSCOPE_BIN_DIR "/pinscope-runtime";
  const auto shim =
      run_with(GetParam(), 0,
               {program, "--pinscope-policy", installation.policy_directory(),
                "--pinscope-cache-dir", installation.cache_directory(), "--pinscope-audit",
                installation.audit_path(), "--pinscope-runtime", "/bin/true", "create", "--bundle",
                directory.path("bundle"), "limited"});
  expect_to_end_well(shim, "pinscope-runtime");
  if (shim.status == 1) {
    EXPECT_EQ(read_file(path), config) << shim;
  }
  std::filesystem::create_directories(installation.state_directory());  // nothing may have made it
  EXPECT_THAT(installation.run_gc(), Succeeds());
}

INSTANTIATE_TEST_SUITE_P(, EachLimit, testing::ValuesIn(kLimits),
                         [](const auto& limit) { return std::string(limit.param.name); });

// Memory ends somewhere in the middle: nothing of the view is left where the hook could not go on.
TEST(LimitOfMemory, GivesTheWholeViewOrNothingWhereverItEnds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitized program needs terabytes of addresses";
#endif
  HookedProcess hooked("shared");
  const Limit data = {RLIMIT_DATA, "Data", true};
  constexpr rlim_t kStep = rlim_t{16} << 10;
  int refused = 0;
  for (rlim_t amount = kStep; amount <= (rlim_t{8} << 20); amount += kStep) {
    const auto result =
        run_with(data, amount, hooked.installation().hook_argv("createRuntime"), hooked.state());
    if (result.status == 0) {
      EXPECT_THAT(hooked.defects(), IsEmpty()) << amount;
      break;
    }
    ++refused;
    EXPECT_THAT(hooked.traces_outside_state(), IsEmpty()) << amount << result;
    hooked.poststop();
    hooked.renew();
    EXPECT_THAT(hooked.installation().run_gc(), Succeeds());
    EXPECT_THAT(hooked.installation().records(), IsEmpty()) << amount << result;
  }
  EXPECT_GT(refused, 0);
  EXPECT_THAT(hooked.poststop(), Succeeds());
}

}  // namespace
}  // namespace pinscope::test
