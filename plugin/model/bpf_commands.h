// The commands of bpf(2), its first argument, and sets of them: what a seccomp profile lets through
// and what a container needs for what it was granted. Their names are in bpf_names.h.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace pinscope::model {

// enum bpf_cmd (include/uapi/linux/bpf.h): those that our code speaks of.
enum class BpfCommand : uint8_t {
  kMapCreate = 0,
  kMapLookupElem = 1,
  kMapUpdateElem = 2,
  kMapDeleteElem = 3,
  kMapGetNextKey = 4,
  kProgLoad = 5,
  kObjPin = 6,
  kObjGet = 7,
  kProgAttach = 8,
  kProgDetach = 9,
  kProgTestRun = 10,
  kObjGetInfoByFd = 15,
  kBtfLoad = 18,
  kBtfGetFdById = 19,
  kMapLookupAndDeleteElem = 21,
  kMapFreeze = 22,
  kMapLookupBatch = 24,
  kMapLookupAndDeleteBatch = 25,
  kMapUpdateBatch = 26,
  kMapDeleteBatch = 27,
  kLinkCreate = 28,
  kLinkUpdate = 29,
  kLinkDetach = 34,
  kProgBindMap = 35,
  kTokenCreate = 36,
};

// A set of commands below kEnd.
class BpfCommands {
 public:
  static constexpr uint32_t kEnd = 64;

  constexpr BpfCommands() = default;
  constexpr BpfCommands(std::initializer_list<BpfCommand> commands) {
    for (const BpfCommand command : commands) add(static_cast<uint32_t>(command));
  }
  static constexpr BpfCommands all() {
    BpfCommands commands;
    commands.bits_ = ~uint64_t{0};
    return commands;
  }

  constexpr void add(uint32_t command) { bits_ |= uint64_t{1} << command; }
  [[nodiscard]] constexpr bool contains(uint32_t command) const {
    return command < kEnd && (bits_ >> command & 1U) != 0;
  }
  [[nodiscard]] constexpr bool contains(BpfCommand command) const {
    return contains(static_cast<uint32_t>(command));
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  // In ascending order.
  [[nodiscard]] std::vector<uint32_t> list() const {
    std::vector<uint32_t> commands;
    for (uint32_t command = 0; command < kEnd; ++command)
      if (contains(command)) commands.push_back(command);
    return commands;
  }

  friend constexpr BpfCommands operator|(BpfCommands left, BpfCommands right) {
    left.bits_ |= right.bits_;
    return left;
  }
  // Those of `left` that `right` has not.
  friend constexpr BpfCommands operator-(BpfCommands left, BpfCommands right) {
    left.bits_ &= ~right.bits_;
    return left;
  }
  friend constexpr bool operator==(const BpfCommands&, const BpfCommands&) = default;

 private:
  uint64_t bits_ = 0;
};

// "BPF_OBJ_GET (7), BPF_OBJ_GET_INFO_BY_FD (15)"
std::string to_string(BpfCommands commands);

}  // namespace pinscope::model
