// A failure at each system call of the process that replaces a view, one after the other, and then
// a kill at each: the container sees its old view or the new one, whole, and the record says which;
// the next `pinscope apply` goes on from there.
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "tests/support/container/swap_test.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/programs/old_kernel.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

// The work begins with it, in a child of the command.
bool begins_work(const SystemCall& call) {
  return call.number == SYS_umask;
}

bool is_exit(const SystemCall& call) {
  return call.number == SYS_exit_group || call.number == SYS_exit;
}

// Which call of the process that does the work is met, counted from its start.
class Injection {
 public:
  Injection(size_t position, Verdict verdict, bool old_kernel)
      : position_(position), verdict_(verdict), old_kernel_(old_kernel) {}

  Verdict operator()(const SystemCall& call) {
    if (begins_work(call)) worker_ = call.pid;
    const bool here = call.pid == worker_ && !is_exit(call) && count_++ == position_;
    if (here) met_ = describe(call);
    const Verdict kernel = old_kernel_ ? refuse_what_is_new(call) : Verdict::run();
    return here ? verdict_ : kernel;
  }
  [[nodiscard]] const std::string& met() const { return met_; }

 private:
  size_t position_;
  Verdict verdict_;
  bool old_kernel_;
  pid_t worker_ = -1;
  size_t count_ = 0;
  std::string met_;
};

