// `pinscope inspect`: everything that is known of one container's view.
#include <algorithm>
#include <memory>

#include "plugin/advice/bypass_text.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/explain/given_text.h"
#include "plugin/cli/records.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/inventory/find_container.h"
#include "plugin/model/facts.h"

namespace pinscope::cli {
namespace {

using inventory::SealState;

constexpr const char* kSealBroken =
    "the view can be written, since a process with CAP_SYS_ADMIN on the host has made it so; "
    "start the container again, and find out which process it was";

// "sealed", and if it is not any more, that.
Cell sealed_text(const std::optional<SealState>& seal) {
  if (seal == SealState::kBroken) return {"seal broken", Colour::kRed};
  return {seal ? "sealed" : ""};
}

// "0:57 bpf, sealed, mount 4294968108"; the device is as a line of mountinfo names it.
Cell instance_text(const model::ViewInstance& instance, const std::optional<SealState>& seal) {
  const Cell sealed = sealed_text(seal);
  std::string text = std::to_string(instance.device_major) + ":" +
                     std::to_string(instance.device_minor) + " " + model::name_of(instance.type) +
                     (sealed.text.empty() ? "" : ", " + sealed.text);
  for (const uint64_t mount : instance.mounts) text += ", mount " + std::to_string(mount);
  return {text, sealed.colour};
}

std::string to_json(const inventory::Entry& entry) {
  JsonWriter json = begin_output();
  json.key("container");
  write_entry(json, entry);
  return end_output(std::move(json));
}

// What is wrong with its values.
std::string values_note(const inventory::Live& live) {
  if (live.values_missing) return " (missing)";
  if (!live.serving) return "";
  return std::string(" (") + inventory::name_of(*live.serving) + ")";
}

std::string to_text(const inventory::Entry& entry, const Palette& palette) {
  const auto& record = entry.record;
  const auto& given = record.given;
  const std::string state = state_text(entry);
  Table facts({"CONTAINER", given.id});
  facts.add({"state", Cell(state, colour_of_state(state))});
  facts.add(
      {"process", std::to_string(given.pid) + " (" + inventory::name_of(entry.live.process) + ")"});
  facts.add({"engine", model::engine_name(given.engine)});
  if (given.uid) facts.add({"user", "uid " + std::to_string(*given.uid)});
  for (const auto& [name, member] : model::kFacts)
    if (const auto& fact = given.identity.*member)
      facts.add({fact_title(name), fact->value + " (" + fact->established_by + ")"});
  facts.add({"bundle", given.bundle});
  facts.add({"rootfs", record.rootfs});
  facts.add({"created", utc_time(record.created_ns)});
  facts.add({"by", "pinscope-hook " + record.version});
  facts.add({"view at", record.at + " (" + inventory::name_of(entry.live.view) + ")"});
  if (given.values_at) facts.add({"values at", *given.values_at + values_note(entry.live)});
  facts.add({"layout", model::name_of(record.layout)});
  facts.add({"host bpffs", model::name_of(record.host_bpffs)});
  if (record.on_change != model::OnChange::kReport)
    facts.add({"on change", model::name_of(record.on_change)});
  if (given.delegation && !given.pins.empty())
    facts.add({"grants at", given.delegation->grants_at});
  for (const auto& place : given.hidden) facts.add({"taken away", "the bpffs at " + place});
  for (size_t i = 0; i < record.instances.size(); ++i)
    facts.add({"instance", instance_text(record.instances[i], entry.live.seals[i])});
  for (const auto& rule : given.selected_by) facts.add({"selected by", model::to_string(rule)});
  std::string text = facts.text(palette);

  Table bypasses({"VOID", "BECAUSE", "WHAT TO DO"});
  for (const auto bypass : given.bypasses) {
    const auto& [because, action] = advice::text_of(bypass);
    bypasses.add({Cell(model::name_of(bypass), Colour::kRed), because, action});
  }
  if (!bypasses.empty()) text += "\n" + bypasses.text(palette);
  Table grants({"GRANT", "ACCESS", "OBJECT", "OWNER, MODE", "SOURCE", "NOW", "RULE"});
  for (size_t i = 0; i < given.pins.size(); ++i) {
    const auto& pin = given.pins[i];
    const auto& live = entry.live.pins[i];
    const std::string object =
        pin.skipped ? "none: the source was missing" : object_text(pin.object);
    std::string now = inventory::name_of(live.source);
    if (pin.waits()) now = "waits for " + pin.grant.source;
    if (live.source == inventory::SourceState::kStale && live.source_object_id != 0)
      now += ": now " + std::to_string(live.source_object_id);
    const bool good = live.source == inventory::SourceState::kCurrent ||
                      live.source == inventory::SourceState::kSkipped ||
                      live.source == inventory::SourceState::kWaiting;
    grants.add({pin.grant.name, model::access_text(pin.grant), object, owner_and_mode(pin.grant),
                model::source_text(pin.grant), Cell(now, good ? Colour::kPlain : Colour::kYellow),
                model::to_string(pin.grant.rule)});
  }
  if (!grants.empty()) text += "\n" + grants.text(palette);

  if (const Table followed = followed_table(record.followed); !followed.empty())
    text += "\n" + followed.text(palette);

  Table exceptions({"EXCEPTION", "WHAT", "MADE", "TIME", "BY", "REASON"});
  for (const auto& one : record.exceptions)
    exceptions.add({model::rule_of(one).policy, model::matter_of(one), utc_time(one.made_ns),
                    model::time_text(one, wall_clock_ns()), model::text_of(one.by), one.reason});
  if (!exceptions.empty()) text += "\n" + exceptions.text(palette);

  if (given.delegation) text += "\n" + delegation_table(*given.delegation).text(palette);
  if (const Table refusals = refusals_table(given.refusals); !refusals.empty())
    text += "\n" + refusals.text(palette);
  for (const auto& name : entry.live.missing_names)
    text += palette.paint(Colour::kRed, "missing") + ": " + quoted(name) +
            " was granted and is not in the view\n";
  if (entry.live.seal_is_broken())
    text += palette.paint(Colour::kRed, "seal broken") + ": " + kSealBroken + "\n";
  return text;
}

struct InspectOptions {
  std::string container;
  size_t pid = 0;  // 0: whichever
};

// The id that the word means, as for explain; the word itself where nobody knows a container by it,
// or a pid says which.
Result<std::string> id_of(const Settings& settings, const InspectOptions& options) {
  if (options.pid != 0) return options.container;
  auto search = inventory::search_container(options.container, settings.hook.state_directory);
  const bool is_id = std::ranges::any_of(search.found, [&](const inventory::FoundContainer& one) {
    return one.id == options.container;
  });
  if (search.found.empty() || is_id) return options.container;
  PINSCOPE_TRY(auto found, inventory::only_one(std::move(search)));
  return std::move(found.id);
}

Result<ExitStatus> inspect(const Settings& settings, const InspectOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_TRY(const std::string id, id_of(settings, options));
  PINSCOPE_TRY(
      const inventory::Entry entry,
      inventory::find_entry(settings.hook.state_directory, id, static_cast<pid_t>(options.pid)));
  print(settings.json() ? to_json(entry) : to_text(entry, settings.palette()));
  return kExitOk;
}

}  // namespace

void add_inspect(CLI::App& root, Program& program) {
  auto options = std::make_shared<InspectOptions>();
  add_command(root, program, "inspect", "Show everything about the view of one container",
              [&program, options] { return inspect(program.settings, *options); })
      .argument("CONTAINER", options->container,
                "The container's id, a unique beginning of it, or the name that its engine gave it")
      .number("--pid", options->pid, "PID",
              "The pid of the container's process, if several containers have this id")
      .shared_options(program.settings, {"state-dir"})
      .output_options(program.settings)
      .footer(
          "EXCEPTION: what `pinscope revoke` or `pinscope grant` made, beside the policies.\n"
          "VOID: by which ways the container gets past its view, as its start found them.\n"
          "seal broken: somebody with CAP_SYS_ADMIN on the host, such as docker exec --privileged, "
          "has made the view writable.\n"
          "Exit status: 0 done; 1 no such container, or several; 2 usage error.");
}

}  // namespace pinscope::cli
