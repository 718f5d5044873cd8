// Real BPF objects for tests, made and pinned with libbpf's plain calls. Numbers as keys and
// values: four and eight bytes, as the probe prints them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"

namespace pinscope::test {

struct MapSpec {
  enum class Type { kHash, kArray, kMmapableArray, kRingBuffer, kHashOfMaps } type = Type::kHash;
  uint32_t key_size = 4;
  uint32_t value_size = 8;
  uint32_t max_entries = 16;
  std::string name = "test_map";  // up to 15 bytes
};

// All throw when the kernel refuses.
Fd make_map(const MapSpec& spec = {});
// A socket filter that returns 0.
Fd make_program(const std::string& name = "test_prog");
// A flow dissector attached to a fresh network namespace, which lives as long as the link.
Fd make_link();

// Pins on this machine, removed at the end: exactly those that were made through it, so that a pin
// which the program under test left behind is still seen.
class HostPins {
 public:
  HostPins() = default;
  ~HostPins();
  HostPins(const HostPins&) = delete;
  HostPins& operator=(const HostPins&) = delete;

  // Each makes the directories that are missing above `path`, and pins: a new object, which then
  // only the pin keeps, or the given one.
  void map(const std::string& path, const MapSpec& spec = {});
  void program(const std::string& path);
  void link(const std::string& path);
  void object(const Fd& object, const std::string& path);
  void directory(const std::string& path);
  // Removes one of them early.
  void remove(const std::string& path);

 private:
  std::vector<std::string> made_;
};

// Through a pin of this machine.
Fd open_pin(const std::string& path);
void set_value(const std::string& path, uint32_t key, uint64_t value);
std::optional<uint64_t> value_at(const std::string& path, uint32_t key);
uint32_t map_id(const std::string& path);
uint32_t program_id(const std::string& path);
uint32_t link_id(const std::string& path);
// The kernel has no object with this id any more. Freed objects go a moment later, so this waits.
bool map_is_gone(uint32_t id);

}  // namespace pinscope::test
