#include "plugin/kernel/process/process.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/process_stat.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr size_t kProcFileLimit = 1U << 24;

struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NamespaceId&) const = default;
};

NamespaceId namespace_at(int dirfd, const std::string& path) {
  struct stat status {};
  if (::fstatat(dirfd, path.c_str(), &status, 0) != 0) return {};
  return {status.st_dev, status.st_ino};
}

std::string link_name(model::NamespaceKind kind) {
  return std::string("ns/") + model::namespace_name(kind);
}

uint64_t to_number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A process that has ended and was not waited for has no namespaces any more. One whose first
// thread has ended looks the same but for its other threads.
bool has_ended(std::string_view stat) {
  const std::string_view state = stat_field(stat, 3);
  return (state == "Z" || state == "X") && to_number(stat_field(stat, 20)) <= 1;
}

Result<std::string> read_proc_file(int proc, const char* name) {
  PINSCOPE_TRY(const Fd file, open_at(proc, name, O_RDONLY));
  return read_all(file.get(), kProcFileLimit, name);
}

uint64_t read_start_time(int proc) {
  const auto text = read_proc_file(proc, "stat");
  return text && !has_ended(*text) ? to_number(stat_field(*text, 22)) : 0;
}

// Lines of three numbers: first id inside, first id outside as the reader sees it, count.
Result<model::IdMap> read_id_map(int proc, const char* name) {
  PINSCOPE_TRY(const std::string text, read_proc_file(proc, name));
  model::IdMap map;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto next_number = [&](uint32_t& value) {
    while (at != end && (*at == ' ' || *at == '\n')) ++at;
    const auto [rest, error] = std::from_chars(at, end, value);
    at = rest;
    return error == std::errc{};
  };
  for (;;) {
    model::IdMapping range;
    if (!next_number(range.container)) break;
    if (!next_number(range.host) || !next_number(range.size))
      return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(name)).reason("malformed"));
    map.push_back(range);
  }
  // A user namespace whose map is not written yet maps nothing at all.
  if (map.empty()) map.push_back({0, 0, 0});
  return map;
}

// Not asked with a signal: that takes CAP_KILL, or the ids of the process, where its user namespace
// was made by somebody else than root.
bool is_over(int pidfd) {
  struct pollfd end {
    pidfd, POLLIN, 0
  };
  return ::poll(&end, 1, 0) != 0;
}

Error gone(pid_t pid, int errnum) {
  return Error::system("look at the container's process " + std::to_string(pid), errnum,
                       ErrorCode::kProcessGone);
}

// Why its namespaces cannot be looked at, which a link of /proc/PID/ns tells by an errno.
Error cannot_look(pid_t pid, int proc) {
  struct stat status {};
  const bool is_there =
      ::fstatat(proc, "ns/mnt", &status, 0) == 0 && ::fstatat(proc, "ns/user", &status, 0) == 0;
  const int errnum = is_there ? ESRCH : errno;
  if (errnum != EACCES && errnum != EPERM) return gone(pid, ESRCH);
  return Error::system("look at the namespaces of process " + std::to_string(pid), errnum)
      .hint(
          "it takes CAP_SYS_PTRACE in that process's user namespace, and a security module that "
          "does not forbid it");
}

}  // namespace

Result<ContainerProcess> ContainerProcess::open(pid_t pid) {
  ContainerProcess process;
  process.pid_ = pid;
  auto pidfd = open_pidfd(pid);
  if (!pidfd) {
    const int errnum = pidfd.error().errnum();
    if (errnum == ESRCH || errnum == EINVAL) return std::unexpected(gone(pid, ESRCH));
    return std::unexpected(std::move(pidfd).error());
  }
  process.pidfd_ = *std::move(pidfd);
  auto proc = open_at(AT_FDCWD, "/proc/" + living_thread(pid), O_PATH | O_DIRECTORY);
  if (!proc) return std::unexpected(gone(pid, proc.error().errnum()));
  process.proc_ = *std::move(proc);

  const auto mount = namespace_at(process.proc_.get(), link_name(model::NamespaceKind::kMount));
  const auto user = namespace_at(process.proc_.get(), link_name(model::NamespaceKind::kUser));
  if (mount.inode == 0 || user.inode == 0)
    return std::unexpected(cannot_look(pid, process.proc_.get()));
  process.mount_namespace_ = mount.inode;
  // The machine's own namespace is that of process 1, too, where the runtime has one of its own.
  process.shares_mount_namespace_ = mount == namespace_at(AT_FDCWD, "/proc/self/ns/mnt") ||
                                    mount == namespace_at(AT_FDCWD, "/proc/1/ns/mnt");
  process.shares_user_namespace_ = user == namespace_at(AT_FDCWD, "/proc/self/ns/user");
  process.start_time_ = process_start_time(pid);
  // What was read through /proc/PID belongs to the process of the pidfd only if that one still
  // lives.
  if (process.start_time_ == 0 || is_over(process.pidfd_.get()))
    return std::unexpected(gone(pid, ESRCH));
  return process;
}

