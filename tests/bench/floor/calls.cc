#include "tests/bench/floor/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pinscope::bench {

char buffer[kBufferSize];

long must(const char* what, long result) {
  if (result >= 0) return result;
  dprintf(STDERR_FILENO, "floor: cannot %s: %s\n", what, strerror(errno));
  exit(1);
}

int must_fd(const char* what, long result) {
  return static_cast<int>(must(what, result));
}

int open_at(int dirfd, const char* path, int flags, mode_t mode) {
  return must_fd(path, openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode));
}

int open_resolved(int dirfd, const char* path, uint64_t flags, uint64_t resolve) {
  struct open_how how {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return must_fd(path, syscall(SYS_openat2, dirfd, path, &how, sizeof how));
}

void read_to_end(int fd) {
  while (must("read", read(fd, buffer, sizeof buffer)) > 0) continue;
}

void read_file(int dirfd, const char* path) {
  const int fd = open_at(dirfd, path, O_RDONLY);
  read_to_end(fd);
  close(fd);
}

void write_file(int dirfd, const char* path, size_t size) {
  const int fd = open_at(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  must("write", write(fd, buffer, size));
  close(fd);
}

void set_capabilities(uint64_t capabilities) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  data[0].effective = data[0].permitted = static_cast<uint32_t>(capabilities);
  data[1].effective = data[1].permitted = static_cast<uint32_t>(capabilities >> 32);
  must("set capabilities", syscall(SYS_capset, &header, data));
}

uint64_t get_capabilities() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  must("get capabilities", syscall(SYS_capget, &header, data));
  return data[0].permitted | uint64_t{data[1].permitted} << 32;
}

long call_bpf(int command, void* attributes, size_t size) {
  return syscall(SYS_bpf, command, attributes, size);
}

uint64_t address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

int open_descriptors() {
  struct statfs status;
  const int descriptors = open_at(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY);
  must("look at /proc", fstatfs(descriptors, &status));
  return descriptors;
}

}  // namespace pinscope::bench
