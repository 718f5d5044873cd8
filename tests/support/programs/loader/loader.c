// An ordinary program of somebody who has never heard of Pinscope or of BPF tokens: opens a BPF
// object file with libbpf and loads it. It is built against this machine's libbpf and runs with a
// newer one, as programs do. Prints what came of it: "load hash.bpf.o: ok", "load hash.bpf.o:
// EPERM".
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int load(const char* path) {
  struct bpf_object* object = bpf_object__open_file(path, NULL);
  if (object == NULL) return -errno;
  const int result = bpf_object__load(object);
  bpf_object__close(object);
  return result;
}

static int quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int argc, char** argv) {
  libbpf_set_print(quiet);
  printf("libbpf: %s\n", libbpf_version_string());
  for (int i = 1; i < argc; i++) {
    const int result = load(argv[i]);
    printf("load %s: %s\n", argv[i], result == 0 ? "ok" : strerrorname_np(-result));
  }
  return 0;
}
