// The store: what is trusted, what is atomic, what a crash leaves.
#include "plugin/record/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "plugin/record/record_json.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/unit/record/store_fixture.h"

namespace pinscope::record {
namespace {

using model::Record;
using test::check;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uid_t kNobody = 65534;

TEST_F(RecordStore, MakesItsDirectoriesForRootAlone) {
  open();
  EXPECT_EQ(mode_of("state"), 0700U);
  EXPECT_EQ(mode_of("state/containers"), 0700U);
}

TEST_F(RecordStore, KeepsOneRecordForEachContainer) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("web-1")));
  ASSERT_TRUE(store.begin(a_record("web")));
  ASSERT_TRUE(store.begin(a_record("web.2")));
  EXPECT_EQ(mode_of("state/containers/web-1.json"), 0600U);
  EXPECT_EQ(find(store, "web-1")->record.given.id, "web-1");
  EXPECT_FALSE(find(store, "web-2").has_value());
  const auto all = store.all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records.size(), 3U);
  EXPECT_EQ(all->records[0].given.id, "web");
  EXPECT_EQ(all->records[1].given.id, "web-1");
  EXPECT_EQ(all->records[2].given.id, "web.2");
  EXPECT_THAT(all->unreadable, IsEmpty());
}

TEST_F(RecordStore, RefusesASecondBeginAndKeepsTheFirst) {
  const Store store = open();
  Record first = a_record("web-1");
  first.given.pid = 1;
  ASSERT_TRUE(store.begin(first));
  EXPECT_EQ(error_of(store.begin(a_record("web-1")), ErrorCode::kRecordConflict),
            "cannot begin a record for container \"web-1\": there is one already (`pinscope gc` "
            "removes those of containers that are gone)");
  EXPECT_EQ(find(store, "web-1")->record.given.pid, 1);
  EXPECT_THAT(*store.leftovers(), IsEmpty());
}

TEST_F(RecordStore, ReplacesARecordOnUpdate) {
  const Store store = open();
  Record record = a_record("web-1");
  record.state = Record::State::kIntended;
  auto held = store.begin(record);
  ASSERT_TRUE(held);
  record.state = Record::State::kApplied;
  ASSERT_TRUE(store.update(record, *held));
  EXPECT_EQ(find(store, "web-1")->record.state, Record::State::kApplied);
}

TEST_F(RecordStore, RemovesARecordOnceAndForgivesTheSecondTime) {
  const Store store = open();
  const auto held = store.begin(a_record("web-1"));
  ASSERT_TRUE(held);
  EXPECT_TRUE(store.remove(*held));
  EXPECT_TRUE(store.remove(*held));
  EXPECT_FALSE(find(store, "web-1").has_value());
  EXPECT_TRUE(store.begin(a_record("web-1")));
}

// Somebody looked at a record, and a later start with the same id has put its own in its place.
TEST_F(RecordStore, RemovesOnlyTheRecordThatWasLookedAt) {
  const Store store = open();
  const auto first = store.begin(a_record("web-1"));
  const auto seen = find(store, "web-1");
  ASSERT_TRUE(first && seen);
  ASSERT_TRUE(store.remove(*first));
  Record second = a_record("web-1");
  second.given.pid = 2;
  ASSERT_TRUE(store.begin(second));
  EXPECT_TRUE(store.remove(seen->held));
  EXPECT_TRUE(store.remove(*first));
  ASSERT_TRUE(find(store, "web-1").has_value());
  EXPECT_EQ(find(store, "web-1")->record.given.pid, 2);
}

TEST_F(RecordStore, RemovesARecordThatWasCompletedSinceOnlyForWhoCompletedIt) {
  const Store store = open();
  auto own = store.begin(a_record("web-1"));
  const auto seen = find(store, "web-1");
  ASSERT_TRUE(own && seen);
  ASSERT_TRUE(store.update(a_record("web-1"), *own));
  EXPECT_TRUE(store.remove(seen->held));
  EXPECT_TRUE(find(store, "web-1").has_value());
  EXPECT_TRUE(store.remove(*own));
  EXPECT_FALSE(find(store, "web-1").has_value());
}

// A hook that is slow, whose container ended and was started again meanwhile.
TEST_F(RecordStore, CompletesNoRecordThatIsAnotherStarts) {
  const Store store = open();
  auto slow = store.begin(a_record("web-1"));
  ASSERT_TRUE(slow);
  ASSERT_TRUE(store.remove(*slow));
  const std::string expected =
      "cannot complete the record of container \"web-1\": it is not there any more (its process "
      "has ended, and another container may have its id)";
  EXPECT_EQ(error_of(store.update(a_record("web-1"), *slow), ErrorCode::kRecordConflict), expected);
  EXPECT_FALSE(find(store, "web-1").has_value());
  Record second = a_record("web-1");
  second.given.pid = 2;
  ASSERT_TRUE(store.begin(second));
  EXPECT_EQ(error_of(store.update(a_record("web-1"), *slow), ErrorCode::kRecordConflict), expected);
  EXPECT_EQ(find(store, "web-1")->record.given.pid, 2);
}

