#include "plugin/pipeline/options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plugin/base/text.h"

namespace pinscope {
namespace {

constexpr uint8_t kEverybody =
    Option::kHook | Option::kShim | Option::kDaemon | Option::kCommandLine;

constexpr Option path_option(const char* name, const char* value, const char* help, uint8_t takers,
                             std::string& (*path)(HookOptions& options)) {
  return {name, value, help, takers, path, nullptr, nullptr};
}

constexpr std::array<Option, 8> kOptions = {
    path_option(
        "policy", "PATH", "policy directory or file", kEverybody,
        [](HookOptions& options) -> auto& { return options.policy.policy_path; }),
    path_option(
        "state-dir", "DIR", "records of containers", kEverybody,
        [](HookOptions& options) -> auto& { return options.state_directory; }),
    path_option(
        "cache-dir", "DIR", "compiled policies", kEverybody,
        [](HookOptions& options) -> auto& { return options.policy.cache_directory; }),
    path_option(
        "audit", "FILE", "audit trail", kEverybody,
        [](HookOptions& options) -> auto& { return options.audit.path; }),
    path_option(
        "compiler", "PATH", "program that compiles policies (default: pinscope beside this one)",
        Option::kHook | Option::kDaemon,
        [](HookOptions& options) -> auto& { return options.policy.compiler; }),
    {"engine", "NAME", "the engine: podman, docker, containerd or crio",
     Option::kHook | Option::kShim, nullptr,
     [](HookOptions& options, const std::string& value) -> Status {
       const auto engine = model::engine_from_name(value);
       if (!engine) return std::unexpected(usage_error("there is no engine " + quoted(value)));
       options.engine = *engine;
       return {};
     },
     [](const HookOptions& options) -> std::vector<std::string> {
       if (options.engine == model::Engine::kUnknown) return {};
       return {model::engine_name(options.engine)};
     }},
    {"pod-label", "KEY=VALUE", "a label of the container's pod\n(repeatable; for the NRI plugin)",
     Option::kHook, nullptr,
     [](HookOptions& options, const std::string& value) {
       return oci::add_pod_label(options.pod_labels, value);
     },
     [](const HookOptions& options) {
       std::vector<std::string> values;
       for (const auto& [key, value] : options.pod_labels) values.push_back(key + "=" + value);
       return values;
     }},
    {"require-policy", "NAME",
     "do not start the container unless this policy selects it\n(repeatable; for devices of CDI)",
     Option::kHook, nullptr,
     [](HookOptions& options, const std::string& value) -> Status {
       options.required_policies.push_back(value);
       return {};
     },
     [](const HookOptions& options) { return options.required_policies; }},
};

}  // namespace

std::span<const Option> shared_options() {
  return kOptions;
}

const Option* find_option(std::string_view name, Option::Taker taker) {
  const auto* found = std::ranges::find(kOptions, name, &Option::name);
  return found != kOptions.end() && (found->takers & taker) != 0 ? found : nullptr;
}

Error usage_error(std::string reason) {
  return Error(ErrorCode::kUsage, "use these arguments").reason(std::move(reason));
}

Status set_path(std::string& path, const std::string& value) {
  if (!value.starts_with('/'))
    return std::unexpected(usage_error(quoted(value) + " is not an absolute path"));
  path = value;
  return {};
}

Status set_option(const Option& option, HookOptions& options, const std::string& value) {
  return option.path != nullptr ? set_path(option.path(options), value)
                                : option.set(options, value);
}

std::string describe(const Option& option) {
  std::string text(option.help);
  HookOptions defaults;
  if (option.path != nullptr && !option.path(defaults).empty())
    text.append(" (default ").append(option.path(defaults)).append(")");
  return text;
}

std::vector<std::string> arguments_for(HookOptions options, const char* prefix) {
  std::vector<std::string> arguments;
  HookOptions defaults;
  const auto add = [&](const Option& option, const std::string& value) {
    arguments.push_back(std::string(prefix) + option.name);
    arguments.push_back(value);
  };
  for (const Option& option : kOptions) {
    if (option.path == nullptr) {
      for (const auto& value : option.values(options)) add(option, value);
    } else if (const auto& path = option.path(options); path != option.path(defaults)) {
      add(option, path);
    }
  }
  return arguments;
}

std::string help_lines(Option::Taker taker, size_t column, const char* prefix) {
  std::string lines;
  size_t start = 0;  // of the line
  const auto pad = [&] { lines.resize(std::max(lines.size(), start + column), ' '); };
  const auto end_line = [&] {
    lines += '\n';
    start = lines.size();
  };
  for (const Option& option : kOptions) {
    if ((option.takers & taker) == 0) continue;
    lines.append("  ").append(prefix).append(option.name).append(" ").append(option.value);
    if (lines.size() + 2 > start + column) end_line();
    pad();
    for (const char letter : describe(option)) {
      if (letter != '\n') {
        lines += letter;
      } else {
        end_line();
        pad();
      }
    }
    end_line();
  }
  return lines;
}

bool OptionReader::next() {
  if (rest_.empty() || !rest_.front().starts_with(prefix_)) return false;
  word_ = std::string_view(rest_.front()).substr(prefix_.size());
  name_ = word_.substr(0, word_.find('='));
  rest_ = rest_.subspan(1);
  return true;
}

std::string OptionReader::shown() const {
  return quoted(std::string(prefix_).append(name_));
}

Result<std::string> OptionReader::value() {
  if (name_.size() < word_.size()) return std::string(word_.substr(name_.size() + 1));
  if (rest_.empty())
    return std::unexpected(usage_error("the option " + shown() + " needs a value"));
  const std::string& value = rest_.front();
  rest_ = rest_.subspan(1);
  return value;
}

Status OptionReader::read(Option::Taker taker, HookOptions& options) {
  const Option* option = find_option(name_, taker);
  if (option == nullptr) return std::unexpected(usage_error("there is no option " + shown()));
  PINSCOPE_TRY(const std::string text, value());
  return set_option(*option, options, text);
}

}  // namespace pinscope
