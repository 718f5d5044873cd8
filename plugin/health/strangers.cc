#include "plugin/health/strangers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/engines.h"
#include "plugin/health/every_start.h"
#include "plugin/host/file.h"
#include "plugin/json/json.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/process/process.h"
#include "plugin/policy/set/cache.h"
#include "plugin/record/store.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr size_t kMaxContainers = 4096;
constexpr size_t kMaxOfState = size_t{4} << 20;
constexpr size_t kMaxOfMounts = size_t{16} << 20;
constexpr size_t kMaxSaid = 5;
constexpr size_t kLongestId = 64;

// What a runtime keeps of a container that runs.
struct Running {
  std::string id;
  pid_t pid = 0;
  uint64_t start_time = 0;  // 0: not known
  std::string bundle;
  std::vector<model::Engine> engines;  // one of them has started it
};

// Where runtimes keep their state: a directory for each container, in `path` itself or, of
// containerd's namespaces and Docker's runtimes, in `below` of each directory there.
struct StateRoot {
  std::string path;
  std::optional<std::string> below;
  std::vector<model::Engine> engines;
};
const std::vector<StateRoot>& state_roots() {
  using model::Engine;
  static const std::vector<StateRoot> roots = {
      {"/run/runc", std::nullopt, {Engine::kPodman, Engine::kCrio}},
      {"/run/crun", std::nullopt, {Engine::kPodman, Engine::kCrio}},
      {"/run/containerd/runc", "", {Engine::kContainerd}},
      {"/run/docker", "moby", {Engine::kDocker}},
  };
  return roots;
}

std::vector<std::string> names_below(const std::string& path) {
  const auto directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory) return {};
  return names_in(directory->get(), path).value_or(std::vector<std::string>());
}

std::optional<JsonDocument> read_json(const std::string& path) {
  auto text = text_of_file(path, kMaxOfState);
  if (!text) return std::nullopt;
  auto document = JsonDocument::parse(*std::move(text), path, ErrorCode::kSystem);
  if (!document) return std::nullopt;
  return *std::move(document);
}

// runc: libcontainer/container_linux.go, State. The bundle is one of its labels, "bundle=/…".
std::optional<Running> state_of_runc(const std::string& directory) {
  const auto document = read_json(join(directory, "state.json"));
  if (!document) return std::nullopt;
  Running running;
  running.pid = static_cast<pid_t>(document->root().unsigned_or("init_process_pid", 0).value_or(0));
  running.start_time = document->root().unsigned_or("init_process_start", 0).value_or(0);
  const auto config = document->root().find("config");
  const auto labels =
      config && *config ? (*config)->find("labels") : Result<std::optional<JsonView>>(std::nullopt);
  if (!labels || !*labels) return running;
  for (const auto& label : (*labels)->elements().value_or(std::vector<JsonView>())) {
    constexpr std::string_view kBundle = "bundle=";
    const auto text = label.as_string();
    if (text && text->starts_with(kBundle)) running.bundle = text->substr(kBundle.size());
  }
  return running;
}

// crun: src/libcrun/status.c.
std::optional<Running> state_of_crun(const std::string& directory) {
  const auto document = read_json(join(directory, "status"));
  if (!document) return std::nullopt;
  Running running;
  running.pid = static_cast<pid_t>(document->root().unsigned_or("pid", 0).value_or(0));
  running.start_time = document->root().unsigned_or("process-start-time", 0).value_or(0);
  running.bundle = document->root().string_or("bundle", "").value_or("");
  return running;
}

class Search {
 public:
  std::vector<Running> run() {
    for (const StateRoot& root : state_roots()) {
      if (!root.below) {
        take(root.path, root);
        continue;
      }
      for (const auto& name : names_below(root.path)) {
        const std::string directory = join(root.path, name);
        take(root.below->empty() ? directory : join(directory, *root.below), root);
      }
    }
    return std::move(found_);
  }

 private:
  void take(const std::string& directory, const StateRoot& root) {
    for (const auto& name : names_below(directory)) {
      if (found_.size() == kMaxContainers) return;
      const std::string place = join(directory, name);
      auto running = state_of_runc(place);
      if (!running) running = state_of_crun(place);
      if (!running || running->pid <= 0) continue;
      const uint64_t start_time = kernel::process_start_time(running->pid);
      if (start_time == 0 || (running->start_time != 0 && running->start_time != start_time))
        continue;
      running->id = name;
      running->start_time = start_time;
      running->engines = root.engines;
      found_.push_back(*std::move(running));
    }
  }

  std::vector<Running> found_;
};

// The superblocks of the bpffs that are mounted for a process: "0:31".
std::set<std::string> bpf_superblocks(const std::string& proc) {
  std::set<std::string> numbers;
  const auto text = text_of_file(proc + "/mountinfo", kMaxOfMounts);
  if (!text) return numbers;
  for (const auto line : split(*text, '\n')) {
    const auto fields = split(line, ' ');
    if (line.contains(" - bpf ") && fields.size() > 2) numbers.emplace(fields[2]);
  }
  return numbers;
}

