// What the record of an earlier start is to this one. What is written and taken back is tested with
// real containers: tests/engines/lifecycle_test.cc, tests/fault/one_id_test.cc.
#include "plugin/pipeline/ledger.h"

#include <gtest/gtest.h>

namespace pinscope {
namespace {

using model::Record;

Record record_of(pid_t pid, uint64_t process_start, uint64_t mount_namespace,
                 Record::State state = Record::State::kApplied) {
  Record record;
  record.given.id = "web-1";
  record.given.bundle = "/run/bundle";
  record.given.pid = pid;
  record.process_start = process_start;
  record.mount_namespace = mount_namespace;
  record.state = state;
  return record;
}

TEST(EarlierRecord, OfTheSameProcessInTheSameNamespaceIsThisStart) {
  const auto now = record_of(7, 100, 4026, Record::State::kIntended);
  EXPECT_EQ(compare(record_of(7, 100, 4026), now, true), Earlier::kThisStart);
}

TEST(EarlierRecord, OfAHookThatWasKilledIsNoView) {
  const auto now = record_of(7, 100, 4026, Record::State::kIntended);
  EXPECT_EQ(compare(record_of(7, 100, 4026, Record::State::kIntended), now, true),
            Earlier::kRunning);
  EXPECT_EQ(compare(record_of(7, 100, 4026, Record::State::kIntended), now, false),
            Earlier::kEnded);
}

TEST(EarlierRecord, OfAProcessThatIsGoneHasEnded) {
  EXPECT_EQ(compare(record_of(6, 50, 4000), record_of(7, 100, 4026), false), Earlier::kEnded);
}

TEST(EarlierRecord, OfAnotherProcessThatRunsIsAnotherContainers) {
  EXPECT_EQ(compare(record_of(6, 50, 4000), record_of(7, 100, 4026), true), Earlier::kRunning);
  // The number of the process alone says nothing.
  EXPECT_EQ(compare(record_of(7, 50, 4000), record_of(7, 100, 4026), true), Earlier::kRunning);
}

TEST(EarlierRecord, OfAProcessThatLeftItsMountNamespaceHasEnded) {
  EXPECT_EQ(compare(record_of(7, 100, 4000), record_of(7, 100, 4026), true), Earlier::kEnded);
}

TEST(EarlierView, HasToHaveComeFromAllPoliciesThatSelectNow) {
  const std::vector<model::Rule> readers = {{"readers", {"a.yaml", 1, 1}}};
  const std::vector<model::Rule> both = {{"readers", {"a.yaml", 1, 1}},
                                         {"writers", {"b.yaml", 1, 1}}};
  EXPECT_TRUE(check_same_view(readers, readers));
  EXPECT_TRUE(check_same_view(readers, both));
  const auto missing = check_same_view(both, readers);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().sentence(),
            "cannot add policy \"writers\" at b.yaml:1:1 to this view: an earlier hook of this "
            "start made the view without it (give all hooks of a container the same options, "
            "--engine above all)");
}

}  // namespace
}  // namespace pinscope
