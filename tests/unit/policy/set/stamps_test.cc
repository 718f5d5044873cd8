// The set in force is the one that the files say, on file systems whose times say too little: real
// ones, with whole seconds, and images that an update leaves with the same times and sizes.
#include "plugin/policy/set/stamps.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "plugin/base/clock.h"
#include "tests/support/machine/mounts.h"
#include "tests/unit/policy/set/store_fixture.h"

namespace pinscope::policy {
namespace {

using Proof = FileStamp::Proof;
using Refresh = PolicyStore::Refresh;
using testing::ElementsAre;

constexpr uint64_t kExt4 = 0xef53;
constexpr uint64_t kOverlay = 0x794c7630;
constexpr uint64_t kFine = 1'000'000'001;
constexpr uint64_t kWhole = 1'000'000'000;

TEST(Stamps, TellWhereThisKernelKeepsFineTimes) {
  EXPECT_TRUE(stat_tells(kExt4, false, kFine));
  EXPECT_FALSE(stat_tells(kExt4, false, kWhole));  // ext3, an image, or one time in a thousand
  EXPECT_FALSE(stat_tells(kExt4, false, 0));
  EXPECT_FALSE(stat_tells(kExt4, true, kFine));
  EXPECT_FALSE(stat_tells(kOverlay, false, kFine));
  EXPECT_FALSE(stat_tells(0x73717368, true, kFine));   // squashfs
  EXPECT_FALSE(stat_tells(0x65735546, false, kFine));  // FUSE
  EXPECT_FALSE(stat_tells(0x6969, false, kFine));      // NFS
}

class StoreStamps : public StoreFixture {
 protected:
  [[nodiscard]] struct stat status_of(const std::string& file) const {
    struct stat status {};
    EXPECT_EQ(::stat((policies_ / file).c_str(), &status), 0);
    return status;
  }
  // A stamp that says everything, of a file on the disk of this machine.
  [[nodiscard]] Origin origin_of(const std::string& file) const {
    FileStamp stamp = stamp_of(file, status_of(file));
    return {policies_, stamp.ctime_ns + 2 * kRacyNs, boot_id(), {stamp}};
  }
};

TEST_F(StoreStamps, EverythingThatStatSaysCounts) {
  write_policy("a.yaml", "a");
  const Origin origin = origin_of("a.yaml");
  ASSERT_TRUE(unchanged(origin, Racy::kCountsAsChanged));
  const auto differs = [&](auto change) {
    Origin other = origin;
    change(other.files.front());
    return !unchanged(other, Racy::kCountsAsChanged);
  };
  EXPECT_TRUE(differs([](FileStamp& file) { ++file.size; }));
  EXPECT_TRUE(differs([](FileStamp& file) { ++file.mtime_ns; }));
  EXPECT_TRUE(differs([](FileStamp& file) { --file.ctime_ns; }));
  EXPECT_TRUE(differs([](FileStamp& file) { ++file.inode; }));
  EXPECT_TRUE(differs([](FileStamp& file) { ++file.device; }));
  EXPECT_TRUE(differs([](FileStamp& file) { file.mode ^= 022; }));
  EXPECT_TRUE(differs([](FileStamp& file) { ++file.owner; }));
}

TEST_F(StoreStamps, StampsOfAnEarlierBootAreNotBelieved) {
  write_policy("a.yaml", "a");
  Origin origin = origin_of("a.yaml");
  EXPECT_EQ(origin.boot.size(), 37U);
  origin.boot = "another";
  EXPECT_FALSE(unchanged(origin, Racy::kCountsAsChanged));
  origin.files.front().proof = Proof::kContent;  // which says it by itself
  origin.files.front().text = policy_text("a");
  EXPECT_TRUE(unchanged(origin, Racy::kCountsAsChanged));
}

TEST_F(StoreStamps, SetOfAnEarlierBootIsMadeAgainOnce) {
  write_policy("a.yaml", "new");
  Origin origin = origin_of("a.yaml");
  origin.files.insert(origin.files.begin(), stamp_of_path(policies_));
  origin.boot = "another";
  create_directory(std::filesystem::path(cache_));
  model::Policy old;
  old.name = "old";
  write(kept(kSetSuffix), compile({old}, origin));
  EXPECT_THAT(names(open()), ElementsAre("new"));
  EXPECT_THAT(names(open("/nonexistent")), ElementsAre("new"));
}

TEST_F(StoreStamps, TextIsComparedByteByByte) {
  write_policy("a.yaml", "a");
  Origin origin = origin_of("a.yaml");
  FileStamp& file = origin.files.front();
  file = {};
  file.name = "a.yaml";
  file.mode = 0100644;
  file.proof = Proof::kContent;
  file.text = policy_text("a");
  EXPECT_TRUE(unchanged(origin, Racy::kCountsAsChanged));
  for (const std::string& other :
       {policy_text("b"), policy_text("a") + "\n", policy_text("a").substr(1), std::string()}) {
    file.text = other;
    EXPECT_FALSE(unchanged(origin, Racy::kCountsAsChanged)) << other;
  }
  file.text = policy_text("a");
  file.mode = 0100666;
  EXPECT_FALSE(unchanged(origin, Racy::kCountsAsChanged));
  file.mode = 0100644;
  file.proof = Proof::kNothing;
  EXPECT_FALSE(unchanged(origin, Racy::kCountsAsChanged));
}

// A file system of its own on a loop device.
class StoreOnImage : public StoreStamps {
 protected:
  [[nodiscard]] std::string image() const { return root() / "image"; }

