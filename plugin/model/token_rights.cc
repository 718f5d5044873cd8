#include "plugin/model/token_rights.h"

#include <algorithm>

#include "plugin/model/bpf_names.h"

namespace pinscope::model {
namespace {

struct SecondName {
  TokenRight right;
  std::string_view name;
  uint32_t number;
};
// The kernel prints the first name of a number that it has.
constexpr auto kSecondNames = std::to_array<SecondName>({
    {TokenRight::kMap, "cgroup_storage_deprecated", 19},
    {TokenRight::kMap, "percpu_cgroup_storage_deprecated", 21},
    {TokenRight::kCommand, "prog_run", 10},
});

const BpfNames& names_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return kBpfCommands;
    case TokenRight::kMap:
      return kMapTypes;
    case TokenRight::kProgram:
      return kProgramTypes;
    case TokenRight::kAttach:
      break;
  }
  return kAttachTypes;
}

}  // namespace

void TokenRights::add(const TokenRights& others) {
  for (size_t i = 0; i < masks.size(); ++i) masks[i] |= others.masks[i];
}

bool TokenRights::empty() const {
  return std::ranges::all_of(masks, [](uint64_t bits) { return bits == 0; });
}

const char* key_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "commands";
    case TokenRight::kMap:
      return "maps";
    case TokenRight::kProgram:
      return "programs";
    case TokenRight::kAttach:
      return "attach";
  }
  return "";
}

const char* option_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "delegate_cmds";
    case TokenRight::kMap:
      return "delegate_maps";
    case TokenRight::kProgram:
      return "delegate_progs";
    case TokenRight::kAttach:
      return "delegate_attachs";
  }
  return "";
}

const char* noun_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "command";
    case TokenRight::kMap:
      return "type of map";
    case TokenRight::kProgram:
      return "type of program";
    case TokenRight::kAttach:
      return "attach type";
  }
  return "";
}

std::string token_right_name(TokenRight right, uint32_t number) {
  const std::string_view name = names_of(right).name_of(number);
  return name.empty() ? std::to_string(number) : std::string(name);
}

std::optional<uint32_t> token_right_from_name(TokenRight right, std::string_view name) {
  for (const auto& second : kSecondNames)
    if (second.right == right && second.name == name) return second.number;
  return names_of(right).number_of(name);
}

std::vector<std::string_view> token_right_names(TokenRight right) {
  const auto names = names_of(right).names;
  return {names.begin(), names.end()};
}

std::vector<std::string> names_in(const TokenRights& rights, TokenRight right) {
  std::vector<std::string> names;
  for (uint32_t number = 0; number < 64; ++number)
    if (rights.has(right, number)) names.push_back(token_right_name(right, number));
  return names;
}

}  // namespace pinscope::model
