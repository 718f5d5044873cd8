#include "plugin/kernel/bpf/map_memory.h"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/call.h"

namespace pinscope::kernel {
namespace {

std::optional<uint64_t> memory_of(int map) {
  constexpr std::string_view kKey = "memlock:";
  const auto text = text_of_file("/proc/self/fdinfo/" + std::to_string(map));
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n'))
    if (line.starts_with(kKey)) return parse_unsigned(trimmed(line.substr(kKey.size())));
  return std::nullopt;
}

}  // namespace

Result<std::optional<MapSize>> map_size(uint32_t id) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.map_id = id;
  attributes.open_flags = BPF_F_RDONLY;
  const Fd map(static_cast<int>(call_bpf(BPF_MAP_GET_FD_BY_ID, &attributes, sizeof attributes)));
  if (!map.valid() && errno == ENOENT) return std::nullopt;
  if (!map.valid()) return std::unexpected(Error::system("open map " + std::to_string(id), errno));
  struct bpf_map_info info {};
  if (!read_info(map.get(), info))
    return std::unexpected(Error::system("read the info of map " + std::to_string(id), errno));
  return MapSize{info.max_entries, memory_of(map.get())};
}

}  // namespace pinscope::kernel
