// The probe's commands on itself: who it is, which namespaces it is in, how long it stays.
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/programs/probe/probe.h"

static int capabilities(char** words, struct answer* answer) {
  (void)words;
  FILE* status = fopen("/proc/self/status", "re");
  if (!status) return -1;
  char line[256];
  while (fgets(line, sizeof(line), status)) {
    if (sscanf(line, "CapEff: %64s", answer->text) == 1) break;
  }
  fclose(status);
  return 0;
}

static int identity(char** words, struct answer* answer) {
  (void)words;
  snprintf(answer->text, sizeof(answer->text), "uid=%u gid=%u", getuid(), getgid());
  return 0;
}

static int become(char** words, struct answer* answer) {
  (void)answer;
  const gid_t gid = (gid_t)strtoul(words[1], NULL, 0);
  if (setgroups(0, NULL) < 0 || setgid(gid) < 0) return -1;
  return setuid((uid_t)strtoul(words[0], NULL, 0));
}

static int keep_capabilities(char** words, struct answer* answer) {
  (void)answer;
  const uint64_t kept = strtoull(words[0], NULL, 16);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {0};
  for (int half = 0; half < 2; half++)
    sets[half].effective = sets[half].permitted = (uint32_t)(kept >> (32 * half));
  return (int)syscall(SYS_capset, &header, sets);
}

static int leave(char** words, struct answer* answer) {
  (void)answer;
  int flags = 0;
  if (strstr(words[0], "user")) flags |= CLONE_NEWUSER;
  if (strstr(words[0], "mount")) flags |= CLONE_NEWNS;
  if (strstr(words[0], "net")) flags |= CLONE_NEWNET;
  return unshare(flags);
}

static int wait_seconds(char** words, struct answer* answer) {
  (void)answer;
  const struct timespec time = {.tv_sec = strtol(words[0], NULL, 0)};
  return nanosleep(&time, NULL);
}

// Bounded, so that a forgotten container ends by itself.
static int wait_for_file(char** words, struct answer* answer) {
  (void)answer;
  const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
  struct stat found;
  for (int i = 0; i < 6000; i++) {
    if (lstat(words[0], &found) == 0) return 0;
    nanosleep(&pause, NULL);
  }
  errno = ETIMEDOUT;
  return -1;
}

const struct command kProcessCommands[] = {
    {"caps", 0, capabilities, "effective capabilities, hexadecimal"},
    {"id", 0, identity, "uid and gid"},
    {"setuid", 2, become, "UID GID: for all commands that follow"},
    {"keep-caps", 1, keep_capabilities, "HEXADECIMAL: for all commands that follow"},
    {"unshare", 1, leave, "user, mount, net or several, with commas"},
    {"sleep", 1, wait_seconds, "SECONDS"},
    {"wait-for", 1, wait_for_file, "PATH: until it is there, 30 seconds at most"},
    {0},
};
