#include "tests/bench/scenarios.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "tests/bench/contenders.h"
#include "tests/bench/fixture.h"
#include "tests/bench/runc.h"
#include "tests/bench/spawn.h"
#include "tests/bench/target.h"

namespace pinscope::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kViewAt = "/sys/fs/bpf";
// Runs that are thrown away in front of the measured ones.
constexpr int kWarmUp = 5;

struct Definition {
  const char* name;
  PolicySet set;
  int share;  // of the iterations, in percent: what takes long is run less often
  int shell_runs;
};

constexpr Definition kDefinitions[] = {
    {"grants-1", {.grants = 1}, 100, 20},
    {"grants-10", {.grants = 10}, 100, 10},
    {"grants-100", {.grants = 100}, 60, 3},
    {"grants-1000", {.grants = 1000}, 20, 1},
    {"rules-1", {.grants = 10, .rules = 1}, 100, 0},
    {"rules-100", {.grants = 10, .rules = 100}, 100, 0},
    {"rules-10000", {.grants = 10, .rules = 10000}, 100, 0},
    {"no-match", {.grants = 0, .rules = 10}, 100, 0},
    {"no-match-10000", {.grants = 0, .rules = 10000}, 100, 0},
    {"no-policies", {.absent = true}, 100, 0},
};
constexpr int kMaxGrants = 1000;

bool contains(const std::vector<std::string>& list, const std::string& entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

off_t file_size(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

// Of the files in a directory: the compiled set beside its locks, a record where there is one.
std::string largest_file(const std::string& directory) {
  std::error_code ignored;
  std::string largest;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string path = entry.path();
    if (largest.empty() || file_size(path) > file_size(largest)) largest = path;
  }
  return largest;
}

// One program in one scenario. `arguments` are those for a target's process id.
struct Contender {
  std::string name;
  bool needs_target = true;
  bool makes_view = true;
  int runs = 0;
  std::function<std::vector<std::string>(pid_t)> arguments;
  Series series{};
};

class Course {
 public:
  Course(const Options& options, const Fixture& fixture, const Definition& definition, Site site)
      : options_(options), fixture_(fixture), definition_(definition), site_(std::move(site)) {
    add_contenders();
  }

  Result<Scenario> run_all() {
    if (!definition_.set.absent && wanted("hook")) PINSCOPE_CHECK(compile());
    for (auto& contender : contenders_) PINSCOPE_CHECK(warm_up(contender));
    int rounds = 0;
    for (const auto& contender : contenders_) rounds = std::max(rounds, contender.runs);
    for (int round = 0; round < rounds; ++round) {
      // Each goes first in turn, so that none always follows the same other one.
      std::rotate(contenders_.begin(), contenders_.begin() + 1, contenders_.end());
      for (auto& contender : contenders_) {
        if (round >= contender.runs) continue;
        PINSCOPE_TRY(const Run done, once(contender, false));
        contender.series.wall_ns.push_back(done.wall_ns);
        contender.series.cpu_ns.push_back(done.cpu_ns);
      }
    }
    return scenario();
  }

 private:
  [[nodiscard]] bool wanted(const std::string& program) const {
    return !contains(options_.without, program);
  }

  void add(Contender contender) {
    if (!wanted(contender.name)) return;
    contender.series.program = contender.name;
    if (options_.quick) contender.runs = 1;
    contenders_.push_back(std::move(contender));
  }

  void add_contenders() {
    const auto program = [this](const char* name) { return options_.programs + "/bench/" + name; };
    const int runs = options_.iterations * definition_.share / 100;
    const bool selected = definition_.set.grants > 0;
    const std::string count = std::to_string(definition_.set.grants);
    const std::string files = std::to_string(files_of(definition_.set));
    add({.name = "empty",
         .needs_target = false,
         .makes_view = false,
         .runs = runs,
         .arguments = [=](pid_t) { return std::vector{program("bench_empty")}; }});
    add({.name = "hook", .makes_view = selected, .runs = runs, .arguments = [this](pid_t) {
           return hook_arguments(options_.programs, site_, "createRuntime");
         }});
    if (!selected) {
      if (definition_.set.absent) return;
      add({.name = "floor", .makes_view = false, .runs = runs, .arguments = [=, this](pid_t) {
             return std::vector<std::string>{program("bench_floor"), "--unselected", site_.bundle,
                                             site_.policies,         files,          set_file_};
           }});
      return;
    }
    add({.name = "floor", .runs = runs, .arguments = [=, this](pid_t pid) {
           return std::vector<std::string>{program("bench_floor"),
                                           std::to_string(pid),
                                           count,
                                           site_.bundle,
                                           fixture_.rootfs(),
                                           kPins,
                                           site_.state,
                                           site_.policies,
                                           files,
                                           set_file_,
                                           site_.floor_audit,
                                           std::to_string(record_size_),
                                           std::to_string(audit_size_)};
         }});
    add({.name = "floor-view-only", .runs = runs, .arguments = [=, this](pid_t pid) {
           return std::vector<std::string>{program("bench_floor"), "--view-only",
                                           std::to_string(pid),    count,
                                           fixture_.rootfs(),      kPins};
         }});
    if (definition_.shell_runs == 0) return;
    add({.name = "shell",
         .runs = std::min(options_.shell_iterations, definition_.shell_runs),
         .arguments = [=, this](pid_t) {
           return std::vector<std::string>{options_.shell_hook, kPins, count};
         }});
  }

  Status compile() {
    PINSCOPE_CHECK(compile_policies(options_.programs, site_));
    set_file_ = largest_file(site_.cache);
    return {};
  }

  // Runs until the page cache and the allocator of the kernel know the program, and measures
  // memory. The hook comes first: what it writes says how much the floor has to write.
  Status warm_up(Contender& contender) {
    const bool once_will_do = options_.quick || contender.name == "shell";
    for (int i = 0; i < (once_will_do ? 1 : kWarmUp); ++i) {
      PINSCOPE_TRY([[maybe_unused]] const Run done, once(contender, true));
    }
    if (contender.name == "shell") return {};
    PINSCOPE_TRY(const Target target, Target::start(fixture_.rootfs()));
    PINSCOPE_TRY(contender.series.peak_kib,
                 peak_memory_kib(contender.arguments(target.pid()),
                                 state_json(kContainer, target.pid(), site_.bundle)));
    remove_records(site_);
    return {};
  }

  // One run, with a new container where one is needed, and all traces removed after it.
  Result<Run> once(const Contender& contender, bool check) {
    std::optional<Target> target;
    if (contender.needs_target) {
      PINSCOPE_TRY(Target started, Target::start(fixture_.rootfs()));
      target.emplace(std::move(started));
    }
    const pid_t pid = target ? target->pid() : 0;
    PINSCOPE_TRY(Run done,
                 run(contender.arguments(pid), state_json(kContainer, pid, site_.bundle)));
    if (done.exit_status != 0)
      return std::unexpected(
          Error(ErrorCode::kInternal, "measure " + pinscope::quoted(contender.name))
              .reason("exit status " + std::to_string(done.exit_status) + ", " +
                      one_line(done.errors))
              .in(definition_.name));
    if (check && contender.makes_view) PINSCOPE_CHECK(check_view(*target, contender.name));
    if (check && contender.name == "hook") note_sizes();
    remove_records(site_);
    return done;
  }

  // The view is there and holds as many names as were granted.
  Status check_view(const Target& target, const std::string& program) const {
    std::error_code failed;
    int found = 0;
    for (const auto& entry : fs::directory_iterator(target.view(kViewAt), failed))
      if (entry.path().filename().string().starts_with("m0")) ++found;
    if (!failed && found == definition_.set.grants) return {};
    return std::unexpected(Error(ErrorCode::kInternal, "use the view that " + program + " made")
                               .reason("it has " + std::to_string(found) + " pins")
                               .in(definition_.name));
  }

  void note_sizes() {
    if (const auto record = largest_file(site_.state + "/containers"); !record.empty())
      record_size_ = file_size(record);
    // The trail grows: the first line says how long each is.
    if (const auto size = file_size(site_.audit); size > 0 && !audit_noted_) audit_size_ = size;
    audit_noted_ = true;
  }

  Scenario scenario() const {
    Scenario scenario{.name = definition_.name};
    for (const char* name : {"empty", "floor-view-only", "floor", "hook", "shell"})
      for (const auto& contender : contenders_)
        if (contender.name == name) scenario.series.push_back(contender.series);
    if (definition_.set.absent)
      scenario.goals.push_back({"hook", "empty", 1.1, false});
    else
      scenario.goals.push_back({"hook", "floor", 1.15, false});
    if (definition_.set.grants != 0) scenario.goals.push_back({"hook", "shell", 25, true});
    return scenario;
  }

  const Options& options_;
  const Fixture& fixture_;
  const Definition& definition_;
  Site site_;
  std::vector<Contender> contenders_;
  std::string set_file_ = site_.policies + "/policies-0.yaml";  // without the hook: any file
  // Until the hook has said: about what a record of that many grants takes.
  off_t record_size_ = 1000 + 150 * definition_.set.grants;
  off_t audit_size_ = record_size_;
  bool audit_noted_ = false;
};

}  // namespace

