// A library for LD_PRELOAD that leaves a mark where it was loaded.
#include <fcntl.h>
#include <stdlib.h>

__attribute__((constructor)) static void leave_mark(void) {
  const char* path = getenv("PINSCOPE_EVIL_MARK");
  if (path) open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
}
