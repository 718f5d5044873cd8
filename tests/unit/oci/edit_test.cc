// What is added to a config.json, and that nothing else changes.
#include "plugin/oci/edit.h"

#include <gmock/gmock.h>

#include "plugin/json/json.h"
#include "plugin/oci/seccomp.h"
#include "tests/unit/oci/configs.h"

namespace pinscope::oci {
namespace {

using model::BpfCommand;
using model::BpfCommands;
using Numbers = std::vector<uint32_t>;
using testing::HasSubstr;

constexpr BpfCommands kNeeded = {BpfCommand::kObjGet, BpfCommand::kMapLookupElem};

std::vector<model::HookEntry> our_hooks() {
  return {{"createRuntime", "/h", {"/h", "createRuntime"}, {"PATH=/bin"}, 60},
          {"poststop", "/h", {"/h", "poststop"}, {"PATH=/bin"}, 60}};
}

ConfigEdit edit(const std::string& config, const std::vector<model::HookEntry>& hooks,
                BpfCommands needed) {
  auto edited = edit_config(config, "config.json", hooks, needed);
  EXPECT_TRUE(edited) << edited.error().sentence();
  return edited ? *std::move(edited) : ConfigEdit{};
}

std::string error_of(const std::string& config) {
  const auto edited = edit_config(config, "config.json", our_hooks(), kNeeded);
  return edited ? "no error" : edited.error().sentence();
}

std::string profile(const std::string& default_action, const std::string& rules) {
  return R"({"linux":{"seccomp":{"defaultAction":")" + default_action + R"(","syscalls":[)" +
         rules + "]}}}";
}

// The rules after the edit.
std::string rules_after(const std::string& default_action, const std::string& rules,
                        BpfCommands needed = kNeeded) {
  const auto edited = edit(profile(default_action, rules), {}, needed);
  const size_t begin = edited.text.find('[') + 1;
  return edited.text.substr(begin, edited.text.rfind(']') - begin);
}

// The commands that the profile lets through, read again.
Numbers allowed_after(const std::string& default_action, const std::string& rules,
                      BpfCommands needed = kNeeded) {
  const auto edited = edit(profile(default_action, rules), {}, needed);
  const auto document = JsonDocument::parse(edited.text, "c", ErrorCode::kConfigInvalid);
  const auto linux = document->root().find("linux").value();
  return read_seccomp(*linux).value()->allowed().list();
}

std::string rule(uint32_t command, const std::string& action = "SCMP_ACT_ALLOW",
                 const std::string& op = "SCMP_CMP_EQ", const std::string& more = "") {
  return R"({"names":["bpf"],"action":")" + action + "\"" + more +
         R"(,"args":[{"index":0,"value":)" + std::to_string(command) + R"(,"op":")" + op +
         R"("}]})";
}

TEST(Edit, AddsHooksBehindThoseThatAreThere) {
  const std::string config = R"({"hooks":{"createRuntime":[{"path":"/theirs"}]},"x":1.50})";
  EXPECT_EQ(edit(config, our_hooks(), {}).text,
            R"({"hooks":{"createRuntime":[{"path":"/theirs"},)"
            R"({"path":"/h","args":["/h","createRuntime"],"env":["PATH=/bin"],"timeout":60}],)"
            R"("poststop":[{"path":"/h","args":["/h","poststop"],"env":["PATH=/bin"],)"
            R"("timeout":60}]},"x":1.50})");
}

TEST(Edit, ChangesNothingTheSecondTime) {
  for (const char* name : {"docker.json", "podman.json", "containerd.json", "crio.json",
                           "runc-spec.json", "crun-spec.json"}) {
    const std::string config = config_file(name);
    const auto once = edit(config, our_hooks(), kNeeded);
    EXPECT_TRUE(once.changed) << name;
    const auto twice = edit(once.text, our_hooks(), kNeeded);
    EXPECT_FALSE(twice.changed) << name;
    EXPECT_EQ(twice.text, once.text) << name;
  }
}

TEST(Edit, AddsAHookWithOtherArguments) {
  const auto once = edit("{}", our_hooks(), {});
  auto others = our_hooks();
  others[0].args.insert(others[0].args.begin() + 1, "--engine=docker");
  EXPECT_TRUE(edit(once.text, others, {}).changed);
}

TEST(Edit, LeavesAConfigurationAloneThatNeedsNothing) {
  const std::string config = " {\"linux\" : { \"seccomp\":null } }\n";
  const auto edited = edit(config, {}, kNeeded);
  EXPECT_FALSE(edited.changed);
  EXPECT_EQ(edited.text, config);
}

TEST(Edit, OpensAProfileThatRefusesByDefault) {
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO", R"({"names":["read"],"action":"SCMP_ACT_ALLOW"})"),
            R"({"names":["read"],"action":"SCMP_ACT_ALLOW"},)" + rule(1) + "," + rule(7));
  EXPECT_EQ(allowed_after("SCMP_ACT_ERRNO", ""), (Numbers{1, 7}));
  EXPECT_EQ(edit(R"({"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"}}})", {}, kNeeded).text,
            R"({"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[)" + rule(1) +
                "," + rule(7) + "]}}}");
}