Result<std::vector<Scenario>> measure(Options options) {
  PINSCOPE_TRY(const Fixture fixture, Fixture::make(options.quick ? 10 : kMaxGrants));
  PINSCOPE_TRY(options.programs, fixture.install(options.programs));
  std::vector<Scenario> scenarios;
  for (const auto& definition : kDefinitions) {
    if (!options.only.empty() && !contains(options.only, definition.name)) continue;
    if (options.quick && (definition.set.grants > 10 || definition.set.rules > 100)) continue;
    PINSCOPE_TRY(Site site, fixture.make_site(definition.name, definition.set));
    Course course(options, fixture, definition, std::move(site));
    PINSCOPE_TRY(Scenario scenario, course.run_all());
    scenarios.push_back(std::move(scenario));
  }
  if (contains(options.without, "runc")) return scenarios;
  const auto wanted = [&](const char* name) {
    return options.only.empty() || contains(options.only, name);
  };
  const int runs = options.quick ? 1 : options.runc_iterations;
  const bool with_hook = !contains(options.without, "hook");
  if (wanted("runc-run")) {
    PINSCOPE_TRY(Scenario scenario, measure_runc(options.programs, fixture, runs, with_hook));
    scenarios.push_back(std::move(scenario));
  }
  if (wanted("runc-shim") && with_hook) {
    PINSCOPE_TRY(Scenario scenario, measure_shim(options.programs, fixture, runs));
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

}  // namespace pinscope::bench
