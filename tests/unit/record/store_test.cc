// The store: what is trusted, what is atomic, what a crash leaves.
#include "plugin/record/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <optional>

#include "tests/support/check.h"
#include "tests/support/snapshot.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using model::Record;
using test::check;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uid_t kNobody = 65534;

Record a_record(const std::string& id) {
  Record record = a_full_record();
  record.id = id;
  return record;
}

class RecordStore : public testing::Test {
 protected:
  Store open(bool create = true) {
    auto store = Store::open(state_, create);
    if (!store) throw std::runtime_error(store.error().sentence());
    return *std::move(store);
  }
  std::string open_error(bool create = true) {
    const auto store = Store::open(state_, create);
    if (store) return "no error";
    EXPECT_EQ(store.error().code(), ErrorCode::kRecord);
    return store.error().sentence();
  }
  template <typename T>
  static std::string error_of(const Result<T>& status, ErrorCode code = ErrorCode::kRecord) {
    if (status) return "no error";
    EXPECT_EQ(status.error().code(), code);
    return status.error().sentence();
  }
  mode_t mode_of(const std::string& name) {
    struct stat status {};
    check(::stat(directory_.path(name).c_str(), &status), "stat " + name);
    return status.st_mode & 07777U;
  }

  // The only record of this id; nothing if there is none.
  static std::optional<Store::Found> find(const Store& store, const std::string& id) {
    auto of_id = store.find(id);
    EXPECT_TRUE(of_id);
    EXPECT_LE(of_id->found.size(), 1U);
    if (!of_id || of_id->found.empty()) return std::nullopt;
    return std::move(of_id->found.front());
  }

  test::TempDirectory directory_;
  std::string state_ = directory_.path("state");
};

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
  EXPECT_EQ(find(store, "web-1")->record.id, "web-1");
  EXPECT_FALSE(find(store, "web-2").has_value());
  const auto all = store.all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records.size(), 3U);
  EXPECT_EQ(all->records[0].id, "web");
  EXPECT_EQ(all->records[1].id, "web-1");
  EXPECT_EQ(all->records[2].id, "web.2");
  EXPECT_THAT(all->unreadable, IsEmpty());
}

