// `pinscope check`: reads policy files as the hook's compiler would and prints everything that is
// wrong with them. The exit status is for CI.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/check/findings.h"
#include "plugin/cli/check/formats.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/health/policies.h"
#include "plugin/model/shapes.h"
#include "plugin/pipeline/explain/look_at_pins.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

using policy::Diagnostic;
using Severity = Diagnostic::Severity;

constexpr const char* kStandardInput = "-";
constexpr const char* kStandardInputShown = "<stdin>";

struct CheckOptions {
  std::vector<std::string> paths;
  std::string format;  // empty: what --output says
  bool strict = false;
  bool trust = false;
  bool no_host = false;
};

std::string to_json(const CheckFindings& found) {
  JsonWriter json = begin_output();
  json.field("ok", found.ok())
      .field("policies", uint64_t{found.policies})
      .field("files", uint64_t{found.read.size()})
      .field("errors", uint64_t{found.errors})
      .field("warnings", uint64_t{found.warnings})
      .field("notes", uint64_t{found.notes})
      .key("read");
  model::write_texts(json, found.read);
  json.key("skipped").array();
  for (const auto& [path, why] : found.skipped)
    json.object().field("path", path).field("why", why).end();
  json.end().key("diagnostics");
  write_diagnostics(json, found.diagnostics);
  return end_output(std::move(json));
}

std::string to_text(const CheckFindings& found, const Palette& palette) {
  std::string text;
  for (const auto& path : found.read) text += "read " + one_line(path) + "\n";
  for (const auto& [path, why] : found.skipped)
    text += palette.paint(Colour::kYellow, "skipped") + " " + one_line(path) + ": " + why + "\n";
  for (const auto& diagnostic : found.diagnostics) text += to_text(diagnostic, palette);
  text += palette.paint(found.ok() ? Colour::kGreen : Colour::kRed, found.ok() ? "ok" : "failed");
  text += ": ";
  if (found.ok()) text += count_of(found.policies, "policy", "policies") + " in ";
  text += count_of(found.read.size(), "file", "files");
  if (found.errors > 0) text += ", " + count_of(found.errors, "error", "errors");
  if (found.strict_errors > 0)
    text += " (without --strict, " + count_of(found.strict_errors, "is a warning", "are warnings") +
            ")";
  if (found.warnings > 0) text += ", " + count_of(found.warnings, "warning", "warnings");
  if (found.notes > 0) text += ", " + count_of(found.notes, "note", "notes");
  return text + "\n";
}

Diagnostic diagnostic_of(const std::string& path, Severity severity, std::string message,
                         std::string hint = {}) {
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.place = {path, 1, 1};
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  return diagnostic;
}

// Of one path: the policies, and which files were looked at.
class Checker {
 public:
  explicit Checker(const CheckOptions& options) : options_(options) {}

  void add_installed(const Settings& settings);
  void add_path(const std::string& path);
  CheckFindings finish() &&;

 private:
  // `shown` is the path that `loaded` was read from, a directory or a file.
  void take(policy::Loaded loaded, const std::string& shown, bool is_directory);
  void add_error(const std::string& path, std::string message);

