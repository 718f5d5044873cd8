#include "plugin/oci/runtime_arguments.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace pinscope::oci {
namespace {

using std::string_view;

// Commands of runc and crun: what follows an unknown option and is one of these is no value.
constexpr string_view kCommands[] = {"create", "run",   "restore", "checkpoint", "delete", "events",
                                     "exec",   "kill",  "list",    "pause",      "ps",     "resume",
                                     "spec",   "start", "state",   "features",   "update"};

// Options with a value, of every runtime alike: runc 1.1 to 1.4, crun 1.8 to 1.29.
constexpr string_view kGlobalValues[] = {"log",  "log-format", "root",
                                         "criu", "rootless",   "cgroup-manager"};
constexpr string_view kGlobalFlags[] = {"debug", "systemd-cgroup"};
constexpr string_view kCommandValues[] = {
    "bundle",      "b",        "console-socket",    "pid-file",   "preserve-fds",
    "config",      "f",        "image-path",        "work-path",  "manage-cgroups-mode",
    "lsm-profile", "empty-ns", "lsm-mount-context", "parent-path"};
constexpr string_view kCommandFlags[] = {
    "no-pivot",  "no-new-keyring",  "no-subreaper", "detach",     "d",          "keep",
    "shell-job", "tcp-established", "ext-unix-sk",  "file-locks", "auto-dedup", "lazy-pages"};

bool contains(std::span<const string_view> list, string_view entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

class Parser {
 public:
  Parser(const std::vector<std::string>& arguments, OptionStyle style)
      : arguments_(arguments), style_(style) {}

  RuntimeArguments parse() {
    options(kGlobalValues, kGlobalFlags);
    if (done()) return std::move(result_);
    result_.command = arguments_[next_++];
    // An empty argument is no runtime's command; what follows belongs to none.
    if (result_.command.empty()) return std::move(result_);
    options(kCommandValues, kCommandFlags);
    if (!done()) result_.id = arguments_[next_++];
    if (style_ == OptionStyle::kGo && result_.makes_container())
      while (!done() && !only_arguments_) {
        options(kCommandValues, kCommandFlags);
        if (!done()) ++next_;  // one more argument, which the runtime refuses
      }
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool done() const { return next_ >= arguments_.size(); }

  // Up to the first argument that is neither an option nor the value of one.
  void options(std::span<const string_view> values, std::span<const string_view> flags) {
    values_ = values;
    flags_ = flags;
    while (!done()) {
      const string_view argument = arguments_[next_];
      if (argument == "--") {
        ++next_;
        only_arguments_ = true;
        return;
      }
      if (argument.size() < 2 || argument[0] != '-') return;
      ++next_;
      const bool two_dashes = argument[1] == '-';
      if (style_ == OptionStyle::kGo || two_dashes) {
        long_option(argument.substr(two_dashes ? 2 : 1));
      } else {
        short_options(argument.substr(1));
      }
    }
  }

  // name, name=value, or name and the next argument.
  void long_option(string_view option) {
    const size_t equals = option.find('=');
    const string_view name = full_name(option.substr(0, equals));
    if (equals != string_view::npos) {
      take(name, option.substr(equals + 1));
    } else if (has_value(name) && !done()) {
      take(name, arguments_[next_++]);
    }
  }

  // argp: an option may be cut short where only one begins so.
  [[nodiscard]] string_view full_name(string_view name) const {
    if (style_ != OptionStyle::kArgp || name.empty() || contains(values_, name)) return name;
    string_view found;
    for (const auto& list : {values_, flags_}) {
      for (const string_view known : list) {
        if (known == name) return name;
        // A name of one letter is a short option, and those of runc are not crun's.
        if (known.size() < 2 || !known.starts_with(name) || is_of_go_only(known)) continue;
        if (!found.empty()) return name;
        found = known;
      }
    }
    return found.empty() ? name : found;
  }

  static bool is_of_go_only(string_view name) {
    constexpr string_view kGoOnly[] = {"criu", "empty-ns", "lsm-mount-context"};
    return contains(kGoOnly, name);
  }

  // -d, -bDIR, -db DIR.
  void short_options(string_view letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const string_view name = letters.substr(i, 1);
      if (!contains(values_, name)) continue;
      if (i + 1 < letters.size()) {
        take(name, letters.substr(i + 1));
      } else if (!done()) {
        take(name, arguments_[next_++]);
      }
      return;
    }
  }

  // Of an option that nobody here knows: whether what follows looks like its value.
  [[nodiscard]] bool has_value(string_view name) const {
    if (contains(values_, name)) return true;
    constexpr string_view kAnywhere[] = {"help", "h", "version", "v", "usage"};
    if (contains(flags_, name) || contains(kAnywhere, name) || done()) return false;
    const string_view following = arguments_[next_];
    const bool is_last = next_ + 1 == arguments_.size();
    return !following.starts_with('-') && !contains(kCommands, following) && !is_last;
  }

  void take(string_view name, string_view value) {
    const bool is_global = result_.command.empty();
    if (is_global && name == "log") result_.log = value;
    if (is_global && name == "log-format") result_.log_format = value;
    if (!is_global && (name == "bundle" || name == "b")) result_.bundle = value;
    if (!is_global && (name == "config" || name == "f")) result_.config = value;
  }

  const std::vector<std::string>& arguments_;
  OptionStyle style_;
  size_t next_ = 0;
  bool only_arguments_ = false;  // "--" was there
  std::span<const string_view> values_;
  std::span<const string_view> flags_;
  RuntimeArguments result_{
      .command = "", .bundle = ".", .config = "config.json", .id = "", .log = "", .log_format = ""};
};

}  // namespace

OptionStyle option_style_of(std::string_view runtime) {
  return runtime.starts_with("crun") ? OptionStyle::kArgp : OptionStyle::kGo;
}

RuntimeArguments parse_runtime_arguments(const std::vector<std::string>& arguments,
                                         OptionStyle style) {
  return Parser(arguments, style).parse();
}

}  // namespace pinscope::oci
