// Images that put something else where the view belongs: at each component of view.at, each of many
// things. The view ends up below the container's root, at the place that its path names for the
// container, or the container does not start; the host sees nothing of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <ostream>
#include <tuple>

#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

// What there is in place of a directory, and what becomes of the container: "" if it starts.
struct Trap {
  const char* name;
  // Makes it at `path` in the image; `outside` is a directory of the host.
  std::function<void(const std::string& path, const std::string& outside)> make;
  const char* refusal;
};

void PrintTo(const Trap& trap, std::ostream* stream) {
  *stream << trap.name;
}

Trap link_trap(const char* name, const std::string& target, const char* refusal) {
  return {name, [target](const auto& path, const auto&) { fs::create_symlink(target, path); },
          refusal};
}

Trap node_trap(const char* name, mode_t kind, dev_t device) {
  return {name,
          [kind, device](const auto& path, const auto&) {
            check(mknod(path.c_str(), kind | 0666, device), "mknod " + path);
          },
          "Not a directory (a component of it is not a directory)"};
}

constexpr const char* kNowhere = "is a link that leads nowhere";
constexpr const char* kMagic = "(a component of it is a link into /proc, or links form a loop)";

const std::vector<Trap>& traps() {
  static const std::vector<Trap> all = {
      {"LinkToTheHost",
       [](const auto& path, const auto& outside) { fs::create_symlink(outside, path); }, kNowhere},
      {"RelativeLinkToTheHost",
       [](const auto& path, const auto& outside) {
         fs::create_symlink("../../../../../../../.." + outside, path);
       },
       kNowhere},
      link_trap("LinkToNowhere", "/no/such/place", kNowhere),
      link_trap("LinkToItself", ".loop", kMagic),
      link_trap("LinkToProcSelfRoot", "/proc/self/root", kNowhere),
      link_trap("LinkToProcSelfCwd", "/proc/self/cwd", kNowhere),
      link_trap("LinkToProc1Root", "/proc/1/root/tmp", kMagic),
      link_trap("LinkToProc1Cwd", "/proc/1/cwd", kMagic),
      link_trap("LinkToAProc1Descriptor", "/proc/1/fd/0", kMagic),
      link_trap("LinkIntoProc", "/proc/1", nullptr),
      link_trap("LinkInside", "/elsewhere", ""),
      link_trap("RelativeLinkInside", "../../../../elsewhere", ""),
      {"File", [](const auto& path, const auto&) { write_file(path, ""); },
       "Not a directory (a component of it is not a directory)"},
      node_trap("Fifo", S_IFIFO, 0),
      node_trap("CharacterDevice", S_IFCHR, makedev(1, 3)),
      node_trap("BlockDevice", S_IFBLK, makedev(7, 0)),
      node_trap("Socket", S_IFSOCK, 0),
  };
  return all;
}

const std::vector<std::string> kComponents = {"/sys", "/sys/fs", "/sys/fs/bpf", "/run/bpf",
                                              "/run/bpf/x"};

using TrapCase = std::tuple<std::string, std::string, Trap>;

