// `pinscope metrics` beside real containers: what starts, refusals and changes do to the numbers.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "plugin/base/text.h"
#include "plugin/metrics/exposition.h"
#include "plugin/metrics/families.h"
#include "plugin/metrics/gather.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kPromtool = PINSCOPE_ENGINES_DIR "/prometheus/usr/bin/promtool";

constexpr const char* kTwoGrants =
    "select: {}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows}\n"
    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"
    "  - {pin: /sys/fs/bpf/not-there, missing: skip}\n";

class Metrics : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    installation_.write_policy(policy_text(kTwoGrants));
  }

  CommandResult take(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> argv = {kPinscope,     "metrics",
                                     "--policy",    installation_.policy_directory(),
                                     "--cache-dir", installation_.cache_directory(),
                                     "--state-dir", installation_.state_directory(),
                                     "--audit",     installation_.audit_path()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return test::run(std::move(argv));
  }

  // Each series with its value as text.
  std::map<std::string, std::string> numbers() {
    const auto result = take();
    EXPECT_EQ(result.status, 0) << result;
    std::map<std::string, std::string> all;
    for (const auto line : split(result.out, '\n')) {
      const size_t space = line.rfind(' ');
      if (line.starts_with('#') || space == std::string_view::npos) continue;
      all.emplace(line.substr(0, space), line.substr(space + 1));
    }
    return all;
  }

  // A container that stays.
  void start() {
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    container_.probe({"sleep 100"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
    is_started_ = true;
  }
  void end() {
    if (!is_started_) return;
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
    is_started_ = false;
  }
  void TearDown() override { end(); }

  bool is_started_ = false;
};

TEST_P(Metrics, CountWhatARunningContainerHas) {
  start();
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_views{engine="unknown",state="running"})"], "1");
  EXPECT_EQ(all[R"(pinscope_grants{access="read",source="current"})"], "1");
  EXPECT_EQ(all[R"(pinscope_grants{access="read-write",source="current"})"], "1");
  EXPECT_EQ(all[R"(pinscope_grants{access="read",source="skipped"})"], "1");
  EXPECT_EQ(all[R"(pinscope_policy_views{policy="test"})"], "1");
  EXPECT_EQ(all[R"(pinscope_policies_state{state="current"})"], "1");
  EXPECT_EQ(all[R"(pinscope_audit_lines_total{outcome="granted"})"], "1");
  EXPECT_EQ(all[R"(pinscope_audit_lines_total{outcome="policy-accepted"})"], "1");
  EXPECT_EQ(all[R"(pinscope_granted_pins_total{access="read"})"], "1");
  EXPECT_EQ(all[R"(pinscope_granted_pins_total{access="read-write"})"], "1");
  EXPECT_EQ(all["pinscope_skipped_grants_total"], "1");
  EXPECT_EQ(all[R"(pinscope_hook_duration_seconds_count{stage="createRuntime"})"], "1");
  EXPECT_NE(all[R"(pinscope_map_max_entries{pin="/sys/fs/bpf/flows"})"], "");
  EXPECT_NE(all[R"(pinscope_map_max_entries{pin="/sys/fs/bpf/flows"})"], "0");
  EXPECT_EQ(all["pinscope_void_views"], "0");
  EXPECT_EQ(all["pinscope_audit_unread_bytes"], "0");
}

TEST_P(Metrics, FollowWhatHappensToItsSourceAndItsProcess) {
  start();
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  pins_.remove("/sys/fs/bpf/counters");
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_grants{access="read",source="stale"})"], "1");
  EXPECT_EQ(all[R"(pinscope_grants{access="read-write",source="gone"})"], "1");
  EXPECT_EQ(all.count(R"(pinscope_map_max_entries{pin="/sys/fs/bpf/flows"})"), 0U);
  end();  // no hook at poststop
  all = numbers();
  EXPECT_EQ(all[R"(pinscope_views{engine="unknown",state="gone"})"], "1");
  EXPECT_EQ(all[R"(pinscope_views{engine="unknown",state="running"})"], "0");
  EXPECT_EQ(all[R"(pinscope_grants{access="read",source="stale"})"], "0");
  EXPECT_EQ(all[R"(pinscope_leftovers{kind="record"})"], "1");
  ASSERT_THAT(installation_.run_gc(), Succeeds());
  all = numbers();
  EXPECT_EQ(all[R"(pinscope_leftovers{kind="record"})"], "0");
  EXPECT_EQ(all[R"(pinscope_audit_lines_total{outcome="collected"})"], "1");
}

