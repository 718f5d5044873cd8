#include "plugin/node/agent.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/engines.h"
#include "plugin/engine/wiring/change.h"
#include "plugin/engine/wiring/receipt.h"
#include "plugin/engine/wiring/tree.h"
#include "plugin/host/status_file.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/node/child.h"
#include "plugin/node/programs.h"
#include "plugin/node/volume.h"
#include "plugin/node/watch.h"

namespace pinscope::node {
namespace {

// Events tell of every change; this is for what they cannot tell of.
constexpr std::chrono::seconds kLookAgain{60};
constexpr std::chrono::seconds kTryAgain{5};

void log(std::string_view line) {
  const std::string text = "pinscope node: " + one_line(line) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// Whether the policies of the volume are in force, and a line for the log: which, or why not.
struct Followed {
  bool good = false;
  std::string sentence;
};

// What a probe and the log are told: each thing is said once in the log.
class StatusWriter {
 public:
  static Result<StatusWriter> open(const std::string& path) {
    StatusWriter status;
    if (path.empty()) return status;
    PINSCOPE_TRY(status.file_, StatusFile::open(path));
    return status;
  }

  void not_ready(const std::string& sentence) { say("not ready: " + sentence, sentence); }
  void tell(const Followed& followed) {
    if (!followed.good) return not_ready(followed.sentence);
    say("ready", followed.sentence);
  }

 private:
  void say(const std::string& status, const std::string& sentence) {
    if (sentence != said_) log(sentence);
    said_ = sentence;
    if (const auto written = file_.write(status); !written) log(written.error().sentence());
  }

  StatusFile file_;
  std::string said_;
};

engine::Options wiring_options(const AgentOptions& options, model::Engine engine) {
  engine::Options wiring;
  wiring.hook = options.prefix + "/bin/pinscope-hook";
  wiring.shim = options.prefix + "/bin/pinscope-runtime-" + std::string(model::engine_name(engine));
  wiring.containerd_config = options.containerd_config;
  wiring.containerd_version = options.containerd_version;
  wiring.hook_arguments = options.hook_arguments;
  wiring.shim_arguments = options.shim_arguments;
  return wiring;
}

// `plan`: engine::plan_install or engine::plan_remove.
Status change_wiring(const AgentOptions& options, decltype(engine::plan_install)& plan) {
  PINSCOPE_TRY(const auto tree, engine::Tree::open(options.root));
  for (const auto engine : options.engines) {
    PINSCOPE_TRY(const auto planned, plan(engine, tree, wiring_options(options, engine)));
    PINSCOPE_CHECK(engine::make_changes(tree, planned.changes, [] { return Status(); }));
    for (const auto& change : planned.changes) log(engine::headline(change));
    for (const auto& step : planned.next) log("left to do on the node: " + step);
  }
  return {};
}

// Whether what an installation has made or changed has an engine run a program of the prefix.
Result<bool> names_programs(const engine::Tree& tree, const engine::Receipt& receipt,
                            const std::string& prefix) {
  std::vector<std::string> paths;
  paths.reserve(receipt.files.size() + receipt.edits.size());
  for (const auto& made : receipt.files) paths.push_back(made.path);
  for (const auto& edited : receipt.edits) paths.push_back(edited.path);
  for (const auto& path : paths) {
    PINSCOPE_TRY(const auto file, tree.read(path));
    if (file && file->text.contains(prefix + "/bin/")) return true;
  }
  return false;
}

// Those that are named, and those that an agent with other options has wired: without the programs
// they could start no container.
Result<std::vector<model::Engine>> engines_to_unwire(const AgentOptions& options,
                                                     const engine::Tree& tree) {
  auto all = options.engines;
  for (const auto engine : engine::engines()) {
    if (std::ranges::find(all, engine) != all.end()) continue;
    PINSCOPE_TRY(const auto receipt, engine::read_receipt(tree, engine));
    if (!receipt) continue;
    PINSCOPE_TRY(const bool ours, names_programs(tree, *receipt, options.prefix));
    if (ours) all.push_back(engine);
  }
  return all;
}

// Notes that the shim has to outlive the wiring of these engines, which names it.
Status leave_shim(const AgentOptions& options, const engine::Tree& tree) {
  if (!tree.exists(options.prefix)) return {};
  for (const auto engine : options.engines) {
    if (engine != model::Engine::kContainerd && engine != model::Engine::kDocker) continue;
    PINSCOPE_TRY(const auto receipt, engine::read_receipt(tree, engine));
    if (receipt)
      return tree.write(join(options.prefix, kShimStays), {why_the_shim_stays(options.prefix)});
  }
  return {};
}

// What stands in the node's root directory. Gives how many containers still need the programs,
// which stay if there are any.
Result<std::string> remove_files(const AgentOptions& options) {
  PINSCOPE_CHECK(withdraw(options.policies));
  PINSCOPE_TRY(const size_t users, count_of_users(options.records));
  if (users > 0) return std::to_string(users);
  PINSCOPE_CHECK(remove_programs(options.prefix));
  PINSCOPE_CHECK(forget(options.policies));
  // Empty now, unless somebody looks after records that cannot be read.
  ::rmdir(join(options.records.state_directory, "containers").c_str());
  ::rmdir(options.records.state_directory.c_str());
  return std::to_string(users);
}

Followed follow(const AgentOptions& options, const Volume& volume) {
  const auto texts = volume.read();
  if (!texts) return {false, texts.error().sentence()};
  if (!*texts)
    return {false, "there are no policies in " + volume.path() +
                       ": is there a ConfigMap, with something in it? what was in force stays"};
  const auto done = run_in_root(options.root, [&]() -> Result<std::string> {
    PINSCOPE_TRY(const auto now, activate(options.policies, **texts));
    return now.count + "\n" + now.changes;
  });
  if (!done)
    return {false, "the policies of the cluster are not taken, what was in force stays: " +
                       done.error().sentence()};
  const auto lines = split(*done, '\n');
  if (lines.size() > 1 && !lines[1].empty()) log("taken: " + std::string(lines[1]));
  return {true, std::string(lines.front())};
}

void tidy(const AgentOptions& options) {
  const auto done = run_in_root(options.root, [&] { return collect_records(options.records); });
  const std::string line = done ? *done : done.error().sentence();
  if (!line.empty()) log(line);
}

Status install_and_follow(const AgentOptions& options, const Watch& watch, StatusWriter& status) {
  status.not_ready("installing");
  PINSCOPE_TRY(const auto programs, Programs::open(options.programs));
  PINSCOPE_TRY(const auto volume, Volume::open(options.volume));
  PINSCOPE_CHECK(watch.add(options.volume));

  PINSCOPE_TRY(const auto installed, run_in_root(options.root, [&]() -> Result<std::string> {
                 PINSCOPE_CHECK(programs.install(options.prefix));
                 return "installed " + programs.release() + " in " + options.prefix;
               }));
  log(installed);
  Followed followed = follow(options, volume);
  if (!followed.good) status.tell(followed);
  PINSCOPE_CHECK(change_wiring(options, engine::plan_install));
  status.tell(followed);
  tidy(options);

  for (;;) {
    // Policies of the node's own are part of what is checked. The directory may be another one by
    // now.
    if (const auto added = watch.add(join(options.root, options.policies.directory.substr(1)));
        !added)
      log(added.error().sentence());
    PINSCOPE_TRY(const auto event, watch.wait(followed.good ? kLookAgain : kTryAgain));
    if (event == Watch::Event::kStop) return {};
    followed = follow(options, volume);
    status.tell(followed);
    tidy(options);
  }
}

}  // namespace

Status run(const AgentOptions& options) {
  if (!kernel::is_set_apart())
    log("without CAP_SETGID and CAP_SYS_PTRACE at the start, a container that sees the node's "
        "processes may reach this one for a moment");
  PINSCOPE_TRY(const auto watch, Watch::start());
  PINSCOPE_TRY(auto status, StatusWriter::open(options.status_file));
  Status done = install_and_follow(options, watch, status);
  if (done && options.remove_on_exit) {
    status.not_ready("removing");
    done = remove(options);
  }
  status.not_ready(done ? "ended" : done.error().sentence());
  return done;
}

Status remove(AgentOptions options) {
  PINSCOPE_TRY(const auto tree, engine::Tree::open(options.root));
  PINSCOPE_TRY(options.engines, engines_to_unwire(options, tree));
  PINSCOPE_CHECK(leave_shim(options, tree));
  PINSCOPE_CHECK(change_wiring(options, engine::plan_remove));
  std::optional<Watch> watch;
  if (options.wait) {
    PINSCOPE_TRY(watch, Watch::start());
  }
  for (std::string told;;) {
    PINSCOPE_TRY(const auto users,
                 run_in_root(options.root, [&] { return remove_files(options); }));
    const auto count = parse_unsigned(users).value_or(0);
    const std::string why = join(options.prefix, kShimStays);
    const std::string removed =
        tree.exists(why) ? "removed all but the shim; " + why + " says until when" : "removed";
    const std::string line = count == 0 ? removed
                                        : "the programs stay in " + options.prefix + ": " +
                                              count_of(count, "container", "containers") +
                                              " with a view " +
                                              (watch ? "may need them, waiting for the end"
                                                     : "may need them; remove again after the end");
    if (line != told) log(line);
    told = line;
    if (count == 0 || !watch) return {};
    PINSCOPE_TRY(const auto event, watch->wait(kTryAgain));
    if (event == Watch::Event::kStop) return {};
  }
}

}  // namespace pinscope::node
