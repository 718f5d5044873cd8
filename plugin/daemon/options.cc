#include "plugin/daemon/options.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/installed.h"
#include "plugin/metrics/serve/address.h"

namespace pinscope::daemon {
namespace {

constexpr std::string_view kUsageText =
    R"(Usage: pinscoped --nri|--metrics ADDRESS|--follow|--values [OPTION...]
       pinscoped --hold [--state-dir DIR]

Resident service of Pinscope, in parts that run alone or together. An NRI plugin of containerd or
CRI-O: if a policy may select a container, it adds Pinscope's hook, which gives the container its
view. Metrics. Views that follow their sources. The values that policies let containers read as
files.

  --nri                  connect to the engine at --nri-socket, and again after it was restarted
  --nri-socket PATH      the engine's NRI socket (default /var/run/nri/nri.sock)
  --nri-name NAME        register under this name (default pinscope)
  --nri-index NN         order among the plugins, two digits (default 50)
  --nri-mode MODE        hooks: put the hook into the container's configuration (default)
                         start: run the hook when the container is started
  --nri-seccomp PATH     seccomp profile that replaces the engine's default one, plus the commands of
                         bpf(2) that the grants need (NRI 0.10 and later); none: change no profile
  --metrics ADDRESS      serve metrics for Prometheus at unix:PATH, 127.0.0.1:PORT or [::1]:PORT
  --metrics-group GROUP  may read the Unix socket, too, which is root's otherwise
  --follow               change views of running containers when a source that they follow, or the
                         policies, have changed
  --values               serve the values that containers may read as files
  --no-holder            with --values: start no holder, wait for one that others start
  --hold                 keep what --values serves while that is away; nothing else
  --status-file PATH     write "ready" to this file while connected, otherwise the reason why not
  --engine NAME          containerd or crio (default: the name that the engine gives)
  --hook PATH            the hook (default: pinscope-hook beside this program)
)";
constexpr std::string_view kUsageEnd = R"(  --help, --version

Started by an engine from its plugin directory, it needs no arguments and reads its options
from the configuration that the engine passes to it. See pinscoped(8).
)";
constexpr size_t kHelpColumn = 25;
constexpr const char* kSeeHelp = "see pinscoped --help";

std::unexpected<Error> usage(std::string reason) {
  return std::unexpected(usage_error(std::move(reason)));
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

Status set_metrics(Options& options, const std::string& value) {
  PINSCOPE_TRY([[maybe_unused]] const auto address, metrics::parse_address(value));
  options.metrics = value;
  return {};
}

Status set_metrics_group(Options& options, const std::string& value) {
  if (const auto number = parse_unsigned(value)) {
    if (*number >= std::numeric_limits<gid_t>::max()) return usage("metrics-group is no group");
    options.metrics_group = static_cast<gid_t>(*number);
    return {};
  }
  const struct group* entry = ::getgrnam(value.c_str());
  if (entry == nullptr) return usage("there is no group " + quoted(value));
  options.metrics_group = entry->gr_gid;
  return {};
}

struct Setting {
  std::string_view name;
  bool configurable;  // also in the configuration text
  std::function<Status(Options&, const std::string&)> set;
};

std::vector<Setting> make_settings() {
  const auto path = [](std::string Options::*member) {
    return [member](Options& options, const std::string& value) {
      return set_path(options.*member, value);
    };
  };
  const auto text = [](std::string Options::*member) {
    return [member](Options& options, const std::string& value) -> Status {
      options.*member = value;
      return {};
    };
  };
  std::vector<Setting> all = {
      {"nri-socket", false, path(&Options::nri_socket)},
      {"nri-name", false, text(&Options::nri_name)},
      {"nri-index", false, text(&Options::nri_index)},
      {"nri-mode", true, set_mode},
      {"nri-seccomp", true,
       [](Options& options, const std::string& value) -> Status {
         if (value != "none") return set_path(options.nri_seccomp, value);
         options.nri_seccomp = value;
         return {};
       }},
      {"metrics", false, set_metrics},
      {"metrics-group", false, set_metrics_group},
      {"status-file", false, path(&Options::status_file)},
      {"engine", true, set_engine},
      {"hook", true, path(&Options::hook_path)},
  };
  for (const Option& shared : shared_options())
    if ((shared.takers & Option::kDaemon) != 0)
      all.push_back({shared.name, true, [&shared](Options& options, const std::string& value) {
                       return set_option(shared, options.hook, value);
                     }});
  return all;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
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
  if (!seen.insert(setting->name).second) return usage(quoted(name) + " appears twice");
  PINSCOPE_TRY(const std::string value, value_of(trimmed(line.substr(separator + 1))));
  return setting->set(options, value);
}

bool set_flag(const OptionReader& reader, Options& options) {
  const struct {
    const char* name;
    bool Options::*member;
    bool value;
  } flags[] = {{"nri", &Options::nri, true},
               {"follow", &Options::follow, true},
               {"values", &Options::values, true},
               {"hold", &Options::hold, true},
               {"no-holder", &Options::start_holder, false}};
  for (const auto& flag : flags) {
    if (!reader.is_flag(flag.name)) continue;
    options.*flag.member = flag.value;
    return true;
  }
  return false;
}

Result<CommandLine> parse(const std::vector<std::string>& arguments, Options defaults) {
  CommandLine line;
  line.options = std::move(defaults);
  OptionReader reader(arguments);
  while (reader.next()) {
    if (reader.is_flag("help")) {
      line.output = std::string(kUsageText) + help_lines(Option::kDaemon, kHelpColumn) +
                    std::string(kUsageEnd);
      return line;
    }
    if (reader.is_flag("version")) {
      line.output = "pinscoped " PINSCOPE_VERSION "\n";
      return line;
    }
    if (set_flag(reader, line.options)) continue;
    const Setting* setting = find_setting(reader.name());
    if (setting == nullptr) return usage("there is no option " + reader.shown());
    PINSCOPE_TRY(const std::string value, reader.value());
    PINSCOPE_CHECK(setting->set(line.options, value));
  }
  if (!reader.rest().empty()) return usage(quoted(reader.rest().front()) + " is not an option");
  return line;
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
  auto line = parse(arguments, std::move(defaults));
  if (!line) return std::unexpected(std::move(line).error().hint(kSeeHelp));
  return line;
}

Status check_parts(const Options& options) {
  const auto refuse = [](const char* what, const char* why) {
    return std::unexpected(Error(ErrorCode::kUsage, what).reason(why).hint(kSeeHelp));
  };
  const bool serves = options.nri || options.follow || options.values || !options.metrics.empty();
  if (options.hold && serves)
    return refuse("hold values", "--hold is a process of its own: no other part goes with it");
  if (!options.hold && !serves)
    return refuse("tell what to do",
                  "none of --nri, --metrics, --follow, --values and --hold is there");
  if (options.metrics_group && !options.metrics.starts_with("unix:"))
    return refuse("let a group read the metrics", "--metrics names no Unix socket");
  if (!options.start_holder && !options.values)
    return refuse("wait for a holder", "--values is not there");
  return {};
}

Status apply_configuration(std::string_view text, Options& options) {
  std::set<std::string_view> seen;
  size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.starts_with('#') || line == "---") continue;
    if (auto done = apply_line(line, options, seen); !done)
      return std::unexpected(std::move(done).error().hint(kSeeHelp).in(
          "line " + std::to_string(number) + " of the plugin's configuration"));
  }
  return {};
}

}  // namespace pinscope::daemon
