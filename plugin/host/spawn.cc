#include "plugin/host/spawn.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace pinscope {

SpawnSettings::SpawnSettings(int input, int output, int errors) {
  ::posix_spawn_file_actions_init(&actions_);
  const int streams[] = {input, output, errors};
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (streams[fd] == kNull)
      ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0);
    else
      ::posix_spawn_file_actions_adddup2(&actions_, streams[fd], fd);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
  ::posix_spawnattr_init(&attributes_);
  ::posix_spawnattr_setflags(
      &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes_, &signals);
  ::sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes_, &signals);
}

SpawnSettings::~SpawnSettings() {
  ::posix_spawn_file_actions_destroy(&actions_);
  ::posix_spawnattr_destroy(&attributes_);
}

Ended wait_for_end(pid_t child, std::chrono::steady_clock::time_point deadline) {
  constexpr timespec kInterval = {0, 500'000};
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return {.in_time = true, .status = status};
    if (ended < 0 && errno == ECHILD) return {};
    if (std::chrono::steady_clock::now() >= deadline) break;
    ::nanosleep(&kInterval, nullptr);
  }
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {.in_time = false, .status = status};
}

}  // namespace pinscope