TEST(Edit, TakesTheCallOutOfARuleThatRefusesIt) {
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO",
                        R"({"names":["bpf","x","bpf"],"action":"SCMP_ACT_ERRNO","errnoRet":1})"),
            R"({"names":["x"],"action":"SCMP_ACT_ERRNO","errnoRet":1},)" + rule(1) + "," + rule(7));
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO",
                        R"({"names":["bpf"],"action":"SCMP_ACT_KILL"},{"names":["x"]})"),
            R"({"names":["x"]},)" + rule(1) + "," + rule(7));
}

TEST(Edit, KeepsEverythingElseRefusedWhereTheDefaultIsToAllow) {
  const std::string refusal = R"({"names":["bpf"],"action":"SCMP_ACT_ERRNO","errnoRet":13})";
  const std::string more = R"(,"errnoRet":13)";
  EXPECT_EQ(rules_after("SCMP_ACT_ALLOW", refusal, {BpfCommand::kMapLookupElem}),
            rule(0, "SCMP_ACT_ERRNO", "SCMP_CMP_EQ", more) + "," +
                rule(1, "SCMP_ACT_ERRNO", "SCMP_CMP_GT", more));
  EXPECT_EQ(allowed_after("SCMP_ACT_ALLOW", refusal), (Numbers{1, 7}));
  EXPECT_EQ(allowed_after("SCMP_ACT_NOTIFY", refusal), (Numbers{1, 7}));
}

TEST(Edit, AddsOnlyTheCommandsThatAreMissing) {
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO", rule(7)), rule(7) + "," + rule(1));
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO", rule(9, "SCMP_ACT_ALLOW", "SCMP_CMP_LE")),
            rule(9, "SCMP_ACT_ALLOW", "SCMP_CMP_LE"));
  EXPECT_EQ(rules_after("SCMP_ACT_ERRNO", R"({"names":["bpf"],"action":"SCMP_ACT_ALLOW"})"),
            R"({"names":["bpf"],"action":"SCMP_ACT_ALLOW"})");
  EXPECT_EQ(rules_after("SCMP_ACT_ALLOW", ""), "");
}

// What it does not understand it does not change.
TEST(Edit, LeavesAProfileAloneThatItCouldOnlyGuessAbout) {
  const std::string refuse = R"({"names":["bpf"],"action":"SCMP_ACT_ERRNO"})";
  const std::string ask = R"({"names":["bpf"],"action":"SCMP_ACT_NOTIFY"})";
  const std::string allow = R"({"names":["bpf"],"action":"SCMP_ACT_ALLOW"})";
  const std::string two_arguments =
      R"({"names":["bpf"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":7,"op":"SCMP_CMP_EQ"},)"
      R"({"index":2,"value":9,"op":"SCMP_CMP_GT"}]})";
  const std::pair<const char*, std::string> cases[] = {
      {"SCMP_ACT_ERRNO", ask},                        // a supervisor decides
      {"SCMP_ACT_NOTIFY", ""},                        // the same, for everything
      {"SCMP_ACT_ERRNO", allow + "," + refuse},       // a contradiction
      {"SCMP_ACT_ALLOW", rule(7, "SCMP_ACT_ERRNO")},  // a command that somebody refused
      {"SCMP_ACT_ERRNO", refuse + "," + rule(5)},     // a rule that would come to life
      {"SCMP_ACT_ERRNO", two_arguments},              // depends on more than the command
  };
  for (const auto& [default_action, rules] : cases) {
    const auto edited = edit(profile(default_action, rules), {}, kNeeded);
    EXPECT_FALSE(edited.changed) << default_action << " " << rules;
    EXPECT_FALSE(edited.still_refused.empty()) << default_action << " " << rules;
  }
}

TEST(Edit, RefusesAConfigurationThatReadersDisagreeAbout) {
  EXPECT_EQ(error_of(R"({"hooks":{},"hooks":{}})"),
            "cannot read \"config.json\": /: the key \"hooks\" appears twice");
  EXPECT_EQ(error_of(R"({"Hooks":{}})"),
            "cannot edit \"config.json\": /: the key \"Hooks\" may be taken for \"hooks\" by "
            "programs that ignore case");
  EXPECT_EQ(error_of(R"({"hooks":[]})"), "cannot read \"config.json\": /hooks: expected an object");
  EXPECT_EQ(error_of(R"({"hooks":{"poststop":{}}})"),
            "cannot read \"config.json\": /hooks/poststop: expected an array");
  EXPECT_EQ(error_of("[]"), "cannot read \"config.json\": /: expected an object");
  EXPECT_THAT(error_of("{"), HasSubstr("cannot read \"config.json\": 1:2: "));
}

}  // namespace
}  // namespace pinscope::oci
