// What the loader loads: a map of MAP_TYPE and a program of the section PROGRAM that uses it.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, MAP_TYPE);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} seen SEC(".maps");

SEC(PROGRAM)
int count(void* context) {
  const __u32 key = 0;
  __u64* value = bpf_map_lookup_elem(&seen, &key);
  if (value) __sync_fetch_and_add(value, 1);
  (void)context;
  return 1;
}

char terms[] SEC("license") = "GPL";
