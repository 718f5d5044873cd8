#include "tests/support/unprivileged.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

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

}  // namespace pinscope::test
