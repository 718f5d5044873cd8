#include "plugin/health/kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/health/place.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/program_reach.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/probe.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
constexpr const char* kLsmList = "/sys/kernel/security/lsm";

Finding from_probe(const kernel::ProbeResult& probe) {
  Finding finding{Level::kOk, "kernel", probe.name, "yes", ""};
  const std::string since = probe.since.empty() ? "" : " (" + probe.since + " has it)";
  switch (probe.answer) {
    case model::Probe::kYes:
      if (!probe.detail.empty()) finding.detail += ": " + probe.detail;
      break;
    case model::Probe::kNo:
      finding.level = probe.without.empty() ? Level::kFail : Level::kOk;
      finding.detail = "no" + since;
      if (!probe.detail.empty()) finding.detail += ": " + probe.detail;
      if (!probe.without.empty()) finding.detail += "; " + probe.without;
      if (probe.without.empty()) finding.action = "run a newer kernel: views cannot be built here";
      break;
    case model::Probe::kUnknown:
      finding.level = Level::kWarn;
      finding.detail = "could not tell: " + probe.detail;
      finding.action = "run pinscope doctor as root, outside of a container";
      break;
  }
  return finding;
}

// Asks for a pin that cannot be there: a kernel that answers ENOENT has understood the question.
Finding bpf_call() {
  const auto object = kernel::get_object("/proc/self/no-such-pin", true);
  const int errnum = object ? 0 : object.error().errnum();
  if (errnum == ENOENT) return {Level::kOk, "kernel", "bpf(2)", "usable", ""};
  return {Level::kFail, "kernel", "bpf(2)",
          object ? "it opened a pin that does not exist" : object.error().sentence(),
          "run on a kernel with CONFIG_BPF_SYSCALL, outside of any seccomp filter that refuses "
          "bpf(2)"};
}

Finding btf() {
  if (::access(kBtf, F_OK) == 0) return {Level::kOk, "kernel", "BTF", kBtf, ""};
  return {Level::kOk, "kernel", "BTF", "none (views do not need it)", ""};
}

Finding bpf_lsm() {
  const auto list = text_of_file(kLsmList);
  if (!list)
    return {Level::kWarn, "kernel", "BPF LSM", list.error().sentence(),
            list.error().errnum() == ENOENT && is_on_machine()
                ? "mount -t securityfs securityfs /sys/kernel/security, to see whether it is active"
                : "run pinscope doctor outside of a container"};
  for (const auto module : split(*list, ','))
    if (module == "bpf") return {Level::kOk, "kernel", "BPF LSM", "active (" + *list + ")", ""};
  return {Level::kWarn, "kernel", "BPF LSM", "not active (" + *list + ")",
          "containers with CAP_SYS_ADMIN and no user namespace can walk round their view, and no "
          "guard can be loaded: do not run such containers, or boot with lsm=" +
              *list + ",bpf"};
}

Finding host_bpffs() {
  const auto mounts = kernel::read_bpf_mounts();
  if (!mounts) return {Level::kWarn, "host", "bpffs", mounts.error().sentence(), ""};
  if (std::ranges::find(*mounts, kernel::kUsualBpffs, &kernel::Mount::mount_point) != mounts->end())
    return {Level::kOk, "host", "bpffs",
            std::string("mounted at ") + kernel::kUsualBpffs + " (" +
                std::to_string(mounts->size()) + " in all)",
            ""};
  return {Level::kOk, "host", "bpffs",
          std::string("not mounted at ") + kernel::kUsualBpffs +
              ", which matters only if policies grant pins from there",
          ""};
}

Finding reach_of_programs() {
  return {Finding::Level::kOk, "kernel", "reach of programs",
          kernel::programs_reach_machine()
              ? "the whole machine: what a container loads with CAP_BPF or a token can read all "
                "memory of the kernel or end any process (delegate.programsReach)"
              : "that of the capabilities they are loaded with",
          ""};
}

}  // namespace

Findings check_kernel() {
  Findings findings = {bpf_call()};
  for (const auto& probe : kernel::probe_all())
    if (is_root() || probe.answer != model::Probe::kUnknown) findings.push_back(from_probe(probe));
  findings.push_back(btf());
  if (is_root()) findings.push_back(bpf_lsm());
  findings.push_back(reach_of_programs());
  return findings;
}

Findings check_host() {
  return {host_bpffs()};
}

}  // namespace pinscope::health
