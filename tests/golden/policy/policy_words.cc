// Prints the names of types and rights that the loader takes, a line for each list: what the list
// is called in the JSON Schema, then its words in their order.
#include <cstdio>
#include <string>

#include "plugin/model/bpf_names.h"
#include "plugin/model/token_rights.h"
#include "plugin/policy/decide/map_types.h"
#include "plugin/policy/decide/program_types.h"

namespace pinscope {
namespace {

using model::TokenRight;

void print(const char* list, const auto& words, auto&& is_taken) {
  std::string line = list;
  for (const auto& word : words)
    if (is_taken(word)) line += " " + std::string(word);
  std::puts(line.c_str());
}

void print_delegated(const char* list, TokenRight right) {
  print(list, model::token_right_names(right), [&](std::string_view name) {
    const uint32_t number = *model::token_right_from_name(right, name);
    return policy::danger_of(right, number) == nullptr &&
           (right != TokenRight::kCommand || policy::takes_token(number));
  });
}

void print_all() {
  const auto any = [](std::string_view) { return true; };
  print("mapType", model::kMapTypes.names, any);
  print("mapTypeNotRead", model::kMapTypes.names, [](std::string_view name) {
    return policy::map_type(*model::kMapTypes.number_of(name))->read == nullptr;
  });
  print("programType", model::kProgramTypes.names, any);
  print("linkType", model::kLinkTypes.names, any);
  print_delegated("delegatedCommand", TokenRight::kCommand);
  print_delegated("delegatedMap", TokenRight::kMap);
  print_delegated("delegatedProgram", TokenRight::kProgram);
  print_delegated("delegatedAttachType", TokenRight::kAttach);
}

}  // namespace
}  // namespace pinscope

int main() {
  pinscope::print_all();
}
