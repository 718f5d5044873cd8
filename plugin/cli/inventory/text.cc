#include "plugin/cli/inventory/text.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/cli/inventory/order.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/shapes.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

using inventory::Instance;
using inventory::Object;
using inventory::Pin;
using inventory::Space;

std::string owner_text(const Space& space) {
  if (space.is_host) return "the host";
  return space.id().empty() ? inventory::text_of(space) : "container " + short_id(space.id());
}

Colour colour_of(Instance::Origin origin) {
  return origin == Instance::Origin::kStranger ? Colour::kYellow : Colour::kPlain;
}

std::string identity_text(const model::ObjectIdentity& object) {
  if (object.id == 0) return std::string(model::name_of(object.kind)) + " ?";
  return std::string(model::name_of(object.kind)) + " " + std::to_string(object.id);
}

bool name_fits(const std::string& glob, std::string_view path) {
  return policy::glob_matches(glob, path.substr(path.rfind('/') + 1));
}

template <typename Thing, typename Text>
std::string first_of(const std::vector<Thing>& things, const Text& text_of) {
  constexpr size_t kMaxNamed = 2;
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min(things.size(), kMaxNamed); ++i)
    words.push_back(text_of(things[i]));
  std::string text = joined(words, ", ");
  if (things.size() > kMaxNamed)
    text += " and " + std::to_string(things.size() - kMaxNamed) + " more";
  return text;
}

// "systemd (pid 1), bpftool (pid 812) and 3 more".
std::string holders_text(const std::vector<inventory::Holder>& holders) {
  return first_of(holders, [](const inventory::Holder& holder) {
    return inventory::process_text(holder.command, holder.pid);
  });
}

std::string grant_text(const Pin& pin) {
  const auto& container = pin.pin.attributes.container;
  if (!pin.grant) return container.empty() ? "" : "for " + short_id(container) + ", no record";
  return std::string(model::name_of(pin.grant->access)) + " for " + short_id(pin.grant->container) +
         (pin.grant->is_stale ? ", stale" : "");
}

std::string not_seen_text(const Inventory& all, const Palette& palette) {
  std::string text;
  const auto add = [&](const std::string& what) {
    text += palette.paint(Colour::kYellow, "not seen") + ": " + one_line(what) + "\n";
  };
  for (const auto& what : all.machine.not_seen) add(what);
  for (const auto& instance : all.machine.instances) {
    for (const auto& what : instance.left_out)
      add("bpffs " + inventory::device_text(instance) + ": " + what);
    if (instance.origin == Instance::Origin::kView) continue;
    for (const auto& what : instance.hidden)
      add("bpffs " + inventory::device_text(instance) + ": no mount shows " + what);
  }
  return text.empty() ? text : "\n" + text;
}

size_t count_of_kind(const Inventory& all, model::ObjectKind kind) {
  return static_cast<size_t>(std::ranges::count(
      all.machine.objects, kind, [](const Object& object) { return object.info.kind; }));
}

void write_identity(JsonWriter& json, const model::ObjectIdentity& object) {
  json.field("kind", model::name_of(object.kind)).field("id", object.id);
}

void write_space(JsonWriter& json, const Space& space) {
  json.object().field("number", space.number).field("host", space.is_host);
  if (space.is_detached) json.field("detached", true);
  if (space.pid != 0)
    json.field("pid", int64_t{space.pid})
        .field("command", space.command)
        .field("processes", uint64_t{space.processes.size()})
        .field("hosts_root", space.has_hosts_root);
  if (!space.container.empty()) json.field("container", space.container);
  if (!space.runtime_id.empty()) json.field("runtime_id", space.runtime_id);
  json.end();
}

void write_mount(JsonWriter& json, const Inventory& all, const inventory::InstanceMount& mount) {
  json.object()
      .field("namespace", all.machine.spaces[mount.space].number)
      .field("mount_point", mount.mount.mount_point)
      .field("root", mount.mount.root)
      .field("id", mount.mount.id)
      .field("read_only", mount.mount.is_read_only)
      .field("later", mount.is_later)
      .field("grant", mount.is_grant)
      .end();
}