  const CheckOptions& options_;
  const model::LookAtPin look_at_pin_ = pins_of_this_machine();
  CheckFindings found_;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void Checker::take(policy::Loaded loaded, const std::string& shown, bool is_directory) {
  if (!options_.no_host) health::add_findings_of_host(loaded, look_at_pin_);
  found_.policies += loaded.policies.size();
  for (const auto& file : loaded.files)
    found_.read.push_back(is_directory ? join(shown, file.name) : shown);
  std::ranges::move(loaded.diagnostics, std::back_inserter(found_.diagnostics));
  std::ranges::move(loaded.test_diagnostics, std::back_inserter(found_.diagnostics));
  if (is_directory) std::ranges::move(list_skipped(shown), std::back_inserter(found_.skipped));
}

void Checker::add_error(const std::string& path, std::string message) {
  found_.diagnostics.push_back(diagnostic_of(path, Severity::kError, std::move(message)));
}

void Checker::add_installed(const Settings& settings) {
  const policy::StoreOptions& store = settings.hook.policy;
  const auto given = settings.given.find("policy");
  const std::string& shown = given == settings.given.end() ? store.policy_path : given->second;
  auto loaded = policy::load_for_install(store.policy_path, store.cache_directory,
                                         policy::Trust::kRequired, shown, policy::Tests::kRead);
  const auto is_there = check_given_path(settings, "policy");
  if (!is_there && loaded.ok())
    add_error(shown, is_there.error().sentence());
  else
    take(std::move(loaded), shown, is_directory(store.policy_path));
}

void Checker::add_path(const std::string& path) {
  if (path == kStandardInput) {
    found_.read.emplace_back(kStandardInputShown);
    take(policy::load_open_file(STDIN_FILENO, kStandardInputShown), kStandardInputShown, false);
    return;
  }
  if (::access(path.c_str(), F_OK) != 0) {
    add_error(path, Error::system("read " + quoted(path), errno).sentence());
    return;
  }
  const bool is_set = is_directory(path);
  auto loaded =
      policy::load_path(path, options_.trust ? policy::Trust::kRequired : policy::Trust::kIgnored,
                        path, policy::Tests::kRead);
  if (is_set && loaded.files.empty() && loaded.ok())
    loaded.diagnostics.push_back(diagnostic_of(path, Severity::kWarning,
                                               "there is no policy file in this directory",
                                               "their names end in .yaml or .yml"));
  take(std::move(loaded), path, is_set);
}

CheckFindings Checker::finish() && {
  for (auto& diagnostic : found_.diagnostics) {
    if (options_.strict && diagnostic.severity == Severity::kWarning) {
      diagnostic.severity = Severity::kError;
      ++found_.strict_errors;
    }
    ++found_.count_of(diagnostic.severity);
  }
  return std::move(found_);
}

std::string formatted(const Settings& settings, const std::string& format,
                      const CheckFindings& found) {
  if (format == "github") return to_github(found);
  if (format == "sarif") return to_sarif(found);
  if (format == "junit") return to_junit(found);
  const bool json = format == "json" || (format.empty() && settings.json());
  return json ? to_json(found) : to_text(found, settings.palette());
}

// Standard input has no owner, and can be read once.
Status check_options(const Settings& settings, const CheckOptions& options) {
  if (settings.json() && !options.format.empty() && options.format != "json")
    return std::unexpected(Error(ErrorCode::kUsage, "print --format " + options.format)
                               .reason("--output asks for json"));
  const auto count = std::ranges::count(options.paths, kStandardInput);
  const auto refuse = [](const char* why) {
    return std::unexpected(Error(ErrorCode::kUsage, "read standard input (\"-\")").reason(why));
  };
  if (count > 1) return refuse("it is given more than once");
  if (count > 0 && options.trust) return refuse("--trust asks for the owner of a file");
  return {};
}

Result<ExitStatus> check(const Settings& settings, const CheckOptions& options) {
  PINSCOPE_CHECK(check_options(settings, options));
  Checker checker(options);
  if (options.paths.empty()) checker.add_installed(settings);
  for (const auto& path : options.paths) checker.add_path(path);
  const CheckFindings found = std::move(checker).finish();
  print(formatted(settings, options.format, found));
  return found.ok() ? kExitOk : kExitFailure;
}

}  // namespace

void add_check(CLI::App& root, Program& program) {
  auto options = std::make_shared<CheckOptions>();
  add_command(root, program, "check", "Check policy files and print every error and warning",
              [&program, options] { return check(program.settings, *options); })
      .arguments("PATH", options->paths,
                 "Policy files or directories, or - for standard input (default: the installed "
                 "policies). File ownership is not checked here; use --trust to check it")
      .choice("--format", options->format, {"text", "json", "github", "sarif", "junit"},
              "text for people (the default); json as --output json; github: workflow commands, "
              "which GitHub shows in a change; sarif: SARIF 2.1.0; junit: a test report")
      .flag("--strict", options->strict, "Make each warning an error; notes stay notes")
      .flag("--trust", options->trust,
            "Check the ownership of PATH, too: owned by root, and only root may write it")
      .flag("--no-host", options->no_host,
            "Do not compare with this host's BPF file systems and pins, because the policies are "
            "for another host")
      .shared_options(program.settings, {"policy", "cache-dir"})
      .output_options(program.settings)
      .footer(
          "Of a directory, the files in it whose names end in .yaml or .yml are read, but no "
          "hidden "
          "ones.\nExit status: 0 no errors; 1 errors, or a PATH that is not there; 2 usage error.");
}

}  // namespace pinscope::cli