  // False where this machine cannot.
  static bool ran(std::vector<std::string> argv) {
    if (!test::has_program(argv.front())) return false;
    const auto result = test::run(std::move(argv));
    if (result.status != 0) std::cerr << result;
    return result.status == 0;
  }
  bool mount_image(const char* type, const std::string& options) const {
    return ran({"mount", "-t", type, "-o", "loop," + options, image(), policies_});
  }
  void unmount() const { ASSERT_TRUE(ran({"umount", policies_})); }
  void TearDown() override {
    if (ran({"mountpoint", "-q", policies_})) unmount();
    StoreStamps::TearDown();
  }
};

class StoreOnWholeSeconds : public StoreOnImage {
 protected:
  void SetUp() override {
    StoreOnImage::SetUp();
    if (IsSkipped()) return;
    if (!ran({"truncate", "-s", "2M", image()}) ||
        !ran({"mke2fs", "-q", "-t", "ext2", "-I", "128", image()}) || !mount_image("ext2", "rw"))
      GTEST_SKIP() << "needs mke2fs, ext2 and loop devices";
  }
  static bool same_times(const struct stat& a, const struct stat& b) {
    return stamp_of("", a) == stamp_of("", b);
  }
  // Two edits with a start between them, in one second: tried until they are.
  template <typename First, typename Second>
  void in_one_second(const std::string& file, First first, Second second) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      while (wall_clock_ns() % kWhole > kWhole / 10)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      first();
      (void)open();
      const auto before = status_of(file);
      second();
      if (same_times(before, status_of(file))) return;
    }
    GTEST_SKIP() << "this machine is too slow for two edits in a second";
  }
};

TEST_F(StoreOnWholeSeconds, TwoEditsOfOneSecondAreNoticed) {
  in_one_second(
      "a.yaml", [&] { write(policies_ / "a.yaml", policy_text("a1")); },
      [&] { write(policies_ / "a.yaml", policy_text("a2")); });
  if (IsSkipped()) return;
  EXPECT_THAT(names(open()), ElementsAre("a2"));
  EXPECT_THAT(names(open("/nonexistent")), ElementsAre("a2"));
}

TEST_F(StoreOnWholeSeconds, FileThatComesInTheSecondOfTheStartIsNoticed) {
  in_one_second(
      ".",
      [&] {
        std::filesystem::remove(policies_ / "b.yaml");
        write(policies_ / "a.yaml", policy_text("a"));
      },
      [&] { write(policies_ / "b.yaml", policy_text("b")); });
  if (IsSkipped()) return;
  EXPECT_THAT(names(open()), ElementsAre("a", "b"));
}