void write_pin(JsonWriter& json, const Pin& pin) {
  json.object().field("path", pin.pin.path).field("mode", model::mode_text(pin.pin.mode & 07777U));
  json.field("uid", pin.pin.uid).field("gid", pin.pin.gid);
  if (pin.pin.error == 0)
    write_identity(json, pin.pin.object);
  else
    json.field("error", std::strerror(pin.pin.error));
  if (const auto& [container, source, rule] = pin.pin.attributes; !container.empty())
    json.key("attributes")
        .object()
        .field("container", container)
        .field("source", source)
        .field("rule", rule)
        .end();
  if (pin.grant) {
    json.key("grant")
        .object()
        .field("container", pin.grant->container)
        .field("access", model::name_of(pin.grant->access))
        .field("source", pin.grant->source)
        .field("stale", pin.grant->is_stale)
        .key("rule");
    model::write_rule(json, pin.grant->rule);
    json.end();
  }
  json.end();
}

void write_instance(JsonWriter& json, const Inventory& all, size_t at,
                    const InventoryFilter& filter) {
  const auto& instance = all.machine.instances[at];
  json.object()
      .field("device", inventory::device_text(instance))
      .field("origin", inventory::name_of(instance.origin))
      .field("sealed", instance.is_sealed)
      .field("options", instance.options);
  json.key("mounts").array();
  for (const auto& mount : all.machine.mounts)
    if (mount.instance == at && filter.shows(all.machine.spaces[mount.space]))
      write_mount(json, all, mount);
  json.end().key("pins").array();
  for (const auto& pin : std::ranges::equal_range(all.machine.pins, at, {}, &Pin::instance))
    if (filter.shows(all, pin)) write_pin(json, pin);
  json.end().key("left_out");
  model::write_texts(json, instance.left_out);
  json.key("hidden");
  model::write_texts(json, instance.hidden);
  json.end();
}

bool is_shown(const Inventory& all, size_t instance, const InventoryFilter& filter) {
  return std::ranges::any_of(all.machine.mounts, [&](const inventory::InstanceMount& mount) {
    return mount.instance == instance && filter.shows(all.machine.spaces[mount.space]);
  });
}

void write_object(JsonWriter& json, const Inventory& all, const Object& object) {
  const auto& info = object.info;
  json.object();
  write_identity(json, {info.kind, info.id});
  json.field("type", model::type_name(info)).field("name", info.name);
  if (info.kind == model::ObjectKind::kMap)
    json.field("key_size", info.key_size)
        .field("value_size", info.value_size)
        .field("max_entries", info.max_entries)
        .field("flags", info.map_flags);
  json.field("orphan", object.is_orphan).field("duplicate", object.is_duplicate);
  json.key("pins").array();
  for (const size_t pin : object.pins)
    json.object()
        .field("device",
               inventory::device_text(all.machine.instances[all.machine.pins[pin].instance]))
        .field("path", all.machine.pins[pin].pin.path)
        .end();
  json.end().key("holders").array();
  for (const auto& holder : object.holders)
    json.object()
        .field("pid", int64_t{holder.pid})
        .field("command", holder.command)
        .field("writes", holder.for_writing)
        .field("descriptors", uint64_t{holder.descriptors})
        .end();
  json.end().key("used_by").array();
  for (const auto& user : object.used_by) {
    json.object();
    write_identity(json, user);
    json.end();
  }
  json.end().end();
}

}  // namespace

bool InventoryFilter::shows(const Space& space) const {
  return container.empty() || space.id() == container;
}

bool InventoryFilter::shows(const Inventory& all, const Pin& pin) const {
  if (!kind.empty() && model::name_of(pin.pin.object.kind) != kind) return false;
  if (!name.empty() && !name_fits(name, pin.pin.path)) return false;
  return container.empty() ||
         std::ranges::any_of(all.machine.mounts, [&](const inventory::InstanceMount& mount) {
           return mount.instance == pin.instance &&
                  all.machine.spaces[mount.space].id() == container;
         });
}

bool InventoryFilter::shows(const Inventory& all, const Object& object) const {
  if (!kind.empty() && model::name_of(object.info.kind) != kind) return false;
  const auto has_pin = [&] {
    InventoryFilter of_pins = *this;
    of_pins.kind.clear();
    return std::ranges::any_of(
        object.pins, [&](size_t pin) { return of_pins.shows(all, all.machine.pins[pin]); });
  };
  if (!name.empty() && container.empty() && name_fits(name, object.info.name)) return true;
  return (name.empty() && container.empty()) || has_pin();
}

