#include "plugin/kernel/probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/sys.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {
namespace {

using model::Probe;

bool has_listmount() {
  // EFAULT or EINVAL from a kernel that has it, ENOSYS from one that has not.
  const long result = ::syscall(uapi::kSysListmount, nullptr, nullptr, 0, 0);
  return result >= 0 || (errno != ENOSYS && errno != EPERM);
}

Probe answer_of(int errnum) {
  if (errnum == 0) return Probe::kYes;
  return errnum == EPERM || errnum == EACCES ? Probe::kUnknown : Probe::kNo;
}

std::string detail_of(int errnum) {
  if (errnum == 0) return "";
  const bool is_of_rights = answer_of(errnum) == Probe::kUnknown;
  return std::string(strerrordesc_np(errnum)) +
         (is_of_rights && !in_initial_user_namespace()
              ? ": this is a user namespace of its own, not the machine's"
              : "");
}

template <typename T>
int errnum_of(const Result<T>& result) {
  return result ? 0 : result.error().errnum();
}

ProbeResult result(std::string name, int errnum, std::string since, std::string without) {
  return {std::move(name), answer_of(errnum), std::move(since), std::move(without),
          detail_of(errnum)};
}

int errnum_of_attributes(int directory, const char* name) {
  const auto written = write_attributes(directory, name, {"probe", "probe", "probe"});
  return written && !*written ? errno : errnum_of(written);
}

}  // namespace

model::Features quick_features() {
  model::Features features;
  features.pin_attributes = true;
  features.pin_by_fd = has_path_fd();
  features.list_mounts = has_listmount();
  return features;
}

model::Features features_to_swap() {
  model::Features features = quick_features();
  features.attach_beneath = has_attach_beneath();
  const auto context = create_filesystem("bpf");
  const auto mount = context ? mount_filesystem(context->get()) : Result<Fd>(Fd());
  features.detached_trees = mount && mount->valid() && clone_mount(mount->get(), "").has_value();
  return features;
}

std::vector<ProbeResult> probe_all() {
  std::vector<ProbeResult> results;

  auto context = create_filesystem("bpf");
  int attributes = EPERM;  // where there is no instance to try it in
  results.push_back(result("private bpffs instances", errnum_of(context), "Linux 5.2", ""));
  Fd mount;
  Fd tree;
  if (context) {
    auto mounted = mount_filesystem(context->get());
    if (mounted) {
      mount = *std::move(mounted);
      if (::mkdirat(mount.get(), "probe", 0755) == 0) {
        attributes = errnum_of_attributes(mount.get(), "probe");
        auto cloned = clone_mount(mount.get(), "probe");
        results.push_back(result(kDetachedTreesProbe, errnum_of(cloned), "Linux 6.15",
                                 "the view is put together at its target, before the container's "
                                 "process runs"));
        if (cloned) tree = *std::move(cloned);
      }
      const int read_only =
          errnum_of(make_mount_read_only(tree.valid() ? tree.get() : mount.get()));
      results.push_back(result("read-only mounts by descriptor", read_only, "Linux 5.12", ""));
      const int sealed = errnum_of(make_superblock_read_only(context->get()));
      results.push_back(result("read-only superblock after pinning", sealed, "Linux 5.2", ""));
    }
  }

  results.push_back({"pins relative to a descriptor", has_path_fd() ? Probe::kYes : Probe::kNo,
                     "Linux 6.5", "pins are made through /proc/self/fd", ""});
  results.push_back({"listmount and statmount", has_listmount() ? Probe::kYes : Probe::kNo,
                     "Linux 6.8", "the container's mount table is read from /proc", ""});

  results.push_back({"mounts beneath others", has_attach_beneath() ? Probe::kYes : Probe::kNo,
                     "Linux 6.5", "a view that `pinscope apply` replaces stays below the new one",
                     ""});
  results.push_back(result(kAttributesProbe, attributes, "Linux 7.2",
                           "whose a view is stands in its record only"));

  const auto delegation = probe_delegation();
  results.push_back({"BPF tokens", delegation.answer, "Linux 6.9",
                     "policies that delegate are refused", delegation.detail});

  const auto resolved = open_resolved(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
  results.push_back(result("openat2", errnum_of(resolved), "Linux 5.6", ""));
  const auto own = ContainerProcess::open(::getpid());
  results.push_back(result("pidfd and namespace files", errnum_of(own), "Linux 5.8", ""));
  return results;
}

}  // namespace pinscope::kernel
