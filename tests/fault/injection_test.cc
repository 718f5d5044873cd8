// A failure at each system call that the hook makes for a view, one after the other: the container
// gets its whole view, or the hook fails and leaves nothing. Then the same with a hook that is
// killed there: what is left goes with poststop, or with gc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <functional>
#include <set>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/programs/old_kernel.h"

namespace pinscope::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// The program's start, where the C library sets itself up, ends with the hook's first own call.
bool begins_work(const SystemCall& call) {
  return call.number == SYS_umask;
}

// Memory: without it the program ends on the spot, as if it were killed.
bool is_about_memory(const SystemCall& call) {
  switch (call.number) {
    case SYS_brk:
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_mremap:
    case SYS_madvise:
      return true;
    default:
      return false;
  }
}

bool is_exit(const SystemCall& call) {
  return call.number == SYS_exit_group || call.number == SYS_exit;
}

// Which call of the hook is to be met, counted from the start of its work; remembers which it was.
class Injection {
 public:
  Injection(size_t position, Verdict verdict, bool old_kernel)
      : position_(position), verdict_(verdict), old_kernel_(old_kernel) {}

  Verdict operator()(const SystemCall& call) {
    working_ = working_ || begins_work(call);
    const bool here = working_ && !is_exit(call) && count_++ == position_;
    if (here) {
      met_ = describe(call);
      memory_ = is_about_memory(call);
    }
    const Verdict kernel = old_kernel_ ? refuse_what_is_new(call) : Verdict::run();
    return here ? verdict_ : kernel;
  }

  // What was met; nothing if the hook made fewer calls.
  [[nodiscard]] const std::string& met() const { return met_; }
  [[nodiscard]] bool met_memory() const { return memory_; }

 private:
  size_t position_;
  Verdict verdict_;
  bool old_kernel_;
  bool working_ = false;
  size_t count_ = 0;
  std::string met_;
  bool memory_ = false;
};

struct Scenario {
  std::string layout;
  bool old_kernel = false;
  std::string name;
};

void PrintTo(const Scenario& scenario, std::ostream* stream) {
  *stream << scenario.name;
}

class EachSystemCall : public testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "a sanitizer's own system calls may not fail; the release build meets each call";
#endif
    if (GetParam().layout == "values" && !SilentFileSystem::possible())
      GTEST_SKIP() << "there is no FUSE here";
    if (GetParam().layout == "delegated") {
      const auto probe = kernel::probe_delegation();
      if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
    }
  }

  // Calls `check` for one run after the other, with a failure one call later each time.
  using Check = std::function<void(HookedProcess&, const Injection&, const CommandResult&)>;
  static void for_each_call(Verdict verdict, const Check& check) {
    uint32_t map = 0;
    {
      HookedProcess hooked(GetParam().layout);
      map = map_id("/sys/fs/bpf/fault/flows");
      run_all(hooked, verdict, check);
    }
    EXPECT_TRUE(map_is_gone(map)) << "its pin is removed, and something else holds it";
  }

 private:
  static void run_all(HookedProcess& hooked, Verdict verdict, const Check& check) {
    size_t met = 0;
    for (;; ++met) {
      Injection injection(met, verdict, GetParam().old_kernel);
      const auto result = hooked.create([&](const SystemCall& call) { return injection(call); });
      if (injection.met().empty()) {
        EXPECT_THAT(hooked.defects(), IsEmpty()) << result;
        break;
      }
      SCOPED_TRACE("call " + std::to_string(met) + ", " + injection.met());
      ASSERT_FALSE(result.timed_out);
      check(hooked, injection, result);
      if (HasFailure()) return;
    }
    // Far fewer would mean that this test looks at nothing.
    EXPECT_GT(met, 60U);
    EXPECT_THAT(hooked.poststop(), Succeeds());
  }
};

void expect_whole_view_or_nothing(HookedProcess& hooked, const Injection& injection,
                                  const CommandResult& result) {
  if (result.status == 0) {
    EXPECT_THAT(hooked.defects(), IsEmpty()) << result;
    EXPECT_THAT(hooked.poststop(), Succeeds());
    hooked.renew();
    return;
  }
  if (injection.met_memory()) {  // ended on the spot
    hooked.poststop();
    hooked.installation().run_gc();
    hooked.renew();
  } else {
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_THAT(result.err, StartsWith("pinscope-hook: ")) << result;
    const bool about_the_trail = injection.met().find("/log") != std::string::npos;
    if (!about_the_trail) {
      const auto line = hooked.installation().last_audit();
      EXPECT_EQ(line.outcome, "refused") << result;
      EXPECT_THAT(result.err, HasSubstr(line.error));
    }
  }
  EXPECT_THAT(hooked.traces(), IsEmpty()) << result;
}

TEST_P(EachSystemCall, ThatFailsGivesTheWholeViewOrNothing) {
  for_each_call(Verdict::fail(EIO), expect_whole_view_or_nothing);
}

