// The floor of `pinscope dump`: bare batched look-ups of a whole map, as large as the command's,
// that print nothing. The benchmark divides the command's time by the time of this program.
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <errno.h>

namespace {

constexpr uint32_t kBatch = 2048;
constexpr uint32_t kMaxBytes = 64;

char keys[kBatch * kMaxBytes];
char values[kBatch * kMaxBytes];

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_id = static_cast<uint32_t>(strtoul(argv[1], nullptr, 10));
  const long map = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attributes, sizeof attributes);
  if (map < 0) return 1;
  uint64_t token = 0;
  for (bool first = true;; first = false) {
    memset(&attributes, 0, sizeof attributes);
    attributes.batch.in_batch = first ? 0 : reinterpret_cast<uintptr_t>(&token);
    attributes.batch.out_batch = reinterpret_cast<uintptr_t>(&token);
    attributes.batch.keys = reinterpret_cast<uintptr_t>(keys);
    attributes.batch.values = reinterpret_cast<uintptr_t>(values);
    attributes.batch.count = kBatch;
    attributes.batch.map_fd = static_cast<uint32_t>(map);
    if (syscall(SYS_bpf, BPF_MAP_LOOKUP_BATCH, &attributes, sizeof attributes.batch) != 0)
      return errno == ENOENT ? 0 : 1;
  }
}