// ViewTest is one for each runtime alone; this brings its parts together again.
class HostileRootfs : public testing::TestWithParam<TrapCase> {
 protected:
  void SetUp() override {
    if (!has_program(runtime_program(runtime_))) GTEST_SKIP() << runtime_ << " is not installed";
    pins_.map("/sys/fs/bpf/flows");
    const std::string at = component_.starts_with("/sys") ? "/sys/fs/bpf" : "/run/bpf/x";
    at_ = at;
    installation_.write_policy(
        policy_text("select: {}\nview: {at: " + at + "}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
    installation_.hook_into(container_.spec);
    container_.spec.without_mount("/sys");
    fs::remove_all(container_.image() + "/sys");
    fs::create_directories(container_.image() + "/elsewhere");
    fs::create_directories(fs::path(container_.image() + component_).parent_path());
  }

  const std::string runtime_ = std::get<0>(GetParam());
  const std::string component_ = std::get<1>(GetParam());
  const Trap trap_ = std::get<2>(GetParam());
  std::string at_;
  HostPins pins_;
  Installation installation_;
  TempDirectory host_;
  const std::string outside_ = host_.make_directory("outside");
  RuntimeContainer container_{runtime_};
};

TEST_P(HostileRootfs, LeadsTheViewNowhereElse) {
  const auto before = Snapshot::take();
  trap_.make(container_.image() + component_, outside_);
  if (std::string(trap_.name) == "LinkToItself") {
    fs::remove(container_.image() + component_);
    fs::create_symlink(fs::path(component_).filename(), container_.image() + component_);
  }
  const auto result = container_.probe({"ls " + at_, "get-rw " + at_ + "/flows", "ls /proc"}).run();
  const auto audit = installation_.last_audit();
  if (trap_.refusal != nullptr && std::string(trap_.refusal).empty()) {
    EXPECT_EQ(result.status, 0) << result << audit.text;
    EXPECT_EQ(answer(result, "ls " + at_), "ok flows");
    EXPECT_EQ(answer(result, "get-rw " + at_ + "/flows"), "EROFS");
  } else {
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(answer(result, "ls " + at_), "no answer");
    EXPECT_EQ(audit.outcome, "refused");
    EXPECT_EQ(audit.code, "target-invalid") << audit.text;
    if (trap_.refusal != nullptr) {
      EXPECT_THAT(audit.error, HasSubstr(trap_.refusal));
    }
    EXPECT_THAT(installation_.records(), IsEmpty());
  }
  EXPECT_THAT(files_below(outside_), IsEmpty());
  EXPECT_EQ(before.mounts, Snapshot::take().mounts);
  EXPECT_EQ(before.pins, Snapshot::take().pins);
}

std::string case_name(const testing::TestParamInfo<TrapCase>& info) {
  std::string component = std::get<1>(info.param).substr(1);
  for (char& byte : component)
    if (byte == '/') byte = '_';
  return std::get<0>(info.param) + "_" + component + "_" + std::get<2>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(, HostileRootfs,
                         testing::Combine(testing::ValuesIn(runtimes_and_newest()),
                                          testing::ValuesIn(kComponents),
                                          testing::ValuesIn(traps())),
                         case_name);

// Links that name the container's root or a directory above the target, and mounts in the way.
class OddPlace : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy("view: {at: /run/bpf/x}\ngrants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
    fs::create_directories(container_.image() + "/run/bpf");
  }
  void link(const std::string& target, const std::string& path) {
    fs::create_symlink(target, container_.image() + path);
  }
  TempDirectory host_;
};

TEST_P(OddPlace, ALinkToTheRootIsRefused) {
  link("/", "/run/bpf/x");
  expect_refusal("cannot verify the view at \"/run/bpf/x\": something else is there",
                 "target-invalid");
}

TEST_P(OddPlace, ALinkToTheRootAboveIsFollowed) {
  fs::remove(container_.image() + "/run/bpf");
  link("/", "/run/bpf");
  expect({{"ls /run/bpf/x", "ok flows"}, {"ls /x", "ok flows"}});
}

TEST_P(OddPlace, ALinkToTheDirectoryThatItIsInIsRefused) {
  link(".", "/run/bpf/x");
  expect_refusal("\"/run/bpf/x\"", "target-invalid");
}

TEST_P(OddPlace, ATmpfsOfTheContainerHoldsTheView) {
  container_.spec.mounts.push_back({"/run", "tmpfs", "tmpfs", {"mode=755"}});
  expect({{"ls /run/bpf/x", "ok flows"}, {"get-rw /run/bpf/x/flows", "EROFS"}});
}

TEST_P(OddPlace, AVolumeOfTheHostGetsADirectoryAndNoMount) {
  const std::string volume = host_.make_directory("volume");
  const auto before = Snapshot::take().mounts;
  container_.spec.mounts.push_back({"/run/bpf", "bind", volume, {"bind"}});
  expect({{"ls /run/bpf/x", "ok flows"}});
  EXPECT_THAT(files_below(volume), testing::ElementsAre("x 755 0:0 directory"));
  EXPECT_EQ(before, Snapshot::take().mounts);
}

TEST_P(OddPlace, AReadOnlyVolumeOfTheHostStaysAsItIs) {
  if (is_crun()) GTEST_SKIP() << "crun makes volumes read-only after the hooks";
  const std::string volume = host_.make_directory("volume");
  container_.spec.mounts.push_back({"/run/bpf", "bind", volume, {"bind", "ro"}});
  expect_refusal("Read-only file system (make it part of the image, or choose another view.at)",
                 "target-invalid");
  EXPECT_THAT(files_below(volume), IsEmpty());
}

TEST_P(OddPlace, AFileOfTheHostInTheWayIsRefused) {
  const std::string file = host_.write("file", "content");
  container_.spec.mounts.push_back({"/run/bpf/x", "bind", file, {"bind"}});
  expect_refusal("Not a directory", "target-invalid");
  EXPECT_EQ(read_file(file), "content");
}

TEST_P(OddPlace, AVolumeThatIsSharedWithTheHostIsRefused) {
  Mounted volume = Mounted::tmpfs(host_.make_directory("volume"));
  volume.change(MS_SHARED);
  container_.spec.rootfs_propagation = "rshared";
  container_.spec.mounts.push_back({"/run/bpf", "bind", volume.path(), {"rbind", "rshared"}});
  expect_refusal(
      "cannot attach view at \"/run/bpf/x\": Operation not permitted (the target is on a "
      "shared mount)",
      "target-shared");
  EXPECT_THAT(files_below(volume.path()), IsEmpty());
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(OddPlace);

}  // namespace
}  // namespace pinscope::test
