#include "tests/support/programs/supervisor.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <filesystem>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

constexpr int kSeconds = 60;
constexpr int kNone = -1;

// The calls that the programs under test are likely to make, and which argument is a path or a
// descriptor.
struct KnownCall {
  long number = 0;
  const char* name = nullptr;
  int path = kNone;
  int descriptor = kNone;
};
constexpr KnownCall kKnownCalls[] = {
    {SYS_bpf, "bpf"},
    {SYS_brk, "brk"},
    {SYS_capget, "capget"},
    {SYS_capset, "capset"},
    {SYS_chdir, "chdir", 0},
    {SYS_clock_gettime, "clock_gettime"},
    {SYS_close, "close", kNone, 0},
    {SYS_close_range, "close_range"},
    {SYS_connect, "connect", kNone, 0},
    {SYS_execve, "execve", 0},
    {SYS_exit_group, "exit_group"},
    {SYS_fchdir, "fchdir", kNone, 0},
    {SYS_fchmodat, "fchmodat", 1, 0},
    {SYS_fchownat, "fchownat", 1, 0},
    {SYS_fcntl, "fcntl", kNone, 0},
    {SYS_flock, "flock", kNone, 0},
    {SYS_fsconfig, "fsconfig", kNone, 0},
    {SYS_fsmount, "fsmount", kNone, 0},
    {SYS_fsopen, "fsopen", 0},
    {SYS_fstat, "fstat", kNone, 0},
    {SYS_fstatfs, "fstatfs", kNone, 0},
    {SYS_fsync, "fsync", kNone, 0},
    {SYS_getdents64, "getdents64", kNone, 0},
    {SYS_gettid, "gettid"},
    {SYS_kill, "kill"},
    {458, "listmount"},
    {SYS_lseek, "lseek", kNone, 0},
    {SYS_madvise, "madvise"},
    {SYS_mkdirat, "mkdirat", 1, 0},
    {SYS_mmap, "mmap"},
    {SYS_mount_setattr, "mount_setattr", kNone, 0},
    {SYS_move_mount, "move_mount", 3, 2},
    {SYS_mprotect, "mprotect"},
    {SYS_munmap, "munmap"},
    {SYS_newfstatat, "newfstatat", 1, 0},
    {SYS_open_tree, "open_tree", 1, 0},
    {SYS_openat, "openat", 1, 0},
    {SYS_openat2, "openat2", 1, 0},
    {SYS_pidfd_open, "pidfd_open"},
    {SYS_pidfd_send_signal, "pidfd_send_signal", kNone, 0},
    {SYS_prctl, "prctl"},
    {SYS_pread64, "pread64", kNone, 0},
    {SYS_read, "read", kNone, 0},
    {SYS_readlinkat, "readlinkat", 1, 0},
    {SYS_renameat2, "renameat2", 3, 2},
    {SYS_rt_sigaction, "rt_sigaction"},
    {SYS_sendmsg, "sendmsg", kNone, 0},
    {SYS_setns, "setns", kNone, 0},
    {SYS_socket, "socket"},
    {457, "statmount"},
    {SYS_statx, "statx", 1, 0},
    {SYS_symlinkat, "symlinkat", 2, 1},
    {SYS_umask, "umask"},
    {SYS_umount2, "umount2", 0},
    {SYS_unlinkat, "unlinkat", 1, 0},
    {SYS_write, "write", kNone, 0},
#ifdef SYS_chmod  // old names of the above, not on every architecture
    {SYS_chmod, "chmod", 0},
    {SYS_mkdir, "mkdir", 0},
    {SYS_open, "open", 0},
    {SYS_readlink, "readlink", 0},
    {SYS_stat, "stat", 0},
    {SYS_unlink, "unlink", 0},
#endif
};

const KnownCall* find(int number) {
  const auto* found = std::ranges::find(kKnownCalls, number, &KnownCall::number);
  return found == std::end(kKnownCalls) ? nullptr : found;
}

std::string text_at(pid_t pid, uint64_t address) {
  char text[256] = {};
  iovec here = {text, sizeof(text) - 1};
  iovec there = {reinterpret_cast<void*>(address), sizeof(text) - 1};  // NOLINT: an address of pid
  // Not beyond the end of a page that may be the last one.
  constexpr uint64_t kPage = 4096;
  here.iov_len = there.iov_len = std::min<uint64_t>(here.iov_len, kPage - address % kPage);
  return process_vm_readv(pid, &here, 1, &there, 1, 0) > 0 ? text : "?";
}

