// The probe's commands that try all of bpf(2) on a map of any type, and what special types do with
// the descriptors of others.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/programs/probe/bpf_calls.h"
#include "tests/support/programs/probe/probe.h"

// Newer than the headers of the oldest distribution that builds this.
enum { kCgrpStorage = 32, kStructOpsAttach = 44, kLargest = 1 << 16 };

static void say(struct answer* answer, const char* what, long result) {
  const char* name = result < 0 ? strerrorname_np(errno) : "ok";
  char number[16];
  snprintf(number, sizeof(number), "%d", errno);
  const size_t length = strlen(answer->text);
  snprintf(answer->text + length, sizeof(answer->text) - length, "%s%s=%s", length ? " " : "", what,
           name ? name : number);
}

// What the map takes for a key that this process may name: a descriptor for the storages.
static void make_key(const struct bpf_map_info* info, void* key) {
  int fd = -1;
  switch (info->type) {
    case BPF_MAP_TYPE_SK_STORAGE:
      fd = socket(AF_INET, SOCK_STREAM, 0);
      break;
    case BPF_MAP_TYPE_INODE_STORAGE:
      fd = open("/", O_RDONLY | O_DIRECTORY);
      break;
    case BPF_MAP_TYPE_TASK_STORAGE:
      fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
      break;
    case kCgrpStorage:
      fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
      break;
    default:
      return;
  }
  memcpy(key, &fd, sizeof(fd));
}

// Everything that changes a map, through a descriptor for reading.
static int map_writes(char** words, struct answer* answer) {
  static char key[kLargest], value[kLargest];
  struct bpf_map_info info;
  const int fd = get(words[0], BPF_F_RDONLY);
  if (fd < 0) return -1;
  if (map_info(fd, &info) < 0) return close_with(fd, -1);
  make_key(&info, key);
  static const struct {
    const char* name;
    int command;
    int is_batch;
    int has_value;
  } kTries[] = {{"update", BPF_MAP_UPDATE_ELEM, 0, 1},
                {"delete", BPF_MAP_DELETE_ELEM, 0, 0},
                {"take", BPF_MAP_LOOKUP_AND_DELETE_ELEM, 0, 1},
                {"update-batch", BPF_MAP_UPDATE_BATCH, 1, 1},
                {"delete-batch", BPF_MAP_DELETE_BATCH, 1, 0},
                {"take-batch", BPF_MAP_LOOKUP_AND_DELETE_BATCH, 1, 1}};
  for (size_t i = 0; i < sizeof(kTries) / sizeof(kTries[0]); i++) {
    union bpf_attr attr = {0};
    if (kTries[i].is_batch) {
      attr.batch.map_fd = (uint32_t)fd;
      attr.batch.keys = info.key_size ? pointer(key) : 0;
      attr.batch.values = kTries[i].has_value ? pointer(value) : 0;
      attr.batch.count = 1;
    } else {
      attr.map_fd = (uint32_t)fd;
      attr.key = info.key_size ? pointer(key) : 0;
      attr.value = kTries[i].has_value ? pointer(value) : 0;
    }
    say(answer, kTries[i].name, bpf(kTries[i].command, &attr));
  }
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)fd;
  say(answer, "freeze", bpf(BPF_MAP_FREEZE, &attr));
  const int protections[] = {PROT_READ, PROT_READ | PROT_WRITE};
  for (int i = 0; i < 2; i++) {
    void* memory = mmap(NULL, (size_t)getpagesize(), protections[i], MAP_SHARED, fd, 0);
    say(answer, i == 0 ? "mmap" : "mmap-write", memory == MAP_FAILED ? -1 : 0);
    if (memory != MAP_FAILED) munmap(memory, (size_t)getpagesize());
  }
  return close_with(fd, 0);
}

