#include "tests/engines/soak_machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <utility>

#include "plugin/json/json.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
// Granted for reading at most, whatever the policies become.
constexpr const char* kReadOnly = "/sys/fs/bpf/flows";
constexpr std::array kSources = {kReadOnly, "/sys/fs/bpf/counters", "/sys/fs/bpf/late",
                                 "/sys/fs/bpf/app/a", "/sys/fs/bpf/app/b"};
constexpr const char* kTier = "tier.yaml";
constexpr const char* kEverything =
    "select: {}\n"
    "onChange: apply-always\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows, follow: true}\n"
    "  - {pin: /sys/fs/bpf/counters, access: read-write, missing: wait}\n"
    "  - {pin: \"/sys/fs/bpf/app/*\", as: app, follow: true}\n";
constexpr size_t kBurst = 20;
constexpr std::chrono::microseconds kPause{2000};

std::string one_map(const std::string& path, const std::string& name) {
  DECLARE_LIBBPF_OPTS(bpf_obj_get_opts, reading, .file_flags = BPF_F_RDONLY);
  const Fd map(bpf_obj_get_opts(path.c_str(), &reading));
  if (!map.valid()) return name + ":" + strerrorname_np(errno);
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  bpf_obj_get_info_by_fd(map.get(), &info, &size);
  const Fd writing(bpf_obj_get(path.c_str()));
  return name + ":" + std::to_string(info.id) + ":" + (writing.valid() ? "rw" : "ro");
}

void look_below(const std::string& directory, const std::string& prefix,
                std::set<std::string>& found) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (prefix.empty() && name == "_rw") continue;
    if (entry.is_directory(error)) {
      look_below(entry.path(), prefix + name + "/", found);
    } else {
      found.insert(one_map(entry.path(), prefix + name));
    }
  }
}

std::string joined_set(const std::set<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : " ") + line;
  return text;
}

// What explain says that the container is to see, as view_of() has it.
std::string view_in(const JsonView& explained) {
  std::set<std::string> lines;
  const auto list = explained.find("grants").value();
  if (!list) return "no grants";
  const auto grants = list->elements().value();
  for (const auto& grant : grants) {
    const auto object = grant.find("object").value();
    if (!object || grant.bool_or("skipped", false).value()) continue;
    lines.insert(grant.string_or("name", "").value() + ":" +
                 std::to_string(object->unsigned_or("id", 0).value()) + ":" +
                 (grant.string_or("access", "").value() == "read" ? "ro" : "rw"));
  }
  return joined_set(lines);
}

}  // namespace

std::string view_of(pid_t pid, const std::string& at) {
  std::set<std::string> found;
  look_below("/proc/" + std::to_string(pid) + "/root" + at, "", found);
  return joined_set(found);
}

SoakMachine::SoakMachine(uint32_t seed, size_t max_containers)
    : random_(seed), max_containers_(max_containers) {
  fs::create_directories(installation_.state_directory());
  fs::permissions(installation_.state_directory(), fs::perms::owner_all);
  for (const char* source : kSources) pin(source);
  installation_.write_policy(policy_text(kEverything));
  service_.start();
}

SoakMachine::~SoakMachine() {
  end_containers();
}

const std::vector<SoakMachine::Action>& SoakMachine::actions() {
  static const std::vector<Action> kActions = {
      {"start a container", 8, &SoakMachine::start_container},
      {"end a container", 4, &SoakMachine::end_container},
      {"replace a source", 12, &SoakMachine::replace_source},
      {"replace one in a loop", 1, &SoakMachine::replace_in_a_loop},
      {"remove a source", 4, &SoakMachine::remove_source},
      {"edit the policies", 6, &SoakMachine::edit_policies},
      {"edit a second policy", 4, &SoakMachine::edit_tier},
      {"break the policies", 1, &SoakMachine::break_policies},
      {"revoke", 3, &SoakMachine::revoke},
      {"grant", 3, &SoakMachine::grant},
      {"take a view away", 3, &SoakMachine::take_view_away},
      {"mount a bpffs", 3, &SoakMachine::mount_a_bpffs},
      {"kill the service", 1, &SoakMachine::kill_service},
      {"restart the service", 1, &SoakMachine::restart_service}};
  return kActions;
}

void SoakMachine::step() {
  size_t total = 0;
  for (const auto& action : actions()) total += action.weight;
  size_t left = below(total);
  for (const auto& action : actions()) {
    if (left < action.weight) {
      ++counts_[action.name];
      return (this->*action.work)();
    }
    left -= action.weight;
  }
}

CommandResult SoakMachine::pinscope(std::vector<std::string> words) const {
  return run(with_directories(installation_, kPinscope, std::move(words)));
}

std::string SoakMachine::some_source() {
  return kSources.at(below(kSources.size()));
}

SoakMachine::Running* SoakMachine::some_container() {
  return containers_.empty() ? nullptr : &containers_[below(containers_.size())];
}

