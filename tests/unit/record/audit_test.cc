// The audit line, and the file it goes to.
#include "plugin/record/audit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/json/json.h"
#include "plugin/model/facts.h"
#include "plugin/record/audit_line.h"
#include "plugin/record/record_json.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(AuditLine, IsThisText) {
  model::AuditEvent event = a_full_event();
  event.given.identity = {};
  event.given.identity.kubernetes_namespace = model::Fact{"web", "annotation a, set by containerd"};
  event.given.pins.resize(3);
  EXPECT_EQ(
      to_json_line(event),
      R"({"time":"2025-11-26T00:00:00.123456Z","outcome":"granted","code":"","error":"",)"
      R"("stage":"createRuntime","container":{"id":"web-1","bundle":"/run/containers/web-1",)"
      R"("pid":4711,"engine":"containerd"},"identity":{"engine":{"value":"containerd",)"
      R"("established_by":"the hook's --engine option"},"kubernetes_namespace":{"value":"web",)"
      R"("established_by":"annotation a, set by containerd"}},"void":["cap-sys-admin","host-bpffs"],)"
      R"("policies":[{"policy":"writers",)"
      R"("file":"writers.yaml","line":2,"column":5},{"policy":"readers","file":"readers.yaml",)"
      R"("line":2,"column":5}],"pins":[)"
      R"({"name":"counters","source":"/sys/fs/bpf/counters","access":"read-write","values":"also",)"
      R"("kind":"map","type":"array","id":41,"rule":{"policy":"writers","file":"writers.yaml","line":9,)"
      R"("column":5}},)"
      R"({"name":"flows","source":"/sys/fs/bpf/flows","access":"read","values":"only",)"
      R"("kind":"map","type":"hash","id":42,"rule":{"policy":"readers","file":"readers.yaml","line":14,)"
      R"("column":5}},)"
      R"({"name":"later","source":"/sys/fs/bpf/later","access":"read","follow":true,"skipped":true,)"
      R"("waits":true,"rule":{"policy":"readers","file":"readers.yaml","line":14,"column":5}}],"refusals":[)"
      R"({"name":"tls","source":"/sys/fs/bpf/keys/tls","granted_by":{"policy":"readers",)"
      R"("file":"readers.yaml","line":14,"column":5},"denied_by":{"policy":"base",)"
      R"("file":"base.yaml","line":3,"column":5},"denied_as":"/sys/fs/bpf/keys/all"}],)"
      R"("values_at":"/run/values","duration_us":812})");
}

TEST(AuditLine, OfARefusalSaysWhatWentWrong) {
  EXPECT_EQ(to_json_line(a_refusal()),
            R"({"time":"2025-11-26T00:00:00.000000Z","outcome":"refused","code":"source-missing",)"
            R"("error":"cannot open pin \"/sys/fs/bpf/flows\": No such file or directory",)"
            R"("stage":"createRuntime","container":{"id":"web-1","bundle":"","pid":0,"engine":""},)"
            R"("identity":{},"policies":[],"pins":[],"refusals":[],"duration_us":0})");
}

TEST(AuditLine, SaysWhatWasTakenAway) {
  model::AuditEvent event = a_full_event();
  EXPECT_THAT(to_json_line(event), testing::Not(HasSubstr("hidden")));
  event.given.hidden = {"/sys/fs/bpf", "/host/bpf"};
  EXPECT_THAT(to_json_line(event), HasSubstr(R"(,"hidden":["/sys/fs/bpf","/host/bpf"],)"));
}

TEST(AuditLine, OfAConflictNamesBothRules) {
  model::AuditEvent event = a_refusal();
  event.rules = {a_rule("a", 3), a_rule("b", 7)};
  EXPECT_THAT(to_json_line(event),
              HasSubstr(R"("rules":[{"policy":"a","file":"a.yaml","line":3,"column":5},)"
                        R"({"policy":"b","file":"b.yaml","line":7,"column":5}],)"));
}

TEST(AuditLine, OfAnAcceptedSetNamesItsPoliciesUpToALimit) {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kPolicyAccepted;
  event.accepted = {
      .digest = "d", .names = {"a", "b"}, .added = {"a"}, .removed = {"c"}, .changed = {"b"}};
  EXPECT_THAT(to_json_line(event),
              HasSubstr(R"("accepted":{"digest":"d","count":2,"names":["a","b"],"added":["a"],)"
                        R"("removed":["c"],"changed":["b"]})"));
  event.accepted->names.assign(100000, "a-policy");
  event.accepted->added = event.accepted->removed = event.accepted->changed = event.accepted->names;
  const std::string line = to_json_line(event);
  EXPECT_LT(line.size(), size_t{256} << 10);
  EXPECT_THAT(line, HasSubstr(R"("count":100000)"));
  EXPECT_THAT(line, HasSubstr(R"("changed_left_out":)"));
  EXPECT_TRUE(JsonDocument::parse(line, "line", ErrorCode::kInternal));
}

