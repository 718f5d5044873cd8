#include "tests/support/container/hooked_process.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "plugin/json/json.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

// Nothing of it is there in the root file system: the hook has to make both directories.
constexpr const char* kAt = "/srv/view/bpf";

constexpr const char* kPolicy = R"(
select: {}
view: {at: /srv/view/bpf, layout: LAYOUT}
grants:
  - {pin: /sys/fs/bpf/fault/flows, access: read, owner: {uid: 1000, gid: 1000}, mode: "0444"}
  - {pin: /sys/fs/bpf/fault/counters, access: read-write}
  - {pin: /sys/fs/bpf/fault/program, as: deep/er/program, access: use}
)";

// The container sees the machine's own pins, which nothing can make read-only.
constexpr const char* kBindPolicy = R"(
select: {}
view: {at: /srv/view/bpf, layout: bind}
grants:
  - {pin: /sys/fs/bpf/fault/flows, access: read-write}
  - {pin: /sys/fs/bpf/fault/counters, access: read-write}
  - {pin: /sys/fs/bpf/fault/program, as: deep/er/program, access: use}
)";

// The bpffs that gives tokens is at a second place that the hook has to make.
constexpr const char* kTokensAt = "/srv/tokens/bpf";
constexpr const char* kDelegatingPolicy = R"(
select: {}
view: {at: /srv/tokens/bpf}
delegate: {commands: [map_create], maps: [hash], grantsAt: /srv/view/bpf}
grants:
  - {pin: /sys/fs/bpf/fault/flows, access: read, owner: {uid: 1000, gid: 1000}, mode: "0444"}
  - {pin: /sys/fs/bpf/fault/counters, access: read-write}
  - {pin: /sys/fs/bpf/fault/program, as: deep/er/program, access: use}
)";

// Values are at a third.
constexpr const char* kValuesAt = "/srv/values/bpf";
constexpr const char* kValuesPolicy = R"(
select: {}
view: {at: /srv/view/bpf, values: {at: /srv/values/bpf, maxAge: 1s}}
grants:
  - {pin: /sys/fs/bpf/fault/flows, access: read, owner: {uid: 1000, gid: 1000}, mode: "0444"}
  - {pin: /sys/fs/bpf/fault/counters, access: read-write}
  - {pin: /sys/fs/bpf/fault/counters, as: only/counters, values: only}
  - {pin: /sys/fs/bpf/fault/program, as: deep/er/program, access: use}
)";

std::string spec_for(const std::string& layout) {
  if (layout == "values") return kValuesPolicy;
  if (layout == "delegated") return kDelegatingPolicy;
  if (layout == "bind") return kBindPolicy;
  const std::string word = "LAYOUT";
  std::string text = kPolicy;
  return text.replace(text.find(word), word.size(), layout);
}

// Id, device and root of a line of a mount table: which mount it is, wherever it is.
std::string identity(const std::string& line) {
  std::istringstream fields(line);
  std::string id, parent, device, root;
  fields >> id >> parent >> device >> root;
  return id + " " + device + " " + root;
}

bool is_pin_of_map(const std::string& path, uint32_t id) {
  const Fd map(bpf_obj_get(path.c_str()));
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  return map.valid() && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.id == id;
}

// The holder is a thread of this process.
size_t count_of_fuse_devices() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == "/dev/fuse") ++count;
  }
  return count;
}

// The container's root is a directory of the machine's here.
bool is_mount_of_values(const std::string& line) {
  return line.find(std::string(kValuesAt) + " ") != std::string::npos &&
         line.find(" - fuse pinscope ro") != std::string::npos;
}

}  // namespace

HookedProcess::HookedProcess(const std::string& layout)
    : holder_(layout == "values" ? std::make_unique<HolderThread>(installation_.state_directory())
                                 : nullptr),
      read_grants_(layout != "bind"),
      delegates_(layout == "delegated") {
  pins_.directory("/sys/fs/bpf/fault");
  pins_.map("/sys/fs/bpf/fault/flows");
  pins_.map("/sys/fs/bpf/fault/counters");
  pins_.program("/sys/fs/bpf/fault/program");
  installation_.write_policy(policy_text(spec_for(layout)));
  const auto compiled = installation_.compile();
  if (compiled.status != 0) throw std::runtime_error("cannot compile: " + compiled.err);

  rootfs_ = installation_.directory().make_directory("bundle/rootfs");
  installation_.directory().make_directory("bundle/rootfs/sys");
  installation_.directory().make_directory("bundle/rootfs/srv");
  installation_.directory().make_directory("state/containers", 0700);
  BundleSpec spec;
  spec.args = {"/probe"};
  if (delegates_) spec.with_user_namespace();
  installation_.directory().write("bundle/config.json", to_config_json(spec));
  remember_machine();
  renew();
}

