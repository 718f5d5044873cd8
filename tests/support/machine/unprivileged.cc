#include "tests/support/machine/unprivileged.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace pinscope::test {
namespace {

void write_map(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (write(fd, text, strlen(text)) < 0) _exit(125);
  close(fd);
}

}  // namespace

void become_plain_user(uid_t user) {
  if (setgroups(0, nullptr) != 0 || setresgid(user, user, user) != 0 ||
      setresuid(user, user, user) != 0)
    _exit(126);
  // Otherwise the files of /proc/self are root's.
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) _exit(126);
}

void become_namespace_root(uid_t user) {
  become_plain_user(user);
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(124);
  char map[32];
  snprintf(map, sizeof map, "0 %u 1", static_cast<unsigned>(user));
  write_map("/proc/self/setgroups", "deny");
  write_map("/proc/self/uid_map", map);
  write_map("/proc/self/gid_map", map);
}

// Only somebody who stays behind may map ids that are not the maker's own.
void enter_identity_namespace() {
  int made[2];
  if (pipe2(made, O_CLOEXEC) != 0) _exit(123);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) _exit(123);
  if (child == 0) {
    char byte = 0;
    if (read(made[0], &byte, 1) != 1) _exit(125);
    for (const char* name : {"uid_map", "gid_map"}) {
      char path[64];
      snprintf(path, sizeof path, "/proc/%d/%s", parent, name);
      write_map(path, "0 0 4294967295");
    }
    _exit(0);
  }
  int status = 0;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || write(made[1], "+", 1) != 1 ||
      waitpid(child, &status, 0) != child || status != 0)
    _exit(124);
}

}  // namespace pinscope::test