// Asks the listener about every system call from here on: execve(2) is the first. The descriptor
// closes at execve; the supervisor has taken its own by then.
int install_filter() {
  sock_filter ask = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  const sock_fprog program = {1, &ask};
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// In the child, right before execve: tells the number that the listener will have, which is the
// lowest free one, because nothing can be told once it is there.
void announce_and_install(int pipe) {
  const int next = dup(pipe);
  close(next);
  if (write(pipe, &next, sizeof(next)) != sizeof(next) || install_filter() < 0) _exit(125);
}

Fd take_listener(pid_t child, int pipe) {
  int number = kNone;
  if (read(pipe, &number, sizeof(number)) != sizeof(number)) return {};
  const Fd process(static_cast<int>(check(syscall(SYS_pidfd_open, child, 0), "pidfd_open")));
  constexpr int kTries = 100000;
  for (int i = 0; i < kTries; i++) {
    Fd listener(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    if (listener.valid()) return listener;
    if (errno != EBADF) break;
    usleep(20);
  }
  return {};
}

// Until no process with the filter is left.
void serve(const Fd& listener, const Supervise& supervise) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(kSeconds);
  for (;;) {
    pollfd wanted = {listener.get(), POLLIN, 0};
    const bool late = std::chrono::steady_clock::now() > deadline;
    if (late || poll(&wanted, 1, kSeconds * 1000) <= 0 || (wanted.revents & POLLIN) == 0) return;
    seccomp_notif request = {};
    if (ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
    SystemCall call;
    call.pid = static_cast<pid_t>(request.pid);
    call.number = request.data.nr;
    std::copy(std::begin(request.data.args), std::end(request.data.args), call.arguments);
    const Verdict verdict = supervise(call);
    seccomp_notif_resp response = {};
    response.id = request.id;
    switch (verdict.kind) {
      case Verdict::Kind::kRun:
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        break;
      case Verdict::Kind::kFail:
        response.error = -verdict.errnum;
        break;
      case Verdict::Kind::kKill:
        kill(call.pid, SIGKILL);
        continue;
    }
    ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}

struct Pipe {
  Fd reader;
  Fd writer;
  Pipe() {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
};

}  // namespace

std::string system_call_name(int number) {
  const KnownCall* known = find(number);
  return known ? known->name : "system call " + std::to_string(number);
}

std::string describe(const SystemCall& call) {
  std::string text = system_call_name(call.number) + "(";
  const KnownCall* known = find(call.number);
  if (known && known->descriptor != kNone) {
    const int fd = static_cast<int>(call.arguments[known->descriptor]);
    std::error_code error;
    text += std::filesystem::read_symlink(
                "/proc/" + std::to_string(call.pid) + "/fd/" + std::to_string(fd), error)
                .string();
  }
  if (known && known->path != kNone && call.arguments[known->path] != 0)
    text += " " + pinscope::quoted(text_at(call.pid, call.arguments[known->path]));
  if (call.number == SYS_bpf || call.number == SYS_fsconfig || call.number == SYS_prctl)
    text += " " + std::to_string(call.arguments[call.number == SYS_fsconfig ? 1 : 0]);
  return text + ")";
}

CommandResult run_supervised(const std::vector<std::string>& argv, const std::string& input,
                             const Supervise& supervise) {
  Pipe pipe;
  return Command(argv)
      .input(input)
      .timeout(kSeconds)
      .before_exec([&] { announce_and_install(pipe.writer.get()); })
      .while_running([&](pid_t child) {
        pipe.writer.reset();
        const Fd listener = take_listener(child, pipe.reader.get());
        if (listener.valid()) serve(listener, supervise);
      })
      .run();
}

int supervise_here(const std::vector<std::string>& argv, const Supervise& supervise) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Pipe pipe;
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    announce_and_install(pipe.writer.get());
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  pipe.writer.reset();
  const Fd listener = take_listener(child, pipe.reader.get());
  if (listener.valid()) serve(listener, supervise);
  int status = 0;
  check(waitpid(child, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace pinscope::test
