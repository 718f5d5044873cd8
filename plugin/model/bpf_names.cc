#include "plugin/model/bpf_names.h"

#include <algorithm>

namespace pinscope::model {
namespace {

std::string type_in(const BpfNames& names, uint32_t type) {
  const std::string_view name = names.name_of(type);
  return name.empty() ? "type " + std::to_string(type) : std::string(name);
}

}  // namespace

std::string bpf_command_name(uint32_t command) {
  const std::string_view name = kBpfCommands.name_of(command);
  if (name.empty()) return "command " + std::to_string(command);
  std::string text = "BPF_" + std::string(name);
  std::ranges::transform(text, text.begin(), [](char byte) {
    return byte >= 'a' && byte <= 'z' ? static_cast<char>(byte - 'a' + 'A') : byte;
  });
  return text;
}

std::string map_type_name(uint32_t type) {
  return type_in(kMapTypes, type);
}
std::string program_type_name(uint32_t type) {
  return type_in(kProgramTypes, type);
}
std::string link_type_name(uint32_t type) {
  return type_in(kLinkTypes, type);
}

}  // namespace pinscope::model
