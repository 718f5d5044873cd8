// `pinscope version`: the same as --version.
#include "plugin/cli/commands.h"

namespace pinscope::cli {

void add_version(CLI::App& root, Program& program) {
  add_command(root, program, "version", "Print the version", []() -> Result<ExitStatus> {
    print(std::string(kVersionText) + "\n");
    return kExitOk;
  }).footer("Exit status: 0 done; 2 usage error.");
}

}  // namespace pinscope::cli
