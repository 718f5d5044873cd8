// Finding records: several of one id, those of a bundle, and what a glance at a file tells.
#include <fcntl.h>
#include <sys/stat.h>

#include "plugin/record/record_json.h"
#include "tests/support/machine/snapshot.h"
#include "tests/unit/record/store_fixture.h"

namespace pinscope::record {
namespace {

using model::Record;
using test::check;
using testing::ElementsAre;
using testing::IsEmpty;

Record of_bundle(const std::string& bundle, pid_t pid) {
  Record record = a_record("web");
  record.given.bundle = bundle;
  record.given.pid = pid;
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
  EXPECT_EQ(find(store, "web")->record.given.pid, 2);
  // The id's own name is free again, and what stands beside it still counts.
  EXPECT_EQ(error_of(store.begin(of_bundle("/run/b/web", 3)), ErrorCode::kRecordConflict),
            "cannot begin a record for container \"web\": there is one already (`pinscope gc` "
            "removes those of containers that are gone)");
  EXPECT_EQ(find(store, "web")->record.given.pid, 2);
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
  EXPECT_EQ(find(store, "web")->record.given.pid, 1);
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
  record.given.bundle = std::string(4000, 'b');
  record.mount_namespace = record.process_start = UINT64_MAX;
  const auto second = store.begin(record);
  ASSERT_TRUE(second) << second.error().sentence();
  EXPECT_EQ(store.find(record.given.id)->found.size(), 2U);
}

// An id may look like a name of the store.
TEST_F(RecordStore, TakesNoIdForAnotherOnesDirectory) {
  const Store store = open();
  ASSERT_TRUE(store.begin(of_bundle("/run/a", 1)));
  ASSERT_TRUE(store.begin(of_bundle("/run/b", 2)));
  for (const std::string id : {"web.more", "web.json", ".1.tmp", "web.more.json"}) {
    ASSERT_TRUE(store.begin(a_record(id))) << id;
    EXPECT_EQ(find(store, id)->record.given.id, id);
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
  EXPECT_EQ(trace->pid, record.given.pid);
  EXPECT_EQ(trace->process_start, record.process_start);
  EXPECT_EQ(trace->mount_namespace, record.mount_namespace);
  EXPECT_FALSE(trace_of(text.substr(0, 100)));
  EXPECT_FALSE(trace_of(""));
  // A number that is cut may be another one.
  EXPECT_FALSE(trace_of(R"({"pid":12,"process_start":3,"mount_namespace":45)"));
  EXPECT_FALSE(trace_of(R"({"pid":99999999999,"process_start":3,"mount_namespace":45,)"));
  Record hostile = record;
  hostile.given.id = R"(","pid":1,"process_start":1,"mount_namespace":1,"x":")";
  EXPECT_EQ(trace_of(to_json(hostile))->pid, record.given.pid);
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

}  // namespace
}  // namespace pinscope::record
