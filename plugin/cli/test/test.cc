// `pinscope test`: runs policy tests. Looks at files alone, so that it needs no root, no BPF, and
// no machine like the one that the policies are for.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/test/report.h"
#include "plugin/policy/files.h"
#include "plugin/policy/language/check_not_granted.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {
namespace {

using policy::Diagnostic;
using policy::Loaded;
using policy::PolicyTest;

constexpr auto kError = Diagnostic::Severity::kError;

struct TestOptions {
  std::vector<std::string> paths;
  std::string format;  // empty: what --output says
};

// Directories are read without those below them; which of these have files that would be read.
std::string not_read_below(const std::string& path) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
    if (!entry.is_directory(ignored)) continue;
    const auto files = policy::list_policy_files(entry.path().string());
    if (files && !files->empty()) names.push_back(entry.path().filename().string());
  }
  if (names.empty()) return "";
  std::ranges::sort(names);
  constexpr size_t kMaxNames = 8;
  const size_t more = names.size() > kMaxNames ? names.size() - kMaxNames : 0;
  names.resize(names.size() - more);
  for (auto& name : names) name = pinscope::quoted(name);
  return "directories below " + pinscope::quoted(path) + " are not read: " + joined(names, ", ") +
         (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

class Runner {
 public:
  // `policies`: for tests that name none; empty: those beside them.
  explicit Runner(std::string policies) : policies_(std::move(policies)) {}

  void add_path(const std::string& path);
  TestReport finish() &&;

 private:
  // A set, and which of its policies a subject was selected by.
  struct Set {
    std::vector<model::Policy> policies;
    std::vector<std::string> tested;
  };

  const Loaded* load(const std::string& path);
  Set* set_at(const std::string& path, const model::Place& wanted_at);
  void run(const PolicyTest& test, const std::string& path);
  void add_error(const model::Place& place, std::string message, std::string hint = "") {
    report_.diagnostics.push_back(
        diagnostic_at(kError, place, std::move(message), std::move(hint)));
  }

  const std::string policies_;
  std::map<std::string, Loaded> files_;
  std::map<std::string, Set> sets_;
  TestReport report_;
};

// What is at the path, once; null if it is not there or has errors, which are reported once.
const Loaded* Runner::load(const std::string& path) {
  const auto [at, is_new] = files_.try_emplace(path);
  Loaded& loaded = at->second;
  if (!is_new) return loaded.ok() && loaded.test_diagnostics.empty() ? &loaded : nullptr;
  if (::access(path.c_str(), F_OK) != 0)
    loaded.diagnostics.push_back(
        diagnostic_at(kError, {path, 1, 1},
                      Error::system("read " + pinscope::quoted(path), errno).sentence(), ""));
  else
    loaded = policy::load_path(path, policy::Trust::kIgnored,
                               std::filesystem::path(path).lexically_normal().string(),
                               policy::Tests::kRead);
  for (const auto* found : {&loaded.diagnostics, &loaded.test_diagnostics})
    for (const auto& diagnostic : *found)
      if (diagnostic.severity == kError) report_.diagnostics.push_back(diagnostic);
  return loaded.ok() && loaded.test_diagnostics.empty() ? &loaded : nullptr;
}

Runner::Set* Runner::set_at(const std::string& path, const model::Place& wanted_at) {
  if (const auto known = sets_.find(path); known != sets_.end()) return &known->second;
  // Whoever names what is not there has to know where.
  if (!files_.contains(path) && ::access(path.c_str(), F_OK) != 0) {
    add_error(wanted_at,
              Error::system("read the policies in " + pinscope::quoted(path), errno).sentence());
    return nullptr;
  }
  const Loaded* loaded = load(path);
  if (loaded == nullptr) return nullptr;
  if (loaded->policies.empty()) {
    add_error(wanted_at, "there is no policy in " + pinscope::quoted(path) + " to test",
              "name them in the test's spec, as in policies: ../policy.d; or with --policy");
    return nullptr;
  }
  return &sets_.emplace(path, Set{loaded->policies, {}}).first->second;
}

void Runner::run(const PolicyTest& test, const std::string& path) {
  std::string of_set = policies_.empty() ? path : policies_;
  const bool names_its_own = !test.policies.empty();
  if (names_its_own) of_set = join(parent_of(test.place.file), test.policies);
  if (names_its_own && !policies_.empty())
    report_.notes.push_back("--policy is not used for " + pinscope::quoted(test.place.file) +
                            ", where test " + pinscope::quoted(test.name) + " names " +
                            pinscope::quoted(test.policies));
  Set* set = set_at(of_set, names_its_own ? test.policies_at : test.place);
  if (set == nullptr) return;
  std::ranges::move(check_not_granted(test, set->policies), std::back_inserter(report_.warnings));
  auto& ran = report_.ran.emplace_back(RanTest{test, of_set, {}});
  ran.results.reserve(test.subjects.size());
  for (const auto& subject : test.subjects) {
    ran.results.push_back(run_subject(test, subject, set->policies));
    std::ranges::copy(ran.results.back().selected_by, std::back_inserter(set->tested));
  }
}

void Runner::add_path(const std::string& path) {
  const Loaded* loaded = load(path);
  if (loaded == nullptr) return;
  const std::string below = not_read_below(path);
  if (!below.empty()) report_.notes.push_back(below);
  if (loaded->tests.empty())
    add_error({path, 1, 1}, "there is no policy test in " + pinscope::quoted(path),
              below.empty() ? "a test is a document with kind: PolicyTest" : below);
  for (const auto& test : loaded->tests) run(test, path);
}

TestReport Runner::finish() && {
  for (const auto& [path, set] : sets_)
    for (const auto& policy : set.policies)
      if (std::ranges::find(set.tested, policy.name) == set.tested.end())
        report_.untested.push_back({policy.name, policy.place});
  return std::move(report_);
}

std::string formatted(const Settings& settings, const std::string& format,
                      const TestReport& report) {
  if (format == "junit") return to_junit(report);
  const bool json = format == "json" || (format.empty() && settings.json());
  return json ? to_json(report) : to_text(report, settings.palette());
}

Result<ExitStatus> test(const Settings& settings, const TestOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  if (settings.json() && !options.format.empty() && options.format != "json")
    return std::unexpected(Error(ErrorCode::kUsage, "print --format " + options.format)
                               .reason("--output asks for json"));
  const auto given = settings.given.find("policy");
  Runner runner(given == settings.given.end() ? "" : given->second);
  for (const auto& path : options.paths) runner.add_path(path);
  if (options.paths.empty())
    runner.add_path(given == settings.given.end() ? settings.hook.policy.policy_path
                                                  : given->second);
  const TestReport report = std::move(runner).finish();
  print(formatted(settings, options.format, report));
  return report.ok() ? kExitOk : kExitFailure;
}

}  // namespace

void add_test(CLI::App& root, Program& program) {
  auto options = std::make_shared<TestOptions>();
  add_command(root, program, "test", "Test policies: who is given what, as tests expect it",
              [&program, options] { return test(program.settings, *options); })
      .arguments("PATH", options->paths,
                 "Files with documents of kind PolicyTest, or directories of such files (default: "
                 "the installed policies). A test that names no policies is for those of its PATH")
      .choice("--format", options->format, {"text", "json", "junit"},
              "text for people (the default); json as --output json; junit: a test report")
      .shared_options(program.settings, {"policy"})
      .output_options(program.settings)
      .footer(
          "Nothing of this machine is looked at: neither its pins nor its containers.\n"
          "With --policy, tests that name no policies are for those.\n"
          "Exit status: 0 all expectations hold; 1 some do not, or a test cannot run; 2 usage "
          "error.");
}

}  // namespace pinscope::cli
