// The probe's commands on how far a program reaches that was loaded with a token: into the memory
// of the kernel, to processes of others, to other programs.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/programs/probe/probe.h"
#include "tests/support/programs/probe/token.h"

enum { kPacket = 64, kKindFunction = 12 };

#define COUNT(code) (sizeof(code) / sizeof((code)[0]))
#define MOVE_IMMEDIATE(register_, value) \
  { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (register_), .imm = (value) }
#define MOVE(to, from) \
  { .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) }
#define LOAD_WIDE(register_, source, value)              \
  {.code = BPF_LD | BPF_DW | BPF_IMM,                    \
   .dst_reg = (register_),                               \
   .src_reg = (source),                                  \
   .imm = (int32_t)(value)},                             \
  {                                                      \
    .code = 0, .imm = (int32_t)((uint64_t)(value) >> 32) \
  }
#define CALL(helper) \
  { .code = BPF_JMP | BPF_CALL, .imm = (helper) }
#define CALL_KERNEL(function) \
  { .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (function) }
#define EXIT \
  { .code = BPF_JMP | BPF_EXIT }

// The number of a function in the kernel's type information, or 0 with ENOSYS.
static int function_number(const char* name) {
  enum { kMaxBytes = 64 << 20 };
  const int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
  char* all = fd < 0 ? NULL : malloc(kMaxBytes);
  if (all == NULL) return 0;
  size_t size = 0;
  for (ssize_t more = 1; more > 0 && size<kMaxBytes; size += more> 0 ? (size_t)more : 0)
    more = read(fd, all + size, kMaxBytes - size);
  close(fd);
  const uint32_t* header = (const uint32_t*)all;  // magic, header, types: where and how long, text
  const char* type = all + header[1] + header[2];
  const char* const end = type + header[3];
  const char* const text = all + header[1] + header[4];
  int number = 1;
  int found = 0;
  for (; type < end && found == 0; number++) {
    const uint32_t* words = (const uint32_t*)type;
    const uint32_t kind = words[1] >> 24 & 31;
    const uint32_t count = words[1] & 0xffff;
    if (kind == kKindFunction && strcmp(text + words[0], name) == 0) found = number;
    static const unsigned char kEach[] = {
        [4] = 12, [5] = 12, [6] = 8, [13] = 8, [15] = 12, [19] = 12};
    static const unsigned char kOnce[] = {[1] = 4, [3] = 12, [14] = 4, [17] = 4, [19] = 0};
    type += 12 + (kind < COUNT(kEach) ? kEach[kind] * count : 0) +
            (kind < COUNT(kOnce) ? kOnce[kind] : 0);
  }
  free(all);
  errno = ENOSYS;
  return found;
}

// What a program returns when it sees a packet.
static int returned(int program, uint32_t* value) {
  char packet[kPacket] = {0};
  union bpf_attr attr = {0};
  attr.test.prog_fd = (uint32_t)program;
  attr.test.data_in = pointer(packet);
  attr.test.data_size_in = sizeof(packet);
  const int result = bpf_call(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
  *value = attr.test.retval;
  return close_with(program, result);
}

static int read_by_helper(int token, uint64_t address) {
  const struct bpf_insn code[] = {
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8},
      MOVE(1, 10),
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = -8},
      MOVE_IMMEDIATE(2, 4),
      LOAD_WIDE(3, 0, address),
      CALL(BPF_FUNC_probe_read_kernel),
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 10, .off = -8},
      EXIT};
  return load_with(token, BPF_PROG_TYPE_SOCKET_FILTER, 0, code, COUNT(code));
}

static int read_by_cast(int token, uint64_t address) {
  const int cast = function_number("bpf_rdonly_cast");
  if (cast == 0) return -1;
  const struct bpf_insn code[] = {LOAD_WIDE(1, 0, address),
                                  MOVE_IMMEDIATE(2, 0),
                                  CALL_KERNEL(cast),
                                  {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 0},
                                  EXIT};
  return load_with(token, BPF_PROG_TYPE_SOCKET_FILTER, 0, code, COUNT(code));
}

static int token_read(char** words, struct answer* answer) {
  const int token = token_of(words[0]);
  if (token < 0) return -1;
  const uint64_t address = strtoull(words[2], NULL, 0);
  const int program =
      strcmp(words[1], "cast") == 0 ? read_by_cast(token, address) : read_by_helper(token, address);
  close_with(token, 0);
  uint32_t value = 0;
  if (program < 0 || returned(program, &value) != 0) return -1;
  snprintf(answer->text, sizeof(answer->text), "%u", value);
  return 0;
}

