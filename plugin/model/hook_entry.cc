#include "plugin/model/hook_entry.h"

#include <utility>

#include "plugin/base/path.h"
#include "plugin/json/json.h"

namespace pinscope::model {

HookEntry hook_entry(std::string stage, std::string program,
                     const std::vector<std::string>& arguments) {
  HookEntry entry;
  entry.args.reserve(arguments.size() + 2);
  entry.args.emplace_back(base_name(program));
  entry.args.insert(entry.args.end(), arguments.begin(), arguments.end());
  entry.args.push_back(stage);
  entry.stage = std::move(stage);
  entry.path = std::move(program);
  entry.env = {kHookEnvironment};
  entry.timeout = static_cast<uint32_t>(kHookTimeout.count());
  return entry;
}

void add_members(JsonWriter& json, const HookEntry& entry) {
  json.field("path", entry.path).key("args").array();
  for (const auto& argument : entry.args) json.value(argument);
  json.end().key("env").array();
  for (const auto& variable : entry.env) json.value(variable);
  json.end().field("timeout", entry.timeout);
}

}  // namespace pinscope::model
