// `pinscope who`: who can read and write an object, and how.
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "plugin/cli/access/text.h"
#include "plugin/cli/commands.h"

namespace pinscope::cli {
namespace {

Result<ExitStatus> show(const Settings& settings, const std::string& word) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  const auto& state = settings.hook.state_directory;
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look at the whole machine", EPERM)
                               .hint("only root sees other processes and their objects"));
  PINSCOPE_TRY(const auto object, inventory::find_wanted(word, state));
  PINSCOPE_TRY(auto answered, inventory::look_for_all(object, state));
  const inventory::AccessJudge judge(answered.machine, answered.containers, answered.parties);
  const auto access = judge.of(answered.object, answered.limits);
  print(settings.json() ? who_json(answered, access)
                        : who_text(answered, access, settings.palette()));
  return kExitOk;
}

}  // namespace

void add_who(CLI::App& root, Program& program) {
  auto word = std::make_shared<std::string>();
  add_command(root, program, "who", "Show who can read and who can write an object, and how",
              [&program, word] { return show(program.settings, *word); })
      .argument("OBJECT", *word,
                "The path of a pin on the host; CONTAINER:NAME, a pin in a container; map:ID, "
                "prog:ID, link:ID, or an id alone; or a name")
      .shared_options(program.settings, {"state-dir"})
      .output_options(program.settings)
      .footer(
          "Every container is looked at, with a record or without. \"may\": it cannot be told for "
          "certain, for example what a seccomp filter lets through. The host's root is one line.\n"
          "Exit status: 0 done; 1 no such object, or several, or another failure; 2 usage error.");
}

}  // namespace pinscope::cli
