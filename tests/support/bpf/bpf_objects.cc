#include "tests/support/bpf/bpf_objects.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "plugin/base/path.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

bpf_map_type kernel_type(MapSpec::Type type) {
  switch (type) {
    case MapSpec::Type::kHash:
      return BPF_MAP_TYPE_HASH;
    case MapSpec::Type::kArray:
    case MapSpec::Type::kMmapableArray:
      return BPF_MAP_TYPE_ARRAY;
    case MapSpec::Type::kRingBuffer:
      return BPF_MAP_TYPE_RINGBUF;
    case MapSpec::Type::kHashOfMaps:
      return BPF_MAP_TYPE_HASH_OF_MAPS;
  }
  return BPF_MAP_TYPE_UNSPEC;
}

// libbpf returns -errno and sets errno; check() wants the second.
Fd owned(int fd, const std::string& what) {
  return Fd(check(fd, what));
}

Fd load(bpf_prog_type type, const std::string& name) {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  return owned(bpf_prog_load(type, name.c_str(), "GPL", code, 2, nullptr), "load program " + name);
}

template <typename Info>
Info info_of(const std::string& path) {
  Info info = {};
  uint32_t size = sizeof(info);
  check(bpf_obj_get_info_by_fd(open_pin(path).get(), &info, &size), "ask for " + path);
  return info;
}

// Leaves this thread's network namespace for a new one and comes back with a descriptor of it.
Fd make_network_namespace() {
  const Fd home(check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open namespace"));
  check(unshare(CLONE_NEWNET), "unshare network namespace");
  Fd made(check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open new namespace"));
  check(setns(home.get(), CLONE_NEWNET), "return to the network namespace");
  return made;
}

}  // namespace

Fd make_map(const MapSpec& spec) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  Fd inner;
  uint32_t key_size = spec.key_size, value_size = spec.value_size, entries = spec.max_entries;
  switch (spec.type) {
    case MapSpec::Type::kHash:
    case MapSpec::Type::kArray:
      break;
    case MapSpec::Type::kMmapableArray:
      options.map_flags = BPF_F_MMAPABLE;
      break;
    case MapSpec::Type::kRingBuffer:
      key_size = value_size = 0;
      entries = static_cast<uint32_t>(getpagesize());
      break;
    case MapSpec::Type::kHashOfMaps:
      inner = make_map();
      options.inner_map_fd = static_cast<uint32_t>(inner.get());
      value_size = 4;
      break;
  }
  return owned(bpf_map_create(kernel_type(spec.type), spec.name.c_str(), key_size, value_size,
                              entries, &options),
               "make map " + spec.name);
}

Fd make_program(const std::string& name) {
  return load(BPF_PROG_TYPE_SOCKET_FILTER, name);
}

Fd make_link() {
  const Fd program = load(BPF_PROG_TYPE_FLOW_DISSECTOR, "test_link");
  const Fd network = make_network_namespace();
  return owned(bpf_link_create(program.get(), network.get(), BPF_FLOW_DISSECTOR, nullptr),
               "make link");
}

HostPins::~HostPins() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) std::remove(path->c_str());
}

void HostPins::directory(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return;
  directory(std::string(parent_of(path)));
  check(mkdir(path.c_str(), 0755), "mkdir " + path);
  made_.push_back(path);
}

void HostPins::object(const Fd& object, const std::string& path) {
  directory(std::string(parent_of(path)));
  check(bpf_obj_pin(object.get(), path.c_str()), "pin " + path);
  made_.push_back(path);
}

void HostPins::map(const std::string& path, const MapSpec& spec) {
  object(make_map(spec), path);
}
void HostPins::program(const std::string& path) {
  object(make_program(), path);
}
void HostPins::link(const std::string& path) {
  object(make_link(), path);
}

void HostPins::remove(const std::string& path) {
  check(std::remove(path.c_str()), "remove " + path);
  std::erase(made_, path);
}

Fd open_pin(const std::string& path) {
  return owned(bpf_obj_get(path.c_str()), "open pin " + path);
}

void set_value(const std::string& path, uint32_t key, uint64_t value) {
  check(bpf_map_update_elem(open_pin(path).get(), &key, &value, BPF_ANY), "update " + path);
}

std::optional<uint64_t> value_at(const std::string& path, uint32_t key) {
  uint64_t value = 0;
  if (bpf_map_lookup_elem(open_pin(path).get(), &key, &value) < 0) return std::nullopt;
  return value;
}

uint32_t map_id(const std::string& path) {
  return info_of<bpf_map_info>(path).id;
}
uint32_t program_id(const std::string& path) {
  return info_of<bpf_prog_info>(path).id;
}
uint32_t link_id(const std::string& path) {
  return info_of<bpf_link_info>(path).id;
}

bool map_is_gone(uint32_t id) {
  return wait_until(
      [&] {
        const Fd found(bpf_map_get_fd_by_id(id));
        return !found.valid() && errno == ENOENT;
      },
      3);
}

}  // namespace pinscope::test
