// A library for LD_PRELOAD in the service of values: its worker ends, or stays for ever, over what
// a test chose, as a mistake in it could. PINSCOPE_END_OVER is a piece of text: of the description
// of a lease, which is read by pread(2), or of a request, by read(2). PINSCOPE_END_BY is "hang" for
// staying.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_worker;

__attribute__((constructor)) static void look_who(int argc, char** argv) {
  is_worker = argc > 1 && strcmp(argv[1], "--values-worker") == 0;
}

static ssize_t look(const void* bytes, ssize_t count) {
  const char* over = getenv("PINSCOPE_END_OVER");
  const char* how = getenv("PINSCOPE_END_BY");
  if (!is_worker || count <= 0 || !over || !memmem(bytes, (size_t)count, over, strlen(over)))
    return count;
  if (how && strcmp(how, "hang") == 0)
    for (;;) pause();
  abort();
}

ssize_t read(int fd, void* bytes, size_t size) {
  ssize_t (*real)(int, void*, size_t) = dlsym(RTLD_NEXT, "read");
  return look(bytes, real(fd, bytes, size));
}

ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  ssize_t (*real)(int, void*, size_t, off_t) = dlsym(RTLD_NEXT, "pread");
  return look(bytes, real(fd, bytes, size, at));
}

ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) {
  ssize_t (*real)(int, void*, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
  return look(bytes, real(fd, bytes, size, at));
}
