// What the kernel does with pins: the rows of the table in docs/threat-model.md that need no
// container. A kernel that behaves differently breaks the design, not only a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "plugin/host/file.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/programs.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;

// Two instances of bpffs, one of them with a pinned map.
class PinFacts : public testing::Test {
 protected:
  TempDirectory directory_;
  Mounted instance_ = Mounted::bpf(directory_.make_directory("instance"));
  Mounted other_ = Mounted::bpf(directory_.make_directory("other"));
  HostPins pins_;
  std::string pin_ = instance_.path("flows");
  std::string elsewhere_ = other_.path("again");

  static constexpr const char* kCapBpf = "8000000000";

  void SetUp() override {
    pins_.map(pin_);
    set_value(pin_, 1, 42);
  }
};

// Why a read grant does not hold against whoever may load programs.
TEST_F(PinFacts, AProgramWritesAMapWhoseDescriptorIsForReading) {
  EXPECT_EQ(ask("update-ro " + pin_ + " 1 43"), "EPERM");
  EXPECT_EQ(ask("prog-write " + pin_ + " 1 43"), "ok");
  EXPECT_EQ(value_at(pin_, 1), 43U);
}

TEST_F(PinFacts, AReadOnlyBindMountStopsNeitherOpeningForWritingNorUpdates) {
  const std::string place = directory_.write("place", "");
  Mounted shown = Mounted::bind(pin_, place);
  shown.change(MS_REMOUNT | MS_BIND | MS_RDONLY);
  EXPECT_EQ(ask("get-rw " + place), "ok");
  EXPECT_EQ(ask("update " + place + " 1 43"), "ok");
  EXPECT_EQ(value_at(pin_, 1), 43U);
}

TEST_F(PinFacts, AReadOnlySuperblockStopsOpeningForWritingWhoeverAsks) {
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(ask("get-rw " + pin_), "EROFS");
  EXPECT_EQ(ask("get-wo " + pin_), "EROFS");
  EXPECT_EQ(ask("lookup " + pin_ + " 1"), "ok 42");
  EXPECT_EQ(ask("update-ro " + pin_ + " 1 43"), "EPERM");
  EXPECT_EQ(ask("delete-ro " + pin_ + " 1"), "EPERM");
  EXPECT_EQ(ask("chmod " + pin_ + " 666"), "EROFS");
  EXPECT_EQ(ask("unlink " + pin_), "EROFS");
}

TEST_F(PinFacts, ASuperblockCanBeMadeReadOnlyAfterPinning) {
  ASSERT_EQ(ask("get-rw " + pin_), "ok");
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(ask("get-rw " + pin_), "EROFS");
  EXPECT_EQ(ask("repin " + pin_ + " " + instance_.path("again")), "EROFS");
}

TEST_F(PinFacts, ModesDoNotHoldAgainstRootAndAnOwnerMayChangeThem) {
  ASSERT_EQ(chmod(pin_.c_str(), 0440), 0);
  EXPECT_EQ(ask("get-rw " + pin_), "ok");
  ASSERT_EQ(chown(pin_.c_str(), 1000, 1000), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0711), 0);
  EXPECT_THAT(
      ask_all({"setuid 1000 1000", "get-rw " + pin_, "chmod " + pin_ + " 600", "get-rw " + pin_}),
      ElementsAre("ok", "EACCES", "ok", "ok"));
}

// Since Linux 5.19 this setting stops only what makes maps and programs. 2 can be changed, 1
// cannot.
TEST_F(PinFacts, AUserWithoutCapabilitiesMayUseAMapThatItsModeGrants) {
  const std::string setting = read_file("/proc/sys/kernel/unprivileged_bpf_disabled");
  if (setting == "0\n") GTEST_SKIP() << "unprivileged_bpf_disabled is 0";
  ASSERT_EQ(chmod(pin_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0711), 0);
  EXPECT_THAT(ask_all({"setuid 1000 1000", "caps", "lookup " + pin_ + " 1", "map-create"}),
              ElementsAre("ok", "ok 0000000000000000", "ok 42", "EPERM"));
}

TEST_F(PinFacts, PinningAReadOnlyDescriptorAgainGivesWriteAccess) {
  EXPECT_EQ(ask("update-ro " + pin_ + " 1 43"), "EPERM");
  EXPECT_EQ(ask("repin " + pin_ + " " + elsewhere_), "ok");
  EXPECT_EQ(ask("update " + elsewhere_ + " 1 43"), "ok");
  EXPECT_EQ(value_at(pin_, 1), 43U);
}

TEST_F(PinFacts, PinningOutOfAReadOnlySuperblockGivesWriteAccessToo) {
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(ask("repin " + pin_ + " " + elsewhere_), "ok");
  EXPECT_EQ(ask("update " + elsewhere_ + " 1 43"), "ok");
}

