// Somebody swaps directories of the image while the hook runs. Wherever the swaps fall, the view is
// below the container's root or the container is refused, and the host is left alone.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "tests/attack/attack_test.h"
#include "tests/support/container/container_process.h"
#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/swapper.h"
#include "tests/support/machine/unprivileged.h"
#include "tests/support/programs/old_kernel.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

class Race : public testing::Test {
 protected:
  void SetUp() override {
    pins_.map("/sys/fs/bpf/flows");
    for (const char* name : {"sys", "run/bpf/x", "decoy/x"})
      directory_.make_directory(std::string("rootfs/") + name);
    directory_.write("config.json",
                     R"({"ociVersion": "1.0.2", "process": {"args": ["/x"], "cwd": "/"},
                         "root": {"path": "rootfs"},
                         "linux": {"namespaces": [{"type": "mount"}]}})");
    installation_.write_policy(
        policy_text("select: {}\nview: {at: /run/bpf/x}\n"
                    "grants: [{pin: /sys/fs/bpf/flows, as: flows}]\n"));
    ASSERT_THAT(installation_.compile(), Succeeds());
  }

  std::string state(pid_t pid, int number) const {
    JsonWriter json;
    json.object().field("ociVersion", "1.0.2").field("id", "race-" + std::to_string(number));
    json.field("status", "creating").field("pid", pid).field("bundle", directory_.path()).end();
    return json.take();
  }

  // One container: true if it got its view.
  bool attempt(int number) {
    ContainerProcess container(rootfs_);
    const auto result = installation_.run_hook("createRuntime", state(container.pid(), number));
    for (const auto& line : container.mounts()) {
      const auto fields = split(line, ' ');
      const bool is_view = line.find(" - bpf ") != std::string::npos;
      const std::string point(fields[4]);
      // This machine's own bpffs stays where it is; everything else of ours is below the root.
      if (!is_view || point == "/sys/fs/bpf") continue;
      EXPECT_TRUE(point.starts_with(rootfs_ + "/")) << line;
      EXPECT_EQ(result.status, 0) << "refused, and yet there is " << line << result;
    }
    EXPECT_THAT(files_below(outside_), IsEmpty());
    if (result.status != 0) {
      EXPECT_EQ(result.status, 1) << result;
      EXPECT_THAT(result.err, testing::StartsWith("pinscope-hook: container \"race-")) << result;
      EXPECT_THAT(installation_.records(),
                  testing::Not(testing::Contains("race-" + std::to_string(number) + ".json")));
    }
    return result.status == 0;
  }

  // Swaps while many containers start. Some must get through and some must be refused: otherwise
  // the swaps were too slow or too quick to be an attack. So it goes on until it has seen both.
  void race(const std::function<bool()>& swap, bool refusals = true) {
    const auto before = Snapshot::take();
    int granted = 0;
    int refused = 0;
    {
      const Swapper swapper(swap);
      constexpr uint64_t kSwaps = kAttempts / 2;
      const auto seen = [&] {
        return granted > 0 && (refused > 0 || !refusals) && swapper.swaps() > kSwaps;
      };
      for (int i = 0; i < kAttempts || (i < kMaxAttempts && !seen()); ++i)
        (attempt(i) ? granted : refused) += 1;
      EXPECT_GT(swapper.swaps(), kSwaps);
    }
    RecordProperty("granted", granted);
    RecordProperty("refused", refused);
    EXPECT_GT(granted, 0);
    if (refusals) {
      EXPECT_GT(refused, 0);
    }
    const auto after = Snapshot::take();
    EXPECT_EQ(before.mounts, after.mounts);
    EXPECT_EQ(before.pins, after.pins);
  }

  void link(const std::string& target, const std::string& name) {
    fs::create_symlink(target, rootfs_ + "/" + name);
  }

  static constexpr int kAttempts = 100;
  static constexpr int kMaxAttempts = 3000;
  HostPins pins_;
  Installation installation_;
  TempDirectory directory_;
  const std::string rootfs_ = directory_.path("rootfs");
  const std::string outside_ = directory_.make_directory("outside");
};

TEST_F(Race, OfTheTargetWithALinkToTheHost) {
  link(outside_, "trap");
  race([&] { return swap_names(rootfs_ + "/run/bpf/x", rootfs_ + "/trap"); });
}

TEST_F(Race, OfADirectoryAboveTheTargetWithALinkToTheHost) {
  link("../../../../../../../.." + outside_, "trap");
  race([&] { return swap_names(rootfs_ + "/run/bpf", rootfs_ + "/trap"); });
}

