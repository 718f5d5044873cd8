// The probe's commands on BPF tokens, and on what a program may do that a system call may not.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/programs/probe/probe.h"
#include "tests/support/programs/probe/token.h"

// include/uapi/linux/bpf.h of Linux 6.9, which is newer than the headers here.
enum { kTokenCreate = 36, kFlagTokenFd = 1 << 16 };

struct token_create {
  uint32_t flags;
  uint32_t bpffs_fd;
};

struct map_create {
  uint32_t map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
  char map_name[16];
  uint32_t map_ifindex, btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
  uint64_t map_extra;
  int32_t value_type_btf_obj_fd, map_token_fd;
};

struct prog_load {
  uint32_t prog_type, insn_cnt;
  uint64_t insns, license;
  uint32_t log_level, log_size;
  uint64_t log_buf;
  uint32_t kern_version, prog_flags;
  char prog_name[16];
  uint32_t prog_ifindex, expected_attach_type, prog_btf_fd, func_info_rec_size;
  uint64_t func_info;
  uint32_t func_info_cnt, line_info_rec_size;
  uint64_t line_info;
  uint32_t line_info_cnt, attach_btf_id, attach_prog_fd, core_relo_cnt;
  uint64_t fd_array, core_relos;
  uint32_t core_relo_rec_size, log_true_size;
  int32_t prog_token_fd;
  uint32_t padding;
};

int bpf_call(int command, void* attr, size_t size) {
  return (int)syscall(SYS_bpf, command, attr, size);
}

static uint32_t number(const char* text) {
  return (uint32_t)strtoul(text, NULL, 0);
}

int token_of(const char* path) {
  const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -1;
  struct token_create attr = {0, (uint32_t)directory};
  return close_with(directory, bpf_call(kTokenCreate, &attr, sizeof(attr)));
}

// What the kernel says of it: "allowed_cmds: 0x1" and so on, in one line.
static int token(char** words, struct answer* answer) {
  const int fd = token_of(words[0]);
  if (fd < 0) return -1;
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
  FILE* file = fopen(path, "re");
  char line[256];
  size_t used = 0;
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    char* mask = strstr(line, "0x");
    if (strncmp(line, "allowed_", 8) != 0 || mask == NULL) continue;
    mask[strcspn(mask, "\n")] = '\0';
    line[strcspn(line, ":")] = '\0';
    used += (size_t)snprintf(answer->text + used, sizeof(answer->text) - used, "%s%s=%s",
                             used == 0 ? "" : " ", line + 8, mask);
  }
  if (file != NULL) fclose(file);
  return close_with(fd, 0);
}

int map_with(int token, uint32_t type) {
  struct map_create attr = {0};
  const int is_ring = type == 27 || type == 31;
  attr.map_type = type;
  attr.key_size = is_ring ? 0 : 4;
  attr.value_size = is_ring ? 0 : 8;
  attr.max_entries = is_ring ? 4096 : 4;
  if (token >= 0) {
    attr.map_flags = kFlagTokenFd;
    attr.map_token_fd = token;
  }
  return bpf_call(BPF_MAP_CREATE, &attr, sizeof(attr));
}

int load_with(int token, uint32_t type, uint32_t attach, const struct bpf_insn* code,
              size_t count) {
  struct prog_load attr = {0};
  attr.prog_type = type;
  attr.expected_attach_type = attach;
  attr.insns = pointer(code);
  attr.insn_cnt = (uint32_t)count;
  attr.license = pointer("GPL");
  if (token >= 0) {
    attr.prog_flags = kFlagTokenFd;
    attr.prog_token_fd = token;
  }
  return bpf_call(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int return_0(int token, const char* type, const char* attach) {
  const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
                                  {.code = BPF_JMP | BPF_EXIT}};
  const int fd = load_with(token, number(type), number(attach), code, 2);
  return fd < 0 ? -1 : close_with(fd, 0);
}

int load_return_1(const char* bpffs, unsigned type, unsigned attach) {
  const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
                                  {.code = BPF_JMP | BPF_EXIT}};
  const int has_token = strcmp(bpffs, "-") != 0;
  const int token = has_token ? token_of(bpffs) : -1;
  if (has_token && token < 0) return -1;
  const int fd = load_with(token, type, attach, code, 2);
  return has_token ? close_with(token, fd) : fd;
}

static int token_map(char** words, struct answer* answer) {
  (void)answer;
  const int fd = token_of(words[0]);
  if (fd < 0) return -1;
  const int map = map_with(fd, number(words[1]));
  if (map >= 0) close(map);
  return close_with(fd, map < 0 ? -1 : 0);
}

static int token_prog(char** words, struct answer* answer) {
  (void)answer;
  const int fd = token_of(words[0]);
  if (fd < 0) return -1;
  return close_with(fd, return_0(fd, words[1], words[2]));
}

// A token and a map for one pin in `directory`: what a loader with pinned maps does.
static int token_pin(char** words, struct answer* answer) {
  (void)answer;
  const int fd = token_of(words[0]);
  if (fd < 0) return -1;
  const int map = map_with(fd, BPF_MAP_TYPE_HASH);
  close_with(fd, 0);
  if (map < 0) return -1;
  union bpf_attr attr = {0};
  attr.pathname = pointer(words[1]);
  attr.bpf_fd = (uint32_t)map;
  return close_with(map, bpf_call(BPF_OBJ_PIN, &attr, sizeof(attr)));
}

// Runs a socket filter that writes to the map behind a descriptor opened for reading only.
static int write_by_program(int token, char** words) {
  union bpf_attr get = {0};
  get.pathname = pointer(words[0]);
  get.file_flags = BPF_F_RDONLY;
  const int map = bpf_call(BPF_OBJ_GET, &get, sizeof(get));
  if (map < 0) return -1;
  const int32_t key = (int32_t)number(words[1]);
  const int32_t value = (int32_t)number(words[2]);
  const struct bpf_insn code[] = {
      {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = key},
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -16, .imm = value},
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
      {.code = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 10},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 3, .imm = -16},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = BPF_ANY},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_update_elem},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT}};
  const int program =
      load_with(token, BPF_PROG_TYPE_SOCKET_FILTER, 0, code, sizeof(code) / sizeof(code[0]));
  close_with(map, 0);
  if (program < 0) return -1;
  return run_on_a_packet(program);
}

static int prog_write(char** words, struct answer* answer) {
  (void)answer;
  return write_by_program(-1, words);
}

static int token_write(char** words, struct answer* answer) {
  (void)answer;
  const int fd = token_of(words[0]);
  if (fd < 0) return -1;
  return close_with(fd, write_by_program(fd, words + 1));
}

const struct command kTokenCommands[] = {
    {"token", 1, token, "BPFFS: make one, print what it allows"},
    {"token-map", 2, token_map, "BPFFS TYPE: make one, and a map of this type with it"},
    {"token-prog", 3, token_prog, "BPFFS TYPE ATTACH: the same for a program that returns 0"},
    {"token-pin", 2, token_pin, "BPFFS DEST: the same for a map, pinned at DEST"},
    {"token-write", 4, token_write,
     "BPFFS PATH KEY VALUE: load, with one, a program that writes to a map opened for reading"},
    {"prog-write", 3, prog_write, "PATH KEY VALUE: the same without a token"},
    {0},
};