bool is_sandbox(const Running& running) {
  if (running.bundle.empty()) return false;
  const auto document = read_json(join(running.bundle, "config.json"));
  const auto annotations = document ? document->root().find("annotations")
                                    : Result<std::optional<JsonView>>(std::nullopt);
  if (!annotations || !*annotations) return false;
  // Only the engine whose word it is: whoever starts a container chooses its other annotations.
  static constexpr std::pair<model::Engine, const char*> kTypes[] = {
      {model::Engine::kContainerd, "io.kubernetes.cri.container-type"},
      {model::Engine::kCrio, "io.kubernetes.cri-o.ContainerType"}};
  return std::ranges::any_of(kTypes, [&](const auto& type) {
    return std::ranges::find(running.engines, type.first) != running.engines.end() &&
           (*annotations)->string_or(type.second, "").value_or("") == "sandbox";
  });
}

// When the engine was wired, in nanoseconds since 1970; nothing if it is not.
std::optional<uint64_t> wired_at(const engine::Tree& tree, model::Engine engine) {
  if (!engine::examine(engine, tree).wired) return std::nullopt;
  const auto status = tree.status(engine::receipt_path(engine));
  if (!status) return std::nullopt;
  return nanoseconds_of(status->st_mtim);
}

uint64_t started_at(const Running& running) {
  const auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t boot = wall_clock_ns() - read_clock_ns(CLOCK_BOOTTIME);
  return boot + running.start_time * (kSecond / ticks);
}

bool any_selects_everything(const StrangePlaces& places) {
  const auto cached =
      policy::CachedSet::open(places.cache_directory, places.policy_path, policy::kSetSuffix);
  if (!cached || !*cached) return false;
  const auto policies = (*cached)->set().all();
  return policies && std::ranges::any_of(*policies, selects_everything);
}

std::string ids_of(const std::vector<Stranger>& strangers,
                   const std::function<bool(const Stranger&)>& counts, size_t& count) {
  std::string ids;
  count = 0;
  for (const auto& stranger : strangers) {
    if (!counts(stranger)) continue;
    if (++count > kMaxSaid) continue;
    const bool is_long = stranger.id.size() > kLongestId;
    ids += (ids.empty() ? "" : ", ") +
           one_line(stranger.id.substr(0, kLongestId) + (is_long ? "..." : ""));
  }
  if (count > kMaxSaid) ids += " and " + std::to_string(count - kMaxSaid) + " more";
  return ids;
}

}  // namespace

Finding judge_strangers(const std::vector<Stranger>& strangers, bool for_all) {
  const auto finding = [](Level level, std::string detail, std::string action = "") {
    return Finding{level, "state", "no record", std::move(detail), std::move(action)};
  };
  if (strangers.empty()) return finding(Level::kOk, "every container that runs has a record");
  size_t count = 0;
  size_t before = 0;
  size_t show = 0;
  size_t sandboxes = 0;
  const auto is_container = [](const Stranger& one) { return !one.is_sandbox; };
  const std::string all = ids_of(strangers, is_container, count);
  const std::string old = ids_of(
      strangers, [](const Stranger& one) { return !one.is_sandbox && one.is_from_before; }, before);
  const std::string exposed = ids_of(
      strangers, [](const Stranger& one) { return one.shows_host_bpffs; }, show);
  ids_of(
      strangers, [](const Stranger& one) { return one.is_sandbox; }, sandboxes);
  std::string detail =
      count_of(count, "container runs", "containers run") + " that Pinscope has no record of";
  if (count > 0) detail += ": " + all;
  if (sandboxes > 0)
    detail +=
        "; and " + count_of(sandboxes, "sandbox", "sandboxes") + " of pods, which are left alone";
  if (before > 0) detail += "; since before the wiring: " + old;
  if (show > 0) detail += "; a bpffs of the host is mounted in " + exposed;
  if (show > 0 || (for_all && count > 0))
    return finding(Level::kWarn,
                   detail + (for_all && count > 0 ? "; but a policy selects every container" : ""),
                   before > 0 ? "start them again: they meet Pinscope then"
                              : "pinscope engine status says whether their engine is wired");
  return finding(Level::kOk, detail);
}

Findings check_strangers(const StrangePlaces& places) {
  const auto tree = engine::Tree::open("/");
  if (::geteuid() != 0 || !tree) return {};
  std::vector<std::pair<model::Engine, uint64_t>> wired;
  for (const auto engine : engine::engines())
    if (const auto at = wired_at(*tree, engine)) wired.emplace_back(engine, *at);
  if (wired.empty()) return {};
  const auto store = record::Store::open(places.state_directory, false);
  const auto records = store ? store->all() : Result<record::Store::All>();
  const auto machine = kernel::MachineRoot::find();
  if (!store || !records || !machine) return {};
  const auto of_host = bpf_superblocks(machine->proc());

  std::vector<Stranger> strangers;
  for (const auto& running : Search().run()) {
    const auto is_its = [&](const model::Record& record) {
      return record.given.pid == running.pid && record.process_start == running.start_time;
    };
    if (std::ranges::any_of(records->records, is_its)) continue;
    Stranger& stranger = strangers.emplace_back();
    stranger.id = running.id;
    stranger.is_sandbox = is_sandbox(running);
    stranger.is_from_before = std::ranges::any_of(wired, [&](const auto& one) {
      return std::ranges::find(running.engines, one.first) != running.engines.end() &&
             started_at(running) < one.second;
    });
    for (const auto& number : bpf_superblocks("/proc/" + std::to_string(running.pid)))
      stranger.shows_host_bpffs = stranger.shows_host_bpffs || of_host.contains(number);
  }
  return {judge_strangers(strangers, any_selects_everything(places))};
}

}  // namespace pinscope::health
