#include "plugin/base/spawn.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

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

}  // namespace pinscope
