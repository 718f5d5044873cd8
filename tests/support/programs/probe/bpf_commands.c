// The probe's commands on pins and on BPF objects: bpf(2) without a library.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/programs/probe/bpf_calls.h"
#include "tests/support/programs/probe/probe.h"

static int opens(const char* path, uint32_t flags) {
  const int fd = get(path, flags);
  return fd < 0 ? -1 : close_with(fd, 0);
}

static int get_rw(char** words, struct answer* answer) {
  (void)answer;
  return opens(words[0], 0);
}
static int get_ro(char** words, struct answer* answer) {
  (void)answer;
  return opens(words[0], BPF_F_RDONLY);
}
// Stay open until the probe ends.
static int hold_rw(char** words, struct answer* answer) {
  (void)answer;
  return get(words[0], 0) < 0 ? -1 : 0;
}
static int hold_ro(char** words, struct answer* answer) {
  (void)answer;
  return get(words[0], BPF_F_RDONLY) < 0 ? -1 : 0;
}
static int get_wo(char** words, struct answer* answer) {
  (void)answer;
  return opens(words[0], BPF_F_WRONLY);
}

static int info(char** words, struct answer* answer) {
  struct bpf_map_info info;
  const int fd = get(words[0], BPF_F_RDONLY);
  if (fd < 0) return -1;
  if (map_info(fd, &info) < 0) return close_with(fd, -1);
  snprintf(answer->text, sizeof(answer->text), "id=%u type=%u key=%u value=%u entries=%u name=%s",
           info.id, info.type, info.key_size, info.value_size, info.max_entries, info.name);
  return close_with(fd, 0);
}

// Keys and values are numbers of up to eight bytes; larger ones are not for this program.
struct cell {
  uint64_t key;
  uint64_t value;
};

static int element(int fd, int command, struct cell* cell) {
  struct bpf_map_info info;
  if (map_info(fd, &info) < 0) return -1;
  if (info.key_size > sizeof(cell->key) || info.value_size > sizeof(cell->value)) {
    errno = E2BIG;
    return -1;
  }
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)fd;
  attr.key = pointer(&cell->key);
  if (command != BPF_MAP_DELETE_ELEM) attr.value = pointer(&cell->value);
  return bpf(command, &attr);
}

static int on_element(const char* path, uint32_t flags, int command, struct cell* cell) {
  const int fd = get(path, flags);
  if (fd < 0) return -1;
  return close_with(fd, element(fd, command, cell));
}

static int lookup(char** words, struct answer* answer) {
  struct cell cell = {strtoull(words[1], NULL, 0), 0};
  if (on_element(words[0], BPF_F_RDONLY, BPF_MAP_LOOKUP_ELEM, &cell) < 0) return -1;
  snprintf(answer->text, sizeof(answer->text), "%llu", (unsigned long long)cell.value);
  return 0;
}
static int update(char** words, struct answer* answer) {
  (void)answer;
  struct cell cell = {strtoull(words[1], NULL, 0), strtoull(words[2], NULL, 0)};
  return on_element(words[0], 0, BPF_MAP_UPDATE_ELEM, &cell);
}
static int update_ro(char** words, struct answer* answer) {
  (void)answer;
  struct cell cell = {strtoull(words[1], NULL, 0), strtoull(words[2], NULL, 0)};
  return on_element(words[0], BPF_F_RDONLY, BPF_MAP_UPDATE_ELEM, &cell);
}
static int delete_rw(char** words, struct answer* answer) {
  (void)answer;
  struct cell cell = {strtoull(words[1], NULL, 0), 0};
  return on_element(words[0], 0, BPF_MAP_DELETE_ELEM, &cell);
}
static int delete_ro(char** words, struct answer* answer) {
  (void)answer;
  struct cell cell = {strtoull(words[1], NULL, 0), 0};
  return on_element(words[0], BPF_F_RDONLY, BPF_MAP_DELETE_ELEM, &cell);
}

static int freeze_with(const char* path, uint32_t flags) {
  const int fd = get(path, flags);
  if (fd < 0) return -1;
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)fd;
  return close_with(fd, bpf(BPF_MAP_FREEZE, &attr));
}
static int freeze(char** words, struct answer* answer) {
  (void)answer;
  return freeze_with(words[0], 0);
}
static int freeze_ro(char** words, struct answer* answer) {
  (void)answer;
  return freeze_with(words[0], BPF_F_RDONLY);
}

static int pin_again(const char* from, uint32_t flags, const char* to) {
  const int fd = get(from, flags);
  if (fd < 0) return -1;
  union bpf_attr attr = {0};
  attr.pathname = pointer(to);
  attr.bpf_fd = (uint32_t)fd;
  return close_with(fd, bpf(BPF_OBJ_PIN, &attr));
}
static int repin(char** words, struct answer* answer) {
  (void)answer;
  return pin_again(words[0], BPF_F_RDONLY, words[1]);
}
static int repin_rw(char** words, struct answer* answer) {
  (void)answer;
  return pin_again(words[0], 0, words[1]);
}