TEST_F(PinFacts, AReadOnlyMountOfAWritableInstanceStopsChangesOfPinsAndNoUpdates) {
  ASSERT_EQ(mkdir(instance_.path("inner").c_str(), 0755), 0);
  instance_.change(MS_REMOUNT | MS_BIND | MS_RDONLY);
  const std::string fresh = instance_.path("fresh");
  EXPECT_EQ(ask("update " + pin_ + " 1 43"), "ok");
  EXPECT_EQ(ask("repin-rw " + pin_ + " " + fresh), "EROFS");
  EXPECT_EQ(ask("unlink " + pin_), "EROFS");
  EXPECT_EQ(ask("chmod " + pin_ + " 666"), "EROFS");
  EXPECT_EQ(ask("chown " + pin_ + " 1 1"), "EROFS");
  EXPECT_EQ(ask("mkdir " + fresh), "EROFS");
  EXPECT_EQ(ask("rmdir " + instance_.path("inner")), "EROFS");
  EXPECT_EQ(ask("rename " + pin_ + " " + fresh), "EROFS");
  EXPECT_EQ(ask("symlink flows " + fresh), "EROFS");
  EXPECT_EQ(ask("link " + pin_ + " " + fresh), "EROFS");
}

// Before Linux 6.5 it took CAP_BPF, and no right to write: commit c4c84f6fb2c4.
TEST_F(PinFacts, WhoeverMayWriteMayFreezeAndThenTheOwnerCannotUpdate) {
  ASSERT_EQ(chmod(pin_.c_str(), 0666), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0711), 0);
  const auto answers = ask_all({"setuid 1000 1000", "freeze " + pin_});
  if (answers[1] == "EPERM") {
    record_refusal("EPERM without CAP_BPF");
    EXPECT_EQ(ask("freeze " + pin_), "ok");
  } else {
    EXPECT_EQ(answers[1], "ok");
  }
  EXPECT_EQ(ask("update " + pin_ + " 1 43"), "EPERM");
}

TEST_F(PinFacts, FreezingTakesADescriptorForWriting) {
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_THAT(ask_all({"keep-caps 0", "freeze-ro " + pin_}), ElementsAre("ok", "EPERM"));
  const std::string with_cap_bpf =
      ask_all({"keep-caps " + std::string(kCapBpf), "freeze-ro " + pin_}).back();
  if (with_cap_bpf == "ok")
    record_answer("no: with CAP_BPF, one for reading is enough");
  else
    EXPECT_EQ(with_cap_bpf, "EPERM");
}

TEST_F(PinFacts, NamesWithADotAreRefused) {
  EXPECT_EQ(ask("repin " + pin_ + " " + other_.path("flows.v1")), "EPERM");
  EXPECT_EQ(ask("mkdir " + other_.path("app.d")), "EPERM");
  EXPECT_EQ(ask("repin " + pin_ + " " + other_.path("flows-v1")), "ok");
}

TEST_F(PinFacts, ThereAreNoRegularFilesInABpffs) {
  EXPECT_EQ(ask("touch " + other_.path("file")), "EACCES");
  EXPECT_EQ(ask("symlink flows " + other_.path("link")), "ok");
}

TEST_F(PinFacts, AReadOnlyDescriptorCannotBeMappedIntoMemory) {
  MapSpec spec;
  spec.type = MapSpec::Type::kMmapableArray;
  const std::string array = instance_.path("array");
  pins_.map(array, spec);
  EXPECT_EQ(ask("mmap " + array), "ok");
  EXPECT_EQ(ask("mmap-ro " + array), "EINVAL");
  EXPECT_EQ(ask("mmap-ro-write " + array), "EACCES");
  spec.type = MapSpec::Type::kRingBuffer;
  const std::string ring = instance_.path("ring");
  pins_.map(ring, spec);
  EXPECT_EQ(ask("mmap-ro " + ring), "EINVAL");
}

TEST_F(PinFacts, ALinkOpensOnlyForWritingAndMayThenBeDetached) {
  const std::string link = instance_.path("link");
  pins_.link(link);
  EXPECT_EQ(ask("get-ro " + link), "EINVAL");
  EXPECT_EQ(ask("get-rw " + link), "ok");
  EXPECT_EQ(ask("link-detach " + link), "ok");
}

// Why one can be granted for reading: its output is there, and no descriptor of the link, which
// would take another program.
TEST_F(PinFacts, AnIteratorBehindAReadOnlySuperblockIsReadAndDoesNotOpen) {
  if (const char* why = no_iterators()) GTEST_SKIP() << why;
  const std::string iterator = instance_.path("iterator");
  pins_.object(make_iterator(), iterator);
  EXPECT_THAT(ask("cat " + iterator), testing::StartsWith("ok map map "));
  EXPECT_EQ(ask("get-rw " + iterator), "ok");
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_THAT(ask("cat " + iterator), testing::StartsWith("ok map map "));
  for (const char* open : {"get-rw ", "get-wo ", "link-detach "})
    EXPECT_EQ(ask(open + iterator), "EROFS") << open;
  EXPECT_EQ(ask("get-ro " + iterator), "EINVAL");
  EXPECT_EQ(ask("repin " + iterator + " " + elsewhere_), "EINVAL");
  EXPECT_EQ(ask("repin-rw " + iterator + " " + elsewhere_), "EROFS");
  EXPECT_EQ(ask("touch " + iterator), "EROFS");
  EXPECT_EQ(ask("link-update " + pin_ + " " + iterator), "EROFS");
}

