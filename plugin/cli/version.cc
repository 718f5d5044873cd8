// `pinscope version`: the same as --version.
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"

namespace pinscope::cli {

void add_version(CLI::App& root, Program& program) {
  add_command(root, program, "version", "Print the version",
              [&program]() -> Result<ExitStatus> {
                if (!program.settings.json()) {
                  print(std::string(kVersionText) + "\n");
                  return kExitOk;
                }
                JsonWriter json = begin_output();
                json.field("version", PINSCOPE_VERSION);
                print(end_output(std::move(json)));
                return kExitOk;
              })
      .output_options(program.settings)
      .footer("Exit status: 0 done; 2 usage error.");
}

}  // namespace pinscope::cli
