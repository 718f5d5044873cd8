// `pinscope suggest`: a policy to begin with, from what a container holds.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/suggest/suggestion.h"
#include "plugin/cli/suggest/trust.h"
#include "plugin/host/file.h"
#include "plugin/inventory/access/bypasses.h"
#include "plugin/inventory/access/question.h"
#include "plugin/inventory/live.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/pipeline/explain/explain.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

struct SuggestOptions {
  std::string container;
  std::string bundle;
  std::string engine;
};

// Of all processes in its mount namespace; what cannot be looked at has none.
std::vector<model::Bypass> bypasses_of(const inventory::Whom& whom,
                                       const inventory::Machine& machine,
                                       const model::Container& configured) {
  std::set<model::Bypass> kinds;
  for (const auto* spaces : {&machine.spaces, &machine.others})
    for (const auto& space : *spaces) {
      if (space.number != whom.space) continue;
      const auto party = inventory::look_at_party(space, std::nullopt);
      if (!party) continue;
      for (const auto& process : party->processes)
        for (const auto kind : inventory::bypasses_of(process, configured)) kinds.insert(kind);
    }
  return {kinds.begin(), kinds.end()};
}

// What it holds by its view is no help for a policy.
Status check_has_no_view(const inventory::Whom& whom, const std::string& state_directory) {
  if (whom.id.empty()) return {};
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  PINSCOPE_TRY(const auto of_id, store.find(whom.id));
  for (const auto& one : of_id.found)
    if (one.record.mount_namespace == whom.space &&
        inventory::process_of(one.record) == inventory::ProcessState::kRunning)
      return std::unexpected(
          Error(ErrorCode::kRecord, "suggest a policy for " + whom.title)
              .reason("it has a view already")
              .hint("pinscope inspect " + one_line(whom.id) + " shows what it was granted"));
  return {};
}

SuggestFor subject_of(const inventory::Whom& whom, const SuggestOptions& options,
                      const inventory::Machine& machine) {
  SuggestFor subject;
  subject.title = whom.title;
  subject.name = whom.name.empty() ? whom.id : whom.name;
  subject.engine = options.engine.empty()
                       ? whom.engine
                       : model::engine_from_name(options.engine).value_or(whom.engine);
  subject.bundle = options.bundle.empty() ? whom.bundle : options.bundle;
  subject.space = whom.space;
  subject.has_own_network = !kernel::same_namespace(
      "/proc/" + kernel::living_thread(whom.pid) + "/ns/net", "/proc/1/ns/net");
  // Who it is, as a start would find it. Without a configuration nobody vouches for anything.
  model::Container configured;
  if (!subject.bundle.empty())
    if (auto seen = pinscope::explain({}, subject.bundle, whom.id, subject.engine, {}, {},
                                      HostPins::kIgnore)) {
      subject.identity = std::move(seen->container.identity);
      subject.bundle = std::move(seen->container.bundle);
      configured = std::move(seen->seen);
    }
  subject.bypasses = bypasses_of(whom, machine, configured);
  return subject;
}

Result<ExitStatus> show(const Settings& settings, const SuggestOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look into a container", EPERM)
                               .hint("only root sees its processes and what they hold"));
  PINSCOPE_TRY(const auto whom,
               inventory::find_whom(options.container, settings.hook.state_directory));
  PINSCOPE_CHECK(check_has_no_view(whom, settings.hook.state_directory));
  PINSCOPE_TRY(const auto machine,
               inventory::look_at_machine(
                   {.space = whom.space, .state_directory = settings.hook.state_directory}));
  PINSCOPE_TRY(const auto root, kernel::MachineRoot::find());
  PINSCOPE_TRY(const Fd directory, open_at(root.directory(), root.path("/"), O_PATH | O_DIRECTORY));
  auto subject = subject_of(whom, options, machine);
  subject.trust_of = [&](const std::string& path) { return look_at_trust(directory.get(), path); };
  print(to_yaml(suggest_for(subject, machine)));
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
          "descriptors. What cannot be told is a comment, and so is what makes any policy "
          "worthless "
          "for it (void).\n"
          "Write it elsewhere than into the policy directory, where an empty or half file is an "
          "error of all policies: pinscope suggest CONTAINER > new.yaml, read it, pinscope check "
          "new.yaml, and install it -m 0644 then.\n"
          "Exit status: 0 done; 1 no such container, or several, or it does not run, or has a view "
          "already; 2 usage error.");
}

}  // namespace pinscope::cli
