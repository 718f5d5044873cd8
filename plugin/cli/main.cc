// The program `pinscope`: parses the command line and runs one command. Nothing is decided here.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/kernel/process/concealment.h"

namespace pinscope::cli {
namespace {

ExitStatus usage_error(std::string sentence) {
  while (sentence.ends_with('\n') || sentence.ends_with('.')) sentence.pop_back();
  report(sentence + " (see pinscope --help)");
  return kExitUsage;
}

// CLI11 would only say that a command is required.
bool refuse_unknown_command(const CLI::App& root, const std::string& word) {
  if (word.starts_with('-')) return false;
  std::vector<std::string> names;
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == word) return false;
    names.push_back(command->get_name());
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = nearest(word, candidates);
  usage_error("unknown command " + pinscope::quoted(word) +
              (near.empty() ? "" : "; did you mean " + pinscope::quoted(near) + "?"));
  return true;
}

// Commands change the working directory on their way.
void make_absolute(Settings& settings) {
  const std::unique_ptr<char, decltype(&std::free)> here(::getcwd(nullptr, 0), &std::free);
  if (!here) return;
  for (const Option& option : shared_options())
    if ((option.takers & Option::kCommandLine) != 0) {
      std::string& path = option.path(settings.hook);
      path = join(here.get(), path);
    }
}

ExitStatus run(int argc, char** argv) {
  if (const auto concealed = kernel::conceal_process(); !concealed) {
    report(concealed.error());
    return kExitFailure;
  }
  // A limit is an error of the write that meets it. `run` undoes this for its command.
  ::signal(SIGXFSZ, SIG_IGN);
  CLI::App root;
  Program program;
  build_tree(root, program);
  if (argc > 1 && refuse_unknown_command(root, argv[1])) return kExitUsage;
  if (argc <= 1) {
    std::fputs(root.help().c_str(), stderr);
    return kExitUsage;
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print(root.help());
    return kExitOk;
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + "\n");
    return kExitOk;
  } catch (const CLI::Error& error) {
    return usage_error(error.what());
  }
  make_absolute(program.settings);
  const Result<ExitStatus> status = program.chosen();
  if (!status) {
    report(status.error());
    return kExitFailure;
  }
  return *status;
}

}  // namespace
}  // namespace pinscope::cli

int main(int argc, char** argv) {
  using namespace pinscope;
  int status = cli::kExitFailure;
  try {
    status = cli::run(argc, argv);
  } catch (const std::exception& exception) {
    cli::report(std::string("internal error: ") + exception.what());
    return cli::kExitFailure;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    cli::report(Error::system("write to standard output", errno));
    return cli::kExitFailure;
  }
  return status;
}
