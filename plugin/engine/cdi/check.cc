#include "plugin/engine/cdi/check.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/model/cdi_name.h"

namespace pinscope::engine {
namespace {

// Every version that was released, oldest first.
constexpr auto kVersions = std::to_array<std::string_view>(
    {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"});

size_t rank(std::string_view version) {
  return static_cast<size_t>(std::ranges::find(kVersions, version) - kVersions.begin());
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// The two parts of a kind: a letter first, a letter or digit last, "_", "-" and "." between.
bool is_kind_part(std::string_view part) {
  return model::is_cdi_device_name(part) && part.find(':') == std::string_view::npos &&
         !(part[0] >= '0' && part[0] <= '9');
}

struct Value {
  JsonView json;
  std::string place;
};

// The members of one object that are known there, by name.
using Fields = std::map<std::string_view, Value>;

class SpecificationChecker {
 public:
  std::vector<CdiProblem> check(const JsonView& root) {
    const auto spec = fields({root, ""}, "a specification",
                             {"cdiVersion", "kind", "annotations", "devices", "containerEdits"});
    if (!spec) return std::move(problems_);
    const auto version = text(*spec, "", "cdiVersion", true);
    if (version && rank(*version) == kVersions.size())
      report("/cdiVersion", "there is no version " + quoted(*version) + " of CDI");
    check_kind(*spec);
    check_annotations(*spec);
    if (const Value* edits = find(*spec, "containerEdits")) check_edits(*edits);
    check_devices(*spec);
    if (version && rank(*version) < rank(needed_))
      report("/cdiVersion",
             "it is " + *version + ", and " + needed_by_ + " needs " + std::string(needed_));
    return std::move(problems_);
  }

 private:
  void report(const std::string& place, std::string message) {
    problems_.push_back({place, std::move(message)});
  }

  void needs(std::string_view version, const std::string& what) {
    if (rank(version) <= rank(needed_)) return;
    needed_ = version;
    needed_by_ = what;
  }

  static const Value* find(const Fields& object, std::string_view name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &found->second;
  }

  // Reports what is no object, has a field twice, or has one that `names` does not hold.
  std::optional<Fields> fields(const Value& value, const std::string& what,
                               std::initializer_list<std::string_view> names) {
    const auto members = value.json.members();
    if (!members) {
      report(value.place, value.json.is_object() ? "a field of " + what + " appears twice"
                                                 : what + " must be an object");
      return std::nullopt;
    }
    Fields known;
    for (const auto& [name, member] : *members) {
      const std::string place = value.place + "/" + std::string(name);
      if (!is_one_of(name, names))
        report(place, "unknown field " + quoted(name) + " in " + what);
      else if (!member.is_null())
        known.emplace(name, Value{member, place});
    }
    return known;
  }

  std::optional<std::string> text(const Fields& object, const std::string& place,
                                  std::string_view name, bool required) {
    const Value* value = find(object, name);
    if (value == nullptr) {
      if (required) report(place, "the field " + quoted(name) + " is missing");
      return std::nullopt;
    }
    const auto content = value->json.as_string();
    if (!content) {
      report(value->place, "it must be text");
      return std::nullopt;
    }
    if (required && content->empty()) {
      report(value->place, "it is empty");
      return std::nullopt;
    }
    return std::string(*content);
  }

  std::vector<Value> list(const Fields& object, std::string_view name) {
    std::vector<Value> entries;
    const Value* value = find(object, name);
    if (value == nullptr) return entries;
    const auto elements = value->json.elements();
    if (!elements) {
      report(value->place, "it must be a list");
      return entries;
    }
    for (size_t i = 0; i < elements->size(); ++i)
      entries.push_back({(*elements)[i], value->place + "/" + std::to_string(i)});
    return entries;
  }

  void check_texts(const Fields& object, std::string_view name) {
    for (const Value& entry : list(object, name))
      if (!entry.json.is_string()) report(entry.place, "it must be text");
  }

  void check_environment(const Fields& object) {
    for (const Value& entry : list(object, "env")) {
      const auto variable = entry.json.as_string();
      if (!variable)
        report(entry.place, "it must be text");
      else if (const size_t equals = variable->find('=');
               equals == 0 || equals == std::string_view::npos)
        report(entry.place, quoted(*variable) + " is no NAME=VALUE");
    }
  }

  void check_number(const Fields& object, std::string_view name, uint64_t least, uint64_t most) {
    const Value* value = find(object, name);
    if (value == nullptr) return;
    const auto number = value->json.as_unsigned();
    if (!number || *number < least || *number > most)
      report(value->place, "it must be a whole number from " + std::to_string(least) + " to " +
                               std::to_string(most));
  }

  void check_flag(const Fields& object, std::string_view name) {
    const Value* value = find(object, name);
    if (value != nullptr && !value->json.as_bool())
      report(value->place, "it must be true or false");
  }

  void check_kind(const Fields& spec) {
    constexpr size_t kLongestVendor = 253;
    constexpr size_t kLongestClass = 63;
    const auto kind = text(spec, "", "kind", true);
    if (!kind) return;
    const size_t slash = kind->find('/');
    const std::string_view vendor = std::string_view(*kind).substr(0, slash);
    const std::string_view name =
        slash == std::string::npos ? "" : std::string_view(*kind).substr(slash + 1);
    if (!is_kind_part(vendor) || !is_kind_part(name) || vendor.size() > kLongestVendor ||
        name.size() > kLongestClass)
      report("/kind", quoted(*kind) + " is no vendor.domain/class");
    else if (name.find('.') != std::string_view::npos)
      needs("0.6.0", "a class with a dot");
  }

  void check_annotations(const Fields& object) {
    const Value* value = find(object, "annotations");
    if (value == nullptr) return;
    const auto members = value->json.members();
    if (!members) return report(value->place, "it must be an object, with no field twice");
    if (!members->empty()) needs("0.6.0", "an annotation");
    for (const auto& [key, content] : *members)
      if (key.empty() || !content.is_string())
        report(value->place + "/" + std::string(key), "an annotation must be a key and text");
  }

  void check_devices(const Fields& spec) {
    const auto devices = list(spec, "devices");
    if (devices.empty()) report("/devices", "there is no device");
    std::set<std::string> names;
    for (const Value& entry : devices) {
      const auto device = fields(entry, "a device", {"name", "annotations", "containerEdits"});
      if (!device) continue;
      check_annotations(*device);
      if (const auto name = text(*device, entry.place, "name", true)) {
        if (!model::is_cdi_device_name(*name))
          report(entry.place + "/name", quoted(*name) + " cannot be the name of a device");
        else if (!names.insert(*name).second)
          report(entry.place + "/name", "the device " + quoted(*name) + " appears twice");
        else if ((*name)[0] >= '0' && (*name)[0] <= '9')
          needs("0.5.0", "the device name " + quoted(*name));
      }
      const Value* edits = find(*device, "containerEdits");
      if (edits == nullptr || !check_edits(*edits))
        report(entry.place, "a device must edit something");
    }
  }

  // False if they are empty.
  bool check_edits(const Value& value) {
    const auto edits = fields(
        value, "containerEdits",
        {"env", "deviceNodes", "mounts", "hooks", "additionalGids", "intelRdt", "netDevices"});
    if (!edits) return true;
    check_environment(*edits);
    for (const Value& entry : list(*edits, "deviceNodes")) check_device_node(entry);
    for (const Value& entry : list(*edits, "mounts")) check_mount(entry);
    for (const Value& entry : list(*edits, "hooks")) check_hook(entry);
    for (const Value& entry : list(*edits, "additionalGids")) {
      needs("0.7.0", "additionalGids");
      const auto gid = entry.json.as_unsigned();
      if (!gid || *gid > UINT32_MAX) report(entry.place, "it must be a group id");
    }
    if (const Value* rdt = find(*edits, "intelRdt")) check_rdt(*rdt);
    check_net_devices(*edits);
    return std::ranges::any_of(*edits, [](const auto& field) {
      const auto elements = field.second.json.elements();
      return !elements || !elements->empty();
    });
  }

  void check_device_node(const Value& value) {
    const auto node = fields(
        value, "a device node",
        {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"});
    if (!node) return;
    text(*node, value.place, "path", true);
    if (!text(*node, value.place, "hostPath", false).value_or("").empty())
      needs("0.5.0", "hostPath of a device node");
    const auto type = text(*node, value.place, "type", false).value_or("");
    if (!is_one_of(type, {"", "b", "c", "u", "p"}))
      report(value.place + "/type", quoted(type) + " is none of b, c, u, p");
    const auto permissions = text(*node, value.place, "permissions", false).value_or("");
    if (permissions != "none" && permissions.find_first_not_of("rwm") != std::string::npos)
      report(value.place + "/permissions", quoted(permissions) + " is not made of r, w, m");
    for (const char* name : {"major", "minor"}) check_number(*node, name, 0, INT64_MAX);
    for (const char* name : {"fileMode", "uid", "gid"}) check_number(*node, name, 0, UINT32_MAX);
  }

  void check_mount(const Value& value) {
    const auto mount = fields(value, "a mount", {"hostPath", "containerPath", "type", "options"});
    if (!mount) return;
    text(*mount, value.place, "hostPath", true);
    text(*mount, value.place, "containerPath", true);
    if (!text(*mount, value.place, "type", false).value_or("").empty())
      needs("0.4.0", "the type of a mount");
    check_texts(*mount, "options");
  }

  void check_hook(const Value& value) {
    const auto hook = fields(value, "a hook", {"hookName", "path", "args", "env", "timeout"});
    if (!hook) return;
    const auto name = text(*hook, value.place, "hookName", true);
    if (name && !is_one_of(*name, {"prestart", "createRuntime", "createContainer", "startContainer",
                                   "poststart", "poststop"}))
      report(value.place + "/hookName", "there is no hook " + quoted(*name));
    const auto path = text(*hook, value.place, "path", true);
    if (path && !path->starts_with('/'))
      report(value.place + "/path", quoted(*path) + " is not absolute");
    check_texts(*hook, "args");
    check_environment(*hook);
    check_number(*hook, "timeout", 1, INT32_MAX);
  }

  void check_rdt(const Value& value) {
    needs("0.7.0", "intelRdt");
    const auto rdt = fields(value, "intelRdt",
                            {"closID", "l3CacheSchema", "memBwSchema", "enableCMT", "enableMBM",
                             "schemata", "enableMonitoring"});
    if (!rdt) return;
    for (const char* name : {"closID", "l3CacheSchema", "memBwSchema"})
      text(*rdt, value.place, name, false);
    for (const char* name : {"enableCMT", "enableMBM", "enableMonitoring"}) check_flag(*rdt, name);
    check_texts(*rdt, "schemata");
    if (find(*rdt, "schemata") != nullptr || find(*rdt, "enableMonitoring") != nullptr)
      needs("1.1.0", "schemata or enableMonitoring of intelRdt");
  }

  void check_net_devices(const Fields& edits) {
    std::set<std::string> on_host;
    std::set<std::string> inside;
    for (const Value& entry : list(edits, "netDevices")) {
      needs("1.1.0", "netDevices");
      const auto device = fields(entry, "a network device", {"hostInterfaceName", "name"});
      if (!device) continue;
      const auto host = text(*device, entry.place, "hostInterfaceName", true);
      const auto name = text(*device, entry.place, "name", true);
      if (host && !on_host.insert(*host).second)
        report(entry.place, "the interface " + quoted(*host) + " appears twice");
      if (name && !inside.insert(*name).second)
        report(entry.place, "the name " + quoted(*name) + " appears twice");
    }
  }

  std::vector<CdiProblem> problems_;
  std::string_view needed_ = "0.1.0";
  std::string needed_by_;
};

}  // namespace

std::vector<CdiProblem> cdi_problems(std::string text, const std::string& name) {
  const auto document = JsonDocument::parse(std::move(text), name, ErrorCode::kConfigInvalid);
  if (!document) return {{"", document.error().sentence()}};
  return SpecificationChecker().check(document->root());
}

}  // namespace pinscope::engine
