// `pinscope diff`: what other policies would change for the containers that run, or for the
// subjects of policy tests. Changes nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/diff/difference.h"
#include "plugin/cli/diff/output.h"
#include "plugin/cli/explain/explanation.h"
#include "plugin/cli/explain/next_policies.h"
#include "plugin/engine/known_containers.h"
#include "plugin/host/users.h"
#include "plugin/inventory/live.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/pipeline/start/session.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/testing/run.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

struct DiffOptions {
  std::vector<std::string> paths;  // OLD NEW, or NEW
  std::string subjects;
};

// A running container, as far as it has to be known to explain it.
struct Running {
  inventory::FoundContainer found;
  oci::PodLabels pod_labels;
  std::optional<uint32_t> user = {};  // of a session of the host
  pid_t pid = 0;                      // the same
};

Result<std::vector<model::Policy>> read_set(const std::string& path) {
  const Error failed(ErrorCode::kPolicyInvalid, "read the policies in " + quoted(path));
  if (::access(path.c_str(), F_OK) != 0)
    return std::unexpected(Error::system("read the policies in " + quoted(path), errno));
  auto loaded = policy::load_path(path, policy::Trust::kIgnored, path);
  if (loaded.ok()) return std::move(loaded.policies);
  const auto first = std::ranges::find(loaded.diagnostics, policy::Diagnostic::Severity::kError,
                                       &policy::Diagnostic::severity);
  return std::unexpected(Error(failed)
                             .reason(model::to_string(first->place) + ": " + first->message)
                             .hint("pinscope check shows all errors"));
}

// Whoever names one file where there was a directory may mean one policy of it.
std::string one_file_note(const std::string& path, const std::vector<model::Policy>& before,
                          const std::vector<model::Policy>& after) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return "";
  std::vector<std::string> gone;
  for (const auto& policy : before)
    if (std::ranges::find(after, policy.name, &model::Policy::name) == after.end())
      gone.push_back(quoted(policy.name));
  if (gone.empty()) return "";
  constexpr size_t kMaxNames = 4;
  const size_t more = gone.size() > kMaxNames ? gone.size() - kMaxNames : 0;
  gone.resize(gone.size() - more);
  return quoted(path) +
         " is one file, and is compared as the whole set: what is not in it counts "
         "as removed, here " +
         joined(gone, ", ") +
         (more > 0 ? " and " + count_of(more, "more policy", "more policies") : "");
}

Running running_as(const std::string& id, const std::string& bundle, model::Engine engine) {
  Running running;
  running.found.id = id;
  running.found.bundle = bundle;
  running.found.engine = engine;
  return running;
}

// Records first, because they know the engine and the pod's labels; then what runtimes keep.
Result<std::vector<Running>> running_containers(const Settings& settings, Comparison& comparison) {
  std::vector<Running> all;
  std::set<std::pair<pid_t, uint64_t>> seen;  // an id is unique in one directory of one runtime
  PINSCOPE_TRY(const auto store, record::Store::open(settings.hook.state_directory, false));
  PINSCOPE_TRY(auto records, store.all());
  std::ranges::move(records.unreadable, std::back_inserter(comparison.not_seen));
  for (const auto& record : records.records) {
    if (inventory::process_of(record) != inventory::ProcessState::kRunning) continue;
    const auto& given = record.given;
    Running running = running_as(given.id, given.bundle, given.engine);
    running.user = given.uid;
    running.pid = given.pid;
    for (const auto& [key, fact] : given.identity.kubernetes_labels)
      running.pod_labels.emplace_back(key, fact.value);
    seen.emplace(given.pid, record.process_start);
    all.push_back(std::move(running));
  }
  auto states = inventory::runtime_states("");
  std::ranges::move(states.unreadable, std::back_inserter(comparison.not_seen));
  for (const auto& state : inventory::still_running(std::move(states.states)))
    if (seen.emplace(state.pid, state.start_time).second)
      all.push_back(running_as(state.id, state.bundle, state.engine));
  std::multimap<std::string, Running*> by_id;
  for (auto& running : all) by_id.emplace(running.found.id, &running);
  // For their names alone: an engine that does not answer hides no container.
  for (const auto& known : engine::running_containers().containers) {
    const auto [first, last] = by_id.equal_range(known.id);
    for (auto at = first; at != last; ++at) {
      auto& found = at->second->found;
      // Another engine's container can have the id as well.
      if (found.engine != model::Engine::kUnknown && known.engine != model::Engine::kUnknown &&
          found.engine != known.engine && std::next(first) != last)
        continue;
      found.name = known.name;
      if (found.engine == model::Engine::kUnknown) found.engine = known.engine;
    }
  }
  return all;
}