void SoakMachine::start_container() {
  if (containers_.size() >= max_containers_) return;
  auto container = std::make_unique<RuntimeContainer>(one_in(2) ? "runc" : "crun");
  installation_.hook_into(container->spec);
  // Of one without a hook at its end the record is left over.
  if (one_in(4)) container->spec.hooks.erase("poststop");
  container->spec.annotations["tier"] = one_in(2) ? "a" : "b";
  if (one_in(4)) container->spec.with_user_namespace();
  container->probe({"sleep 100000"});
  if (container->create().status != 0 || container->start().status != 0) {
    ++counts_["- did not start"];
    return;
  }
  const pid_t pid = container->pid();
  if (pid <= 0) {
    const auto state = container->state();
    wrong_.push_back(container->id() + " has no process: " + state.out + state.err);
    return;
  }
  containers_.push_back(
      {std::move(container), pid, std::make_unique<Reader>(pid, kReadOnly, "", kPause)});
}

void SoakMachine::end_container(Running running) {
  auto& reader = *running.reader;
  reader.end();
  const std::string who = running.container->id() + ": ";
  if (reader.written() > 0) wrong_.push_back(who + "a grant for reading was opened for writing");
  for (const uint32_t id : reader.ids())
    if (!ids_[kReadOnly].contains(id)) wrong_.push_back(who + "saw map " + std::to_string(id));
  // What is not granted, not there, or in a view that was taken away.
  std::istringstream errors(reader.errors());
  for (std::string error; errors >> error;)
    if (!error.starts_with("ENOENT:")) wrong_.push_back(who + error);
  counts_["- opened by readers"] += reader.opened();
  counts_["- not there for readers"] += reader.errors(ENOENT);
  if (one_in(3)) return;  // by force
  (void)running.container->kill();
  running.container->wait_stopped();
  (void)running.container->remove();
}

void SoakMachine::end_container() {
  if (containers_.empty()) return;
  const size_t which = below(containers_.size());
  Running running = std::move(containers_[which]);
  containers_.erase(containers_.begin() + static_cast<ptrdiff_t>(which));
  end_container(std::move(running));
}

void SoakMachine::end_containers() {
  while (!containers_.empty()) end_container();
}

void SoakMachine::remove_sources() {
  for (const auto& path : there_) pins_.remove(path);
  there_.clear();
}

void SoakMachine::pin(const std::string& path) {
  const Fd map = make_map({});
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  check(bpf_obj_get_info_by_fd(map.get(), &info, &size), "ask for a map");
  // Before anybody can see it.
  ids_[path].insert(info.id);
  pins_.object(map, path);
  there_.insert(path);
}

void SoakMachine::replace_source() {
  const auto path = some_source();
  if (there_.erase(path) > 0) pins_.remove(path);
  pin(path);
}

void SoakMachine::replace_in_a_loop() {
  const auto path = some_source();
  for (size_t i = 0; i < kBurst; ++i) {
    if (there_.erase(path) > 0) pins_.remove(path);
    pin(path);
  }
}

void SoakMachine::remove_source() {
  const auto path = some_source();
  if (there_.erase(path) > 0) pins_.remove(path);
}

void SoakMachine::edit_policies() {
  const auto one_of = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[below(words.size())]);
  };
  std::string spec = "select: {}\nonChange: " + one_of({"report", "apply", "apply-always"}) +
                     "\nview: {layout: " + one_of({"shared", "per-map"}) + "}\ngrants:\n";
  spec += "  - {pin: /sys/fs/bpf/flows, " +
          one_of({"follow: true", "follow: false", "missing: wait", "missing: skip"}) + "}\n";
  if (!one_in(4))
    spec += "  - {pin: /sys/fs/bpf/counters, access: " + one_of({"read", "read-write"}) +
            ", missing: " + one_of({"wait", "skip", "fail"}) + "}\n";
  if (!one_in(3)) spec += "  - {pin: /sys/fs/bpf/late, missing: wait}\n";
  if (!one_in(4))
    spec +=
        "  - {pin: \"/sys/fs/bpf/app/*\", as: app, follow: " + one_of({"true", "false"}) + "}\n";
  installation_.write_policy(policy_text(spec));
}

void SoakMachine::edit_tier() {
  if (one_in(3)) {
    if (fs::exists(installation_.policy_directory() + "/" + kTier))
      installation_.remove_policy(kTier);
    return;
  }
  std::string spec = "select: {annotations: {tier: a}}\nonChange: ";
  spec += one_in(3) ? "report\n" : "apply-always\n";
  spec += one_in(2) ? "deny:\n  - pin: /sys/fs/bpf/app/b\n"
                    : "grants:\n  - {pin: /sys/fs/bpf/late, as: mine, missing: wait}\n";
  installation_.write_policy(policy_text(spec, "tier"), kTier);
}

void SoakMachine::break_policies() {
  installation_.write_policy("spec: [", kTier);
}