static int map_memory(const char* path, uint32_t flags, int protection) {
  const int fd = get(path, flags);
  if (fd < 0) return -1;
  void* memory = mmap(NULL, (size_t)getpagesize(), protection, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return close_with(fd, -1);
  munmap(memory, (size_t)getpagesize());
  return close_with(fd, 0);
}
static int mmap_rw(char** words, struct answer* answer) {
  (void)answer;
  return map_memory(words[0], 0, PROT_READ | PROT_WRITE);
}
static int mmap_ro(char** words, struct answer* answer) {
  (void)answer;
  return map_memory(words[0], BPF_F_RDONLY, PROT_READ);
}
static int mmap_ro_write(char** words, struct answer* answer) {
  (void)answer;
  return map_memory(words[0], BPF_F_RDONLY, PROT_READ | PROT_WRITE);
}

static int by_id(int command, const char* id) {
  union bpf_attr attr = {0};
  attr.map_id = (uint32_t)strtoul(id, NULL, 0);
  const int fd = bpf(command, &attr);
  return fd < 0 ? -1 : close_with(fd, 0);
}
static int map_by_id(char** words, struct answer* answer) {
  (void)answer;
  return by_id(BPF_MAP_GET_FD_BY_ID, words[0]);
}
static int program_by_id(char** words, struct answer* answer) {
  (void)answer;
  return by_id(BPF_PROG_GET_FD_BY_ID, words[0]);
}
static int link_by_id(char** words, struct answer* answer) {
  (void)answer;
  return by_id(BPF_LINK_GET_FD_BY_ID, words[0]);
}
static int next_map_id(char** words, struct answer* answer) {
  (void)answer;
  union bpf_attr attr = {0};
  attr.start_id = (uint32_t)strtoul(words[0], NULL, 0);
  return bpf(BPF_MAP_GET_NEXT_ID, &attr);
}

static int link_detach(char** words, struct answer* answer) {
  (void)answer;
  const int fd = get(words[0], 0);
  if (fd < 0) return -1;
  union bpf_attr attr = {0};
  attr.link_detach.link_fd = (uint32_t)fd;
  return close_with(fd, bpf(BPF_LINK_DETACH, &attr));
}

static int map_create(char** words, struct answer* answer) {
  (void)words;
  (void)answer;
  union bpf_attr attr = {0};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 8;
  attr.max_entries = 1;
  const int fd = bpf(BPF_MAP_CREATE, &attr);
  return fd < 0 ? -1 : close_with(fd, 0);
}

static int program_load(char** words, struct answer* answer) {
  (void)words;
  (void)answer;
  const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
                                  {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attr = {0};
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = pointer(code);
  attr.insn_cnt = 2;
  attr.license = pointer("GPL");
  const int fd = bpf(BPF_PROG_LOAD, &attr);
  return fd < 0 ? -1 : close_with(fd, 0);
}

const struct command kBpfCommands[] = {
    {"get-rw", 1, get_rw, "PATH: BPF_OBJ_GET for reading and writing"},
    {"get-ro", 1, get_ro, "PATH: BPF_OBJ_GET with BPF_F_RDONLY"},
    {"hold-rw", 1, hold_rw, "PATH: the same, and keep it open"},
    {"hold-ro", 1, hold_ro, "PATH: with BPF_F_RDONLY, and keep it open"},
    {"get-wo", 1, get_wo, "PATH: BPF_OBJ_GET with BPF_F_WRONLY"},
    {"info", 1, info, "PATH: what a map says of itself, opened for reading"},
    {"lookup", 2, lookup, "PATH KEY: through a descriptor opened for reading"},
    {"update", 3, update, "PATH KEY VALUE: through one opened for reading and writing"},
    {"update-ro", 3, update_ro, "PATH KEY VALUE: through one opened for reading"},
    {"delete", 2, delete_rw, "PATH KEY"},
    {"delete-ro", 2, delete_ro, "PATH KEY: through a descriptor opened for reading"},
    {"freeze", 1, freeze, "PATH"},
    {"freeze-ro", 1, freeze_ro, "PATH: through a descriptor opened for reading"},
    {"repin", 2, repin, "PATH DEST: BPF_OBJ_PIN of a descriptor opened for reading"},
    {"repin-rw", 2, repin_rw, "PATH DEST: of one opened for reading and writing"},
    {"mmap", 1, mmap_rw, "PATH: for reading and writing"},
    {"mmap-ro", 1, mmap_ro, "PATH: for reading, of a descriptor opened for reading"},
    {"mmap-ro-write", 1, mmap_ro_write, "PATH: for writing, of one opened for reading"},
    {"map-by-id", 1, map_by_id, "ID"},
    {"prog-by-id", 1, program_by_id, "ID"},
    {"link-by-id", 1, link_by_id, "ID"},
    {"next-map-id", 1, next_map_id, "ID: BPF_MAP_GET_NEXT_ID after it"},
    {"link-detach", 1, link_detach, "PATH"},
    {"map-create", 0, map_create, "a small array"},
    {"prog-load", 0, program_load, "a socket filter that returns 0"},
    {0},
};
