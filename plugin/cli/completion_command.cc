// `pinscope completion`: prints the completion script of a shell.
#include <memory>

#include "plugin/cli/commands.h"
#include "plugin/cli/term/completion.h"

namespace pinscope::cli {

void add_completion(CLI::App& root, Program& program) {
  auto shell = std::make_shared<std::string>();
  add_command(root, program, "completion", "Print the completion script for a shell",
              [&root, shell]() -> Result<ExitStatus> {
                const auto commands = describe(root);
                print(*shell == "bash"  ? bash_completion(commands)
                      : *shell == "zsh" ? zsh_completion(commands)
                                        : fish_completion(commands));
                return kExitOk;
              })
      .choice_argument("SHELL", *shell, {"bash", "zsh", "fish"}, "bash, zsh or fish")
      .footer(
          "Packages install the scripts. By hand:\n"
          "  bash  pinscope completion bash > /etc/bash_completion.d/pinscope\n"
          "  zsh   pinscope completion zsh > /usr/local/share/zsh/site-functions/_pinscope\n"
          "  fish  pinscope completion fish > /etc/fish/completions/pinscope.fish");
}

}  // namespace pinscope::cli