TEST_F(RecordStore, DiscardsNothingThatCanBeRead) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("web-1")));
  EXPECT_TRUE(store.discard("web-1.json"));
  EXPECT_TRUE(find(store, "web-1").has_value());
  directory_.write("state/containers/web-1.json", "{");
  EXPECT_TRUE(store.discard("web-1.json"));
  EXPECT_FALSE(find(store, "web-1").has_value());
}

TEST_F(RecordStore, IsEmptyWhereThereIsNone) {
  const Store store = open(false);
  EXPECT_THAT(test::files_below(directory_.path()), IsEmpty());
  EXPECT_FALSE(find(store, "web-1").has_value());
  EXPECT_THAT(store.all()->records, IsEmpty());
  EXPECT_THAT(*store.leftovers(), IsEmpty());
  Store::Held none;
  EXPECT_TRUE(store.remove(none));
  const std::string expected =
      "cannot write the record of container \"web-1\": the state directory was not there when it "
      "was opened";
  EXPECT_EQ(error_of(store.begin(a_record("web-1"))), expected);
  EXPECT_EQ(error_of(store.update(a_record("web-1"), none)), expected);
}

TEST_F(RecordStore, TakesIdsOnlyThatAreFileNames) {
  const Store store = open();
  directory_.write("outside.json", "{}");
  for (const std::string id : {"../../outside", "..", ".", "", "a/b", "/"}) {
    const std::string expected =
        "cannot find a record for \"" + id + "\": that is not an id of a container";
    EXPECT_EQ(error_of(store.begin(a_record(id))), expected);
    Store::Held none;
    EXPECT_EQ(error_of(store.update(a_record(id), none)), expected);
    ASSERT_FALSE(store.find(id));
    EXPECT_EQ(store.find(id).error().sentence(), expected);
  }
  EXPECT_EQ(error_of(store.discard("../outside.json")),
            "cannot remove record \"../outside.json\": that is not a file name");
  EXPECT_EQ(test::read_file(directory_.path("outside.json")), "{}");
  EXPECT_TRUE(store.begin(a_record(std::string(250, 'a'))));
}

TEST_F(RecordStore, RefusesADirectoryThatOthersMayChange) {
  const std::string way_out = " (it must be owned by root and writable by root alone)";
  directory_.make_directory("state", 0770);
  EXPECT_EQ(open_error(),
            "cannot trust \"" + state_ + "\": others may write it (mode 0770)" + way_out);
  check(::chmod(state_.c_str(), 0700), "chmod");
  check(::chown(state_.c_str(), kNobody, 0), "chown");
  EXPECT_EQ(open_error(false),
            "cannot trust \"" + state_ + "\": it is owned by uid 65534" + way_out);
  check(::chown(state_.c_str(), 0, 0), "chown");
  directory_.make_directory("state/containers", 0722);
  EXPECT_EQ(open_error(), "cannot trust \"" + state_ +
                              "/containers\": others may write it (mode 0722)" + way_out);
}

TEST_F(RecordStore, RefusesALinkInPlaceOfTheRecords) {
  directory_.make_directory("state", 0700);
  directory_.make_directory("elsewhere", 0700);
  check(::symlink("../elsewhere", directory_.path("state/containers").c_str()), "symlink");
  EXPECT_EQ(open_error(), "cannot open \"" + state_ + "/containers\": Not a directory");
}

TEST_F(RecordStore, NamesWhatIsInTheWay) {
  directory_.write("state", "a file");
  EXPECT_EQ(open_error(), "cannot open \"" + state_ + "\": Not a directory");
}

TEST_F(RecordStore, ReportsWhatItCannotReadAndGoesOn) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("good")));
  directory_.write("state/containers/empty.json", "");
  directory_.write("state/containers/half.json", to_json(a_record("half")).substr(0, 100));
  directory_.write("state/containers/other.json", to_json(a_record("somebody")));
  directory_.write("state/containers/notes.txt", "x");
  check(::mkfifo(directory_.path("state/containers/fifo.json").c_str(), 0600), "mkfifo");
  check(::symlink("good.json", directory_.path("state/containers/link.json").c_str()), "symlink");
  const auto all = store.all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records.size(), 1U);
  EXPECT_EQ(all->records[0].given.id, "good");
  EXPECT_THAT(all->unreadable_files, ElementsAre("empty.json", "fifo.json", "half.json",
                                                 "link.json", "notes.txt", "other.json"));
  std::vector<std::string> sentences;
  for (const auto& error : all->unreadable) {
    EXPECT_EQ(error.code(), ErrorCode::kRecord);
    sentences.push_back(error.sentence());
  }
  const auto path = [&](const std::string& name) {
    return "\"" + state_ + "/containers/" + name + "\"";
  };
  EXPECT_THAT(
      sentences,
      ElementsAre(
          "cannot read " + path("empty.json") + ": 1:1: The document is empty",
          "cannot read " + path("fifo.json") + ": 1:1: The document is empty",
          "cannot read " + path("half.json") +
              ": 1:101: Missing a closing quotation mark in string",
          "cannot open " + path("link.json") + ": Too many levels of symbolic links",
          "cannot read " + path("notes.txt") + ": 1:1: Invalid value",
          "cannot read " + path("other.json") + ": it is the record of container \"somebody\""));
  for (const auto& name : all->unreadable_files) EXPECT_TRUE(store.discard(name));
  EXPECT_THAT(store.all()->unreadable, IsEmpty());
  EXPECT_EQ(store.all()->records.size(), 1U);
}

