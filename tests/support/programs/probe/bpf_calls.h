// bpf(2) without a library, for the files of the probe's commands.
#ifndef PINSCOPE_TESTS_SUPPORT_PROBE_BPF_CALLS_H
#define PINSCOPE_TESTS_SUPPORT_PROBE_BPF_CALLS_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int bpf(int command, union bpf_attr* attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static inline uint64_t pointer(const void* address) {
  return (uint64_t)(uintptr_t)address;
}

// Keeps the errno of what gave `result`.
static inline int close_with(int fd, int result) {
  const int saved = errno;
  close(fd);
  errno = saved;
  return result;
}

// Attaches a program to a socket, which it sees one packet of, and closes it.
static inline int run_on_a_packet(int program) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0) return close_with(program, -1);
  int result = setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program));
  if (result == 0 && send(ends[0], "x", 1, 0) != 1) result = -1;
  close_with(ends[0], 0);
  close_with(ends[1], 0);
  return close_with(program, result);
}

static inline int get(const char* path, uint32_t flags) {
  union bpf_attr attr = {0};
  attr.pathname = pointer(path);
  attr.file_flags = flags;
  return bpf(BPF_OBJ_GET, &attr);
}

static inline int map_info(int fd, struct bpf_map_info* info) {
  union bpf_attr attr = {0};
  memset(info, 0, sizeof(*info));
  attr.info.bpf_fd = (uint32_t)fd;
  attr.info.info_len = sizeof(*info);
  attr.info.info = pointer(info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

#endif
