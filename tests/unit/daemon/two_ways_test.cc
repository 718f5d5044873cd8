// A seccomp profile is opened for bpf(2) in two ways, in the text of config.json and in a message
// of NRI, and has to come out the same. Every profile of two rules out of a pool is taken both
// ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "plugin/daemon/seccomp.h"
#include "plugin/json/json.h"
#include "plugin/oci/edit.h"
#include "plugin/oci/seccomp.h"

namespace pinscope::daemon {
namespace {

using model::BpfCommand;
using model::BpfCommands;

constexpr BpfCommands kNeeded = {BpfCommand::kMapLookupElem, BpfCommand::kObjGet};

struct Rule {
  std::vector<std::string> names;
  std::string action;
  std::optional<uint32_t> errnum;
  std::vector<oci::SeccompArgument> arguments;
};
struct Profile {
  std::string default_action;
  std::vector<Rule> rules;
};

std::vector<Rule> pool() {
  const std::vector<std::vector<oci::SeccompArgument>> conditions = {
      {},
      {{0, 7, 0, "SCMP_CMP_EQ"}},
      {{0, 5, 0, "SCMP_CMP_EQ"}},
      {{0, 7, 0, "SCMP_CMP_NE"}},
      {{0, 3, 0, "SCMP_CMP_GT"}},
      {{0, 7, 0, "SCMP_CMP_LE"}},
      {{0, 60, 4, "SCMP_CMP_MASKED_EQ"}},
      {{0, 7, 0, "SCMP_CMP_NEWER"}},
      {{1, 0, 0, "SCMP_CMP_EQ"}},
      {{0, 7, 0, "SCMP_CMP_EQ"}, {2, 9, 0, "SCMP_CMP_GT"}}};
  std::vector<Rule> rules = {{{"mount"}, "SCMP_ACT_ERRNO", {}, {}}};
  for (const auto& arguments : conditions) {
    rules.push_back({{"bpf"}, "SCMP_ACT_ALLOW", {}, arguments});
    rules.push_back({{"read", "bpf", "mount", "bpf"}, "SCMP_ACT_ERRNO", 13, arguments});
    rules.push_back({{"bpf"}, "SCMP_ACT_ERRNO", {}, arguments});
    rules.push_back({{"bpf"}, "SCMP_ACT_KILL_PROCESS", {}, arguments});
    rules.push_back({{"bpf", "read"}, "SCMP_ACT_LOG", {}, arguments});
    rules.push_back({{"bpf"}, "SCMP_ACT_NOTIFY", {}, arguments});
  }
  return rules;
}

std::string config_of(const Profile& profile) {
  JsonWriter json;
  json.object().key("linux").object().key("seccomp").object();
  json.field("defaultAction", profile.default_action).key("architectures").array();
  json.value("SCMP_ARCH_X86_64").end().key("syscalls").array();
  for (const auto& rule : profile.rules) {
    json.object().key("names").array();
    for (const auto& name : rule.names) json.value(name);
    json.end().field("action", rule.action);
    if (rule.errnum) json.field("errnoRet", *rule.errnum);
    json.key("args").array();
    for (const auto& argument : rule.arguments)
      json.object()
          .field("index", argument.index)
          .field("value", argument.value)
          .field("valueTwo", argument.value_two)
          .field("op", argument.op)
          .end();
    json.end().end();
  }
  json.end().end().end().end();
  return json.take();
}

nri::LinuxSeccomp message_of(const Profile& profile) {
  nri::LinuxSeccomp message;
  message.set_default_action(profile.default_action);
  message.add_architectures("SCMP_ARCH_X86_64");
  for (const auto& from : profile.rules) {
    nri::LinuxSyscall& rule = *message.add_syscalls();
    rule.mutable_names()->Assign(from.names.begin(), from.names.end());
    rule.set_action(from.action);
    if (from.errnum) rule.mutable_errno_ret()->set_value(*from.errnum);
    for (const auto& one : from.arguments) {
      nri::LinuxSeccompArg& argument = *rule.add_args();
      argument.set_index(static_cast<uint32_t>(one.index));
      argument.set_value(one.value);
      argument.set_value_two(one.value_two);
      argument.set_op(one.op);
    }
  }
  return message;
}

// One line for each rule: the same for the same rule, whichever way it came.
std::string line(const std::vector<std::string>& names, std::string_view action,
                 std::optional<uint64_t> errnum,
                 const std::vector<oci::SeccompArgument>& arguments) {
  std::string text(action);
  for (const auto& name : names) text += " " + name;
  if (errnum) text += " errno " + std::to_string(*errnum);
  for (const auto& one : arguments)
    text += " " + std::to_string(one.index) + " " + one.op + " " + std::to_string(one.value) + " " +
            std::to_string(one.value_two);
  return text + "\n";
}

struct Outcome {
  bool changed = false;
  std::vector<uint32_t> still_refused;
  std::string rules;
  bool operator==(const Outcome&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << (outcome.changed ? "changed" : "unchanged") << ", " << outcome.still_refused.size()
             << " still refused\n"
             << outcome.rules;
}

Result<std::string> rules_in(const JsonView& seccomp) {
  std::string text;
  PINSCOPE_TRY(const auto rules, (**seccomp.find("syscalls")).elements());
  for (const JsonView& rule : rules) {
    std::vector<std::string> names;
    PINSCOPE_TRY(const auto all, (**rule.find("names")).elements());
    for (const JsonView& name : all) names.emplace_back(*name.as_string());
    std::vector<oci::SeccompArgument> arguments;
    PINSCOPE_TRY(const auto args, (**rule.find("args")).elements());
    for (const JsonView& one : args)
      arguments.push_back({*one.unsigned_or("index", 0), *one.unsigned_or("value", 0),
                           *one.unsigned_or("valueTwo", 0), std::string(*one.string_or("op", ""))});
    PINSCOPE_TRY(const auto errnum, rule.find("errnoRet"));
    text += line(names, *rule.string_or("action", ""),
                 errnum ? std::optional(*errnum->as_unsigned()) : std::nullopt, arguments);
  }
  return text;
}

Outcome by_config(const Profile& profile, BpfCommands& allowed) {
  const auto edit = oci::edit_config(config_of(profile), "config.json", {}, kNeeded).value();
  const auto document =
      JsonDocument::parse(edit.text, "config.json", ErrorCode::kConfigInvalid).value();
  const JsonView linux = **document.root().find("linux");
  allowed = (**oci::read_seccomp(linux)).allowed();
  return {edit.changed, edit.still_refused.list(), rules_in(**linux.find("seccomp")).value()};
}

Outcome by_nri(const Profile& profile) {
  auto message = message_of(profile);
  const auto change = open_bpf(message, kNeeded);
  Outcome outcome{!change.empty(), change.still_refused.list(), ""};
  for (const auto& rule : message.syscalls()) {
    std::vector<oci::SeccompArgument> arguments;
    for (const auto& one : rule.args())
      arguments.push_back({one.index(), one.value(), one.value_two(), one.op()});
    outcome.rules += line(
        {rule.names().begin(), rule.names().end()}, rule.action(),
        rule.has_errno_ret() ? std::optional<uint64_t>(rule.errno_ret().value()) : std::nullopt,
        arguments);
  }
  EXPECT_EQ(message.default_action(), profile.default_action);
  EXPECT_EQ(message.architectures_size(), 1);
  return outcome;
}

BpfCommands allowed_by(const Profile& profile) {
  const auto document =
      JsonDocument::parse(config_of(profile), "config.json", ErrorCode::kConfigInvalid).value();
  return (**oci::read_seccomp(**document.root().find("linux"))).allowed();
}

class BothWays : public testing::TestWithParam<const char*> {};

TEST_P(BothWays, OpenAProfileAlikeAndNoFurtherThanNeeded) {
  const auto rules = pool();
  size_t changed = 0;
  for (const auto& first : rules)
    for (const auto& second : rules) {
      const Profile profile = {GetParam(), {first, second}};
      BpfCommands after;
      const Outcome config = by_config(profile, after);
      ASSERT_EQ(by_nri(profile), config) << config_of(profile);
      const BpfCommands before = allowed_by(profile);
      ASSERT_TRUE((after - before - kNeeded).empty()) << config_of(profile);
      ASSERT_TRUE((before - after).empty()) << config_of(profile);
      ASSERT_EQ((kNeeded - after).list(), config.still_refused) << config_of(profile);
      changed += config.changed ? 1U : 0U;
    }
  EXPECT_GT(changed, 0U);
}

INSTANTIATE_TEST_SUITE_P(, BothWays,
                         testing::Values("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_ERRNO",
                                         "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_NOTIFY"),
                         [](const auto& one) { return std::string(one.param).substr(9); });

}  // namespace
}  // namespace pinscope::daemon
