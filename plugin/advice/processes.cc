#include "plugin/advice/processes.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "plugin/base/text.h"
#include "plugin/policy/decide/configured.h"

namespace pinscope::advice {
namespace {

using policy::has;
using policy::has_user_namespace;

// A bind mount of a socket, which leads to a service of the host whichever PID namespace the
// container has: SO_PEERPIDFD, since Linux 6.5, names whoever listens there.
bool leads_to_a_service(const model::ConfiguredMount& mount) {
  struct stat status {};
  return policy::is_volume(mount) && ::stat(mount.source.c_str(), &status) == 0 &&
         S_ISSOCK(status.st_mode);
}

}  // namespace

std::string by_host_proc(const model::ConfiguredMount& mount) {
  return "with the host's " + quoted(mount.source) + " at " + quoted(mount.destination);
}

std::string reach_of_processes(const model::Container& container, const std::string& how) {
  if (has(container, CAP_SYS_PTRACE))
    return how +
           " and CAP_SYS_PTRACE, the container can reach the host's pins through /proc/PID/root of "
           "other processes";
  const std::string others =
      "processes of the host that have no more capabilities than the container";
  const std::string rest = "; Pinscope's own processes are protected, but it can stop or end them";
  if (has(container, CAP_SETUID))
    return how +
           ", the container can become any user and reach the host's files through "
           "/proc/PID/root of " +
           others + rest;
  return how + ", the container can reach the host's files through /proc/PID/root of " + others +
         " and run as its user" + rest;
}

std::vector<Remark> remarks_on_processes(const model::Container& container) {
  std::vector<Remark> remarks;
  if (has_user_namespace(container)) return remarks;
  for (const auto& mount : container.mounts)
    if (leads_to_a_service(mount))
      remarks.push_back(
          {Remark::Kind::kNote, "host-socket",
           "through the socket " + quoted(mount.source) +
               " the container can take descriptors from the service that listens there, if the "
               "service runs as the same user and has no more capabilities than the container",
           "remove the mount, give the container a user namespace, or give the service a "
           "capability that the container does not have"});
  return remarks;
}

}  // namespace pinscope::advice
