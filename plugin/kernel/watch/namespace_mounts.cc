#include "plugin/kernel/watch/namespace_mounts.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "plugin/kernel/mount/statmount.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {

std::optional<OpenNamespace> mount_namespace_of(int process) {
  constexpr unsigned long kPidfdGetMountNamespace = 0xFF03;  // include/uapi/linux/pidfd.h
  OpenNamespace space{Fd(::ioctl(process, kPidfdGetMountNamespace, 0))};
  if (!space.fd.valid() || ::ioctl(space.fd.get(), uapi::kNsGetMntNsId, &space.id) != 0)
    return std::nullopt;
  return space;
}

Result<std::vector<uint64_t>> mount_ids(uint64_t space, size_t most) {
  std::vector<uint64_t> all;
  std::array<uint64_t, 512> ids{};
  for (;;) {
    const auto request =
        request_for(space, uapi::kListmountRoot, all.empty() ? uint64_t{0} : all.back());
    const long count = ::syscall(uapi::kSysListmount, &request, ids.data(), ids.size(), 0);
    if (count < 0) return std::unexpected(Error::system("list the mounts of a container", errno));
    all.insert(all.end(), ids.begin(), ids.begin() + count);
    if (static_cast<size_t>(count) < ids.size() || all.size() > most) break;
  }
  std::ranges::sort(all);
  return all;
}

std::optional<AttachedMount> describe_mount(uint64_t space, uint64_t id) {
  MountAnswer answer;
  const bool has_path =
      answer.ask(request_for(space, id, uapi::kStatmountSbBasic | uapi::kStatmountMntPoint));
  if (!has_path && !answer.ask(request_for(space, id, uapi::kStatmountSbBasic)))
    return std::nullopt;
  AttachedMount mount{id, answer.header().sb_magic == BPF_FS_MAGIC, ""};
  if (has_path) mount.mount_point = answer.text(answer.header().mnt_point);
  return mount;
}

}  // namespace pinscope::kernel
