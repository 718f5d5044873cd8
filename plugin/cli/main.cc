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
#include "plugin/cli/term/usage.h"
#include "plugin/kernel/process/concealment.h"

namespace pinscope::cli {
namespace {

// Whoever reads JSON gets an error as JSON, too; the sentence for people is on standard error.
ExitStatus fail(const Error& error, bool as_json) {
  report(error);
  if (as_json) print(error_as_json(code_name(error.code()), error.sentence()));
  return error.code() == ErrorCode::kUsage ? kExitUsage : kExitFailure;
}

ExitStatus refuse_usage(const std::string& sentence, bool as_json) {
  report(sentence);
  if (as_json) print(error_as_json(code_name(ErrorCode::kUsage), sentence));
  return kExitUsage;
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
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool as_json = asks_for_json(words);
  if (argc <= 1) {
    std::fputs(root.help().c_str(), stderr);
    return kExitUsage;
  }
  try {
    // CLI11 would only say that a command is required.
    if (const auto refusal = refuse_unknown_command(root, words.front()); !refusal.empty())
      return refuse_usage(refusal, as_json);
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print(root.help());
    return kExitOk;
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + "\n");
    return kExitOk;
  } catch (const CLI::Error& error) {
    return refuse_usage(explain_usage_error(root, words, error), as_json);
  }
  make_absolute(program.settings);
  const Result<ExitStatus> status = program.chosen();
  if (!status) return fail(status.error(), as_json);
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