class EachCallOfASwap : public SwapTest {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "a sanitizer's own system calls may not fail; the release build meets each";
#endif
    SwapTest::SetUp();
  }

  // "values": layout shared, whose values are shown as well.
  void order(const std::string& layout, bool first) {
    const bool values = layout == "values";
    const std::string one = layout == "bind" ? ", access: read-write"
                            : values         ? ", values: also"
                                             : "";
    if (values && !holder_)
      holder_ = std::make_unique<HolderThread>(installation_.state_directory());
    policy(values ? "shared, values: also" : layout,
           first ? std::vector<std::string>{"{pin: /sys/fs/bpf/flows" + one + "}",
                                            "{pin: /sys/fs/bpf/counters, access: "
                                            "read-write}"}
                 : std::vector<std::string>{"{pin: /sys/fs/bpf/other" + one + "}",
                                            "{pin: /sys/fs/bpf/flows, access: "
                                            "read-write}"});
  }
  [[nodiscard]] std::string view_of(const std::string& layout, bool first) const {
    const char* read = layout == "bind" ? "rw" : "ro";
    return first ? expected(kCounters, "rw") + " " + expected(kFlows, read)
                 : expected(kFlows, "rw") + " " + expected(kOther, read);
  }

  // A try for each call takes minutes: each of these tests takes one in so many, and not the same
  // ones.
  static size_t step() {
    const char* asked = std::getenv("PINSCOPE_EVERY_CALL");
    return asked == nullptr ? 7 : std::max(std::strtoul(asked, nullptr, 10), 1UL);
  }
  static size_t first_call() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    return std::hash<std::string>()(test->name()) % step();
  }

  // Changes to and fro, with a failure some calls later each time.
  void each_call(const std::string& layout, Verdict verdict, bool old_kernel) {
    bool first = true;
    order(layout, first);
    if (old_kernel) installation_.wrapper = {PINSCOPE_BIN_DIR "/on_old_kernel"};
    ASSERT_NO_FATAL_FAILURE(start());
    // There each view stays below the next one, and the table of mounts grows.
    const size_t stride = old_kernel ? 4 * step() : step();
    size_t met = first_call();
    for (;; met += stride) {
      const std::string before = view_of(layout, first);
      const std::string after = view_of(layout, !first);
      ASSERT_EQ(seen(), before);
      order(layout, !first);
      Injection injection(met, verdict, old_kernel);
      const auto result = run_supervised(argv("apply", {"--all"}), "",
                                         [&](const SystemCall& call) { return injection(call); });
      if (injection.met().empty()) {
        EXPECT_EQ(result.status, 0) << result;
        EXPECT_EQ(seen(), after);
        break;
      }
      SCOPED_TRACE("call " + std::to_string(met) + ", " + injection.met());
      ASSERT_FALSE(result.timed_out);
      const bool killed = verdict.kind == Verdict::Kind::kKill;
      if (result.status == 0 && !killed) {
        EXPECT_EQ(seen(), after) << result;
      } else if (!killed) {
        // Behind the swap it may only say that it could not look for other mounts of the old view.
        const bool done = result.out.find("left as it is") != std::string::npos;
        EXPECT_EQ(result.status, 1) << result;
        EXPECT_EQ(seen(), done ? after : before) << result;
      } else {
        EXPECT_THAT(seen(), AnyOf(before, after)) << result;
      }
      repair(after, old_kernel);
      if (HasFailure()) return;
      first = !first;
    }
    EXPECT_GT(met, 60U) << "this looked at nothing";
  }

  [[nodiscard]] std::ptrdiff_t mounts_of_values() {
    std::ifstream file("/proc/" + std::to_string(container_.pid()) + "/mountinfo");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    std::ptrdiff_t count = 0;
    for (size_t at = 0; (at = text.find(" - fuse pinscope ", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }

  // Whatever there is by now, the record tells it: what is left to do is done.
  void repair(const std::string& after, bool old_kernel) {
    const auto result = run_supervised(argv("apply", {"--all"}), "", [&](const SystemCall& call) {
      return old_kernel ? refuse_what_is_new(call) : Verdict::run();
    });
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(seen(), after) << result;
    if (!old_kernel) {
      // A file that was being written is left over where it was killed.
      const auto drift = pinscope::test::run(argv("drift", {"--repair"}));
      EXPECT_EQ(drift.status, holder_ ? 3 : 0) << drift;
      EXPECT_LE(bpf_mounts().size(), 2U);
      if (holder_) {
        EXPECT_THAT(drift.out, HasSubstr("drifted: 1 values-unserved\n"));  // nobody does, here
        EXPECT_EQ(mounts_of_values(), 1);
      }
    }
  }

  std::unique_ptr<HolderThread> holder_;
};

// A timed grant that is killed at some call: what the container has by then, the record has as an
// exception, so that it ends on time; and a revocation that was killed is made by the next one.
TEST_P(EachCallOfASwap, ThatKillsAnExceptionLeavesNoneThatIsNotInTheRecord) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string without = expected(kFlows, "ro");
  const std::string with = without + " " + expected(kOther, "ro");
  const std::vector<std::string> whom = {"--container", container_.id(), "--reason", "x"};
  const auto command = [&](const std::string& name, std::vector<std::string> words) {
    words.insert(words.end(), whom.begin(), whom.end());
    return argv(name, words);
  };
  size_t met = first_call();
  size_t granted = 0;
  for (;; met += step()) {
    ASSERT_EQ(seen(), without);
    Injection injection(met, Verdict::kill(), false);
    const auto result = run_supervised(command("grant", {kOther, "--for", "1h"}), "",
                                       [&](const SystemCall& call) { return injection(call); });
    if (injection.met().empty()) {
      EXPECT_EQ(result.status, 0) << result;
      EXPECT_EQ(seen(), with);
      break;
    }
    SCOPED_TRACE("call " + std::to_string(met) + ", " + injection.met());
    const std::string now = seen();
    EXPECT_THAT(now, AnyOf(without, with)) << result;
    const auto listed = pinscope::test::run(argv("exceptions", {}));
    if (now == with) {
      ++granted;
      EXPECT_THAT(listed.out, HasSubstr("exception 1 (grant)"));
    }
    if (listed.out.find("exception 1") != std::string::npos) {
      const auto undone = pinscope::test::run(command("grant", {kOther, "--undo"}));
      EXPECT_EQ(undone.status, 0) << undone;
    }
    const auto drift = pinscope::test::run(argv("drift", {"--repair"}));
    EXPECT_EQ(drift.status, 0) << drift;
    if (HasFailure()) return;
  }
  EXPECT_GT(met, 60U) << "this looked at nothing";
  EXPECT_GT(granted, 0U) << "it was never killed behind the swap";
}

TEST_P(EachCallOfASwap, ThatFailsGivesTheOldViewOrTheNewOne) {
  each_call("shared", Verdict::fail(EIO), false);
}
TEST_P(EachCallOfASwap, ThatIsForbiddenGivesTheOldViewOrTheNewOneForEachGrant) {
  each_call("per-map", Verdict::fail(EPERM), false);
}
TEST_P(EachCallOfASwap, ThatHasNoSpaceGivesTheOldViewOrTheNewOne) {
  each_call("shared", Verdict::fail(ENOSPC), false);
}
TEST_P(EachCallOfASwap, ThatHasNoDescriptorsGivesTheOldViewOrTheNewOne) {
  each_call("shared", Verdict::fail(EMFILE), false);
}
TEST_P(EachCallOfASwap, ThatHasNoMemoryGivesTheOldViewOrTheNewOne) {
  each_call("shared", Verdict::fail(ENOMEM), false);
}
TEST_P(EachCallOfASwap, ThatFailsGivesTheHostsOwnPinsOldOrNew) {
  each_call("bind", Verdict::fail(EIO), false);
}
TEST_P(EachCallOfASwap, ThatFailsOnAnOldKernelGivesTheOldViewOrTheNewOne) {
  each_call("shared", Verdict::fail(EIO), true);
}
TEST_P(EachCallOfASwap, ThatKillsItLeavesOneOfThemAndARecordOfBoth) {
  each_call("shared", Verdict::kill(), false);
}
TEST_P(EachCallOfASwap, ThatKillsItOnAnOldKernelLeavesOneOfThem) {
  each_call("shared", Verdict::kill(), true);
}

TEST_P(EachCallOfASwap, ThatFailsGivesOldValuesOrNewOnes) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  each_call("values", Verdict::fail(EIO), false);
}
TEST_P(EachCallOfASwap, ThatKillsItLeavesOldValuesOrNewOnesAndARecordOfBoth) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  each_call("values", Verdict::kill(), false);
}

