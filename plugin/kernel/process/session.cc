#include "plugin/kernel/process/session.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/kernel/process/concealment.h"

namespace pinscope::kernel {

Status leave_mount_namespace() {
  if (::unshare(CLONE_NEWNS) != 0)
    return std::unexpected(Error::system("make a mount namespace", errno));
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return std::unexpected(Error::system("make mounts follow the host's", errno));
  // EINVAL: /sys is no mount here, and the view will be elsewhere.
  if (::mount(nullptr, "/sys", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 && errno != EINVAL)
    return std::unexpected(Error::system("make \"/sys\" private", errno));
  return {};
}

Status become_user(uint32_t uid, uint32_t gid, const std::vector<uint32_t>& groups) {
  if (::setgroups(groups.size(), groups.data()) != 0)
    return std::unexpected(Error::system("set the groups", errno));
  if (::setresgid(gid, gid, gid) != 0)
    return std::unexpected(Error::system("become group " + std::to_string(gid), errno));
  if (::setresuid(uid, uid, uid) != 0)
    return std::unexpected(Error::system("become user " + std::to_string(uid), errno));
  return stay_concealed();  // until this process is the user's program
}

}  // namespace pinscope::kernel
