// A record as text: every field there and back, and a reader that is strict about what it knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "plugin/model/words.h"
#include "plugin/record/record_json.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using model::Record;

std::string error_of(std::string json) {
  const auto record = from_json(std::move(json), "web-1.json");
  if (record) return "no error";
  EXPECT_EQ(record.error().code(), ErrorCode::kRecord);
  return record.error().sentence();
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

Record without_following(Record record) {
  record.followed.clear();
  record.on_change = model::OnChange::kReport;
  for (auto& pin : record.given.pins) {
    pin.grant.follow = false;
    pin.grant.missing = model::Missing::kFail;
  }
  return record;
}

TEST(RecordJson, ComesBackWithEveryField) {
  const Record record = a_full_record();
  const auto back = from_json(to_json(record), "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

TEST(RecordJson, ComesBackWithWhatAChangeHasLeft) {
  Record record = a_full_record();
  record.beneath = record.instances;
  record.unfinished = {{.type = model::InstanceType::kTmpfs,
                        .device_major = 0,
                        .device_minor = 99,
                        .sealed = true,
                        .mounts = {2147483649, 2147483650}}};
  record.changed_ns = 1795984195139450026;
  record.changed_by = 1000;
  const auto back = from_json(to_json(record), "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

TEST(RecordJson, ComesBackWithExceptions) {
  Record record = a_full_record();
  record.exceptions = {{.number = 1,
                        .pin = "/sys/fs/bpf/f*",
                        .object = {},
                        .name = "flows",
                        .made_ns = 1795984195139450026,
                        .by = {.uid = 0, .login_uid = 1000},
                        .reason = "a \x1b[31m\n reason"},
                       {.kind = model::Exception::Kind::kGrant,
                        .number = 2,
                        .pin = "/sys/fs/bpf/other",
                        .object = {model::ObjectKind::kProgram, 17},
                        .name = "other",
                        .access = model::Access::kUse,
                        .made_ns = 1795984195139450026,
                        .until_ns = 1795984795139450026,
                        .by = {},
                        .reason = "another"}};
  const auto back = from_json(to_json(record), "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

// An older version knows none.
TEST(RecordJson, HasNoExceptionsWhereNoneAreWritten) {
  EXPECT_EQ(to_json(a_full_record()).find("exceptions"), std::string::npos);
}

TEST(RecordJson, ComesBackWithEveryFieldAtItsDefault) {
  Record record;
  record.given.id = "a";
  const auto back = from_json(to_json(record), "a.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

TEST(RecordJson, ComesBackWithEveryWord) {
  using enum model::Engine;
  for (const auto engine : {kUnknown, kPodman, kDocker, kContainerd, kCrio})
    for (const auto layout : {model::Layout::kShared, model::Layout::kPerMap, model::Layout::kBind})
      for (const auto host_bpffs :
           {model::HostBpffs::kMask, model::HostBpffs::kReject, model::HostBpffs::kAllow}) {
        Record record;
        record.given.id = "a";
        record.given.engine = engine;
        record.layout = layout;
        record.host_bpffs = host_bpffs;
        record.given.identity.is_sandbox = engine == kCrio;
        const auto back = from_json(to_json(record), "a.json");
        ASSERT_TRUE(back) << back.error().sentence();
        EXPECT_EQ(*back, record);
      }
}

TEST(RecordJson, ComesBackWithEveryBypass) {
  Record record;
  record.given.id = "a";
  model::find_word(model::name_of, model::Bypass{}, [&](model::Bypass bypass, std::string_view) {
    record.given.bypasses.push_back(bypass);
    return false;
  });
  const auto back = from_json(to_json(record), "a.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

TEST(RecordJson, KeepsTextThatCouldDisturbALine) {
  Record record;
  record.given.id = "a";
  record.rootfs = "/srv/\"x\"\\\n\x1b[2J\x7f\xc2\x85\xe2\x82\xac";
  const std::string text = to_json(record);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(from_json(text, "a.json")->rootfs, record.rootfs);
}

TEST(RecordJson, IsThisText) {
  Record record = a_full_record();
  record.given.identity = {};
  record.given.pins.resize(2);
  record.given.delegation.reset();
  EXPECT_EQ(
      to_json(record),
      R"({"format":1,"state":"applied","id":"web-1","bundle":"/run/containers/web-1",)"
      R"("rootfs":"/run/containers/web-1/rootfs","pid":4711,"process_start":123456789012,)"
      R"("mount_namespace":4026532999,"engine":"containerd","identity":{},)"
      R"("created_ns":1764115200123456789,"version":"0.1.0","at":"/run/bpf","layout":"per-map",)"
      R"("host_bpffs":"reject","selected_by":[0,1],"pins":{"columns":["name","source","access",)"
      R"("kind","type","id","uid","gid","mode","skipped","rule"],"rows":[)"
      R"(["counters","/sys/fs/bpf/counters","read-write","map",2,41,1000,1001,432,false,2],)"
      R"(["flows","/sys/fs/bpf/flows","read","map",1,42,0,0,288,false,3]]},)"
      R"("refusals":{"columns":["source","name","granted_by","denied_by","denied_as"],)"
      R"("rows":[["/sys/fs/bpf/keys/tls","tls",3,4,"/sys/fs/bpf/keys/all"]]},)"
      R"("values_at":"/run/values",)"
      R"("values":{"columns":["pin","pinned","form","list","max_age_ms"],)"
      R"("rows":[[0,true,"json",10000,0],[1,false,"text",7,1500]]},)"
      R"("followed":{"columns":["pin","rule"],"rows":[["/sys/fs/bpf/app/**",5]]},)"
      R"("on_change":"apply",)"
      R"("instances":{"columns":["type","device_major","device_minor","sealed","mounts"],)"
      R"("rows":[["tmpfs",0,57,true,[4294968108]],["bpf",0,58,false,[813,814]]]},)"
      R"("void":["cap-sys-admin","host-bpffs"],)"
      R"("rules":[["writers","writers.yaml",2,5],)"
      R"(["readers","readers.yaml",2,5],["writers","writers.yaml",9,5],)"
      R"(["readers","readers.yaml",14,5],["base","base.yaml",3,5],)"
      R"(["readers","readers.yaml",20,5]]})"
      "\n");
}

TEST(RecordJson, SaysWhatIsFollowedAndWhatIsWaitedFor) {
  const std::string text = to_json(a_full_record());
  EXPECT_NE(text.find(R"("followed_pins":{"columns":["pin","missing"],)"
                      R"("rows":[[2,"wait"],[4,"fail"]]})"),
            std::string::npos)
      << text;
  EXPECT_EQ(error_of(replaced(text, R"([4,"fail"])", R"([9,"fail"])")),
            "cannot read \"web-1.json\": /followed_pins: there is no such pin");
}

// Of versions that did not know of it, and of containers that follow nothing.
TEST(RecordJson, FollowsNothingUnlessItSaysSo) {
  const Record record = without_following(a_full_record());
  const std::string text = to_json(record);
  EXPECT_EQ(text.find("follow"), std::string::npos);
  EXPECT_EQ(text.find("on_change"), std::string::npos);
  const auto back = from_json(text, "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
}

// So that it can be given back as it was.
TEST(RecordJson, SaysWhatAnExceptionTookAway) {
  Record record = a_full_record();
  EXPECT_EQ(to_json(record).find("revoked"), std::string::npos);
  auto& refusal = record.given.refusals.front();
  auto& grant = refusal.grant.emplace();
  grant.source = refusal.source;
  grant.name = refusal.name;
  grant.rule = refusal.granted_by;
  grant.access = model::Access::kReadWrite;
  grant.uid = 7;
  grant.gid = 8;
  grant.mode = 0640;
  grant.follow = true;
  grant.missing = model::Missing::kWait;
  grant.object = {model::ObjectKind::kMap, 99};
  grant.values = model::Values{.form = model::ValueForm::kText, .list = 5, .max_age_ms = 6};
  const std::string text = to_json(record);
  const auto back = from_json(text, "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, record);
  const std::string row = "[\"tls\",\"/sys/fs/bpf/keys/tls\",\"read-write\"";
  EXPECT_EQ(error_of(replaced(text, row, "[\"x\"" + row.substr(6))),
            "cannot read \"web-1.json\": /revoked: there is no such refusal");
}

TEST(RecordJson, RefusesValuesOfAPinThatIsNotThere) {
  const std::string text =
      replaced(to_json(a_full_record()), "[1,false,\"text\",7,1500]", "[9,false,\"text\",7,1500]");
  EXPECT_EQ(error_of(text), "cannot read \"web-1.json\": /values: there is no such pin");
}

TEST(RecordJson, SaysWhatIsDelegated) {
  const std::string text = to_json(a_full_record());
  EXPECT_NE(text.find(R"("delegation":{"commands":["map_create"],"maps":["hash","ringbuf"],)"
                      R"("programs":[],"attach":["cgroup_inet_ingress"],)"
                      R"("added_no_attach_type":true,"pinning":true,)"
                      R"("programs_reach":"whole-machine","grants_at":"/run/grants"},)"),
            std::string::npos)
      << text;
  // As an older version wrote it.
  const auto older =
      from_json(replaced(text, R"("programs_reach":"whole-machine",)", ""), "web-1.json");
  ASSERT_TRUE(older) << older.error().sentence();
  EXPECT_EQ(older->given.delegation->reach, model::ProgramReach::kContainer);
  EXPECT_EQ(error_of(replaced(text, "\"ringbuf\"", "\"rung\"")),
            "cannot read \"web-1.json\": /delegation/maps/1: not a name that is known here");
}

// Written by the first version of the format.
TEST(RecordJson, ReadsWhatAnEarlierVersionWrote) {
  std::ifstream file(PINSCOPE_RECORDS "/0.1.0.json");
  const auto back = from_json({std::istreambuf_iterator<char>(file), {}}, "0.1.0.json");
  ASSERT_TRUE(back) << back.error().sentence();
  Record expected = without_following(a_full_record());
  expected.given.uid = 1000;
  expected.given.refusals.front().denied_as.clear();
  expected.instances.clear();
  expected.given.bypasses.clear();
  expected.given.values_at.reset();
  for (auto& pin : expected.given.pins) {
    pin.grant.pin = true;
    pin.grant.values.reset();
  }
  EXPECT_EQ(*back, expected);
}

TEST(RecordJson, IgnoresWhatANewerVersionAdded) {
  std::string text = to_json(a_full_record());
  text = replaced(text, "\"state\"", "\"mood\":{\"x\":[1]},\"state\"");
  text = replaced(text, "\"columns\":[\"name\",\"source\"",
                  "\"columns\":[\"new\",\"source\",\"name\"");
  for (const auto& pin : a_full_record().given.pins)
    text = replaced(text, "[\"" + pin.grant.name + "\",\"" + pin.grant.source + "\"",
                    "[{},\"" + pin.grant.source + "\",\"" + pin.grant.name + "\"");
  const auto back = from_json(text, "web-1.json");
  ASSERT_TRUE(back) << back.error().sentence();
  EXPECT_EQ(*back, a_full_record());
}

TEST(RecordJson, RefusesAnotherFormat) {
  EXPECT_EQ(error_of(replaced(to_json(a_full_record()), "\"format\":1", "\"format\":2")),
            "cannot read \"web-1.json\": /: record format 2 is not known here (a newer pinscope "
            "wrote it)");
}

TEST(RecordJson, RefusesARecordThatIsCutOffAtAnyByte) {
  const std::string whole = to_json(a_full_record());
  for (size_t length = 0; length + 1 < whole.size(); ++length)
    ASSERT_FALSE(from_json(whole.substr(0, length), "web-1.json")) << length;
}

TEST(RecordJson, RefusesARecordWithoutOneOfItsFields) {
  const std::string whole = to_json(a_full_record());
  for (const char* field : {"format", "state", "id", "bundle", "rootfs", "pid", "process_start",
                            "mount_namespace", "engine", "identity", "created_ns", "version", "at",
                            "layout", "host_bpffs", "selected_by", "pins", "refusals", "rules"})
    EXPECT_EQ(error_of(replaced(whole, "\"" + std::string(field) + "\":", "\"x\":")),
              "cannot read \"web-1.json\": /: the field \"" + std::string(field) + "\" is missing");
}

TEST(RecordJson, RefusesATableWithoutOneOfItsColumns) {
  for (const char* column : {"name", "source", "access", "kind", "type", "id", "uid", "gid", "mode",
                             "skipped", "rule"}) {
    const std::string quoted_column = "\"" + std::string(column) + "\"";
    std::string text = to_json(a_full_record());
    const size_t at = text.find(quoted_column, text.find("\"columns\""));
    text.replace(at, quoted_column.size(), "\"x\"");
    EXPECT_EQ(error_of(text),
              "cannot read \"web-1.json\": /pins: the column " + quoted_column + " is missing");
  }
}

TEST(RecordJson, NamesThePlaceOfWhatItCannotUse) {
  const std::string whole = to_json(a_full_record());
  EXPECT_EQ(error_of(replaced(whole, "\"applied\"", "\"undone\"")),
            "cannot read \"web-1.json\": /state: not a word that is known here");
  EXPECT_EQ(error_of(replaced(whole, "\"containerd\"", "\"rkt\"")),
            "cannot read \"web-1.json\": /engine: not a word that is known here");
  EXPECT_EQ(error_of(replaced(whole, "\"read-write\"", "\"write\"")),
            "cannot read \"web-1.json\": /pins/rows/0/2: not a word that is known here");
  EXPECT_EQ(error_of(replaced(whole, "\"pid\":4711", "\"pid\":2147483648")),
            "cannot read \"web-1.json\": /pid: larger than 2147483647");
  EXPECT_EQ(error_of(replaced(whole, "\"selected_by\":[0", "\"selected_by\":[99")),
            "cannot read \"web-1.json\": /selected_by/0: there is no such rule");
  EXPECT_EQ(error_of(replaced(whole, "[\"writers\",\"writers.yaml\",2,5]", "[\"writers\"]")),
            "cannot read \"web-1.json\": /rules/0: expected policy, file, line and column");
  EXPECT_EQ(error_of(replaced(whole, "\"rows\":[[", "\"rows\":[[],[")),
            "cannot read \"web-1.json\": /pins/rows/0: the row is shorter than the columns");
  EXPECT_EQ(error_of(replaced(whole, "[813,814]", "[813,-1]")),
            "cannot read \"web-1.json\": /instances/rows/1/4/1: expected a whole number that is "
            "not negative");
  EXPECT_EQ(error_of("[]"), "cannot read \"web-1.json\": /: expected an object");
}

}  // namespace
}  // namespace pinscope::record