TEST_F(StoreOnWholeSeconds, ModeThatChangesInTheSecondOfTheStartIsNoticed) {
  in_one_second(
      ".",
      [&] {
        std::filesystem::remove(policies_ / "a.yaml");  // has the mode of the attempt before
        write(policies_ / "a.yaml", policy_text("a"));
      },
      [&] { ASSERT_EQ(::chmod((policies_ / "a.yaml").c_str(), 0666), 0); });
  if (IsSkipped()) return;
  EXPECT_EQ(open().refresh(), Refresh::kRejected);
}

TEST_F(StoreOnWholeSeconds, FilesThatStayTheSameAreNotReadAgain) {
  write_policy("a.yaml", "a");
  EXPECT_EQ(open().refresh(), Refresh::kAccepted);
  EXPECT_EQ(open("/nonexistent").refresh(), Refresh::kNone);
}

struct ImageKind {
  const char* name;
  const char* type;
  bool is_layer;  // shown by an overlay, as systemd-confext does
};

class StoreOnReadOnlyImage : public StoreOnImage, public testing::WithParamInterface<ImageKind> {
 protected:
  // Makes the image anew from these files, with times that are always the same, and mounts it.
  bool show(const std::vector<std::pair<std::string, std::string>>& files) const {
    const auto tree = root() / "tree";
    std::filesystem::remove_all(tree);
    std::filesystem::create_directory(tree);
    std::filesystem::remove(image());
    for (const auto& [file, policy] : files) write(tree / file, policy_text(policy));
    const bool is_squashfs = std::string(GetParam().type) == "squashfs";
    if (is_squashfs ? !ran({"mksquashfs", tree, image(), "-quiet", "-no-progress", "-mkfs-time",
                            "1", "-all-time", "1"})
                    : !ran({"mkfs.erofs", "--quiet", "-T1", image(), tree}))
      return false;
    if (!GetParam().is_layer) return mount_image(GetParam().type, "ro");
    const auto layer = root() / "layer";
    const auto below = root() / "below";
    std::filesystem::create_directories(layer);
    std::filesystem::create_directories(below);
    if (!ran({"mount", "-t", GetParam().type, "-o", "loop,ro", image(), layer})) return false;
    const bool mounted =
        ran({"mount", "-t", "overlay", "-o", "lowerdir=" + layer.string() + ":" + below.string(),
             "overlay", policies_});
    return ran({"umount", "-l", layer}) && mounted;
  }
};

TEST_P(StoreOnReadOnlyImage, UpdateThatLeavesTimesAndSizesIsNoticed) {
  if (!show({{"a.yaml", "a1"}})) GTEST_SKIP() << "needs the image's tools and loop devices";
  EXPECT_THAT(names(open()), ElementsAre("a1"));
  EXPECT_EQ(open("/nonexistent").refresh(), Refresh::kNone);
  const auto before = status_of("a.yaml");
  unmount();
  ASSERT_TRUE(show({{"a.yaml", "a2"}}));
  const auto after = status_of("a.yaml");
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(nanoseconds_of(before.st_ctim), nanoseconds_of(after.st_ctim));
  EXPECT_EQ(before.st_size, after.st_size);
  EXPECT_THAT(names(open()), ElementsAre("a2"));
  unmount();
  ASSERT_TRUE(show({{"b.yaml", "a2"}}));
  EXPECT_THAT(names(open()), ElementsAre("a2"));
  EXPECT_EQ(open("/nonexistent").set().origin()->files.at(1).name, "b.yaml");
}

TEST_P(StoreOnReadOnlyImage, ImageThatIsNotMountedKeepsItsPoliciesInForce) {
  if (!show({{"a.yaml", "a"}})) GTEST_SKIP() << "needs the image's tools and loop devices";
  EXPECT_THAT(names(open()), ElementsAre("a"));
  unmount();
  const auto store = open();
  EXPECT_THAT(names(store), ElementsAre("a"));
  EXPECT_EQ(store.refresh(), Refresh::kRejected);
  ASSERT_TRUE(show({{"a.yaml", "a"}}));
  EXPECT_EQ(open("/nonexistent").rejected(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(, StoreOnReadOnlyImage,
                         testing::Values(ImageKind{"Squashfs", "squashfs", false},
                                         ImageKind{"Erofs", "erofs", false},
                                         ImageKind{"LayerOfSquashfs", "squashfs", true}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace pinscope::policy
