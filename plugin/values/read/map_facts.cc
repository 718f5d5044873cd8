#include "plugin/values/read/map_facts.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/call.h"

namespace pinscope::values {
namespace {

// "0-3,8" -> 5; 0 if it is no such list.
size_t count_in_list(std::string_view list) {
  size_t count = 0;
  for (const std::string_view range : split(trimmed(list), ',')) {
    const size_t dash = range.find('-');
    const auto first = parse_unsigned(range.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_unsigned(range.substr(dash + 1));
    if (!first || !last || *last < *first) return 0;
    count += *last - *first + 1;
  }
  return count;
}

uint32_t read_possible_cpus() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string list;
  std::getline(file, list);
  return static_cast<uint32_t>(std::max<size_t>(1, count_in_list(list)));
}

}  // namespace

Result<MapFacts> map_facts(int map) {
  struct bpf_map_info info = {};
  if (!kernel::read_info(map, info))
    return std::unexpected(Error::system("ask what a map is", errno));
  MapFacts facts;
  facts.type = info.type;
  facts.id = info.id;
  facts.key_size = info.key_size;
  facts.value_size = info.value_size;
  facts.max_entries = info.max_entries;
  facts.flags = info.map_flags;
  facts.btf_id = info.btf_id;
  facts.btf_key_type_id = info.btf_key_type_id;
  facts.btf_value_type_id = info.btf_value_type_id;
  facts.btf_vmlinux_value_type_id = info.btf_vmlinux_value_type_id;
  facts.name.assign(info.name, strnlen(info.name, sizeof info.name));
  return facts;
}

Result<Fd> open_btf(const MapFacts& facts) {
  if (facts.btf_id == 0) return Fd();
  return kernel::open_btf(facts.btf_id);
}

Result<Fd> open_map(uint32_t id) {
  auto map = kernel::open_map(id);
  if (map || map.error().errnum() != EPERM) return map;
  return std::unexpected(std::move(map).error().hint("by its id only CAP_SYS_ADMIN opens one"));
}

bool is_per_cpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

uint32_t possible_cpus() {
  static const uint32_t count = read_possible_cpus();
  return count;
}

size_t value_stride(const MapFacts& facts) {
  return (size_t{facts.value_size} + 7) / 8 * 8;
}

size_t value_bytes(const MapFacts& facts) {
  return is_per_cpu(facts.type) ? value_stride(facts) * possible_cpus() : facts.value_size;
}

}  // namespace pinscope::values