TEST_P(Metrics, CountRefusedStartsByCodeAndPoliciesThatAreNotInForce) {
  installation_.write_policy(
      policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/not-there}\n"));
  EXPECT_NE(run({"id"}).status, 0);
  EXPECT_NE(run({"id"}).status, 0);
  installation_.write_policy("no policy");
  EXPECT_NE(run({"id"}).status, 0);  // by the last good set
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_start_failures_total{code="source-missing"})"], "3");
  EXPECT_EQ(all[R"(pinscope_start_failures_total{code="void-view"})"], "0");
  EXPECT_EQ(all[R"(pinscope_policies_state{state="refused"})"], "1");
  EXPECT_EQ(all["pinscope_policies"], "1");
  EXPECT_EQ(all[R"(pinscope_audit_lines_total{outcome="policy-rejected"})"], "1");
}

TEST_P(Metrics, CountWhatThePoliciesWouldMakeOfARunningContainerNow) {
  start();
  EXPECT_EQ(numbers()[R"(pinscope_drift{kind="extra"})"], "0");
  installation_.write_policy(policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_drift{kind="extra"})"], "1");
  EXPECT_EQ(all[R"(pinscope_drift{kind="wider"})"], "0");
}

// Before a container starts, and so before a set is refused.
TEST_P(Metrics, TellABrokenEditBeforeTheNextStart) {
  start();
  EXPECT_EQ(numbers()[R"(pinscope_drift{kind="last-good"})"], "0");
  installation_.write_policy("no policy");
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_drift{kind="last-good"})"], "1");
  EXPECT_EQ(all[R"(pinscope_drift{kind="extra"})"], "0");
  EXPECT_EQ(all[R"(pinscope_policies_state{state="changed"})"], "1");
}

TEST_P(Metrics, CountWhatTheInventoryHasSomebodyLookAt) {
  start();
  auto all = numbers();
  EXPECT_EQ(all[R"(pinscope_notices{kind="stale"})"], "0");
  EXPECT_EQ(all[R"(pinscope_notices{kind="leftover"})"], "0");
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_NE(numbers()[R"(pinscope_notices{kind="stale"})"], "0");
  end();
  EXPECT_EQ(numbers()[R"(pinscope_notices{kind="leftover"})"], "1");
}

TEST_P(Metrics, CountContainersThatSeeABpffsOfTheHost) {
  installation_.write_policy(
      policy_text("select: {}\nview: {at: /run/bpf, hostBpffs: allow}\ngrants: []\n"));
  container_.spec.mounts.push_back(
      {.destination = "/host-bpf", .type = "bind", .source = "/sys/fs/bpf", .options = {"bind"}});
  start();
  EXPECT_EQ(numbers()[R"(pinscope_notices{kind="exposed"})"], "1");
}

TEST_P(Metrics, MissATrailWhoseDirectoryIsNotThere) {
  const auto result =
      test::run({kPinscope, "metrics", "--policy", installation_.policy_directory(), "--cache-dir",
                 installation_.cache_directory(), "--state-dir", installation_.state_directory(),
                 "--audit", "/nosuch/audit.jsonl"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot use --audit \"/nosuch/audit.jsonl\""));
  EXPECT_THAT(result.out, HasSubstr("pinscope_collection_success{part=\"audit\"} 0"));
  EXPECT_THAT(result.out, HasSubstr("pinscope_collection_success{part=\"drift\"} 1"));
}

// The counters go on through everything that happens to a trail.
TEST_P(Metrics, CountEachStartOnce) {
  const auto starts = [&] { return numbers()[R"(pinscope_audit_lines_total{outcome="granted"})"]; };
  EXPECT_THAT(run({"id"}), Succeeds());
  EXPECT_EQ(starts(), "1");
  EXPECT_EQ(starts(), "1");
  EXPECT_THAT(run({"id"}), Succeeds());
  std::filesystem::rename(installation_.audit_path(), installation_.audit_path() + ".1");
  EXPECT_THAT(run({"id"}), Succeeds());
  EXPECT_EQ(starts(), "3");
  std::filesystem::remove(installation_.audit_path() + ".1");
  EXPECT_EQ(starts(), "3");
  EXPECT_EQ(numbers()["pinscope_audit_losses_total"], "0");
  EXPECT_EQ(numbers()["pinscope_audit_damaged_lines_total"], "0");
}

