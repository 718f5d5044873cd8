#include "plugin/values/read/look_up.h"

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/call.h"

namespace pinscope::values {
namespace {

// The call on one element; `other` is a value or the next key. False for ENOENT.
Result<bool> call(int command, int map, std::span<const std::byte> key, std::span<std::byte> other,
                  const char* operation) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = key.empty() ? 0 : kernel::as_address(key.data());
  attributes.value = kernel::as_address(other.data());
  if (kernel::call_bpf(command, &attributes, sizeof attributes) == 0) return true;
  if (errno == ENOENT) return false;
  return std::unexpected(Error::system(operation, errno));
}

}  // namespace

Result<bool> look_up(int map, const MapFacts& facts, std::span<const std::byte> key,
                     std::span<std::byte> value) {
  if (key.size() != facts.key_size || value.size() != value_bytes(facts))
    return std::unexpected(Error(ErrorCode::kInternal, "look a key up in a map")
                               .reason("key or value have another size than the map's"));
  return call(BPF_MAP_LOOKUP_ELEM, map, key, value, "look a key up in a map");
}

Result<bool> next_key(int map, std::span<const std::byte> key, std::span<std::byte> next) {
  return call(BPF_MAP_GET_NEXT_KEY, map, key, next, "ask for the next key of a map");
}

}  // namespace pinscope::values