void HookedProcess::renew() {
  process_.reset();
  process_ = std::make_unique<ContainerProcess>(
      rootfs_,
      delegates_ ? ContainerProcess::Kind::kUserNamespace : ContainerProcess::Kind::kPlain);
  mounts_before_ = process_->mounts();
  files_before_ = files_below(rootfs_);
}

std::string HookedProcess::state(const std::string& status) const {
  JsonWriter json;
  json.object().field("ociVersion", "1.0.2").field("id", "fault").field("status", status);
  json.field("pid", process_->pid())
      .field("bundle", installation_.directory().path("bundle"))
      .end();
  return json.take();
}

CommandResult HookedProcess::create(const Supervise& supervise) {
  return run_supervised(installation_.hook_argv("createRuntime"), state(), supervise);
}
CommandResult HookedProcess::create() {
  return installation_.run_hook("createRuntime", state());
}
CommandResult HookedProcess::poststop() {
  const std::string stopped = state("stopped");
  process_->end();
  return installation_.run_hook("poststop", stopped);
}

std::vector<std::string> HookedProcess::traces_outside_state() const {
  std::vector<std::string> found;
  if (holder_ && !wait_until([] { return count_of_fuse_devices() == 0; }))
    found.emplace_back("the holder keeps values");
  const auto machine = Snapshot::take();
  for (const auto& mount : machine.mounts)
    if (std::ranges::find(machine_before_.mounts, mount) == machine_before_.mounts.end())
      found.push_back("mount on the machine: " + mount);
  if (machine.mounts.size() < machine_before_.mounts.size())
    found.emplace_back("a mount of the machine is gone");
  if (machine.pins != machine_before_.pins) found.emplace_back("the machine's pins differ");
  // The host's bpffs that the container brought along may be gone or elsewhere by now: what counts
  // is that no mount was added.
  for (const auto& mount : process_->mounts()) {
    const auto is_same = [&](const auto& before) { return identity(before) == identity(mount); };
    if (std::ranges::none_of(mounts_before_, is_same))
      found.push_back("mount in the container: " + mount);
  }
  return found;
}

std::vector<std::string> HookedProcess::traces() const {
  auto found = traces_outside_state();
  if (files_below(rootfs_) != files_before_)
    found.emplace_back("a directory in the root file system");
  for (const auto& name : installation_.records()) found.push_back("record: " + name);
  return found;
}

std::vector<std::string> HookedProcess::defects() const {
  std::vector<std::string> found;
  const std::string view = process_->path(kAt);
  if (!is_pin_of_map(view + "/counters", map_id("/sys/fs/bpf/fault/counters")))
    found.emplace_back("counters is not there for writing");
  struct stat flows = {};
  if (::stat((view + "/flows").c_str(), &flows) != 0) {
    found.emplace_back("flows is not there");
  } else if (read_grants_ &&
             (flows.st_uid != (delegates_ ? 101000U : 1000U) || (flows.st_mode & 07777U) != 0444)) {
    found.emplace_back("flows has another owner or mode");
  }
  if (read_grants_ && bpf_obj_get((view + "/flows").c_str()) != -EROFS)
    found.emplace_back("flows opens for writing");
  if (access((view + "/deep/er/program").c_str(), F_OK) != 0)
    found.emplace_back("deep/er/program is not there");
  if (access(process_->path("/sys/fs/bpf/fault").c_str(), F_OK) == 0)
    found.emplace_back("the machine's bpffs is not hidden");
  // Only what is mounted: whoever opens a file there waits for somebody who serves it.
  if (holder_ && std::ranges::none_of(process_->mounts(), is_mount_of_values))
    found.emplace_back("the values are not there, read-only");
  struct statfs tokens = {};
  if (delegates_ && (::statfs(process_->path(kTokensAt).c_str(), &tokens) != 0 ||
                     tokens.f_type != BPF_FS_MAGIC || !(tokens.f_flags & ST_RDONLY)))
    found.emplace_back("the bpffs for tokens is not there");
  if (installation_.records() != std::vector<std::string>{"fault.json"})
    found.emplace_back("not exactly one record");
  if (installation_.last_audit().outcome != "granted")
    found.emplace_back("the audit trail does not say granted");
  return found;
}

}  // namespace pinscope::test
