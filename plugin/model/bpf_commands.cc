#include "plugin/model/bpf_commands.h"

#include "plugin/model/bpf_names.h"

namespace pinscope::model {

std::string to_string(BpfCommands commands) {
  std::string text;
  for (const uint32_t command : commands.list())
    text += (text.empty() ? "" : ", ") + bpf_command_name(command) + " (" +
            std::to_string(command) + ")";
  return text;
}

}  // namespace pinscope::model
