#include "plugin/health/access.h"

#include <unistd.h>

#include <array>
#include <cstdio>

#include "plugin/host/file.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr const char* kUnprivilegedBpf = "/proc/sys/kernel/unprivileged_bpf_disabled";
constexpr const char* kKernelRelease = "/proc/sys/kernel/osrelease";
constexpr const char* kLockdown = "/sys/kernel/security/lockdown";
constexpr const char* kAppArmor = "/sys/module/apparmor/parameters/enabled";
constexpr const char* kSelinuxEnforce = "/sys/fs/selinux/enforce";
// One file for each boolean of the policy that is loaded: ours are there if our module is.
constexpr const char* kSelinuxBooleans = "/sys/fs/selinux/booleans/";
constexpr std::array kOwnerSwitches = {"pinscope_use_spc_maps", "pinscope_use_unconfined_maps",
                                       "pinscope_use_init_maps"};
constexpr const char* kWriteSwitch = "pinscope_write_maps";

// Before Linux 5.19 the setting closed all of bpf(2), since then only making maps and loading
// programs (commit c8644cd0efe7). Distributions have carried that back, so an old number is no
// proof.
bool may_close_all_of_bpf(const std::string& root) {
  const auto release = text_of_file(root + kKernelRelease);
  unsigned major = 0;
  unsigned minor = 0;
  if (!release || std::sscanf(release->c_str(), "%u.%u", &major, &minor) != 2) return false;
  return major < 5 || (major == 5 && minor < 19);
}

Finding unprivileged_bpf(const std::string& root) {
  const char* name = "kernel.unprivileged_bpf_disabled";
  const auto value = text_of_file(root + kUnprivilegedBpf);
  if (!value) return {Level::kOk, "kernel", name, "this kernel does not have the setting", ""};
  if (*value == "0")
    return {
        Level::kWarn, "kernel", name,
        "0: every process may load programs and create maps, and so writes every map that it is "
        "handed for reading",
        "sysctl kernel.unprivileged_bpf_disabled=2 (granted maps work all the same)"};
  if (may_close_all_of_bpf(root))
    return {Level::kWarn, "kernel", name,
            *value +
                ", on a kernel older than 5.19: bpf(2) may be closed to containers without "
                "CAP_BPF, also for maps that they are granted",
            "try it with a container; if it is closed, run a newer kernel"};
  return {Level::kOk, "kernel", name, *value, ""};
}

Finding lockdown(const std::string& root) {
  const auto text = text_of_file(root + kLockdown);
  if (!text) return {Level::kOk, "kernel", "lockdown", "none", ""};
  const size_t open = text->find('[');
  const size_t close = text->find(']');
  const std::string mode =
      open < close && close != std::string::npos ? text->substr(open + 1, close - open - 1) : *text;
  if (mode != "confidentiality") return {Level::kOk, "kernel", "lockdown", mode, ""};
  return {Level::kWarn, "kernel", "lockdown", mode,
          "programs that read kernel memory do not load; views and maps work"};
}

// "1 1": the value now, and the one that is pending.
bool is_on(const std::string& root, const char* boolean) {
  const auto text = text_of_file(root + kSelinuxBooleans + boolean);
  return text && text->starts_with('1');
}

Finding selinux(const std::string& root) {
  const auto finding = [](Level level, std::string detail, std::string action = "") {
    return Finding{level, "host", "SELinux", std::move(detail), std::move(action)};
  };
  const auto enforce = text_of_file(root + kSelinuxEnforce);
  if (!enforce) return finding(Level::kOk, "not active");
  const bool enforcing = *enforce == "1";
  const std::string mode = enforcing ? "enforcing" : "permissive";
  const std::string any_of_ours = root + kSelinuxBooleans + kWriteSwitch;
  if (::access(any_of_ours.c_str(), F_OK) != 0) {
    if (!enforcing) return finding(Level::kOk, mode + "; the module pinscope is not loaded");
    return finding(Level::kWarn,
                   mode +
                       ", and the module pinscope is not loaded: containers (container_t) are "
                       "refused the maps that they are granted",
                   "build and load config/selinux/pinscope.te: docs/engines/lsm.md");
  }
  std::string on;
  for (const char* name : kOwnerSwitches)
    if (is_on(root, name)) on += (on.empty() ? "" : ", ") + std::string(name);
  if (on.empty())
    return finding(enforcing ? Level::kWarn : Level::kOk,
                   mode +
                       ", module pinscope loaded, and all pinscope_use_* switches are off: only "
                       "maps of domains with the attribute pinscope_map_owner can be used",
                   "setsebool -P one of them on, by who makes the maps: docs/engines/lsm.md (or "
                   "leave it, if a domain of your own has that attribute)");
  const std::string writing = is_on(root, kWriteSwitch) ? "" : "; writing is off";
  return finding(Level::kOk, mode + ", module pinscope loaded: " + on + writing);
}

Finding apparmor(const std::string& root) {
  const auto enabled = text_of_file(root + kAppArmor);
  if (!enabled || *enabled != "Y") return {Level::kOk, "host", "AppArmor", "not active", ""};
  return {Level::kOk, "host", "AppArmor",
          "active: it does not block granted maps; programs that make pins of their "
          "own need another place than /sys/fs/bpf (docs/engines/lsm.md)",
          ""};
}

}  // namespace

Findings check_access(const std::string& root) {
  return {unprivileged_bpf(root), lockdown(root), selinux(root), apparmor(root)};
}

}  // namespace pinscope::health