// A session has no configuration: it is its user's. `running.user` is there.
Result<Explanation> explain_session(const std::vector<model::Policy>& policies,
                                    const Running& running) {
  auto user = user_of(*running.user);
  const auto container = container_of(
      Session{running.pid, user.uid, user.gid, std::move(user.groups)}, running.found.engine);
  policy::Told told;
  told.uid = told.gid = told.no_facts = told.rest_is_absent = true;
  told.namespaces.fill(true);
  return explain_described(policies, container, told);
}

std::string depends_on(const model::Rule& policy, const std::string& keys) {
  return "whether " + model::to_string(policy) + " selects it depends on " + keys;
}

// `policy` is one of a set, in which names are unique.
void add_concerned(const model::Rule& policy, const std::vector<model::Policy>& policies,
                   Outcome& outcome) {
  const auto found = std::ranges::find(policies, policy.policy, &model::Policy::name);
  if (found != policies.end()) outcome.concerned.push_back(*found);
}

Result<Outcome> outcome_of(const std::vector<model::Policy>& policies, const Running& running,
                           const model::Features& features) {
  const bool is_session = running.user.has_value();
  PINSCOPE_TRY(auto explained,
               is_session ? explain_session(policies, running)
                          : pinscope::explain(policies, running.found.bundle, running.found.id,
                                              running.found.engine, running.pod_labels, features));
  // What is mounted on the host is there for every session without a view.
  if (is_session) explained.past_view.mounts_bpffs = true;
  Outcome outcome{std::move(explained.decision), std::move(explained.past_view),
                  std::move(explained.errors)};
  for (const auto& verdict : explained.verdicts) {
    const bool depends = !verdict.depends_on.empty();
    if (depends) outcome.undecided.push_back(depends_on(verdict.policy, verdict.depends_on));
    if (depends || verdict.selects) add_concerned(verdict.policy, policies, outcome);
  }
  return outcome;
}

Status compare_running(const Settings& settings, const std::vector<model::Policy>& before,
                       const std::vector<model::Policy>& after, Comparison& comparison) {
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look at the containers that run", EPERM)
                               .hint("only root sees them; --subjects FILE needs no root"));
  PINSCOPE_TRY(const auto containers, running_containers(settings, comparison));
  const auto features = features_of_host();
  comparison.all.reserve(containers.size());
  for (const auto& running : containers) {
    Difference& difference = comparison.all.emplace_back();
    difference.title = inventory::title_of(running.found);
    difference.id = running.found.id;
    difference.engine = running.found.engine;
    difference.name = running.found.name;
    const auto old = outcome_of(before, running, features);
    const auto now = old ? outcome_of(after, running, features) : old;
    if (now)
      compare(*old, *now, difference);
    else
      difference.unreadable = now.error();
  }
  return {};
}

Outcome outcome_of(const std::vector<model::Policy>& policies, const policy::PolicyTest& test,
                   const policy::TestSubject& subject) {
  const auto host = host_of(test);
  std::vector<policy::Undecided> depends;
  Outcome outcome;
  outcome.concerned = selecting(subject, policies, host, depends);
  for (const auto& [rule, why] : undecided_globs(test, outcome.concerned))
    outcome.undecided.push_back(why + "; " + model::to_string(rule));
  auto decision = policy::decide(outcome.concerned, subject.container, host);
  for (const auto& [rule, keys] : depends) {
    outcome.undecided.push_back(depends_on(rule, keys));
    add_concerned(rule, policies, outcome);
  }
  if (decision)
    outcome.decision = *std::move(decision);
  else
    outcome.errors.push_back(decision.error());
  return outcome;
}

