// Opening sources: pins of the host, found without following a link, and judged by what the policy
// expects and by what their kind and type allow.
#include "plugin/kernel/bpf/source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/kernel/sys.h"
#include "plugin/policy/decide/grantable.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/programs.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using model::Access;
using testing::HasSubstr;

class Sources : public testing::Test {
 protected:
  HostPins pins_;
  TempDirectory directory_;
  Fd descriptors_ = *kernel::open_descriptor_directory();
  kernel::SourceOpener opener_{descriptors_.get(), policy::ObjectJudge()};

  static model::GrantedPin grant(const std::string& source, Access access = Access::kRead) {
    model::GrantedPin granted;
    granted.source = source;
    granted.name = "flows";
    granted.access = access;
    return granted;
  }

  // "" if it opens.
  std::string error_of(const model::GrantedPin& granted) {
    const auto opened = opener_.open(granted);
    if (opened) return "";
    code_ = opened.error().code();
    return opened.error().sentence();
  }
  ErrorCode code_ = ErrorCode::kInternal;
};

// Whoever may write the directory has renamed it meanwhile, and put another one in its place.
TEST_F(Sources, GiveTheVeryObjectThatWasLookedAtAhead) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/other");
  const auto looked_at = opener_.open(grant("/sys/fs/bpf/flows"));
  ASSERT_TRUE(looked_at);
  ASSERT_TRUE(opener_.look(grant("/sys/fs/bpf/flows")));
  ASSERT_EQ(rename("/sys/fs/bpf/other", "/sys/fs/bpf/flows"), 0);
  const auto opened = opener_.open(grant("/sys/fs/bpf/flows"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->info.id, looked_at->info.id);
  const auto again = opener_.open(grant("/sys/fs/bpf/flows"));
  ASSERT_TRUE(again);
  EXPECT_NE(again->info.id, looked_at->info.id) << "it is given once";
}

TEST_F(Sources, OpenAMapWithTheAccessOfTheGrant) {
  pins_.map("/sys/fs/bpf/flows");
  const uint32_t key = 1;
  const uint64_t value = 7;
  const auto update = [&](int map) {
    union bpf_attr attributes {};
    attributes.map_fd = static_cast<uint32_t>(map);
    attributes.key = reinterpret_cast<uintptr_t>(&key);
    attributes.value = reinterpret_cast<uintptr_t>(&value);
    return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes);
  };
  const auto readable = opener_.open(grant("/sys/fs/bpf/flows"));
  ASSERT_TRUE(readable) << readable.error().sentence();
  EXPECT_EQ(readable->info.id, map_id("/sys/fs/bpf/flows"));
  EXPECT_EQ(readable->info.key_size, 4U);
  EXPECT_EQ(readable->info.value_size, 8U);
  EXPECT_EQ(update(readable->object.get()), -1);
  const auto writable = opener_.open(grant("/sys/fs/bpf/flows", Access::kReadWrite));
  ASSERT_TRUE(writable) << writable.error().sentence();
  EXPECT_EQ(update(writable->object.get()), 0);
}

TEST_F(Sources, ReportAPinThatIsNotThere) {
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/flows")),
            "cannot open source pin \"/sys/fs/bpf/flows\": No such file or directory");
  EXPECT_EQ(code_, ErrorCode::kSourceMissing);
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/no/such/flows")),
            "cannot open source pin \"/sys/fs/bpf/no/such/flows\": No such file or directory");
  EXPECT_EQ(code_, ErrorCode::kSourceMissing);
}

TEST_F(Sources, RefuseASymbolicLinkInPlaceOfAPin) {
  pins_.map("/sys/fs/bpf/keys");
  ASSERT_EQ(symlink("keys", "/sys/fs/bpf/flows"), 0);
  EXPECT_EQ(
      error_of(grant("/sys/fs/bpf/flows")),
      "cannot open source pin \"/sys/fs/bpf/flows\": it is a symbolic link (name the pin that "
      "it points to)");
  EXPECT_EQ(code_, ErrorCode::kSourceMismatch);
  ASSERT_EQ(unlink("/sys/fs/bpf/flows"), 0);
}

