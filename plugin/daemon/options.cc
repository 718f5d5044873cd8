#include "plugin/daemon/options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/installed.h"

namespace pinscope::daemon {
namespace {

constexpr std::string_view kHelp =
    R"(Usage: pinscoped --nri [OPTION...]

Resident service of Pinscope. As an NRI plugin of containerd or CRI-O it has every container
that a policy may select given the view that the policies grant it.

  --nri                  serve the container engine at --nri-socket, and again when it was restarted
  --nri-socket PATH      the engine's NRI socket (default /var/run/nri/nri.sock)
  --nri-name NAME        register under this name (default pinscope)
  --nri-index NN         place among the plugins, two digits (default 50)
  --nri-mode MODE        hooks: put the hook into the container's configuration (default)
                         start: run the hook when the container is started
  --nri-seccomp PATH     profile that takes the place of the engine's default one, with bpf(2) as
                         granted added (NRI 0.10 and later); or none
  --status-file PATH     write "ready" there while an engine is served, and why not otherwise
  --engine NAME          containerd or crio (default: as the engine calls itself)
  --hook PATH            the hook (default: pinscope-hook beside this program)
  --policy PATH          policy directory or file (default /etc/pinscope/policy.d)
  --state-dir DIR        records of containers (default /run/pinscope)
  --cache-dir DIR        compiled policies (default /var/lib/pinscope)
  --audit PATH           audit trail (default /var/log/pinscope/audit.jsonl)
  --compiler PATH        program that compiles policies (default: pinscope beside this one)
  --help, --version

Started by an engine from its plugin directory, it needs no arguments and reads its options
from the configuration that the engine hands over. See pinscoped(8).
)";

std::unexpected<Error> usage(std::string reason) {
  return std::unexpected(Error(ErrorCode::kUsage, "use these arguments")
                             .reason(std::move(reason))
                             .hint("see pinscoped --help"));
}

Status set_path(std::string& place, const std::string& value) {
  if (!value.starts_with('/')) return usage(quoted(value) + " is not an absolute path");
  place = value;
  return {};
}

Status set_engine(Options& options, const std::string& value) {
  const auto engine = model::engine_from_name(value);
  if (engine != model::Engine::kContainerd && engine != model::Engine::kCrio)
    return usage("the engine is " + quoted(value) + ", containerd or crio was expected");
  options.engine = engine;
  return {};
}

Status set_mode(Options& options, const std::string& value) {
  if (value != "hooks" && value != "start")
    return usage("nri-mode is " + quoted(value) + ", hooks or start was expected");
  options.nri_mode = value == "hooks" ? NriMode::kHooks : NriMode::kStart;
  return {};
}

struct Setting {
  std::string_view name;
  bool configurable;  // also in the configuration text
  std::function<Status(Options&, const std::string&)> set;
};

const std::vector<Setting>& settings() {
  const auto path = [](auto place) {
    return [place](Options& options, const std::string& value) {
      return set_path(place(options), value);
    };
  };
  const auto text = [](std::string Options::*member) {
    return [member](Options& options, const std::string& value) -> Status {
      options.*member = value;
      return {};
    };
  };
  static const std::vector<Setting> all = {
      {"nri-socket", false, path([](Options & o) -> auto& { return o.nri_socket; })},
      {"nri-name", false, text(&Options::nri_name)},
      {"nri-index", false, text(&Options::nri_index)},
      {"nri-mode", true, set_mode},
      {"nri-seccomp", true,
       [](Options& options, const std::string& value) -> Status {
         if (value != "none") return set_path(options.nri_seccomp, value);
         options.nri_seccomp = value;
         return {};
       }},
      {"status-file", false, path([](Options & o) -> auto& { return o.status_file; })},
      {"engine", true, set_engine},
      {"hook", true, path([](Options & o) -> auto& { return o.hook_path; })},
      {"policy", true, path([](Options & o) -> auto& { return o.hook.policy.policy_path; })},
      {"state-dir", true, path([](Options & o) -> auto& { return o.hook.state_directory; })},
      {"cache-dir", true, path([](Options & o) -> auto& { return o.hook.policy.cache_directory; })},
      {"audit", true, path([](Options & o) -> auto& { return o.hook.audit.path; })},
      {"compiler", true, path([](Options & o) -> auto& { return o.hook.policy.compiler; })},
  };
  return all;
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::ranges::find(settings(), name, &Setting::name);
  return found == settings().end() ? nullptr : &*found;
}

// What stands behind the colon: a quoted text, or everything up to a comment.
Result<std::string> value_of(std::string_view text) {
  if (text.starts_with('"')) {
    const size_t end = text.find('"', 1);
    if (end == std::string_view::npos) return usage("a quote is not closed");
    const std::string_view rest = trimmed(text.substr(end + 1));
    if (!rest.empty() && !rest.starts_with('#')) return usage("there is text behind the quotes");
    return std::string(text.substr(1, end - 1));
  }
  if (const size_t comment = text.find(" #"); comment != std::string_view::npos)
    text = trimmed(text.substr(0, comment));
  if (text.empty() || text.starts_with('#')) return usage("a value is missing");
  return std::string(text);
}

Status apply_line(std::string_view line, Options& options, std::set<std::string_view>& seen) {
  const size_t separator = line.find_first_of(":=");
  if (separator == std::string_view::npos) return usage("expected `option: value`");
  const std::string_view name = trimmed(line.substr(0, separator));
  const Setting* setting = find_setting(name);
  if (setting == nullptr || !setting->configurable) {
    std::vector<std::string_view> names;
    for (const Setting& one : settings())
      if (one.configurable) names.push_back(one.name);
    const std::string_view meant = nearest(name, names);
    return usage("there is no option " + quoted(name) + " here" +
                 (meant.empty() ? "" : ", did you mean " + quoted(meant) + "?"));
  }
  if (!seen.insert(setting->name).second) return usage(quoted(name) + " stands twice");
  PINSCOPE_TRY(const std::string value, value_of(trimmed(line.substr(separator + 1))));
  return setting->set(options, value);
}

}  // namespace

Options default_options() {
  Options options;
  const std::string directory = installation_directory();
  options.hook_path = join(directory, "pinscope-hook");
  options.hook.policy.compiler = join(directory, "pinscope");
  options.nri_seccomp = join(parent_of(directory), "share/pinscope/seccomp/runtime-default.json");
  return options;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments,
                                       Options defaults) {
  CommandLine line;
  line.options = std::move(defaults);
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--help") {
      line.output = std::string(kHelp);
      return line;
    }
    if (argument == "--version") {
      line.output = "pinscoped " PINSCOPE_VERSION "\n";
      return line;
    }
    if (argument == "--nri") {
      line.options.nri = true;
      continue;
    }
    if (!argument.starts_with("--")) return usage(quoted(argument) + " is not an option");
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const Setting* setting = find_setting(name);
    if (setting == nullptr) return usage("there is no option " + quoted("--" + std::string(name)));
    std::string value;
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (++i < arguments.size()) {
      value = arguments[i];
    } else {
      return usage("the option " + quoted("--" + std::string(name)) + " needs a value");
    }
    PINSCOPE_CHECK(setting->set(line.options, value));
  }
  return line;
}

Status apply_configuration(std::string_view text, Options& options) {
  std::set<std::string_view> seen;
  size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.starts_with('#') || line == "---") continue;
    if (auto done = apply_line(line, options, seen); !done)
      return in_context(std::move(done),
                        "line " + std::to_string(number) + " of the plugin's configuration");
  }
  return {};
}

}  // namespace pinscope::daemon