Status compare_subjects(const std::string& path, const std::vector<model::Policy>& before,
                        const std::vector<model::Policy>& after, Comparison& comparison) {
  if (::access(path.c_str(), F_OK) != 0)
    return std::unexpected(Error::system("read the subjects in " + quoted(path), errno));
  const auto loaded = policy::load_path(path, policy::Trust::kIgnored, path, policy::Tests::kRead);
  const Error failed(ErrorCode::kPolicyInvalid, "read the subjects in " + quoted(path));
  for (const auto* found : {&loaded.test_diagnostics, &loaded.diagnostics})
    for (const auto& diagnostic : *found)
      if (diagnostic.severity == policy::Diagnostic::Severity::kError)
        return std::unexpected(
            Error(failed).reason(model::to_string(diagnostic.place) + ": " + diagnostic.message));
  if (loaded.tests.empty())
    return std::unexpected(Error(failed).reason("there is no document of kind PolicyTest in it"));
  for (const auto& test : loaded.tests)
    for (const auto& subject : test.subjects) {
      Difference& difference = comparison.all.emplace_back();
      difference.title = test.name + ": " + subject.name;
      difference.engine = subject.container.engine;
      difference.name = difference.title;
      compare(outcome_of(before, test, subject), outcome_of(after, test, subject), difference);
    }
  return {};
}

ExitStatus status_of(const Comparison& comparison) {
  if (comparison.count(&Difference::widens) > 0) return kExitWidens;
  if (comparison.count(&Difference::differs) > 0) return kExitDiffers;
  const bool is_whole = comparison.unreadable() == 0 && comparison.not_seen.empty();
  return is_whole ? kExitOk : kExitFailure;
}

Result<ExitStatus> diff(const Settings& settings, const DiffOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  if (options.paths.empty() || options.paths.size() > 2)
    return std::unexpected(
        Error(ErrorCode::kUsage, "compare policies")
            .reason(options.paths.empty() ? "none are named" : "more than two are named")
            .hint("write: pinscope diff NEW, or: pinscope diff OLD NEW"));
  Comparison comparison;
  std::vector<model::Policy> before;
  if (options.paths.size() == 2) {
    comparison.old_policies = options.paths.front();
    PINSCOPE_TRY(before, read_set(options.paths.front()));
  } else {
    comparison.old_policies = settings.hook.policy.policy_path;
    PINSCOPE_TRY(auto next, read_next_policies(settings));
    if (auto note = last_good_note(next); !note.empty())
      comparison.notes.push_back(std::move(note));
    before = std::move(next.policies);
  }
  comparison.new_policies = options.paths.back();
  PINSCOPE_TRY(const auto after, read_set(options.paths.back()));
  if (auto note = one_file_note(options.paths.back(), before, after); !note.empty())
    comparison.notes.push_back(std::move(note));
  comparison.of_subjects = !options.subjects.empty();
  if (options.subjects.empty())
    PINSCOPE_CHECK(compare_running(settings, before, after, comparison));
  else
    PINSCOPE_CHECK(compare_subjects(options.subjects, before, after, comparison));
  comparison.sort();
  print(settings.json() ? to_json(comparison) : to_text(comparison, settings.palette()));
  return status_of(comparison);
}

}  // namespace

void add_diff(CLI::App& root, Program& program) {
  auto options = std::make_shared<DiffOptions>();
  add_command(root, program, "diff",
              "Show what other policies would change for the containers that run",
              [&program, options] { return diff(program.settings, *options); })
      .arguments("PATH", options->paths,
                 "[OLD] NEW: policy files or directories. Without OLD, NEW is compared with the "
                 "installed policies")
      .option("--subjects", options->subjects, "PATH",
              "Compare for the subjects of these policy tests instead: without root, and without "
              "looking at this machine")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir"})
      .output_options(program.settings)
      .footer(
          "A container that runs keeps what it has: what is shown is what it would get if it "
          "started again.\n"
          "CHANGE: widened and gained come first, then narrowed, lost and changed. Containers for "
          "which the same changes are put together.\n"
          "Exit status: 0 no difference; 1 failure, or no difference but something that could "
          "not be read; 2 usage error; 3 something differs, and nobody gets more; 4 somebody gets "
          "more, or may: where policies differ, and what they give is not certain.");
}

}  // namespace pinscope::cli