// The container ends while its view is replaced.
TEST_P(EachCallOfASwap, MayBeTheLastThatTheContainerLivesToSee) {
  constexpr size_t kStep = 9;  // as many calls are between one container and the next
  size_t met = 0;
  for (bool is_over = false; !is_over; met += kStep) {
    order("shared", true);
    ASSERT_NO_FATAL_FAILURE(start());
    order("shared", false);
    Injection injection(met, Verdict::run(), false);
    bool has_ended = false;
    const auto result = run_supervised(argv("apply", {"--all"}), "", [&](const SystemCall& call) {
      const auto verdict = injection(call);
      if (!injection.met().empty() && !std::exchange(has_ended, true)) {
        (void)container_.kill();
        container_.wait_stopped();
      }
      return verdict;
    });
    SCOPED_TRACE("call " + std::to_string(met) + ", " + injection.met());
    ASSERT_FALSE(result.timed_out);
    EXPECT_THAT(result.status, AnyOf(0, 1)) << result;
    is_over = injection.met().empty();
    if (is_over) (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
    EXPECT_THAT(pinscope::test::run(argv("drift", {"--repair"})), Succeeds());
    EXPECT_THAT(installation_.records(), testing::IsEmpty());
    if (HasFailure()) return;
  }
  EXPECT_GT(met, 60U) << "this looked at nothing";
}

INSTANTIATE_TEST_SUITE_P(, EachCallOfASwap, testing::Values("runc"),
                         [](const auto& runtime) { return std::string(runtime.param); });

}  // namespace
}  // namespace pinscope::test