std::string summary_text(const Inventory& all, const Palette& palette) {
  const auto& machine = all.machine;
  std::string text =
      count_of(machine.instances.size(), "bpffs", "bpffs") + " at " +
      count_of(machine.mounts.size(), "mount", "mounts") + " in " +
      count_of(static_cast<size_t>(std::ranges::count(machine.spaces, false, &Space::is_detached)),
               "mount namespace", "mount namespaces") +
      ", with " + count_of(machine.pins.size(), "pin", "pins") + "\n" +
      count_of(count_of_kind(all, model::ObjectKind::kMap), "map", "maps") + ", " +
      count_of(count_of_kind(all, model::ObjectKind::kProgram), "program", "programs") + ", " +
      count_of(count_of_kind(all, model::ObjectKind::kLink), "link", "links") + "\n";
  Table notices({"NOTICE", "OF", "WHAT IS THE MATTER"});
  for (const auto& notice : all.notices)
    notices.add(
        {Cell(inventory::name_of(notice.kind), Colour::kYellow), notice.subject, notice.text});
  if (!notices.empty()) text += "\n" + notices.text(palette);
  return text + not_seen_text(all, palette);
}

std::string mounts_text(const Inventory& all, const InventoryFilter& filter,
                        const Palette& palette) {
  Table table({"BPFFS", "IS", "SEALED", "PINS", "IN", "AT"});
  const auto pins = pins_of_instances(all.machine);
  for (const auto* const shown : sorted_mounts(all.machine, filter.sort)) {
    const auto& mount = *shown;
    const auto& space = all.machine.spaces[mount.space];
    const auto& instance = all.machine.instances[mount.instance];
    if (!filter.shows(space)) continue;
    table.add({inventory::device_text(instance),
               Cell(inventory::name_of(instance.origin), colour_of(instance.origin)),
               instance.is_sealed ? "yes" : "no", std::to_string(pins[mount.instance]),
               owner_text(space),
               space.is_detached ? "attached nowhere" : mount.mount.mount_point});
  }
  return table.text(palette) + not_seen_text(all, palette);
}

std::string pins_text(const Inventory& all, const InventoryFilter& filter, const Palette& palette) {
  Table table({"BPFFS", "PIN", "OBJECT", "OWNER, MODE", "GRANTED", "RULE"});
  for (const auto* const shown : sorted_pins(all.machine, filter.sort)) {
    const auto& pin = *shown;
    if (!filter.shows(all, pin)) continue;
    const std::string object = pin.pin.error == 0
                                   ? identity_text(pin.pin.object)
                                   : std::string("not seen: ") + std::strerror(pin.pin.error);
    const bool is_stale = pin.grant && pin.grant->is_stale;
    table.add({inventory::device_text(all.machine.instances[pin.instance]), pin.pin.path, object,
               std::to_string(pin.pin.uid) + ":" + std::to_string(pin.pin.gid) + " " +
                   model::mode_text(pin.pin.mode & 07777U),
               Cell(grant_text(pin), is_stale ? Colour::kYellow : Colour::kPlain),
               pin.grant ? model::to_string(pin.grant->rule) : pin.pin.attributes.rule});
  }
  return table.text(palette) + not_seen_text(all, palette);
}

std::string objects_text(const Inventory& all, const InventoryFilter& filter,
                         const Palette& palette) {
  Table table({"OBJECT", "TYPE", "NAME", "PINS", "HELD BY", "USED BY", "NOTICE"});
  for (const auto* const shown : sorted_objects(all.machine, filter.sort)) {
    const auto& object = *shown;
    if (!filter.shows(all, object)) continue;
    table.add({identity_text({object.info.kind, object.info.id}), model::type_name(object.info),
               object.info.name, std::to_string(object.pins.size()), holders_text(object.holders),
               first_of(object.used_by, identity_text),
               Cell(object.is_orphan ? "orphan" : "", Colour::kYellow)});
  }
  return table.text(palette) + not_seen_text(all, palette);
}

std::string to_json(const Inventory& all, const InventoryFilter& filter) {
  JsonWriter json = begin_output();
  json.key("namespaces").array();
  for (const auto& space : all.machine.spaces)
    if (filter.shows(space)) write_space(json, space);
  json.end().key("instances").array();
  for (size_t i = 0; i < all.machine.instances.size(); ++i)
    if (is_shown(all, i, filter)) write_instance(json, all, i, filter);
  json.end().key("objects").array();
  for (const auto& object : all.machine.objects)
    if (filter.shows(all, object)) write_object(json, all, object);
  json.end().key("notices").array();
  for (const auto& notice : all.notices)
    json.object()
        .field("kind", inventory::name_of(notice.kind))
        .field("subject", notice.subject)
        .field("text", notice.text)
        .end();
  json.end().key("not_seen");
  model::write_texts(json, all.machine.not_seen);
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