TEST(AuditLine, NamesTheTypesOfProgramsAndLinks) {
  const std::string line = to_json_line(a_full_event());
  EXPECT_THAT(line, HasSubstr(R"("kind":"program","type":"xdp","id":4294967295)"));
  EXPECT_THAT(line, HasSubstr(R"("kind":"link","type":"cgroup","id":7)"));
}

TEST(AuditLine, NamesEveryOutcome) {
  using enum model::AuditEvent::Outcome;
  const std::pair<model::AuditEvent::Outcome, const char*> outcomes[] = {
      {kGranted, "granted"},
      {kRefused, "refused"},
      {kRemoved, "removed"},
      {kPolicyRejected, "policy-rejected"},
      {kPolicyAccepted, "policy-accepted"},
      {kCollected, "collected"},
      {kChanged, "changed"},
      {kNotChanged, "not-changed"}};
  for (const auto& [outcome, name] : outcomes) {
    model::AuditEvent event;
    event.outcome = outcome;
    EXPECT_THAT(to_json_line(event), HasSubstr("\"outcome\":\"" + std::string(name) + "\""));
  }
}

TEST(AuditLine, HoldsNoControlCharacterWhateverItIsGiven) {
  model::AuditEvent event = a_full_event();
  const std::string hostile = "a\nb\r\x1b[2J\x7f\xc2\x9b\xff{\"outcome\":\"granted\"}";
  event.stage = event.given.id = event.given.bundle = event.error = event.error_code = hostile;
  event.given.identity.image = model::Fact{hostile, hostile};
  event.given.selected_by[0] = a_rule(hostile, 1);
  event.given.pins[0].grant.name = event.given.pins[0].grant.source = hostile;
  event.given.refusals[0].name = hostile;
  const std::string line = to_json_line(event);
  for (const char byte : line) {
    EXPECT_GE(static_cast<unsigned char>(byte), 0x20);
    EXPECT_NE(byte, 0x7f);
  }
  EXPECT_EQ(line.find("\xc2\x9b"), std::string::npos);
  EXPECT_TRUE(JsonDocument::parse(line, "line", ErrorCode::kInternal));
}

