#include "plugin/kernel/bpf/map_memory.h"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
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
  const auto map = open_map(id);
  if (!map && map.error().errnum() == ENOENT) return std::nullopt;
  if (!map) return std::unexpected(map.error());
  struct bpf_map_info info {};
  if (!read_info(map->get(), info))
    return std::unexpected(Error::system("read the info of map " + std::to_string(id), errno));
  return MapSize{info.max_entries, memory_of(map->get())};
}

}  // namespace pinscope::kernel
