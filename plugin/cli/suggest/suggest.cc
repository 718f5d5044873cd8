// `pinscope suggest`: a policy to begin with, from what a container holds.
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "plugin/cli/commands.h"
#include "plugin/cli/suggest/suggestion.h"
#include "plugin/inventory/access/question.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/kernel/process/process.h"
#include "plugin/pipeline/explain.h"

namespace pinscope::cli {
namespace {

struct SuggestOptions {
  std::string container;
  std::string bundle;
  std::string engine;
};

SuggestFor subject_of(const inventory::Whom& whom, const SuggestOptions& options) {
  SuggestFor subject;
  subject.title = whom.title;
  subject.name = whom.name.empty() ? whom.id : whom.name;
  subject.engine = options.engine.empty()
                       ? whom.engine
                       : model::engine_from_name(options.engine).value_or(whom.engine);
  subject.bundle = options.bundle.empty() ? whom.bundle : options.bundle;
  subject.space = whom.space;
  subject.has_own_network =
      !kernel::same_namespace("/proc/" + std::to_string(whom.pid) + "/ns/net", "/proc/1/ns/net");
  // Who it is, as a start would find it. Without a configuration nobody vouches for anything.
  if (!subject.bundle.empty())
    if (auto seen = pinscope::explain({}, subject.bundle, whom.id, subject.engine, {}, {},
                                      HostPins::kIgnore)) {
      subject.identity = std::move(seen->container.identity);
      subject.bundle = std::move(seen->container.bundle);
    }
  return subject;
}

Result<ExitStatus> show(const Settings& settings, const SuggestOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look into a container", EPERM)
                               .hint("only root sees its processes and what they hold"));
  PINSCOPE_TRY(const auto whom,
               inventory::find_whom(options.container, settings.hook.state_directory));
  PINSCOPE_TRY(const auto machine, inventory::look_at_machine({.space = whom.space}));
  print(to_yaml(suggest_for(subject_of(whom, options), machine)));
  return kExitOk;
}

}  // namespace

void add_suggest(CLI::App& root, Program& program) {
  auto options = std::make_shared<SuggestOptions>();
  add_command(root, program, "suggest",
              "Write a policy to begin with, from what a running container holds",
              [&program, options] { return show(program.settings, *options); })
      .argument("CONTAINER", options->container,
                "The container's id, a unique beginning of it, or the name that its engine gave "
                "it; or the number of a process")
      .option("-b,--bundle", options->bundle, "DIR",
              "The container's OCI bundle, where it is not found")
      .choice("--engine", options->engine, {"podman", "docker", "containerd", "crio"},
              "The engine that starts the container (default: the one that knows it)")
      .shared_options(program.settings, {"state-dir"})
      .footer(
          "For containers that have the host's bpffs, or are privileged: each map, program and "
          "link that a process of it has open becomes a grant, with the access of its "
          "descriptors. What cannot be told is a comment. pinscope check - reads the policy.\n"
          "Exit status: 0 done; 1 no such container, or several, or it does not run; 2 usage "
          "error.");
}

}  // namespace pinscope::cli