TEST_P(Metrics, KeepTheirCountersWhereRootAloneReadsThem) {
  EXPECT_THAT(run({"id"}), Succeeds());
  (void)numbers();
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(installation_.cache_directory())) {
    if (!file.path().filename().string().starts_with("metrics-")) continue;
    struct stat status {};
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << file.path();
    if (file.path().extension() != ".json") continue;
    ++files;
    // Somebody else's numbers count as none.
    ASSERT_EQ(::chown(file.path().c_str(), 1, 1), 0);
  }
  EXPECT_EQ(files, 1U);
  const auto result = take();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("it must be owned by root"));
  EXPECT_THAT(result.out, HasSubstr("pinscope_audit_losses_total 1"));
  EXPECT_THAT(result.out, HasSubstr("pinscope_audit_lines_total{outcome=\"granted\"} 1"));
}

TEST_P(Metrics, AreWrittenAsAWholeForANodeExporter) {
  start();
  const TempDirectory directory(0755);
  const std::string path = directory.path("pinscope.prom");
  const auto result = take({"--textfile", path});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  EXPECT_THAT(read_file(path), HasSubstr("pinscope_views{engine=\"unknown\",state=\"running\"} 1"));
  size_t files = 0;
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(directory.path()))
    ++files;
  EXPECT_EQ(files, 1U);
  const auto other = take({"--textfile", directory.path("pinscope.txt")});
  EXPECT_EQ(other.status, 2) << other;
  EXPECT_THAT(other.err, HasSubstr("node exporters read files whose name ends with .prom"));
}

TEST_P(Metrics, SayWhichPartCouldNotBeLookedAt) {
  std::filesystem::create_directories(installation_.audit_path());
  const auto result = take();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("audit.jsonl"));
  EXPECT_THAT(result.out, HasSubstr("pinscope_collection_success{part=\"audit\"} 0"));
  EXPECT_THAT(result.out, HasSubstr("pinscope_collection_success{part=\"records\"} 1"));
  EXPECT_THAT(result.out, Not(HasSubstr("pinscope_start_failures_total{")));
}

// Containers whose way to the view does not answer take time; what is left over is told as such.
TEST_P(Metrics, HaveATimeForAllContainersTogether) {
  start();
  const auto here = std::filesystem::current_path();
  const auto gathered = metrics::gather({.policy_path = installation_.policy_directory(),
                                         .cache_directory = installation_.cache_directory(),
                                         .state_directory = installation_.state_directory(),
                                         .audit_path = installation_.audit_path(),
                                         .time_for_records = std::chrono::milliseconds(0)});
  std::filesystem::current_path(here);
  ASSERT_EQ(gathered.failed.size(), 1U);
  EXPECT_EQ(gathered.failed.front().sentence(),
            "cannot look at every view: there was no time for 1 container (pinscope list takes the "
            "time)");
  const auto text =
      metrics::to_text(metrics::families(gathered.facts), metrics::Format::kPrometheus);
  EXPECT_THAT(text, HasSubstr("pinscope_views{engine=\"unknown\",state=\"view-not-seen\"} 1"));
  EXPECT_THAT(text, HasSubstr("pinscope_grants{access=\"read\",source=\"unknown\"} 2"));
}

// Prometheus' own parser, and its rules for names.
TEST_P(Metrics, AreWhatPrometheusCallsGoodMetrics) {
  if (!has_program(kPromtool)) GTEST_SKIP() << "promtool is not in build/engines/prometheus";
  start();
  const auto checked = Command({kPromtool, "check", "metrics"}).input(take().out).run();
  EXPECT_EQ(checked.status, 0) << checked;
  EXPECT_EQ(checked.out + checked.err, "");
}

PINSCOPE_EACH_RUNTIME(Metrics);

}  // namespace
}  // namespace pinscope::test