TEST_F(Sources, RefuseASymbolicLinkInPlaceOfADirectory) {
  pins_.map("/sys/fs/bpf/secret/flows");
  ASSERT_EQ(symlink("secret", "/sys/fs/bpf/app"), 0);
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/app/flows")),
            "cannot open source pin \"/sys/fs/bpf/app/flows\": a directory above it is a symbolic "
            "link (write the path without links)");
  EXPECT_EQ(code_, ErrorCode::kSourceMismatch);
  ASSERT_EQ(unlink("/sys/fs/bpf/app"), 0);
}

TEST_F(Sources, RefuseWhatIsNoPin) {
  const std::string file = directory_.write("flows", "");
  EXPECT_EQ(error_of(grant(file)),
            "cannot open source pin \"" + file + "\": Permission denied (it is not a BPF pin)");
  EXPECT_EQ(code_, ErrorCode::kSourceMismatch);
  pins_.directory("/sys/fs/bpf/app");
  EXPECT_EQ(
      error_of(grant("/sys/fs/bpf/app")),
      "cannot open source pin \"/sys/fs/bpf/app\": it is a directory (for all pins below it, the "
      "policy has to say \"/sys/fs/bpf/app/**\")");
  ASSERT_EQ(mkfifo(directory_.path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(error_of(grant(directory_.path("fifo"))),
            "cannot open source pin \"" + directory_.path("fifo") +
                "\": Permission denied (it is not a BPF pin)");
}

TEST_F(Sources, ListEveryDifferenceFromWhatThePolicyExpects) {
  pins_.map("/sys/fs/bpf/flows");
  auto granted = grant("/sys/fs/bpf/flows");
  granted.expect.kind = model::ObjectKind::kMap;
  granted.expect.map_type = BPF_MAP_TYPE_ARRAY;
  granted.expect.key_size = 8;
  granted.expect.value_size = 16;
  granted.expect.max_entries = 32;
  granted.expect.object_name = "flow_table";
  EXPECT_EQ(error_of(granted),
            "cannot grant \"/sys/fs/bpf/flows\": the object is not what the policy expects: type "
            "\"hash\", expected \"array\"; key size 4, expected 8; value size 8, expected 16; max "
            "entries 16, expected 32; name \"test_map\", expected \"flow_table\"");
  EXPECT_EQ(code_, ErrorCode::kSourceMismatch);
}

TEST_F(Sources, TellAProgramFromAMap) {
  pins_.program("/sys/fs/bpf/parser");
  auto granted = grant("/sys/fs/bpf/parser");
  granted.expect.kind = model::ObjectKind::kMap;
  granted.expect.object_name = "parser";
  EXPECT_EQ(error_of(granted),
            "cannot grant \"/sys/fs/bpf/parser\": the object is not what the policy expects: kind "
            "\"program\", expected \"map\"; name \"test_prog\", expected \"parser\"");
}

TEST_F(Sources, RefuseARingBufferForReading) {
  MapSpec spec;
  spec.type = MapSpec::Type::kRingBuffer;
  pins_.map("/sys/fs/bpf/events", spec);
  EXPECT_EQ(
      error_of(grant("/sys/fs/bpf/events")),
      "cannot grant \"/sys/fs/bpf/events\": a ringbuf is read through a memory map, which a "
      "descriptor for reading refuses (access: read-write is the right to read it, which takes the "
      "records away from others)");
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/events", Access::kReadWrite)), "");
}

TEST_F(Sources, RefuseAnotherObjectThanTheOneThatWasComparedWithDenials) {
  pins_.map("/sys/fs/bpf/flows");
  auto compared = grant("/sys/fs/bpf/flows");
  compared.object = model::ObjectIdentity{model::ObjectKind::kMap, map_id("/sys/fs/bpf/flows")};
  EXPECT_EQ(error_of(compared), "");
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_EQ(
      error_of(compared),
      "cannot grant \"/sys/fs/bpf/flows\": it is another object than the one that was compared "
      "with what is denied (it was replaced while the container was starting; start it again)");
  EXPECT_EQ(code_, ErrorCode::kSourceMismatch);
  compared.object = model::ObjectIdentity{};
  EXPECT_NE(error_of(compared), "") << "there was none";
}

TEST_F(Sources, RefuseATypeOfMapThatIsNotKnown) {
  model::ObjectInfo info;
  info.type = 99;
  for (const Access access : {Access::kRead, Access::kReadWrite}) {
    const auto checked = policy::ObjectJudge()(grant("/sys/fs/bpf/new", access), info);
    ASSERT_FALSE(checked);
    EXPECT_EQ(
        checked.error().sentence(),
        "cannot grant \"/sys/fs/bpf/new\": it is a map of type 99, and this Pinscope knows "
        "types up to 35 (rhash) (a newer Pinscope may know it; until then it is granted in no "
        "way)");
  }
}

TEST_F(Sources, RefuseToReadAMapBesideOneThatItCanBePutInto) {
  MapSpec spec;
  spec.type = MapSpec::Type::kHashOfMaps;
  pins_.map("/sys/fs/bpf/outer", spec);
  pins_.map("/sys/fs/bpf/flows");
  const auto outer = grant("/sys/fs/bpf/outer", Access::kReadWrite);
  const auto flows = grant("/sys/fs/bpf/flows");
  const std::string why =
      "access: read of \"/sys/fs/bpf/flows\" would not hold beside read-write of "
      "\"/sys/fs/bpf/outer\", a hash_of_maps: the container can put the one into the other, whose "
      "owner's programs write it (grant the one that holds maps for reading, or give the two to "
      "different containers)";
  EXPECT_EQ(error_of(outer), "");
  EXPECT_EQ(error_of(flows), "cannot grant \"/sys/fs/bpf/flows\": " + why);
  opener_ = kernel::SourceOpener(descriptors_.get(), policy::ObjectJudge());
  EXPECT_EQ(error_of(flows), "");
  EXPECT_EQ(error_of(outer), "cannot grant \"/sys/fs/bpf/outer\": " + why);
  opener_ = kernel::SourceOpener(descriptors_.get(), policy::ObjectJudge());
  EXPECT_EQ(error_of(flows), "");
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/outer")), "") << "without writing it, nothing is put there";
}

TEST_F(Sources, GiveAProgramForUseOnly) {
  pins_.program("/sys/fs/bpf/filter");
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/filter", Access::kUse)), "");
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/filter")),
            "cannot grant \"/sys/fs/bpf/filter\": it is a program, which cannot be granted with "
            "access: read: whoever has it may run and attach it (grant it with access: use, or say "
            "expect: {kind: map} if a map was meant)");
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
  EXPECT_THAT(error_of(grant("/sys/fs/bpf/filter", Access::kReadWrite)),
              HasSubstr("cannot be granted with access: read-write"));
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
}

TEST_F(Sources, GiveNothingElseForUse) {
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/flows", Access::kUse)),
            "cannot grant \"/sys/fs/bpf/flows\": access: use is for programs, and it is a map "
            "(grant it with access: read or read-write)");
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
  pins_.link("/sys/fs/bpf/attached");
  EXPECT_THAT(error_of(grant("/sys/fs/bpf/attached", Access::kUse)),
              HasSubstr("a link opens only with access: read-write"));
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
}

