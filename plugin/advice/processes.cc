#include "plugin/advice/processes.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "plugin/advice/configured.h"
#include "plugin/base/text.h"

namespace pinscope::advice {
namespace {

using model::NamespaceKind;

// A bind mount that has the host's /proc, or a part of it, in it.
bool shows_host_proc(const model::ConfiguredMount& mount) {
  const bool recursive = has_option(mount, "rbind");
  if (!recursive && !has_option(mount, "bind") && mount.type != "bind") return false;
  return mount.source == "/proc" || mount.source.starts_with("/proc/") ||
         (recursive && mount.source == "/");
}

// A bind mount of a socket, which leads to a service of the host whichever PID namespace the
// container has: SO_PEERPIDFD, since Linux 6.5, names whoever listens there.
bool leads_to_a_service(const model::ConfiguredMount& mount) {
  struct stat status {};
  const bool is_bind = has_option(mount, "rbind") || has_option(mount, "bind");
  return (is_bind || mount.type == "bind") && ::stat(mount.source.c_str(), &status) == 0 &&
         S_ISSOCK(status.st_mode);
}

// kernel/ptrace.c: __ptrace_may_access. It takes the same ids and no capability less, or
// CAP_SYS_PTRACE; what is found behind /proc/PID/root is opened with the rights of who looks.
Remark remark(const model::Container& container, std::string code, const std::string& how,
              std::string action) {
  if (has(container, CAP_SYS_PTRACE))
    return {Remark::Kind::kVoid, std::move(code),
            how +
                " and CAP_SYS_PTRACE, the container can reach the host's pins through "
                "/proc/PID/root of other processes",
            std::move(action)};
  const std::string others =
      "processes of the host that have no more capabilities than the container";
  const std::string rest = "; Pinscope's own processes are protected, but it can stop or end them";
  if (has(container, CAP_SETUID))
    return {Remark::Kind::kVoid, std::move(code),
            how +
                ", the container can become any user and reach the host's files through "
                "/proc/PID/root of " +
                others + rest,
            std::move(action)};
  return {Remark::Kind::kNote, std::move(code),
          how + ", the container can reach the host's files through /proc/PID/root of " + others +
              " and run as its user" + rest,
          std::move(action)};
}

}  // namespace

std::vector<Remark> remarks_on_processes(const model::Container& container) {
  std::vector<Remark> remarks;
  if (has_user_namespace(container)) return remarks;
  if (model::namespace_of(container, NamespaceKind::kPid).mode == model::Namespace::Mode::kHost)
    remarks.push_back(remark(container, "host-pid-namespace", "with the host's PID namespace",
                             "give it its own PID namespace, or a user namespace"));
  for (const auto& mount : container.mounts) {
    if (leads_to_a_service(mount))
      remarks.push_back(
          {Remark::Kind::kNote, "host-socket",
           "through the socket " + quoted(mount.source) +
               " the container can take descriptors from the service that listens there, if the "
               "service runs as the same user and has no more capabilities than the container",
           "remove the mount, give the container a user namespace, or give the service a "
           "capability that the container does not have"});
    if (shows_host_proc(mount))
      remarks.push_back(
          remark(container, "host-proc",
                 "with the host's " + quoted(mount.source) + " at " + quoted(mount.destination),
                 "remove the mount, or give the container a user namespace"));
  }
  return remarks;
}

}  // namespace pinscope::advice