Result<model::IdMap> ContainerProcess::uid_map() const {
  if (shares_user_namespace_) return model::IdMap{};
  return read_id_map(proc_.get(), "uid_map");
}

Result<model::IdMap> ContainerProcess::gid_map() const {
  if (shares_user_namespace_) return model::IdMap{};
  return read_id_map(proc_.get(), "gid_map");
}

Result<ContainerProcess::MountOwner> ContainerProcess::mount_owner() const {
  const std::string what = "look at the mount namespace of process " + std::to_string(pid_);
  PINSCOPE_TRY(const Fd mounts,
               open_at(proc_.get(), link_name(model::NamespaceKind::kMount), O_RDONLY));
  const Fd owner(::ioctl(mounts.get(), NS_GET_USERNS));
  struct stat found {};
  if (!owner.valid() || ::fstat(owner.get(), &found) != 0)
    return std::unexpected(Error::system(what, errno));
  const auto is = [&](const NamespaceId& user) { return user.inode == found.st_ino; };
  if (is(namespace_at(proc_.get(), link_name(model::NamespaceKind::kUser))))
    return MountOwner::kItsUserNamespace;
  return is(namespace_at(AT_FDCWD, "/proc/self/ns/user")) ? MountOwner::kOurs
                                                          : MountOwner::kAnother;
}

bool ContainerProcess::namespace_is(model::NamespaceKind kind, const std::string& path) const {
  const auto wanted = namespace_at(AT_FDCWD, path);
  return wanted.inode != 0 && wanted == namespace_at(proc_.get(), link_name(kind));
}

uint64_t ContainerProcess::namespace_number(model::NamespaceKind kind) const {
  return namespace_at(proc_.get(), link_name(kind)).inode;
}

std::string ContainerProcess::program_name() const {
  const auto arguments = read_proc_file(proc_.get(), "cmdline");
  if (!arguments) return "";
  const std::string_view first = std::string_view(*arguments).substr(0, arguments->find('\0'));
  return std::string(base_name(first));
}

Result<Fd> ContainerProcess::mountinfo() const {
  return open_at(proc_.get(), "mountinfo", O_RDONLY);
}

Status ContainerProcess::enter_mount_namespace() const {
  if (::setns(pidfd_.get(), CLONE_NEWNS) == 0) return {};
  if (errno == ESRCH) return std::unexpected(gone(pid_, ESRCH));
  return std::unexpected(Error::system("enter the container's mount namespace", errno));
}

Status ContainerProcess::enter_cgroup_namespace() const {
  if (::setns(pidfd_.get(), CLONE_NEWCGROUP) == 0) return {};
  if (errno == ESRCH) return std::unexpected(gone(pid_, ESRCH));
  return std::unexpected(Error::system("enter the container's cgroup namespace", errno));
}

Status ContainerProcess::enter_user_and_mount_namespaces() const {
  if (::setns(pidfd_.get(), CLONE_NEWUSER | CLONE_NEWNS) == 0) return {};
  return std::unexpected(Error::system("enter the container's user and mount namespaces", errno));
}

uint64_t process_start_time(pid_t pid) {
  const auto proc = open_at(AT_FDCWD, "/proc/" + std::to_string(pid), O_PATH | O_DIRECTORY);
  return proc ? read_start_time(proc->get()) : 0;
}

bool ends_within(pid_t pid, std::chrono::milliseconds time) {
  const auto process = open_pidfd(pid);
  if (!process) return process.error().errnum() == ESRCH;
  pollfd ended{.fd = process->get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, static_cast<int>(time.count())) > 0;
}

bool has_ended(pid_t pid, uint64_t start_time) {
  if (const uint64_t shown = process_start_time(pid); shown != 0)
    return start_time != 0 && shown != start_time;
  return ends_within(pid, std::chrono::milliseconds(0));
}

bool same_namespace(const std::string& left, const std::string& right) {
  const auto id = namespace_at(AT_FDCWD, left);
  return id.inode != 0 && id == namespace_at(AT_FDCWD, right);
}

uint64_t own_namespace(model::NamespaceKind kind) {
  return namespace_at(AT_FDCWD, "/proc/self/" + link_name(kind)).inode;
}

}  // namespace pinscope::kernel