TEST(AuditLine, DatesAreThoseOfTheCalendar) {
  const auto time_of = [](uint64_t seconds) {
    model::AuditEvent event;
    event.time_ns = seconds * 1'000'000'000;
    return to_json_line(event).substr(9, 27);
  };
  EXPECT_EQ(time_of(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(time_of(951782399), "2000-02-28T23:59:59.000000Z");
  EXPECT_EQ(time_of(951782400), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(time_of(4107542399), "2100-02-28T23:59:59.000000Z");
  EXPECT_EQ(time_of(4107542400), "2100-03-01T00:00:00.000000Z");
}

// What a tenant can choose: an annotation costs him nothing.
TEST(AuditLine, IsBoundedAndSaysWhatIsLeftOut) {
  model::AuditEvent event = a_refusal();
  const std::string huge(size_t{4} << 20, 'x');
  event.given.identity.image = model::Fact{huge, "annotation e, set by containerd"};
  event.error = event.given.bundle = huge;
  const std::string line = to_json_line(event);
  EXPECT_LT(line.size(), 10000U);
  EXPECT_THAT(line, HasSubstr(R"("image":{"value":")" + std::string(512, 'x') +
                              "... (4193792 more bytes)\",\"established_by\""));
  EXPECT_THAT(line,
              HasSubstr(R"("error":")" + std::string(4096, 'x') + "... (4190208 more bytes)\""));
  EXPECT_THAT(line, HasSubstr(R"("cut":true,"duration_us")"));
  EXPECT_TRUE(JsonDocument::parse(line, "line", ErrorCode::kInternal));
}

TEST(AuditLine, IsBoundedWhateverItIsGiven) {
  const std::string huge(100000, '\x01');
  model::AuditEvent event = a_full_event();
  event.given.id = event.given.bundle = event.error = event.stage = huge;
  for (const auto& [name, fact] : model::kFacts) event.given.identity.*fact = {huge, huge};
  const model::RefusedPin refusal{huge, huge, a_rule(huge, 1), a_rule(huge, 1), huge};
  model::PinnedObject pin = event.given.pins.front();
  pin.grant.name = pin.grant.source = huge;
  pin.grant.rule = a_rule(huge, 1);
  event.given.selected_by.assign(1000, a_rule(huge, 1));
  event.given.pins.assign(1000, pin);
  event.given.refusals.assign(1000, refusal);
  event.given.delegation = a_delegation();
  for (int i = 0; i < 1000; ++i)
    event.given.identity.kubernetes_labels.emplace_back(huge, model::Fact{huge, huge});
  std::string line = to_json_line(event);
  EXPECT_LT(line.size(), kLongestLine);
  EXPECT_TRUE(JsonDocument::parse(line, "line", ErrorCode::kInternal));
  event.given.selected_by.clear();
  event.given.pins.clear();
  event.given.refusals.clear();
  line = to_json_line(event);
  EXPECT_LT(line.size(), size_t{128} << 10) << "what whoever starts a container can choose";
}

TEST(AuditLine, CutsNoCharacterInTwo) {
  model::AuditEvent event = a_refusal();
  event.stage.clear();
  for (int i = 0; i < 300; ++i) event.stage += "\xc3\xa4";
  event.stage += "x";
  event.stage = "x" + event.stage;
  EXPECT_THAT(to_json_line(event), HasSubstr("\xc3\xa4... (91 more bytes)\""));
}

TEST(AuditLine, CountsThePinsThatAreTooMany) {
  const std::string line = to_json_line(a_huge_event(20000));
  EXPECT_LT(line.size(), kLongestLine);
  EXPECT_THAT(line, testing::ContainsRegex("\"pins_left_out\":[0-9]+,\"refusals\":\\[\\{"));
  EXPECT_THAT(line, HasSubstr("\"cut\":true"));
}

TEST(AuditLine, OfASessionNamesItsUser) {
  model::AuditEvent event = a_refusal();
  event.given.uid = 1000;
  EXPECT_THAT(to_json_line(event), HasSubstr(R"("engine":"","uid":1000})"));
}

TEST(AuditLine, OfAnEndNamesWhatTheRecordSays) {
  model::AuditEvent event;
  event.given = from_json(to_json(a_full_record()), "web-1.json").value().given;
  EXPECT_THAT(to_json_line(event), HasSubstr(R"("delegation":{"commands":["map_create"],)"));
  EXPECT_THAT(to_json_line(event), HasSubstr(R"("added_no_attach_type":true)"));
  EXPECT_THAT(to_json_line(event), HasSubstr(R"("denied_as":"/sys/fs/bpf/keys/all")"));
}

class AuditFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/pinscope-audit.XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] AuditTrail trail(const std::string& name) const {
    return AuditTrail::open({.path = path(name), .journal_socket = ""});
  }
  [[nodiscard]] std::vector<std::string> lines(const std::string& name) const {
    std::ifstream file(path(name));
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(without_chain(line));
    return all;
  }
  // What write() says.
  static std::string write(const AuditTrail& trail) {
    const auto status = trail.write(a_refusal());
    if (status) return "written";
    EXPECT_EQ(status.error().code(), ErrorCode::kAudit);
    return status.error().sentence();
  }

  std::string directory_;
};

TEST_F(AuditFile, GetsALineForEachEvent) {
  const AuditTrail audit = trail("audit.jsonl");
  EXPECT_EQ(write(audit), "written");
  ASSERT_TRUE(audit.write(a_full_event()));
  const auto written = lines("audit.jsonl");
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0], to_json_line(a_refusal()));
  EXPECT_EQ(written[1], to_json_line(a_full_event()));
}