// A token that was made in the container's user namespace, used in a child of that namespace, where
// the process has every capability.
static int token_read_below(char** words, struct answer* answer) {
  (void)answer;
  const int token = token_of(words[0]);
  if (token < 0) return -1;
  if (unshare(CLONE_NEWUSER) != 0) return close_with(token, -1);
  const int program = read_by_helper(token, strtoull(words[1], NULL, 0));
  return close_with(token, program < 0 ? -1 : close_with(program, 0));
}

static int token_signal(char** words, struct answer* answer) {
  (void)answer;
  const int from_pid = function_number("bpf_task_from_pid");
  const int send = function_number("bpf_send_signal_task");
  const int release = function_number("bpf_task_release");
  if (from_pid == 0 || send == 0 || release == 0) return -1;
  const int token = token_of(words[0]);
  if (token < 0) return -1;
  const struct bpf_insn code[] = {MOVE_IMMEDIATE(1, atoi(words[1])),
                                  CALL_KERNEL(from_pid),
                                  {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 8},
                                  MOVE(6, 0),
                                  MOVE(1, 0),
                                  MOVE_IMMEDIATE(2, atoi(words[2])),
                                  MOVE_IMMEDIATE(3, 1),  // PIDTYPE_TGID
                                  MOVE_IMMEDIATE(4, 0),
                                  CALL_KERNEL(send),
                                  MOVE(1, 6),
                                  CALL_KERNEL(release),
                                  MOVE_IMMEDIATE(0, 1),
                                  EXIT};
  const int program = load_with(token, BPF_PROG_TYPE_CGROUP_SKB, 0, code, COUNT(code));
  close_with(token, 0);
  uint32_t value = 0;
  return program < 0 ? -1 : returned(program, &value);
}

// The number that this process has in the initial PID namespace, which is the one that programs
// know it by: a program of the machine's root says it.
static int machine_pid(char** words, struct answer* answer) {
  (void)words;
  const struct bpf_insn code[] = {CALL(BPF_FUNC_get_current_pid_tgid), EXIT};
  const int program = load_with(-1, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, code, COUNT(code));
  if (program < 0) return -1;
  union bpf_attr attr = {0};
  attr.test.prog_fd = (uint32_t)program;
  if (bpf_call(BPF_PROG_TEST_RUN, &attr, sizeof(attr)) != 0) return close_with(program, -1);
  snprintf(answer->text, sizeof(answer->text), "%u", attr.test.retval);
  return close_with(program, 0);
}

// Where in the kernel's memory a value is: a program of the machine's root says it.
static int value_address(char** words, struct answer* answer) {
  union bpf_attr get = {0};
  get.pathname = pointer(words[0]);
  const int map = bpf_call(BPF_OBJ_GET, &get, sizeof(get));
  const int told = map_with(-1, BPF_MAP_TYPE_ARRAY);
  if (map < 0 || told < 0) return -1;
  const struct bpf_insn code[] = {
      {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = atoi(words[1])},
      MOVE(2, 10),
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
      LOAD_WIDE(1, BPF_PSEUDO_MAP_FD, (uint32_t)map),
      CALL(BPF_FUNC_map_lookup_elem),
      {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 9},
      MOVE(6, 0),
      {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4},
      MOVE(2, 10),
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
      LOAD_WIDE(1, BPF_PSEUDO_MAP_FD, (uint32_t)told),
      CALL(BPF_FUNC_map_lookup_elem),
      {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 1},
      {.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 6},
      MOVE_IMMEDIATE(0, 0),
      EXIT};
  const int program = load_with(-1, BPF_PROG_TYPE_SOCKET_FILTER, 0, code, COUNT(code));
  close_with(map, 0);
  uint32_t value = 0;
  if (program < 0 || returned(program, &value) != 0) return close_with(told, -1);
  const uint32_t first = 0;
  uint64_t address = 0;
  union bpf_attr look = {0};
  look.map_fd = (uint32_t)told;
  look.key = pointer(&first);
  look.value = pointer(&address);
  const int result = bpf_call(BPF_MAP_LOOKUP_ELEM, &look, sizeof(look));
  snprintf(answer->text, sizeof(answer->text), "0x%llx", (unsigned long long)address);
  return close_with(told, result);
}

const struct command kReachCommands[] = {
    {"token-read", 3, token_read,
     "BPFFS helper|cast ADDRESS: four bytes of the kernel's memory, by a program loaded with one"},
    {"token-read-below", 2, token_read_below,
     "BPFFS ADDRESS: load such a program in a child of the user namespace that the token is of"},
    {"token-signal", 3, token_signal, "BPFFS PID SIGNAL: by a program loaded with one"},
    {"machine-pid", 0, machine_pid, "its number in the initial PID namespace; as root"},
    {"value-address", 2, value_address, "PATH KEY: where the kernel keeps the value; as root"},
    {0},
};