TEST_F(Race, OfADirectoryAboveTheTargetWithAnother) {
  race([&] { return swap_names(rootfs_ + "/run/bpf", rootfs_ + "/decoy"); }, false);
}

TEST_F(Race, OfADirectoryAboveTheTargetWithOneOutsideTheRoot) {
  directory_.make_directory("elsewhere");
  race([&] { return swap_names(rootfs_ + "/run/bpf", directory_.path("elsewhere")); }, false);
}

TEST_F(Race, OfTheTargetWithAFile) {
  write_file(rootfs_ + "/trap", "");
  race([&] { return swap_names(rootfs_ + "/run/bpf/x", rootfs_ + "/trap"); });
}

TEST_F(Race, OfTwoComponentsAtOnce) {
  link(outside_, "trap");
  link("/run", "other");
  race([&] {
    const bool one = swap_names(rootfs_ + "/run/bpf", rootfs_ + "/trap");
    return swap_names(rootfs_ + "/decoy/x", rootfs_ + "/other") && one;
  });
}

// A directory that is missing is made; the moment it is there, a link takes its place.
TEST_F(Race, OfADirectoryThatWasJustMadeWithALink) {
  fs::remove_all(rootfs_ + "/run/bpf");
  const std::string made = rootfs_ + "/run/bpf";
  const std::string trap = rootfs_ + "/run/trap";
  int catches = 0;
  race([&] {
    if (::symlink(outside_.c_str(), trap.c_str()) != 0 && errno != EEXIST) return false;
    const bool caught = swap_names(made, trap);
    if (caught) {
      ::rmdir((trap + "/x").c_str());
      ::rmdir(trap.c_str());
      ::unlink(made.c_str());
      // A slow hook would otherwise be caught each time.
      if (++catches % 16 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return caught;
  });
}

// Somebody who may rename a directory of root's, but not look into it, must not get it from us: in
// the moment after the hook has made one, theirs takes its place.
TEST(MadeDirectory, IsNotGivenAwayIfAnotherHasTakenItsPlace) {
  HookedProcess hooked("shared");
  const TempDirectory& directory = hooked.installation().directory();
  const std::string treasure = directory.make_directory("bundle/rootfs/treasure");
  const std::string made = directory.path("bundle/rootfs/srv/view");
  write_file(treasure + "/gold", "");
  check(::chown(treasure.c_str(), kPlainUser, kPlainUser), "chown");
  // A program is supervised once: what plays the old kernel does it here instead.
  const bool old_kernel = !std::exchange(hooked.installation().wrapper, {}).empty();
  bool swapped = false;
  const auto result = hooked.create([&](const SystemCall& call) {
    swapped = swapped || (fs::exists(made) && swap_names(made, treasure));
    return old_kernel ? refuse_what_is_new(call) : Verdict::run();
  });
  EXPECT_TRUE(swapped);
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(hooked.installation().last_audit().error,
              testing::HasSubstr("\"view\" was replaced while it was made"));
  struct stat status {};
  ASSERT_EQ(::stat(made.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kPlainUser);
  EXPECT_THAT(files_below(made), SizeIs(1)) << "the gold";
}

// The same with real runtimes, whose own work on the image is raced as well.
class RuntimeRace : public AttackTest {};

TEST_P(RuntimeRace, OfADirectoryAboveTheTargetWithALinkToTheHost) {
  make_pins();
  policy("view: {at: /run/bpf/x}\ngrants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  ASSERT_THAT(installation_.compile(), Succeeds());
  const TempDirectory host;
  const std::string outside = host.make_directory("outside");
  const auto before = Snapshot::take().mounts;
  constexpr int kContainers = 20;
  for (int i = 0; i < kContainers; ++i) {
    RuntimeContainer container(GetParam());
    fs::create_directories(container.image() + "/run/bpf/x");
    fs::create_symlink(outside, container.image() + "/trap");
    CommandResult result;
    {
      // The image becomes the root file system when the container is run.
      const std::string rootfs = container.bundle() + "/rootfs";
      const Swapper swapper([&] { return swap_names(rootfs + "/run/bpf", rootfs + "/trap"); });
      result = run(container, {"ls /run/bpf/x", "get-ro /run/bpf/x/secret"});
    }
    if (result.status == 0) {
      EXPECT_THAT(answer(result, "ls /run/bpf/x"), testing::AnyOf("ok flows", "ENOENT"));
    }
    EXPECT_THAT(files_below(outside), IsEmpty());
  }
  EXPECT_EQ(before, Snapshot::take().mounts);
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(RuntimeRace);

}  // namespace
}  // namespace pinscope::test
