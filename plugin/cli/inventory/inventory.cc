// `pinscope inventory`: every bpffs, pin and BPF object of the machine, and whose it is.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <thread>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/inventory/order.h"
#include "plugin/cli/inventory/text.h"
#include "plugin/inventory/find_container.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

constexpr const char* kSummary = "summary";
constexpr const char* kMounts = "mounts";
constexpr const char* kPins = "pins";
constexpr const char* kObjects = "objects";

struct InventoryOptions {
  std::string what = kSummary;
  InventoryFilter filter;
  size_t watch = 0;  // seconds; 0: once
};

std::string text_of(const Settings& settings, const InventoryOptions& options,
                    const Inventory& all) {
  const auto palette = settings.palette();
  if (settings.json()) return to_json(all, options.filter);
  if (options.what == kMounts) return mounts_text(all, options.filter, palette);
  if (options.what == kPins) return pins_text(all, options.filter, palette);
  if (options.what == kObjects) return objects_text(all, options.filter, palette);
  return summary_text(all, palette);
}

// The whole id for the beginning of one, or for a name.
Result<InventoryFilter> completed(InventoryFilter filter, const inventory::Machine& machine,
                                  const std::string& state_directory) {
  if (filter.container.empty()) return filter;
  std::set<std::string> ids;
  for (const auto& space : machine.spaces)
    if (space.id().starts_with(filter.container)) ids.insert(space.id());
  if (ids.contains(filter.container)) return filter;
  auto found = inventory::find_container_id(filter.container, state_directory);
  // A view without a record has its id in the attributes of its pins alone.
  if (!found && ids.size() == 1) found = *ids.begin();
  if (!found) return std::unexpected(found.error());
  const bool is_there = std::ranges::any_of(
      machine.spaces, [&](const inventory::Space& space) { return space.id() == *found; });
  if (!is_there)
    return std::unexpected(Error(ErrorCode::kRecord, "show container " + quoted(filter.container))
                               .reason("no bpffs is mounted in it, or it does not run")
                               .hint("pinscope inventory mounts shows those that have one"));
  filter.container = *std::move(found);
  return filter;
}

Status check_sort(const Settings& settings, const InventoryOptions& options) {
  const auto& key = options.filter.sort;
  if (key.empty()) return {};
  const auto keys = sort_keys_of(options.what);
  if (!settings.json() && std::ranges::find(keys, key) != keys.end()) return {};
  const Error error(ErrorCode::kUsage, "sort by " + quoted(key));
  if (settings.json() || keys.empty())
    return std::unexpected(Error(error).hint(
        "tables are sorted: pinscope inventory mounts, pins or objects, without --output json"));
  const std::vector<std::string> words(keys.begin(), keys.end());
  return std::unexpected(
      Error(error).hint("the table of " + options.what + " is sorted by " + joined(words, ", ")));
}

Result<ExitStatus> show(const Settings& settings, InventoryOptions options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_CHECK(policy::check_glob(options.filter.name));
  PINSCOPE_CHECK(check_sort(settings, options));
  if (options.what == kSummary && !settings.json() && options.filter.is_set())
    return std::unexpected(
        Error(ErrorCode::kUsage, "choose in the summary")
            .hint(std::string("add the table to choose in: pinscope inventory ") +
                  (options.filter.kind.empty() ? "mounts, pins or objects" : "pins or objects")));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look at the whole machine", EPERM)
                               .hint("only root sees other processes and their objects"));
  const bool clears = options.watch > 0 && !settings.json() && ::isatty(STDOUT_FILENO) == 1;
  for (;;) {
    PINSCOPE_TRY(const auto all, inventory::take_inventory(settings.hook.state_directory));
    PINSCOPE_TRY(options.filter,
                 completed(options.filter, all.machine, settings.hook.state_directory));
    // To the top of a terminal, and nothing below.
    if (clears && ::write(STDOUT_FILENO, "\x1b[H\x1b[2J", 7) < 0) return kExitFailure;
    print(text_of(settings, options, all));
    if (options.watch == 0) return kExitOk;
    (void)std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(options.watch));
  }
}

}  // namespace

void add_inventory(CLI::App& root, Program& program) {
  auto options = std::make_shared<InventoryOptions>();
  add_command(root, program, "inventory",
              "Show every bpffs, pin and BPF object of the machine, and whose it is",
              [&program, options] { return show(program.settings, *options); })
      .choice_argument("WHAT", options->what, {kSummary, kMounts, kPins, kObjects}, "What to show")
      .option("--container", options->filter.container, "CONTAINER",
              "Only what this one has: its id, a unique beginning of it, or the name that its "
              "engine gave it")
      .choice("--kind", options->filter.kind, {"map", "program", "link"},
              "Only objects of this kind")
      .option("--name", options->filter.name, "GLOB", "Only objects and pins whose name matches")
      .choice("--sort", options->filter.sort, {std::begin(kSortKeys), std::end(kSortKeys)},
              "Sort a table: mounts by at, in, pins; pins by container, name, object; objects by "
              "holders, name, pins, type")
      .number("--watch", options->watch, "SECONDS", "Show it again after each so many seconds")
      .shared_options(program.settings, {"state-dir"})
      .output_options(program.settings)
      .footer(
          "All mount namespaces are looked at. A bpffs is the "
          "\"host\"'s, the \"view\" of a container, or a \"stranger\".\n"
          "NOTICE: exposed (a container sees a bpffs of the host); later (mounted in a container "
          "after its view); stranger; stale (the container keeps an object that its source names "
          "no more); orphan (no pin and no process leads to the object); duplicate (an object in "
          "several bpffs, one of which no policy explains); leftover (a record of a container that "
          "has ended); unrecorded (a view whose record is gone).\n"
          "What could not be seen is listed with the reason.\n"
          "Exit status: 0 done; 1 failure; 2 usage error.");
}

}  // namespace pinscope::cli
