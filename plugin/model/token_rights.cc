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

struct Words {
  const char* key;     // of a policy
  const char* option;  // of the mount
  const char* noun;
  const BpfNames* names;
};
// In the order of TokenRight.
constexpr std::array<Words, kTokenRights.size()> kWords = {{
    {"commands", "delegate_cmds", "command", &kBpfCommands},
    {"maps", "delegate_maps", "type of map", &kMapTypes},
    {"programs", "delegate_progs", "type of program", &kProgramTypes},
    {"attach", "delegate_attachs", "attach type", &kAttachTypes},
}};

const Words& words_of(TokenRight right) {
  return kWords[static_cast<size_t>(right)];
}

const BpfNames& names_of(TokenRight right) {
  return *words_of(right).names;
}

}  // namespace

void TokenRights::add(const TokenRights& others) {
  for (size_t i = 0; i < masks.size(); ++i) masks[i] |= others.masks[i];
}

bool TokenRights::empty() const {
  return std::ranges::all_of(masks, [](uint64_t bits) { return bits == 0; });
}

const char* key_of(TokenRight right) {
  return words_of(right).key;
}

const char* option_of(TokenRight right) {
  return words_of(right).option;
}

const char* noun_of(TokenRight right) {
  return words_of(right).noun;
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