TEST_F(PinFacts, AnotherLinkCannotBeReadAsAFile) {
  const std::string link = instance_.path("link");
  pins_.link(link);
  EXPECT_EQ(ask("cat " + link), "EIO");
}

TEST_F(PinFacts, AProgramOpensForReading) {
  const std::string program = instance_.path("program");
  pins_.program(program);
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(ask("get-ro " + program), "ok");
  EXPECT_EQ(ask("get-rw " + program), "EROFS");
}

TEST_F(PinFacts, ABindMountKeepsShowingTheMapThatWasReplaced) {
  const std::string place = directory_.write("place", "");
  const Mounted shown = Mounted::bind(pin_, place);
  const uint32_t old_id = map_id(pin_);
  pins_.remove(pin_);
  pins_.map(pin_);
  ASSERT_NE(map_id(pin_), old_id);
  EXPECT_EQ(map_id(place), old_id);
}

// What the attributes of a view's pins rest on.
class AttributeFacts : public PinFacts {
 protected:
  void SetUp() override {
    PinFacts::SetUp();
    const auto directory = open_at(AT_FDCWD, directory_.path() + "/instance", O_PATH | O_DIRECTORY);
    ASSERT_TRUE(directory.has_value());
    const auto written = kernel::write_attributes(directory->get(), "flows", attributes_);
    ASSERT_TRUE(written.has_value()) << written.error().sentence();
    read_ = kernel::read_attributes(directory->get(), "flows");
    if (*written) return;
    const int errnum = kernel::is_without_attributes(errno) ? EOPNOTSUPP : errno;
    ASSERT_EQ(errnum, EOPNOTSUPP);
    record_fallback("whose a view is stands in its record only");
    GTEST_SKIP() << "this kernel keeps no attributes of pins (Linux 7.2 does)";
  }

  [[nodiscard]] std::string of_container(const std::string& command,
                                         const std::string& value = "") const {
    return command + " " + pin_ + " " + kernel::kContainerAttribute +
           (value.empty() ? "" : " " + value);
  }

  const kernel::PinAttributes attributes_ = {"web", "/sys/fs/bpf/flows",
                                             "policy \"reader\" at reader.yaml:11:7"};
  kernel::PinAttributes read_;
};

TEST_F(AttributeFacts, AreKeptAndReadBack) {
  EXPECT_EQ(read_, attributes_);
  EXPECT_EQ(ask(of_container("attribute")), "ok web");
  ASSERT_EQ(rename(pin_.c_str(), instance_.path("again").c_str()), 0);
  EXPECT_EQ(ask("attribute " + instance_.path("again") + " " + kernel::kContainerAttribute),
            "ok web");
  ASSERT_EQ(rename(instance_.path("again").c_str(), pin_.c_str()), 0);
}

TEST_F(AttributeFacts, AreWrittenOnlyByRootOfTheMachine) {
  for (const std::string identity : {"unshare user", "keep-caps 8000000000"})
    EXPECT_THAT(ask_all({identity, of_container("set-attribute", "other"),
                         of_container("remove-attribute"), of_container("attribute")}),
                ElementsAre("ok", "EPERM", "EPERM", "ENODATA"))
        << identity;
  EXPECT_EQ(ask(of_container("attribute")), "ok web");
}

TEST_F(AttributeFacts, DoNotChangeBehindAReadOnlySuperblockWhoeverAsks) {
  instance_.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(ask(of_container("set-attribute", "other")), "EROFS");
  EXPECT_EQ(ask(of_container("remove-attribute")), "EROFS");
  EXPECT_EQ(ask(of_container("attribute")), "ok web");
}

TEST_F(PinFacts, AnObjectIsFoundByItsIdOnlyByRootOfTheMachine) {
  const std::string by_id = "map-by-id " + std::to_string(map_id(pin_));
  EXPECT_EQ(ask(by_id), "ok");
  EXPECT_THAT(ask_all({"unshare user", by_id, "next-map-id 0"}),
              ElementsAre("ok", "EPERM", "EPERM"));
  EXPECT_THAT(ask_all({"keep-caps " + std::string(kCapBpf), "map-create", by_id, "next-map-id 0"}),
              ElementsAre("ok", "ok", "EPERM", "EPERM"))
      << "CAP_BPF is not enough";
}

TEST_F(PinFacts, ABpffsCannotBeMountedByRootOfAUserNamespace) {
  EXPECT_THAT(ask_all({"unshare user,mount", "mount-bpf " + directory_.path()}),
              ElementsAre("ok", "EPERM"));
}

TEST_F(PinFacts, ASubdirectoryShowsNothingThatTheKernelPutsIntoAnInstance) {
  ASSERT_EQ(mkdir(instance_.path("view").c_str(), 0755), 0);
  EXPECT_EQ(ask("ls " + instance_.path("view")), "ok");
  if (ask("ls " + other_.path()) == "ok") record_answer("yes; this one puts nothing there");
}

}  // namespace
}  // namespace pinscope::test