TEST_F(Sources, GiveNoProgramThatReachesTheWholeMachine) {
  for (const uint32_t type : {2U, 5U, 7U, 17U, 20U, 24U, 26U, 27U, 28U, 29U, 31U, 99U}) {
    model::ObjectInfo info;
    info.kind = model::ObjectKind::kProgram;
    info.type = type;
    const auto checked = policy::ObjectJudge()(grant("/sys/fs/bpf/x", Access::kUse), info);
    ASSERT_FALSE(checked) << type;
    EXPECT_EQ(checked.error().code(), ErrorCode::kAccessUnsupported);
    EXPECT_THAT(checked.error().sentence(), HasSubstr("is granted to no container: "));
  }
}

TEST_F(Sources, RefuseALinkForReading) {
  pins_.link("/sys/fs/bpf/attached");
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/attached")),
            "cannot open source pin \"/sys/fs/bpf/attached\": Invalid argument (a link opens only "
            "with access: read-write, or, for reading, with expect: {kind: link, type: iter})");
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
  EXPECT_EQ(error_of(grant("/sys/fs/bpf/attached", Access::kReadWrite)), "");
}

TEST_F(Sources, GiveAnIteratorForReadingToWhoeverSaysThatItIsOne) {
  if (const char* why = no_iterators()) GTEST_SKIP() << why;
  pins_.object(make_iterator(), "/sys/fs/bpf/all_maps");
  auto granted = grant("/sys/fs/bpf/all_maps");
  EXPECT_THAT(error_of(granted), HasSubstr("Invalid argument (a link opens only"));
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
  granted.expect.kind = model::ObjectKind::kLink;
  EXPECT_EQ(error_of(granted), "");
  const auto opened = opener_.open(granted);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->info.kind, model::ObjectKind::kLink);
  EXPECT_EQ(opened->info.type, model::kIteratorLink);
}