TEST_F(AuditFile, IsMadeForTheOwnerAloneWithItsDirectory) {
  EXPECT_EQ(write(trail("log/pinscope/audit.jsonl")), "written");
  struct stat status {};
  ASSERT_EQ(::stat(path("log/pinscope/audit.jsonl").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  ASSERT_EQ(::stat(path("log/pinscope").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST_F(AuditFile, IsAppendedTo) {
  EXPECT_EQ(write(trail("audit.jsonl")), "written");
  EXPECT_EQ(write(trail("audit.jsonl")), "written");
  EXPECT_EQ(lines("audit.jsonl").size(), 2U);
}

TEST_F(AuditFile, DoesNotMixLinesOfHooksThatRunAtTheSameTime) {
  constexpr int kHooks = 4;
  constexpr int kEvents = 50;
  const auto event = a_huge_event(100);
  std::vector<std::thread> hooks;
  for (int i = 0; i < kHooks; ++i)
    hooks.emplace_back([&] {
      const AuditTrail audit = trail("audit.jsonl");
      for (int j = 0; j < kEvents; ++j) ASSERT_TRUE(audit.write(event));
    });
  for (auto& hook : hooks) hook.join();
  // One that sees another's line half-written begins with a new line, which readers pass over.
  auto written = lines("audit.jsonl");
  std::erase(written, "");
  EXPECT_EQ(written.size(), size_t{kHooks} * kEvents);
  for (const auto& line : written) ASSERT_EQ(line, to_json_line(event));
}

TEST_F(AuditFile, GetsAThousandPinsAsOneLine) {
  ASSERT_TRUE(trail("audit.jsonl").write(a_huge_event(1000)));
  ASSERT_EQ(lines("audit.jsonl").size(), 1U);
  EXPECT_THAT(lines("audit.jsonl")[0], HasSubstr("\"pin-999\""));
  EXPECT_THAT(lines("audit.jsonl")[0], testing::Not(HasSubstr("left_out")));
}

TEST_F(AuditFile, IsNeverReachedThroughALink) {
  std::ofstream(path("target")) << "untouched\n";
  ASSERT_EQ(::symlink("target", path("link").c_str()), 0);
  EXPECT_EQ(write(trail("link")), "cannot write the audit line: cannot open \"" + path("link") +
                                      "\": Too many levels of symbolic links");
  EXPECT_THAT(lines("target"), testing::ElementsAre("untouched"));
}

TEST_F(AuditFile, IsNotMadeThroughADanglingLink) {
  ASSERT_EQ(::symlink("target", path("link").c_str()), 0);
  EXPECT_THAT(write(trail("link")), EndsWith("Too many levels of symbolic links"));
  EXPECT_FALSE(std::filesystem::exists(path("target")));
}

TEST_F(AuditFile, IsARegularOneAndAFifoHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  // Nobody reads it.
  EXPECT_EQ(write(trail("fifo")), "cannot write the audit line: cannot open \"" + path("fifo") +
                                      "\": it is not a regular file");
  EXPECT_EQ(write(AuditTrail::open({.path = "/dev/null", .journal_socket = ""})),
            "cannot write the audit line: cannot open \"/dev/null\": it is not a regular file");
}

TEST_F(AuditFile, ThatIsFullIsAnErrorAndNotALineThatIsHalf) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit before = limit;
  const AuditTrail audit = trail("audit.jsonl");
  limit.rlim_cur = 100;
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string first = write(audit);
  const std::string second = write(audit);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_EQ(first,
            "cannot write the audit line: cannot append to the audit file: it took a part of the "
            "line: No space left on device");
  EXPECT_EQ(second, "cannot write the audit line: cannot append to the audit file: File too large");
}

TEST_F(AuditFile, BeginsANewLineBehindOneThatWasCut) {
  std::ofstream(path("audit.jsonl")) << "{\"time\":\"20";
  EXPECT_EQ(write(trail("audit.jsonl")), "written");
  EXPECT_EQ(write(trail("audit.jsonl")), "written");
  EXPECT_THAT(
      lines("audit.jsonl"),
      testing::ElementsAre("{\"time\":\"20", to_json_line(a_refusal()), to_json_line(a_refusal())));
}

// Refusals cost nobody anything: they alone make no file grow for ever.
TEST_F(AuditFile, TakesNoRefusalsAnyMoreWhenItIsLarge) {
  std::ofstream(path("audit.jsonl")) << "\n";
  std::filesystem::resize_file(path("audit.jsonl"), kRefusalsUpToSize - 2);
  const AuditTrail audit = trail("audit.jsonl");
  EXPECT_EQ(write(audit), "written");
  EXPECT_EQ(write(audit),
            "cannot write the audit line: cannot append to the audit file: it is so large that it "
            "takes no refusals (it has to be rotated)");
  auto not_changed = a_refusal();
  not_changed.outcome = model::AuditEvent::Outcome::kNotChanged;
  EXPECT_FALSE(audit.write(not_changed));
  EXPECT_TRUE(audit.write(a_full_event()));
  EXPECT_EQ(write(trail("other.jsonl")), "written");
}

TEST_F(AuditFile, AndNoJournalMeansThatNothingIsWanted) {
  EXPECT_EQ(write(AuditTrail::open({.path = "", .journal_socket = ""})), "written");
}

TEST_F(AuditFile, IsEnoughWithoutAJournal) {
  const auto audit =
      AuditTrail::open({.path = path("audit.jsonl"), .journal_socket = path("no-journal")});
  EXPECT_EQ(write(audit), "written");
}

TEST_F(AuditFile, SaysOfEachSinkWhyItTookNothing) {
  std::ofstream(path("file")) << "x";
  const auto audit =
      AuditTrail::open({.path = path("file/audit"), .journal_socket = path("no-journal")});
  EXPECT_EQ(write(audit), "cannot write the audit line: cannot open \"" + path("file/audit") +
                              "\": Not a directory; cannot connect to the journal at \"" +
                              path("no-journal") + "\": No such file or directory");
}

}  // namespace
}  // namespace pinscope::record
