// The probe's commands on other processes: what of a process can be reached from here, by each way
// that the kernel has. Nothing is changed in it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/programs/probe/probe.h"

enum { kSomewhere = 0x400000, kKcmpFile = 0, kMovePagesNothing = 1 };

struct target {
  const char* proc;  // a mounted proc file system
  long pid;
};

static int open_entry(const struct target* target, const char* entry, int flags) {
  char path[kTextSize];
  snprintf(path, sizeof(path), "%s/%ld/%s", target->proc, target->pid, entry);
  return open(path, flags | O_CLOEXEC);
}
static int try_link(const struct target* target, const char* entry) {
  const int fd = open_entry(target, entry, O_PATH);
  return fd < 0 ? -1 : close(fd);
}
static int try_read(const struct target* target, const char* entry) {
  char text[64];
  const int fd = open_entry(target, entry, O_RDONLY);
  if (fd < 0) return -1;
  const ssize_t size = read(fd, text, sizeof(text));
  const int saved = errno;
  close(fd);
  errno = saved;
  return size < 0 ? -1 : 0;
}
static int try_memory(const struct target* target, const char* entry) {
  (void)entry;
  const int fd = open_entry(target, "mem", O_RDONLY);
  return fd < 0 ? -1 : close(fd);
}
static int try_memory_for_writing(const struct target* target, const char* entry) {
  (void)entry;
  const int fd = open_entry(target, "mem", O_RDWR);
  return fd < 0 ? -1 : close(fd);
}

// What follows takes the number of the process in this namespace, not its entry.
static int try_attach(const struct target* target, const char* entry) {
  (void)entry;
  // The kernel detaches when the debugger ends.
  const pid_t child = fork();
  if (child == 0) _exit(ptrace(PTRACE_SEIZE, (pid_t)target->pid, NULL, NULL) < 0 ? errno : 0);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
  errno = WEXITSTATUS(status);
  return errno ? -1 : 0;
}
static int try_descriptor(const struct target* target, const char* entry) {
  (void)entry;
  const int process = (int)syscall(SYS_pidfd_open, (pid_t)target->pid, 0);
  if (process < 0) return -1;
  const int fd = (int)syscall(SYS_pidfd_getfd, process, 0, 0);
  const int saved = errno;
  close(process);
  if (fd >= 0) return close(fd);
  errno = saved;
  return -1;
}
static int try_copy(const struct target* target, int writing) {
  char byte = 0;
  struct iovec here = {&byte, 1};
  struct iovec there = {(void*)kSomewhere, 1};
  const ssize_t size = writing ? process_vm_writev((pid_t)target->pid, &here, 1, &there, 1, 0)
                               : process_vm_readv((pid_t)target->pid, &here, 1, &there, 1, 0);
  // Whether something is there is the next question.
  return size >= 0 || errno == EFAULT ? 0 : -1;
}
static int try_copy_from(const struct target* target, const char* entry) {
  (void)entry;
  return try_copy(target, 0);
}
static int try_copy_to(const struct target* target, const char* entry) {
  (void)entry;
  return try_copy(target, 1);
}
static int try_compare(const struct target* target, const char* entry) {
  (void)entry;
  return syscall(SYS_kcmp, getpid(), (pid_t)target->pid, kKcmpFile, 0, 0) < 0 ? -1 : 0;
}
static int try_robust_list(const struct target* target, const char* entry) {
  (void)entry;
  void* head = NULL;
  size_t size = 0;
  return (int)syscall(SYS_get_robust_list, (pid_t)target->pid, &head, &size);
}
static int try_pages(const struct target* target, const char* entry) {
  (void)entry;
  void* page = (void*)kSomewhere;
  int status = 0;
  return syscall(SYS_move_pages, (pid_t)target->pid, kMovePagesNothing, &page, NULL, &status, 0) < 0
             ? -1
             : 0;
}
static int try_limits(const struct target* target, const char* entry) {
  (void)entry;
  struct rlimit limit;
  return prlimit((pid_t)target->pid, RLIMIT_NOFILE, NULL, &limit);
}

struct door {
  const char* name;
  int (*try)(const struct target* target, const char* entry);
  int by_number;
};
static const struct door kDoors[] = {
    {"root", try_link, 0},
    {"cwd", try_link, 0},
    {"exe", try_link, 0},
    {"fd/0", try_link, 0},
    {"fd/3", try_link, 0},
    {"ns/mnt", try_link, 0},
    {"fdinfo/0", try_read, 0},
    {"maps", try_read, 0},
    {"smaps", try_read, 0},
    {"pagemap", try_read, 0},
    {"environ", try_read, 0},
    {"auxv", try_read, 0},
    {"io", try_read, 0},
    {"personality", try_read, 0},
    {"syscall", try_read, 0},
    {"mem", try_memory, 0},
    {"mem-rw", try_memory_for_writing, 0},
    {"ptrace", try_attach, 1},
    {"pidfd_getfd", try_descriptor, 1},
    {"process_vm_readv", try_copy_from, 1},
    {"process_vm_writev", try_copy_to, 1},
    {"kcmp", try_compare, 1},
    {"get_robust_list", try_robust_list, 1},
    {"move_pages", try_pages, 1},
    {"prlimit", try_limits, 1},
};

// The names of the doors that were open.
static void try_doors(const struct target* target, int by_number, char* text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof(kDoors) / sizeof(kDoors[0]); i++) {
    const struct door* door = &kDoors[i];
    if (door->by_number && !by_number) continue;
    if (door->try(target, door->name) < 0 || used >= size) continue;
    used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", door->name);
  }
}

static int reach(char** words, struct answer* answer) {
  const struct target target = {.proc = words[0], .pid = strtol(words[1], NULL, 0)};
  try_doors(&target, 1, answer->text, sizeof(answer->text));
  return 0;
}

// Numbers of processes come in lines, one at a time, and an answer goes back for each. The end is
// the end of the requests.
static int reach_on_request(char** words, struct answer* answer) {
  char line[64];
  char open_doors[kTextSize];
  FILE* requests = fopen(words[2], "re");
  FILE* answers = requests ? fopen(words[3], "we") : NULL;
  if (!answers) return -1;
  long tried = 0;
  for (; fgets(line, sizeof(line), requests); tried++) {
    const struct target target = {.proc = words[0], .pid = strtol(line, NULL, 0)};
    try_doors(&target, strcmp(words[1], "numbers") == 0, open_doors, sizeof(open_doors));
    fprintf(answers, "%s\n", open_doors);
    fflush(answers);
  }
  snprintf(answer->text, sizeof(answer->text), "%ld", tried);
  return 0;
}

const struct command kDoorCommands[] = {
    {"reach", 2, reach, "PROC PID: which doors to a process are open"},
    {"reach-on-request", 4, reach_on_request,
     "PROC numbers|entries REQUESTS ANSWERS: the same for each process of a FIFO"},
    {0},
};