TEST_F(Sources, GiveNoOtherLinkForReading) {
  pins_.link("/sys/fs/bpf/attached");
  auto granted = grant("/sys/fs/bpf/attached");
  granted.expect.kind = model::ObjectKind::kLink;
  EXPECT_EQ(error_of(granted),
            "cannot grant \"/sys/fs/bpf/attached\": a link opens only for writing (grant it with "
            "access: read-write, which includes the right to detach it)");
  EXPECT_EQ(code_, ErrorCode::kAccessUnsupported);
}

TEST_F(Sources, TellWhatIsPinnedWhateverItOpensFor) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.program("/sys/fs/bpf/filter");
  pins_.link("/sys/fs/bpf/attached");
  const auto kind_of = [&](const std::string& path) {
    const auto info = opener_.info(path);
    return info ? std::string(name_of(info->kind)) : std::string(code_name(info.error().code()));
  };
  EXPECT_EQ(kind_of("/sys/fs/bpf/flows"), "map");
  EXPECT_EQ(kind_of("/sys/fs/bpf/filter"), "program");
  EXPECT_EQ(kind_of("/sys/fs/bpf/attached"), "link");
  EXPECT_EQ(kind_of("/sys/fs/bpf/none"), "source-missing");
  const std::string file = directory_.write("plain", "");
  EXPECT_EQ(kind_of(file), "source-mismatch");
}

TEST_F(Sources, SayWhatToDoWhereTheHostsFileSystemIsReadOnly) {
  Mounted instance = Mounted::bpf(directory_.make_directory("instance"));
  const std::string path = instance.path("flows");
  pins_.map(path);
  instance.change(MS_REMOUNT | MS_RDONLY);
  EXPECT_EQ(error_of(grant(path, Access::kReadWrite)),
            "cannot open source pin \"" + path +
                "\": Read-only file system (its file system is read-only: it can be granted for "
                "reading)");
  EXPECT_EQ(error_of(grant(path)), "");
}

TEST_F(Sources, GiveThePinThatWasOpenedThoughItsNameWasReplaced) {
  pins_.map("/sys/fs/bpf/flows");
  const auto opened = opener_.open(grant("/sys/fs/bpf/flows", Access::kReadWrite));
  ASSERT_TRUE(opened) << opened.error().sentence();
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_EQ(map_id("/proc/self/fd/" + std::to_string(opened->pin.get())), opened->info.id);
}

}  // namespace
}  // namespace pinscope::test