TEST_P(EachSystemCall, ThatIsForbiddenGivesTheWholeViewOrNothing) {
  for_each_call(Verdict::fail(EPERM), expect_whole_view_or_nothing);
}

TEST_P(EachSystemCall, ThatKillsTheHookLeavesOnlyWhatPoststopAndGcRemove) {
  bool with_poststop = false;
  for_each_call(Verdict::kill(),
                [&](HookedProcess& hooked, const Injection&, const CommandResult& result) {
                  // Delegation has a child; if that one is killed the hook sees it and gives up.
                  if (GetParam().layout != "delegated" || result.status != 1) {
                    EXPECT_EQ(result.status, 128 + SIGKILL);
                  }
                  with_poststop = !with_poststop;
                  if (with_poststop) {
                    EXPECT_THAT(hooked.poststop(), Succeeds());
                  }
                  hooked.renew();  // the runtime ends the container: its mount namespace goes
                  const auto collected = hooked.installation().run_gc();
                  EXPECT_EQ(collected.status, 0) << collected;
                  EXPECT_THAT(hooked.installation().records(), IsEmpty()) << collected;
                  EXPECT_THAT(hooked.traces_outside_state(), IsEmpty());
                });
}

bool asks_for_a_mount_id(const SystemCall& call) {
  constexpr uint64_t kUniqueId = 0x4000;  // STATX_MNT_ID_UNIQUE
  return call.number == SYS_statx && (call.arguments[3] & (STATX_MNT_ID | kUniqueId)) != 0;
}

// What an instance is must be known, or nobody finds the view again: the record would be of
// nothing.
TEST_P(EachSystemCall, ThatAsksForAnInstanceOfTheViewRefusesTheStartWhereItFails) {
  HookedProcess hooked(GetParam().layout);
  int before = 0;
  int asked = 0;
  const auto result = hooked.create([&](const SystemCall& call) {
    const bool asks = before == SYS_move_mount && asks_for_a_mount_id(call);
    before = call.number;
    if (asks && ++asked == 1) return Verdict::fail(EIO);
    return GetParam().old_kernel ? refuse_what_is_new(call) : Verdict::run();
  });
  EXPECT_GE(asked, 1);
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("cannot ask for a mount id: Input/output error"));
  EXPECT_EQ(hooked.installation().last_audit().outcome, "refused");
  EXPECT_THAT(hooked.traces(), IsEmpty()) << result;
}

// Beside a file system that may wait, the hook goes on in a child: either of the two is killed.
TEST(EachSystemCallOfTwo, ThatKillsOneOfThemLeavesOnlyWhatPoststopAndGcRemove) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer's own system calls are met as well; the release build meets each";
#endif
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  HookedProcess hooked("shared");
  const SilentFileSystem volume(
      hooked.installation().directory().make_directory("bundle/rootfs/volume"));
  hooked.remember_machine();
  hooked.renew();
  std::set<int> statuses;
  for (size_t met = 0;; ++met) {
    Injection injection(met, Verdict::kill(), false);
    const auto result = hooked.create([&](const SystemCall& call) { return injection(call); });
    if (injection.met().empty()) {
      EXPECT_THAT(hooked.defects(), IsEmpty()) << result;
      EXPECT_GT(met, 60U);
      break;
    }
    SCOPED_TRACE("call " + std::to_string(met) + ", " + injection.met());
    ASSERT_FALSE(result.timed_out);
    statuses.insert(result.status);
    if (result.status == 1) {
      EXPECT_THAT(result.err, HasSubstr("the process was ended by signal 9"));
      EXPECT_EQ(hooked.installation().last_audit().outcome, "refused");
      EXPECT_THAT(hooked.installation().records(), Not(Contains("fault.json")));
    }
    hooked.renew();
    EXPECT_THAT(hooked.installation().run_gc(), Succeeds());
    EXPECT_THAT(hooked.installation().records(), IsEmpty());
    EXPECT_THAT(hooked.traces_outside_state(), IsEmpty());
  }
  EXPECT_EQ(statuses, (std::set<int>{1, 128 + SIGKILL})) << "the hook had no child";
  EXPECT_THAT(hooked.poststop(), Succeeds());
}

INSTANTIATE_TEST_SUITE_P(, EachSystemCall,
                         testing::Values(Scenario{"shared", false, "Shared"},
                                         Scenario{"per-map", false, "PerMap"},
                                         Scenario{"bind", false, "Bind"},
                                         Scenario{"delegated", false, "Delegated"},
                                         Scenario{"values", false, "Values"},
                                         Scenario{"values", true, "ValuesOnOldKernel"},
                                         Scenario{"delegated", true, "DelegatedOnOldKernel"},
                                         Scenario{"shared", true, "SharedOnOldKernel"},
                                         Scenario{"per-map", true, "PerMapOnOldKernel"},
                                         Scenario{"bind", true, "BindOnOldKernel"}),
                         [](const auto& scenario) { return scenario.param.name; });

}  // namespace
}  // namespace pinscope::test