TEST_F(RecordStore, ReportsARecordThatCannotBeReadWhenItIsAskedFor) {
  const Store store = open();
  directory_.write("state/containers/web-1.json", "{");
  const std::string damage =
      "cannot read \"" + state_ + "/containers/web-1.json\": 1:2: Missing a name for object member";
  const auto of_id = store.find("web-1");
  ASSERT_TRUE(of_id);
  EXPECT_THAT(of_id->found, IsEmpty());
  EXPECT_THAT(of_id->unreadable_files, ElementsAre("web-1.json"));
  EXPECT_EQ(of_id->unreadable.front().sentence(), damage);
  EXPECT_EQ(error_of(store.begin(a_record("web-1"))),
            damage +
                " (`pinscope gc` removes it if its container cannot be alive, `pinscope gc "
                "--damaged` whatever it is)");
}

TEST_F(RecordStore, FindsWhatAKilledWriterLeft) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("web-1")));
  // Its number is somebody else's by now: ours.
  const std::string left = "." + std::to_string(::gettid()) + "-1.tmp";
  // No process here has the number of its writer, who is in another PID namespace.
  const std::string at_work = ".4999999-1.tmp";
  directory_.write("state/containers/" + left, "half");
  const Fd written(check(
      ::open(directory_.write("state/containers/" + at_work, "half").c_str(), O_WRONLY | O_CLOEXEC),
      "open"));
  EXPECT_THAT(store.all()->unreadable, IsEmpty());
  EXPECT_THAT(*store.leftovers(), ElementsAre(left));
  EXPECT_TRUE(store.discard(at_work));
  EXPECT_TRUE(store.discard(left));
  EXPECT_THAT(*store.leftovers(), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(directory_.path("state/containers/" + at_work)));
}

TEST_F(RecordStore, NeverShowsHalfARecord) {
  const Store store = open();
  Record record = a_record("web-1");
  const model::PinnedObject pin = record.given.pins.front();
  record.given.pins.assign(2000, pin);
  auto held = store.begin(record);
  ASSERT_TRUE(held);
  const pid_t writer = check(::fork(), "fork");
  if (writer == 0) {
    for (int i = 0; i < 200; ++i)
      if (!store.update(record, *held)) ::_exit(1);
    ::_exit(0);
  }
  int status = -1;
  int reads = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) {
    const auto all = store.all();
    ASSERT_TRUE(all);
    ASSERT_THAT(all->unreadable, IsEmpty());
    ASSERT_EQ(all->records.size(), 1U);
    ++reads;
  }
  EXPECT_EQ(status, 0);
  EXPECT_GT(reads, 0);
}

TEST_F(RecordStore, LeavesNothingWhenTheFileSystemIsFull) {
  directory_.make_directory("state", 0700);
  check(::mount("tmpfs", state_.c_str(), "tmpfs", 0, "size=64k,mode=0700"), "mount tmpfs");
  {
    const Store store = open();
    Record record = a_record("web-1");
    record.given.pins.assign(5000, record.given.pins.front());
    EXPECT_EQ(error_of(store.begin(record)),
              "keep a record in \"" + state_ +
                  "/containers\": cannot write \"web-1.json\": No space left on device");
    EXPECT_THAT(store.all()->unreadable, IsEmpty());
    EXPECT_THAT(test::files_below(state_ + "/containers"), IsEmpty());
  }
  check(::umount2(state_.c_str(), 0), "umount");
}

TEST_F(RecordStore, GoesOnAfterItsPathIsHidden) {
  const Store store = open();
  check(::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, ""), "mount tmpfs");
  auto began = store.begin(a_record("web-1"));
  const bool updated = began && store.update(a_record("web-1"), *began).has_value();
  const bool found = store.find("web-1").has_value();
  check(::umount2(directory_.path().c_str(), 0), "umount");
  EXPECT_TRUE(began.has_value());
  EXPECT_TRUE(updated);
  EXPECT_TRUE(found);
  EXPECT_TRUE(find(store, "web-1").has_value());
}

}  // namespace
}  // namespace pinscope::record
