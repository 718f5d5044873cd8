// This process stands for a container's: its root is the host's, and a plain directory stands for
// the view, because only names are looked at.
#include "plugin/inventory/live.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/kernel/process/credentials.h"
#include "plugin/kernel/process/process.h"

namespace pinscope::inventory {
namespace {

using model::Record;

class Live : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pinscope-live-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    directory_ = path;
    here_ = std::filesystem::current_path();
  }
  void TearDown() override {
    std::filesystem::current_path(here_);
    std::filesystem::remove_all(directory_);
  }

  Record own_record() const {
    Record record;
    record.state = Record::State::kApplied;
    record.given.id = "web-1";
    record.given.pid = ::getpid();
    record.process_start = kernel::process_start_time(record.given.pid);
    record.at = directory_;
    return record;
  }

  static model::PinnedObject pin(const std::string& name) {
    model::PinnedObject pin;
    pin.grant.name = name;
    pin.grant.source = "/sys/fs/bpf/there-is-no-such-pin";
    pin.object.id = 1;
    return pin;
  }

  static inventory::Live examine(const Record& record) {
    const auto examiner = Examiner::open("/nonexistent");
    EXPECT_TRUE(examiner.has_value());
    return examiner->examine(record);
  }

  void touch(const std::string& name) const { std::ofstream(directory_ + "/" + name) << ""; }

  std::string directory_;
  std::filesystem::path here_;
};

TEST_F(Live, FindsItsOwnProcessRunning) {
  const auto record = own_record();
  EXPECT_EQ(process_of(record), ProcessState::kRunning);
  EXPECT_EQ(summary(record, examine(record)), "running");
}

TEST_F(Live, TakesAReusedProcessNumberForGone) {
  auto record = own_record();
  ++record.process_start;
  EXPECT_EQ(process_of(record), ProcessState::kGone);
  EXPECT_EQ(summary(record, examine(record)), "gone");
}

TEST_F(Live, TakesARecordWithoutProcessForGone) {
  auto record = own_record();
  record.given.pid = 0;
  EXPECT_EQ(process_of(record), ProcessState::kGone);
  record.given.pid = ::getpid();
  record.process_start = 0;
  EXPECT_EQ(process_of(record), ProcessState::kGone);
}

