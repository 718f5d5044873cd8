// What a BPF token may allow, as the four masks that the kernel keeps for a bpffs that delegates:
// one bit for each number of enum bpf_cmd, bpf_map_type, bpf_prog_type and bpf_attach_type
// (include/uapi/linux/bpf.h). Names are those of the kernel without their prefix, in lower case, as
// it prints them in the options of such a mount.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/model/bpf_commands.h"

namespace pinscope::model {

// In the order of the kernel's mount options delegate_cmds, _maps, _progs and _attachs.
enum class TokenRight { kCommand, kMap, kProgram, kAttach };
inline constexpr auto kTokenRights = std::to_array<TokenRight>(
    {TokenRight::kCommand, TokenRight::kMap, TokenRight::kProgram, TokenRight::kAttach});

struct TokenRights {
  std::array<uint64_t, kTokenRights.size()> masks{};

  [[nodiscard]] uint64_t& operator[](TokenRight right) { return masks[static_cast<size_t>(right)]; }
  [[nodiscard]] uint64_t operator[](TokenRight right) const {
    return masks[static_cast<size_t>(right)];
  }
  [[nodiscard]] bool has(TokenRight right, uint32_t number) const {
    return number < 64 && ((*this)[right] >> number & 1U) != 0;
  }
  [[nodiscard]] bool has(BpfCommand command) const {
    return has(TokenRight::kCommand, static_cast<uint32_t>(command));
  }
  void add(TokenRight right, uint32_t number) { (*this)[right] |= uint64_t{1} << number; }
  void add(BpfCommand command) { add(TokenRight::kCommand, static_cast<uint32_t>(command)); }
  void add(const TokenRights& others);
  [[nodiscard]] bool empty() const;
  friend bool operator==(const TokenRights&, const TokenRights&) = default;
};

// The keys of a policy's `delegate`: "commands", "maps", "programs", "attach".
const char* key_of(TokenRight right);
// The kernel's mount options: "delegate_cmds", …
const char* option_of(TokenRight right);
// "command", "type of map", "type of program", "attach type"
const char* noun_of(TokenRight right);

// "map_create" for command 0; "36" for a number that has no name here.
std::string token_right_name(TokenRight right, uint32_t number);
// Also for the kernel's second names of one number. Nothing for a word that names none.
std::optional<uint32_t> token_right_from_name(TokenRight right, std::string_view name);
// All names, in the order of their numbers.
std::vector<std::string_view> token_right_names(TokenRight right);
// Those of the bits in `rights`, in the order of their numbers.
std::vector<std::string> names_in(const TokenRights& rights, TokenRight right);

}  // namespace pinscope::model
