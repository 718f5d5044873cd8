// The system calls of the floor that its parts share: each is made, and its failure ends the
// program.
#pragma once

#include <stdint.h>
#include <sys/types.h>

namespace pinscope::bench {

// Read into and written from: its content is of no interest.
inline constexpr size_t kBufferSize = 1 << 20;
extern char buffer[kBufferSize];

// Ends the program if `result` says that it could not do `what`.
long must(const char* what, long result);
int must_fd(const char* what, long result);

int open_at(int dirfd, const char* path, int flags, mode_t mode = 0);
int open_resolved(int dirfd, const char* path, uint64_t flags, uint64_t resolve);
void read_to_end(int fd);
void read_file(int dirfd, const char* path);
void write_file(int dirfd, const char* path, size_t size);

void set_capabilities(uint64_t capabilities);
uint64_t get_capabilities();

long call_bpf(int command, void* attributes, size_t size);
uint64_t address(const void* pointer);
// /proc/self/fd
int open_descriptors();

}  // namespace pinscope::bench