TEST_F(Live, TakesAProcessThatWaitsForItsParentForGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  auto record = own_record();
  record.given.pid = child;
  record.process_start = kernel::process_start_time(child);
  EXPECT_EQ(process_of(record), ProcessState::kGone);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_F(Live, LooksAtManyAsAtEachAlone) {
  touch("flows");
  auto whole = own_record();
  whole.given.pins = {pin("flows")};
  auto lacking = whole;
  lacking.given.pins.push_back(pin("counters"));
  auto gone = whole;
  ++gone.process_start;
  auto intended = whole;
  intended.state = Record::State::kIntended;
  const std::vector<Record> records = {gone, lacking, intended, whole};
  const auto examiner = Examiner::open("/nonexistent");
  ASSERT_TRUE(examiner.has_value());
  const auto looks = examiner->examine_all(records);
  EXPECT_EQ(looks.left_over, 0U);
  ASSERT_EQ(looks.lives.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const auto alone = examiner->examine(records[i]);
    EXPECT_EQ(looks.lives[i].process, alone.process) << i;
    EXPECT_EQ(looks.lives[i].view, alone.view) << i;
    EXPECT_EQ(looks.lives[i].missing_names, alone.missing_names) << i;
    ASSERT_EQ(looks.lives[i].pins.size(), alone.pins.size()) << i;
    EXPECT_EQ(looks.lives[i].pins.front().source, alone.pins.front().source) << i;
  }
  EXPECT_EQ(looks.lives[0].process, ProcessState::kGone);
  EXPECT_EQ(looks.lives[1].missing_names, std::vector<std::string>{"counters"});
  EXPECT_EQ(looks.lives[2].view, ViewState::kUnknown);
  EXPECT_EQ(looks.lives[3].view, ViewState::kPresent);
}

TEST_F(Live, LeavesOverWhatThereIsNoTimeFor) {
  auto record = own_record();
  touch("flows");
  record.given.pins = {pin("flows")};
  const std::vector<Record> records = {record, record};
  const auto examiner = Examiner::open("/nonexistent");
  ASSERT_TRUE(examiner.has_value());
  const auto looks = examiner->examine_all(records, std::chrono::steady_clock::now());
  EXPECT_EQ(looks.left_over, 2U);
  for (const auto& live : looks.lives) {
    EXPECT_EQ(live.process, ProcessState::kRunning);
    EXPECT_EQ(live.view, ViewState::kUnknown);
    ASSERT_EQ(live.pins.size(), 1U);
    EXPECT_EQ(live.pins.front().source, SourceState::kUnknown);
  }
  EXPECT_TRUE(examiner->examine_all({}).lives.empty());
}

// /proc/PID of such a process has no root, no mounts and no namespaces.
TEST_F(Live, TakesAProcessWhoseFirstThreadHasEndedForRunning) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    std::thread([] {
      for (;;) ::pause();
    }).detach();
    ::syscall(SYS_exit, 0);
  }
  const std::string root = "/proc/" + std::to_string(child) + "/root";
  std::error_code error;
  for (int i = 0; i < 1000 && !error; ++i) {
    (void)std::filesystem::read_symlink(root, error);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_TRUE(error);
  auto record = own_record();
  record.given.pid = child;
  record.process_start = kernel::process_start_time(child);
  EXPECT_NE(record.process_start, 0U);
  EXPECT_EQ(process_of(record), ProcessState::kRunning);
  touch("flows");
  record.given.pins = {pin("flows")};
  EXPECT_EQ(examine(record).view, ViewState::kPresent);
  EXPECT_FALSE(kernel::ends_within(child, std::chrono::milliseconds(10)));
  const auto process = kernel::ContainerProcess::open(child);
  ASSERT_TRUE(process.has_value()) << process.error().sentence();
  EXPECT_EQ(process->mount_namespace(), kernel::own_namespace(model::NamespaceKind::kMount));
  EXPECT_EQ(process->start_time(), record.process_start);
  const int proc = ::open("/proc", O_PATH | O_DIRECTORY);
  const auto credentials = kernel::read_credentials(proc, child);
  ::close(proc);
  ASSERT_TRUE(credentials.has_value()) << credentials.error().sentence();
  EXPECT_TRUE(credentials->hosts_user_namespace);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(process_of(record), ProcessState::kGone);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_F(Live, FindsTheNamesOfTheViewInTheContainersRoot) {
  auto record = own_record();
  std::filesystem::create_directory(directory_ + "/_rw");
  touch("flows");
  touch("_rw/counters");
  std::filesystem::create_symlink("_rw/counters", directory_ + "/counters");
  record.given.pins = {pin("flows"), pin("counters")};
  EXPECT_EQ(examine(record).view, ViewState::kPresent);
}

TEST_F(Live, KnowsNothingOfASealWhoseInstanceIsMountedNowhere) {
  auto record = own_record();
  record.instances = {{model::InstanceType::kBpf, 0, 0, true, {}},
                      {model::InstanceType::kTmpfs, 0, 0, false, {}}};
  const auto live = examine(record);
  using Seals = std::vector<std::optional<SealState>>;
  EXPECT_EQ(live.seals, (Seals{SealState::kUnknown, std::nullopt}));
  EXPECT_FALSE(live.seal_is_broken());
}

TEST_F(Live, NamesWhatIsMissingFromTheView) {
  auto record = own_record();
  touch("flows");
  record.given.pins = {pin("flows"), pin("counters")};
  const auto live = examine(record);
  EXPECT_EQ(live.view, ViewState::kMissing);
  EXPECT_THAT(live.missing_names, testing::ElementsAre("counters"));
  EXPECT_EQ(summary(record, live), "view missing");

  auto unseen = live;
  unseen.view = ViewState::kUnknown;
  EXPECT_EQ(summary(record, unseen), "view not seen");
}

TEST_F(Live, DoesNotMissWhatWasSkipped) {
  auto record = own_record();
  auto skipped = pin("flows");
  skipped.skipped = true;
  record.given.pins = {skipped};
  const auto live = examine(record);
  EXPECT_EQ(live.view, ViewState::kPresent);
  EXPECT_EQ(live.pins.at(0).source, SourceState::kSkipped);
  EXPECT_EQ(live.stale_count(), 0U);
  EXPECT_EQ(live.waiting_count(), 0U);
}

TEST_F(Live, CountsWhatTheViewWaitsFor) {
  auto record = own_record();
  auto waiting = pin("flows");
  waiting.skipped = true;
  waiting.grant.missing = model::Missing::kWait;
  record.given.pins = {waiting};
  const auto live = examine(record);
  EXPECT_EQ(live.pins.at(0).source, SourceState::kWaiting);
  EXPECT_EQ(live.waiting_count(), 1U);
  EXPECT_EQ(live.stale_count(), 0U);
}

TEST_F(Live, ExpectsNoViewWhereNothingWasThereToBeGiven) {
  auto record = own_record();
  record.at = "/not-there";
  auto skipped = pin("flows");
  skipped.skipped = true;
  record.given.pins = {skipped};
  EXPECT_EQ(examine(record).view, ViewState::kPresent);
  record.given.pins.clear();
  record.followed = {{"/sys/fs/bpf/app/*", {}}};
  EXPECT_EQ(examine(record).view, ViewState::kPresent);
  record.followed.clear();
  EXPECT_EQ(examine(record).view, ViewState::kMissing);
}

TEST_F(Live, FollowsNoLinkOutOfTheView) {
  auto record = own_record();
  std::filesystem::create_symlink("/proc/self/exe", directory_ + "/flows");
  std::filesystem::create_symlink("../../etc/passwd", directory_ + "/counters");
  record.given.pins = {pin("flows"), pin("counters")};
  EXPECT_THAT(examine(record).missing_names, testing::ElementsAre("flows", "counters"));
}

TEST_F(Live, CallsARecordOfAHookThatDidNotFinishIncomplete) {
  auto record = own_record();
  record.state = Record::State::kIntended;
  EXPECT_EQ(summary(record, examine(record)), "incomplete");
  ++record.process_start;
  EXPECT_EQ(summary(record, examine(record)), "gone");
}

TEST_F(Live, CountsAGrantWhoseSourceIsGoneAsStale) {
  auto record = own_record();
  touch("flows");
  record.given.pins = {pin("flows")};
  const auto live = examine(record);
  EXPECT_EQ(live.pins.at(0).source, SourceState::kGone);
  EXPECT_EQ(live.stale_count(), 1U);
}

TEST_F(Live, CallsASourceThatIsNoPinStaleAndSaysWhy) {
  auto record = own_record();
  touch("flows");
  record.given.pins = {pin("flows")};
  record.given.pins[0].grant.source = directory_ + "/flows";
  const auto live = examine(record);
  EXPECT_EQ(live.pins.at(0).source, SourceState::kStale);
  EXPECT_THAT(live.pins.at(0).problem, testing::HasSubstr("it is not a BPF pin"));
}

}  // namespace
}  // namespace pinscope::inventory