static int map_reads(char** words, struct answer* answer) {
  static char key[kLargest], next[kLargest], value[kLargest], batch[kLargest];
  struct bpf_map_info info;
  const int fd = get(words[0], BPF_F_RDONLY);
  if (fd < 0) return -1;
  if (map_info(fd, &info) < 0) return close_with(fd, -1);
  make_key(&info, key);
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)fd;
  attr.key = info.key_size ? pointer(key) : 0;
  attr.value = pointer(value);
  say(answer, "lookup", bpf(BPF_MAP_LOOKUP_ELEM, &attr));
  memset(&attr, 0, sizeof(attr));
  attr.map_fd = (uint32_t)fd;
  attr.next_key = pointer(next);
  say(answer, "next", bpf(BPF_MAP_GET_NEXT_KEY, &attr));
  memset(&attr, 0, sizeof(attr));
  attr.batch.map_fd = (uint32_t)fd;
  attr.batch.out_batch = pointer(batch);
  attr.batch.keys = pointer(next);
  attr.batch.values = pointer(value);
  attr.batch.count = 1;
  say(answer, "batch", bpf(BPF_MAP_LOOKUP_BATCH, &attr));
  return close_with(fd, 0);
}

// A map that was opened for reading, as the element at key 0 of one that was opened for writing.
static int put_inner(char** words, struct answer* answer) {
  const int outer = get(words[0], 0);
  if (outer < 0) return -1;
  const int inner = get(words[1], BPF_F_RDONLY);
  if (inner < 0) return close_with(outer, -1);
  struct bpf_map_info info;
  const uint32_t key = 0;
  char value[256] = {0};
  memcpy(value, &inner, sizeof(inner));
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)outer;
  attr.key = pointer(&key);
  attr.value = pointer(value);
  int done = map_info(inner, &info);
  if (done == 0) done = bpf(BPF_MAP_UPDATE_ELEM, &attr);
  done = close_with(inner, done);
  if (done == 0) done = bpf(BPF_MAP_LOOKUP_ELEM, &attr);  // a map that holds maps shows their ids
  if (done == 0 && memcmp(value, &info.id, sizeof(info.id)) == 0)
    snprintf(answer->text, sizeof(answer->text), "holds it");
  return close_with(outer, done);
}

static int with_program(int command, char** words) {
  const int map = get(words[0], BPF_F_RDONLY);
  if (map < 0) return -1;
  const int program = get(words[1], BPF_F_RDONLY);
  if (program < 0) return close_with(map, -1);
  union bpf_attr attr = {0};
  attr.target_fd = (uint32_t)map;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_SK_SKB_STREAM_VERDICT;
  const int done = close_with(program, bpf(command, &attr));
  return close_with(map, done);
}
static int attach_to_map(char** words, struct answer* answer) {
  (void)answer;
  return with_program(BPF_PROG_ATTACH, words);
}
static int detach_from_map(char** words, struct answer* answer) {
  (void)answer;
  return with_program(BPF_PROG_DETACH, words);
}

static int link_map(char** words, struct answer* answer) {
  (void)answer;
  const int map = get(words[0], BPF_F_RDONLY);
  if (map < 0) return -1;
  union bpf_attr attr = {0};
  attr.link_create.prog_fd = (uint32_t)map;  // the same field as map_fd
  attr.link_create.attach_type = kStructOpsAttach;
  const int link = bpf(BPF_LINK_CREATE, &attr);
  if (link < 0) return close_with(map, -1);
  return close_with(map, close_with(link, 0));
}

const struct command kMapCommands[] = {
    {"map-writes", 1, map_writes, "PATH: all that changes a map, opened for reading"},
    {"map-reads", 1, map_reads, "PATH: all that reads a map, opened for reading"},
    {"put-inner", 2, put_inner, "OUTER INNER: at key 0, the inner map opened for reading"},
    {"map-attach", 2, attach_to_map, "MAP PROGRAM: a stream verdict, the map opened for reading"},
    {"map-detach", 2, detach_from_map, "MAP PROGRAM: the same undone"},
    {"map-link", 1, link_map, "PATH: BPF_LINK_CREATE of a struct_ops map, opened for reading"},
    {0},
};
