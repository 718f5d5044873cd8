#include "plugin/health/strangers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/engines.h"
#include "plugin/health/every_start.h"
#include "plugin/host/file.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/json/json.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/policy/set/cache.h"
#include "plugin/record/store.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr size_t kMaxContainers = 4096;
constexpr size_t kMaxOfConfig = size_t{4} << 20;
constexpr size_t kMaxSaid = 5;
constexpr size_t kLongestId = 64;

using inventory::RuntimeState;

// Whether the engine may have started it: the directory is its own, or the runtimes' default one.
bool may_be_of(const RuntimeState& state, model::Engine engine) {
  if (state.engine != model::Engine::kUnknown) return state.engine == engine;
  return engine == model::Engine::kPodman || engine == model::Engine::kCrio;
}

std::vector<RuntimeState> running_containers() {
  auto states = inventory::still_running(inventory::runtime_states("").states);
  if (states.size() > kMaxContainers) states.resize(kMaxContainers);
  return states;
}

// The devices of the bpffs that are mounted for a process.
std::set<std::pair<uint32_t, uint32_t>> bpf_devices(const std::string& proc) {
  std::set<std::pair<uint32_t, uint32_t>> devices;
  const auto mounts = kernel::read_bpffs_mounts(AT_FDCWD, proc);
  if (!mounts) return devices;
  for (const auto& mount : *mounts) devices.emplace(mount.device_major, mount.device_minor);
  return devices;
}

std::optional<JsonDocument> read_json(const std::string& path) {
  auto text = text_of_file(path, kMaxOfConfig);
  if (!text) return std::nullopt;
  auto document = JsonDocument::parse(*std::move(text), path, ErrorCode::kSystem);
  if (!document) return std::nullopt;
  return *std::move(document);
}

bool is_sandbox(const RuntimeState& running) {
  const auto document = read_json(join(running.bundle, "config.json"));
  const auto annotations = document ? document->root().find("annotations")
                                    : Result<std::optional<JsonView>>(std::nullopt);
  if (!annotations || !*annotations) return false;
  // Only the engine whose word it is: whoever starts a container chooses its other annotations.
  static constexpr std::pair<model::Engine, const char*> kTypes[] = {
      {model::Engine::kContainerd, "io.kubernetes.cri.container-type"},
      {model::Engine::kCrio, "io.kubernetes.cri-o.ContainerType"}};
  return std::ranges::any_of(kTypes, [&](const auto& type) {
    return may_be_of(running, type.first) &&
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

uint64_t started_at(const RuntimeState& running) {
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
  const auto of_host = bpf_devices(machine->proc());

  std::vector<Stranger> strangers;
  for (const auto& running : running_containers()) {
    const auto is_its = [&](const model::Record& record) {
      return record.given.pid == running.pid && record.process_start == running.start_time;
    };
    if (std::ranges::any_of(records->records, is_its)) continue;
    Stranger& stranger = strangers.emplace_back();
    stranger.id = running.id;
    stranger.is_sandbox = is_sandbox(running);
    stranger.is_from_before = std::ranges::any_of(wired, [&](const auto& one) {
      return may_be_of(running, one.first) && started_at(running) < one.second;
    });
    for (const auto& device : bpf_devices("/proc/" + kernel::living_thread(running.pid)))
      stranger.shows_host_bpffs = stranger.shows_host_bpffs || of_host.contains(device);
  }
  return {judge_strangers(strangers, any_selects_everything(places))};
}

}  // namespace pinscope::health