void SoakMachine::revoke() {
  if (const auto* running = some_container())
    (void)pinscope({"revoke", some_source(), "--container", running->container->id(), "--for",
                    one_in(2) ? "1s" : "2s", "--reason", "a soak"});
}

void SoakMachine::grant() {
  if (const auto* running = some_container())
    (void)pinscope({"grant", some_source(), "--container", running->container->id(), "--for", "1s",
                    "--name", "lent", "--reason", "a soak"});
}

// Does something in the mount namespace of one of them, with all rights.
void SoakMachine::in_container(const std::function<void()>& work) {
  const auto* running = some_container();
  if (running == nullptr) return;
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    const std::string path = "/proc/" + std::to_string(running->pid) + "/ns/mnt";
    const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (space >= 0 && setns(space, CLONE_NEWNS) == 0) work();
    _exit(0);
  }
  check(waitpid(child, nullptr, 0), "wait");
}

void SoakMachine::take_view_away() {
  in_container([] { (void)umount2("/sys/fs/bpf", MNT_DETACH); });
}

void SoakMachine::mount_a_bpffs() {
  const char* at = one_in(2) ? "/run" : "/sys/fs/bpf";
  in_container([at] { (void)mount("bpf", at, "bpf", 0, nullptr); });
}

void SoakMachine::kill_service() {
  (void)service_.end(SIGKILL);
  service_.start();
}

void SoakMachine::restart_service() {
  const auto result = service_.end(SIGTERM);
  // A moment after its start it may not have learnt what the signal is yet.
  if (result.status != 0 && result.status != 128 + SIGTERM)
    wrong_.push_back("the service ended with " + std::to_string(result.status) + ": " + result.err);
  service_.start();
}

void SoakMachine::run_a_command(std::mt19937& random) const {
  static const std::vector<std::vector<std::string>> kCommands = {
      {"apply", "--all"}, {"apply", "--all", "--yes"}, {"apply", "--all", "--dry-run"},
      {"drift"},          {"drift", "--repair"},       {"exceptions", "--expire"}};
  const size_t which = std::uniform_int_distribution<size_t>(0, kCommands.size() + 1)(random);
  const auto& state = installation_.state_directory();
  const auto result =
      which < kCommands.size() ? pinscope(kCommands[which])
      : which == kCommands.size()
          ? run({kPinscope, "list", "--state-dir", state})
          : run({kPinscope, "gc", "--state-dir", state, "--audit", installation_.audit_path()});
  EXPECT_LE(result.status, 3) << (which < kCommands.size() ? kCommands[which].front() : "list, gc")
                              << ": " << result;
}

void SoakMachine::calm_down() {
  (void)installation_.run_gc();  // of containers whose end nobody told of
  for (const char* source : kSources)
    if (!there_.contains(source)) pin(source);
  if (fs::exists(installation_.policy_directory() + "/" + kTier))
    installation_.remove_policy(kTier);
  installation_.write_policy(policy_text(kEverything));
}

void SoakMachine::lend_to_each() const {
  for (const auto& running : containers_) {
    const auto lent = pinscope({"grant", "/sys/fs/bpf/late", "--container", running.container->id(),
                                "--for", "1s", "--name", "lent", "--reason", "a soak"});
    EXPECT_EQ(lent.status, 0) << lent;
  }
}

CommandResult SoakMachine::drift() const {
  return pinscope({"drift"});
}

bool SoakMachine::is_settled() const {
  if (drift().status != 0) return false;
  const auto result = pinscope({"exceptions", "--output", "json"});
  const auto json = JsonDocument::parse(result.out, "exceptions", ErrorCode::kInternal);
  if (!json) return false;
  const auto exceptions = json->root().find("exceptions");
  return exceptions && *exceptions && (*exceptions)->elements().value().empty();
}

std::vector<std::string> SoakMachine::differences() const {
  std::vector<std::string> lines;
  for (const auto& running : containers_) {
    const auto& container = *running.container;
    const auto result = run({kPinscope, "explain", "--bundle", container.bundle(), "--id",
                             container.id(), "--policy", installation_.policy_directory(),
                             "--cache-dir", installation_.cache_directory(), "--output", "json"});
    const auto json = JsonDocument::parse(result.out, "explain", ErrorCode::kInternal);
    const auto wanted = json ? view_in(json->root()) : result.err;
    if (const auto seen = view_of(running.pid); seen != wanted)
      lines.push_back(container.id() + " (process " + std::to_string(running.pid) + ") sees \"" +
                      seen + "\", not \"" + wanted + "\": " + result.out + result.err);
  }
  return lines;
}

std::set<uint32_t> SoakMachine::all_ids() const {
  std::set<uint32_t> all;
  for (const auto& [path, ids] : ids_) all.insert(ids.begin(), ids.end());
  return all;
}

std::string SoakMachine::counts() const {
  std::string text;
  for (const auto& [name, count] : counts_)
    text += "  " + std::to_string(count) + " " + name + "\n";
  return text;
}

}  // namespace pinscope::test