TEST_F(RecordStore, RefusesASecondBeginAndKeepsTheFirst) {
  const Store store = open();
  Record first = a_record("web-1");
  first.pid = 1;
  ASSERT_TRUE(store.begin(first));
  EXPECT_EQ(error_of(store.begin(a_record("web-1")), ErrorCode::kRecordConflict),
            "cannot begin a record for container \"web-1\": there is one already (`pinscope gc` "
            "removes those of containers that are gone)");
  EXPECT_EQ(find(store, "web-1")->record.pid, 1);
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
  second.pid = 2;
  ASSERT_TRUE(store.begin(second));
  EXPECT_TRUE(store.remove(seen->held));
  EXPECT_TRUE(store.remove(*first));
  ASSERT_TRUE(find(store, "web-1").has_value());
  EXPECT_EQ(find(store, "web-1")->record.pid, 2);
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
  second.pid = 2;
  ASSERT_TRUE(store.begin(second));
  EXPECT_EQ(error_of(store.update(a_record("web-1"), *slow), ErrorCode::kRecordConflict), expected);
  EXPECT_EQ(find(store, "web-1")->record.pid, 2);
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
  EXPECT_EQ(all->records[0].id, "good");
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

Record of_bundle(const std::string& bundle, pid_t pid) {
  Record record = a_record("web");
  record.bundle = bundle;
  record.pid = pid;
  return record;
}

// Two runtimes, or two roots of one, know nothing of each other's ids.
TEST_F(RecordStore, KeepsContainersOfOneIdApartByTheirBundles) {
  const Store store = open();
  auto first = store.begin(of_bundle("/run/a/web", 1));
  auto second = store.begin(of_bundle("/run/b/web", 2));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(store.all()->records.size(), 2U);
  error_of(store.begin(of_bundle("/run/a/web", 3)), ErrorCode::kRecordConflict);
  error_of(store.begin(of_bundle("/run/b/web", 3)), ErrorCode::kRecordConflict);
  ASSERT_TRUE(store.update(of_bundle("/run/b/web", 2), *second));
  ASSERT_TRUE(store.remove(*first));
  EXPECT_EQ(find(store, "web")->record.pid, 2);
  // The id's own name is free again, and what stands beside it still counts.
  EXPECT_EQ(error_of(store.begin(of_bundle("/run/b/web", 3)), ErrorCode::kRecordConflict),
            "cannot begin a record for container \"web\": there is one already (`pinscope gc` "
            "removes those of containers that are gone)");
  EXPECT_EQ(find(store, "web")->record.pid, 2);
  ASSERT_TRUE(store.remove(*second));
  EXPECT_THAT(test::files_below(state_ + "/containers"), IsEmpty());
}

TEST_F(RecordStore, KeepsAContainerBesideOneOfItsIdAndBundleThatIsKnownToBeAnother) {
  const Store store = open();
  ASSERT_TRUE(store.begin(of_bundle("/run/web", 1)));
  const auto second = store.begin_beside(of_bundle("/run/web", 2));
  ASSERT_TRUE(second);
  error_of(store.begin_beside(of_bundle("/run/web", 2)), ErrorCode::kRecordConflict);
  EXPECT_EQ(store.find("web")->found.size(), 2U);
  ASSERT_TRUE(store.remove(*second));
  EXPECT_EQ(find(store, "web")->record.pid, 1);
}

TEST_F(RecordStore, KnowsABundleByItsDirectory) {
  const std::string bundle = directory_.make_directory("bundle");
  check(::symlink(bundle.c_str(), directory_.path("link").c_str()), "symlink");
  const Store store = open();
  ASSERT_TRUE(store.begin(of_bundle(bundle, 1)));
  error_of(store.begin(of_bundle(directory_.path("link"), 2)), ErrorCode::kRecordConflict);
}

TEST_F(RecordStore, KeepsTheNamesOfFilesShortForTheLongestId) {
  const Store store = open();
  Record record = a_record(std::string(model::kLongestId, 'a'));
  ASSERT_TRUE(store.begin(record));
  record.bundle = std::string(4000, 'b');
  record.mount_namespace = record.process_start = UINT64_MAX;
  const auto second = store.begin(record);
  ASSERT_TRUE(second) << second.error().sentence();
  EXPECT_EQ(store.find(record.id)->found.size(), 2U);
}

// An id may look like a name of the store.
TEST_F(RecordStore, TakesNoIdForAnotherOnesDirectory) {
  const Store store = open();
  ASSERT_TRUE(store.begin(of_bundle("/run/a", 1)));
  ASSERT_TRUE(store.begin(of_bundle("/run/b", 2)));
  for (const std::string id : {"web.more", "web.json", ".1.tmp", "web.more.json"}) {
    ASSERT_TRUE(store.begin(a_record(id))) << id;
    EXPECT_EQ(find(store, id)->record.id, id);
  }
  EXPECT_EQ(store.find("web")->found.size(), 2U);
  EXPECT_EQ(store.all()->records.size(), 6U);
  EXPECT_THAT(store.all()->unreadable, IsEmpty());
}

TEST_F(RecordStore, DiscardsWhatIsDamagedBesideAnId) {
  const Store store = open();
  directory_.write("state/containers/web.more/1-2-3.json", "{");
  EXPECT_THAT(store.all()->unreadable_files, ElementsAre("web.more/1-2-3.json"));
  EXPECT_TRUE(store.discard("web.more/1-2-3.json"));
  EXPECT_THAT(test::files_below(state_ + "/containers"), IsEmpty());
  error_of(store.discard("web.more/../x"));
  error_of(store.discard("web.more/.."));
}

TEST_F(RecordStore, SeesAProcessInTheStartOfARecord) {
  const Record record = a_record("web");
  const std::string text = to_json(record);
  const auto trace = trace_of(text.substr(0, text.find("\"engine\"")));
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->pid, record.pid);
  EXPECT_EQ(trace->process_start, record.process_start);
  EXPECT_EQ(trace->mount_namespace, record.mount_namespace);
  EXPECT_FALSE(trace_of(text.substr(0, 100)));
  EXPECT_FALSE(trace_of(""));
  // A number that is cut may be another one.
  EXPECT_FALSE(trace_of(R"({"pid":12,"process_start":3,"mount_namespace":45)"));
  EXPECT_FALSE(trace_of(R"({"pid":99999999999,"process_start":3,"mount_namespace":45,)"));
  Record hostile = record;
  hostile.id = R"(","pid":1,"process_start":1,"mount_namespace":1,"x":")";
  EXPECT_EQ(trace_of(to_json(hostile))->pid, record.pid);
}

TEST_F(RecordStore, NotesThatAProcessWasGone) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("web")));
  EXPECT_FALSE(store.glance("web.json")->noted_gone);
  store.note_gone("web.json");
  EXPECT_TRUE(store.glance("web.json")->noted_gone);
  EXPECT_TRUE(store.is_due(std::chrono::hours(0)));
  EXPECT_FALSE(store.is_due(std::chrono::hours(1)));
}

TEST_F(RecordStore, FindsWhatAKilledWriterLeft) {
  const Store store = open();
  ASSERT_TRUE(store.begin(a_record("web-1")));
  const pid_t child = check(::fork(), "fork");
  if (child == 0) ::_exit(0);
  check(::waitpid(child, nullptr, 0), "waitpid");
  const std::string dead = "." + std::to_string(child) + ".tmp";
  const std::string alive = "." + std::to_string(::getpid()) + ".tmp";
  directory_.write("state/containers/" + dead, "half");
  directory_.write("state/containers/" + alive, "half");
  EXPECT_THAT(store.all()->unreadable, IsEmpty());
  EXPECT_THAT(*store.leftovers(), ElementsAre(dead));
  EXPECT_TRUE(store.discard(dead));
  EXPECT_THAT(*store.leftovers(), IsEmpty());
}

TEST_F(RecordStore, NeverShowsHalfARecord) {
  const Store store = open();
  Record record = a_record("web-1");
  const model::PinnedObject pin = record.pins.front();
  record.pins.assign(2000, pin);
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
    record.pins.assign(5000, record.pins.front());
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
