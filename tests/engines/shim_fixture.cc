// The profile and the command lines of the tests of the shim.
#include <filesystem>

#include "plugin/base/text.h"
#include "tests/engines/shim_test.h"

namespace pinscope::test {

std::string ShimTest::program_path(const std::string& runtime) {
  const std::string name = runtime_program(runtime);
  if (name.starts_with('/')) return name;
  for (const char* directory : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
    if (std::filesystem::exists(directory + name)) return directory + name;
  return "/usr/bin/" + name;
}

void ShimTest::with_default_profile(BundleSpec& spec) {
  // Enough for the probe and for what a runtime still does under the profile.
  constexpr const char* kAllowed =
      "access arch_prctl brk capget capset chdir chmod chown clock_gettime clone clone3 close "
      "close_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait execve execveat exit "
      "exit_group "
      "faccessat faccessat2 fchdir fchmod fchown fcntl fstat fstatfs futex getcwd getdents64 "
      "getegid "
      "geteuid getgid getgroups getpgrp getpid getppid getrandom getrlimit gettid getuid ioctl "
      "kill "
      "lseek lstat madvise membarrier mkdir mmap mprotect mremap munmap nanosleep newfstatat open "
      "openat openat2 pipe2 poll ppoll prctl pread64 prlimit64 pwrite64 read readlink readlinkat "
      "recvmsg rename rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield "
      "seccomp select pselect6 sendmsg sendto set_robust_list set_tid_address setgid setgroups "
      "setresgid setresuid "
      "setsid setuid sigaltstack socket stat statfs statx symlink tgkill umask uname unlink "
      "unlinkat "
      "wait4 write writev";
  spec.seccomp_default = "SCMP_ACT_ERRNO";
  spec.seccomp_errno = kSeccompErrno;
  SeccompRule allowed;
  allowed.action = "SCMP_ACT_ALLOW";
  for (const auto name : split(kAllowed, ' ')) allowed.names.emplace_back(name);
  spec.seccomp = {allowed};
}

CommandResult ShimTest::call(const std::vector<std::string>& arguments,
                             const RuntimeContainer& container) const {
  auto argv = shim();
  argv.insert(argv.end(), {"--root", container.directory().path("state")});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Command(argv).directory(container.bundle()).run();
}

std::string ShimTest::config_of(const RuntimeContainer& container) {
  return read_file(container.bundle() + "/config.json");
}

}  // namespace pinscope::test
