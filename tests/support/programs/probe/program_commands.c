// The probe's commands on what a program can be used for: run, attached, detached, put into a map
// or a link. A program is a pin, or is loaded here with a token ("bpffs,type,attach").
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/programs/probe/bpf_calls.h"
#include "tests/support/programs/probe/probe.h"

static uint32_t number(const char* text) {
  return (uint32_t)strtoul(text, NULL, 0);
}

// A pin, opened as whoever reads it does; or "BPFFS,TYPE,ATTACH": a program of our own that returns
// 1, loaded with a token of that bpffs.
static int program_of(const char* word) {
  char text[256];
  snprintf(text, sizeof(text), "%s", word);
  char* type = strchr(text, ',');
  if (type == NULL) return get(word, BPF_F_RDONLY);
  *type++ = '\0';
  char* attach = strchr(type, ',');
  if (attach == NULL) {
    errno = EINVAL;
    return -1;
  }
  *attach++ = '\0';
  return load_return_1(text, number(type), number(attach));
}

// Runs one more thing with the program, and closes it.
static int test_run(char** words, struct answer* answer) {
  const int program = program_of(words[0]);
  if (program < 0) return -1;
  const char packet[64] = {0};
  union bpf_attr attr = {0};
  attr.test.prog_fd = (uint32_t)program;
  attr.test.data_in = pointer(packet);
  attr.test.data_size_in = sizeof(packet);
  if (bpf(BPF_PROG_TEST_RUN, &attr) < 0) return close_with(program, -1);
  snprintf(answer->text, sizeof(answer->text), "%u", attr.test.retval);
  return close_with(program, 0);
}

static int attach_socket(char** words, struct answer* answer) {
  (void)answer;
  const int program = program_of(words[0]);
  if (program < 0) return -1;
  return run_on_a_packet(program);
}

static int raw_tracepoint(char** words, struct answer* answer) {
  (void)answer;
  const int program = program_of(words[0]);
  if (program < 0) return -1;
  union bpf_attr attr = {0};
  attr.raw_tracepoint.name = pointer(words[1]);
  attr.raw_tracepoint.prog_fd = (uint32_t)program;
  const int link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
  if (link < 0) return close_with(program, -1);
  close_with(link, 0);
  return close_with(program, 0);
}

// The link goes again when its descriptor is closed.
static int link_to(int program, uint32_t target, uint32_t attach) {
  union bpf_attr attr = {0};
  attr.link_create.prog_fd = (uint32_t)program;
  attr.link_create.target_fd = target;
  attr.link_create.attach_type = attach;
  const int link = bpf(BPF_LINK_CREATE, &attr);
  return link < 0 ? -1 : close_with(link, 0);
}

// A cgroup's directory, or the file of a network namespace.
static int link_path(char** words, struct answer* answer) {
  (void)answer;
  const int target = open(words[1], O_RDONLY | O_CLOEXEC);
  if (target < 0) return -1;
  const int program = program_of(words[0]);
  if (program < 0) return close_with(target, -1);
  const int result = link_to(program, (uint32_t)target, number(words[2]));
  close_with(program, 0);
  return close_with(target, result);
}

static int link_interface(char** words, struct answer* answer) {
  (void)answer;
  const int program = program_of(words[0]);
  if (program < 0) return -1;
  return close_with(program, link_to(program, number(words[1]), number(words[2])));
}

static int detach(char** words, struct answer* answer) {
  (void)answer;
  const int target = open(words[1], O_RDONLY | O_CLOEXEC);
  if (target < 0) return -1;
  const int program = strcmp(words[0], "-") == 0 ? 0 : program_of(words[0]);
  if (program < 0) return close_with(target, -1);
  union bpf_attr attr = {0};
  attr.target_fd = (uint32_t)target;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = number(words[2]);
  const int result = bpf(BPF_PROG_DETACH, &attr);
  if (program > 0) close_with(program, 0);
  return close_with(target, result);
}

static int bind_map(char** words, struct answer* answer) {
  (void)answer;
  const int program = program_of(words[0]);
  if (program < 0) return -1;
  const int map = get(words[1], BPF_F_RDONLY);
  if (map < 0) return close_with(program, -1);
  union bpf_attr attr = {0};
  attr.prog_bind_map.prog_fd = (uint32_t)program;
  attr.prog_bind_map.map_fd = (uint32_t)map;
  const int result = bpf(BPF_PROG_BIND_MAP, &attr);
  close_with(map, 0);
  return close_with(program, result);
}

static int link_update(char** words, struct answer* answer) {
  (void)answer;
  const int link = get(words[1], 0);
  if (link < 0) return -1;
  const int program = program_of(words[0]);
  if (program < 0) return close_with(link, -1);
  union bpf_attr attr = {0};
  attr.link_update.link_fd = (uint32_t)link;
  attr.link_update.new_prog_fd = (uint32_t)program;
  const int result = bpf(BPF_LINK_UPDATE, &attr);
  close_with(program, 0);
  return close_with(link, result);
}

// As the first element of a map that holds programs.
static int put_program(char** words, struct answer* answer) {
  (void)answer;
  const int map = get(words[1], 0);
  if (map < 0) return -1;
  const int program = program_of(words[0]);
  if (program < 0) return close_with(map, -1);
  const uint32_t key = 0;
  const uint32_t value = (uint32_t)program;
  union bpf_attr attr = {0};
  attr.map_fd = (uint32_t)map;
  attr.key = pointer(&key);
  attr.value = pointer(&value);
  const int result = bpf(BPF_MAP_UPDATE_ELEM, &attr);
  close_with(program, 0);
  return close_with(map, result);
}

// PROGRAM: a pin, or BPFFS,TYPE,ATTACH for one of our own that is loaded with a token.
const struct command kProgramCommands[] = {
    {"test-run", 1, test_run, "PROGRAM: BPF_PROG_TEST_RUN, and what it returns"},
    {"attach-socket", 1, attach_socket, "PROGRAM: SO_ATTACH_BPF, and a byte for it to filter"},
    {"raw-tracepoint", 2, raw_tracepoint, "PROGRAM NAME: BPF_RAW_TRACEPOINT_OPEN"},
    {"link-path", 3, link_path, "PROGRAM PATH ATTACH: BPF_LINK_CREATE to a cgroup or namespace"},
    {"link-interface", 3, link_interface, "PROGRAM INDEX ATTACH: BPF_LINK_CREATE"},
    {"detach", 3, detach, "PROGRAM CGROUP ATTACH: BPF_PROG_DETACH; - for no program"},
    {"bind-map", 2, bind_map, "PROGRAM MAP: BPF_PROG_BIND_MAP"},
    {"link-update", 2, link_update, "PROGRAM LINK: BPF_LINK_UPDATE"},
    {"put-program", 2, put_program, "PROGRAM MAP: as its first element"},
    {0},
};
