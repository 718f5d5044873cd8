#include "plugin/oci/edit.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "plugin/json/edit.h"
#include "plugin/json/json.h"
#include "plugin/oci/seccomp.h"

namespace pinscope::oci {
namespace {

using model::HookEntry;

std::string to_json(const HookEntry& hook) {
  JsonWriter json;
  json.object();
  add_members(json, hook);
  json.end();
  return json.take();
}

std::string to_json(const SeccompRule& rule) {
  JsonWriter json;
  json.object().key("names").array().value("bpf").end().field("action", rule.action);
  if (rule.errnum) json.field("errnoRet", *rule.errnum);
  json.key("args").array();
  for (const auto& argument : rule.arguments)
    json.object()
        .field("index", argument.index)
        .field("value", argument.value)
        .field("op", argument.op)
        .end();
  json.end().end();
  return json.take();
}

Result<bool> is_hook(const JsonView& entry, const HookEntry& hook) {
  PINSCOPE_TRY(const auto path, entry.string_or("path", ""));
  if (path != hook.path) return false;
  PINSCOPE_TRY(const auto args, entry.find("args"));
  if (!args) return hook.args.empty();
  PINSCOPE_TRY(const auto values, args->elements());
  if (values.size() != hook.args.size()) return false;
  for (size_t i = 0; i < values.size(); ++i) {
    PINSCOPE_TRY(const auto text, values[i].as_string());
    if (text != hook.args[i]) return false;
  }
  return true;
}

Result<bool> has_hook(const JsonView& config, const HookEntry& hook) {
  PINSCOPE_TRY(const auto hooks, config.find("hooks"));
  if (!hooks) return false;
  PINSCOPE_TRY(const auto stage, hooks->find(hook.stage));
  if (!stage) return false;
  PINSCOPE_TRY(const auto entries, stage->elements());
  for (const auto& entry : entries) {
    PINSCOPE_TRY(const bool same, is_hook(entry, hook));
    if (same) return true;
  }
  return false;
}

Result<SeccompChange> change_of_seccomp(const JsonView& config, model::BpfCommands needed) {
  if (needed.empty()) return SeccompChange{};
  PINSCOPE_TRY(const auto linux, config.find("linux"));
  if (!linux) return SeccompChange{};
  PINSCOPE_TRY(const auto profile, read_seccomp(*linux));
  return profile ? open_for(*profile, needed) : SeccompChange{};
}

Status carry_out(const SeccompChange& change, JsonText& text) {
  const JsonPath rules = {"linux", "seccomp", "syscalls"};
  // From the end, so that positions stay what they are.
  for (auto rule = change.without_bpf.rbegin(); rule != change.without_bpf.rend(); ++rule) {
    JsonPath path = rules;
    path.emplace_back(rule->position);
    if (!rule->is_for_others) {
      PINSCOPE_TRY([[maybe_unused]] const bool removed, text.remove(path));
      continue;
    }
    path.emplace_back("names");
    for (auto name = rule->bpf.rbegin(); name != rule->bpf.rend(); ++name) {
      path.emplace_back(*name);
      PINSCOPE_TRY([[maybe_unused]] const bool removed, text.remove(path));
      path.pop_back();
    }
  }
  std::vector<std::string> added;
  added.reserve(change.added.size());
  for (const auto& rule : change.added) added.push_back(to_json(rule));
  if (added.empty()) return {};
  return text.append_all(rules, added);
}

}  // namespace

Result<ConfigEdit> edit_config(std::string config_json, const std::string& name,
                               const std::vector<HookEntry>& hooks, model::BpfCommands needed) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(config_json, name, ErrorCode::kConfigInvalid));
  const JsonView config = document.root();
  if (!config.is_object()) return std::unexpected(config.make_error("expected an object"));
  std::vector<HookEntry> missing;
  for (const auto& hook : hooks) {
    PINSCOPE_TRY(const bool there, has_hook(config, hook));
    if (!there) missing.push_back(hook);
  }
  PINSCOPE_TRY(const auto change, change_of_seccomp(config, needed));
  ConfigEdit edit;
  edit.still_refused = change.still_refused;
  if (missing.empty() && change.empty()) {
    edit.text = std::move(config_json);
    return edit;
  }
  PINSCOPE_TRY(auto text, JsonText::parse(std::move(config_json), name, ErrorCode::kConfigInvalid));
  for (const auto& hook : missing)
    PINSCOPE_CHECK(text.append({"hooks", hook.stage}, to_json(hook)));
  PINSCOPE_CHECK(carry_out(change, text));
  edit.text = std::move(text).take();
  edit.changed = true;
  return edit;
}

}  // namespace pinscope::oci
