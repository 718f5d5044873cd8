// spec.grants: one entry.
#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/model/bpf_names.h"
#include "plugin/model/view_names.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Expect;
using model::Missing;
using model::ObjectKind;

constexpr uint32_t kMaxSize = 4294967295;
constexpr size_t kLongestName = 255;

void read_name(const std::optional<Field>& field, model::Grant& grant, Reporter& reporter,
               const Field& pin) {
  if (field) {
    const auto name = read_text(reporter, *field);
    if (!name) return;
    const auto problem = problem_of_name(*name);
    if (problem.empty())
      grant.as = *name;
    else
      reporter.error(field->at(), "\"as\" cannot be " + shown(*name) + ": " + problem);
    return;
  }
  if (grant.pin.empty() || is_glob(grant.pin)) return;  // matches appear at the view's root
  const std::string name(base_name(grant.pin));
  const auto problem = problem_of_name(name);
  if (problem.empty())
    grant.as = name;
  else
    reporter.error(pin.at(), "the pin cannot be called " + quoted(name) + ": " + problem,
                   "give it another name with \"as\"");
}

void read_owner(const Field& field, model::Grant& grant, Reporter& reporter) {
  const Mapping owner(reporter, field, "\"owner\"", "owner.", {"uid", "gid"});
  if (const auto uid = owner.find("uid")) grant.uid = read_number(reporter, *uid, kMaxId);
  if (const auto gid = owner.find("gid")) grant.gid = read_number(reporter, *gid, kMaxId);
  if (owner.valid() && field.value->children.empty())
    reporter.error(field.at(), "\"owner\" is empty",
                   "leave the key out for the user of the container's process");
}

std::optional<uint32_t> read_mode(const Field& field, Reporter& reporter) {
  const Node& node = *field.value;
  if (node.kind == Node::Kind::kScalar && !node.quoted) {
    reporter.error(field.at(), "\"mode\" must be text in quotes, such as \"0440\"",
                   "YAML readers disagree on whether a bare 0440 is octal");
    return std::nullopt;
  }
  const auto text = read_text(reporter, field);
  if (!text) return std::nullopt;
  const bool is_octal = (text->size() == 3 || (text->size() == 4 && text->front() == '0')) &&
                        text->find_first_not_of("01234567") == std::string::npos;
  if (!is_octal) {
    reporter.error(field.at(), "\"mode\" is " + quoted(*text) + ", and must be octal digits",
                   "as in \"0440\", from \"0000\" to \"0666\"");
    return std::nullopt;
  }
  uint32_t mode = 0;
  for (const char digit : *text) mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  constexpr uint32_t kReadAndWrite = 0666;
  if ((mode & ~kReadAndWrite) != 0) {
    reporter.error(field.at(), "\"mode\" is " + quoted(*text) + ", and a pin cannot be executed",
                   "use the digits 0, 2, 4 and 6 only");
    return std::nullopt;
  }
  return mode;
}

struct TypesOfKind {
  ObjectKind kind;
  const model::BpfNames& types;
  const char* such_as;
};
constexpr TypesOfKind kTypesOfKinds[] = {
    {ObjectKind::kMap, model::kMapTypes, "hash or lru_hash"},
    {ObjectKind::kProgram, model::kProgramTypes, "xdp or sched_cls"},
    {ObjectKind::kLink, model::kLinkTypes, "iter or cgroup"},
};

std::string hint_for_type(const TypesOfKind& wanted, const std::string& name) {
  // A program and its link may have the same type, so a map or program is the better guess.
  for (const TypesOfKind& other : kTypesOfKinds)
    if (other.kind != wanted.kind && other.types.number_of(name))
      return std::string("it is a type of ") + model::name_of(other.kind) +
             (wanted.kind == ObjectKind::kMap ? ": add kind: " : ": use kind: ") +
             model::name_of(other.kind);
  const auto near = nearest(name, {wanted.types.names.begin(), wanted.types.names.end()});
  return near.empty()
             ? std::string("types are written as bpftool writes them, such as ") + wanted.such_as
             : "did you mean " + quoted(near) + "?";
}

void read_type(const Field& field, Expect& expect, Reporter& reporter) {
  const auto name = read_word_text(reporter, field);
  if (!name) return;
  const ObjectKind kind = expect.kind.value_or(ObjectKind::kMap);
  const auto wanted = std::ranges::find(kTypesOfKinds, kind, &TypesOfKind::kind);
  const auto number = wanted->types.number_of(*name);
  switch (kind) {
    case ObjectKind::kMap:
      expect.map_type = number;
      break;
    case ObjectKind::kProgram:
      expect.program_type = number;
      break;
    case ObjectKind::kLink:
      expect.link_type = number;
      break;
  }
  if (!number)
    reporter.error(field.at(), shown(*name) + " is no type of " + model::name_of(kind),
                   hint_for_type(*wanted, *name));
}

void read_object_name(const Field& field, Expect& expect, Reporter& reporter) {
  constexpr size_t kLongest = 15;  // BPF_OBJ_NAME_LEN less the NUL
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  const auto name = read_text(reporter, field);
  if (!name) return;
  if (name->size() > kLongest || name->find_first_not_of(kAllowed) != std::string::npos)
    reporter.error(field.at(), "no BPF object can be called " + shown(*name),
                   "the kernel keeps up to 15 letters, digits, \"_\" and \".\"");
  else
    expect.object_name = *name;
}

void read_expect(const Field& field, Expect& expect, Reporter& reporter) {
  const Mapping keys(reporter, field, "\"expect\"", "expect.",
                     {"kind", "type", "keySize", "valueSize", "maxEntries", "name"});
  bool kind_is_wrong = false;
  if (const auto kind = keys.find("kind")) {
    expect.kind = read_word<ObjectKind>(reporter, *kind, model::name_of);
    kind_is_wrong = !expect.kind;
  }
  const auto type = keys.find("type");
  if (type && !kind_is_wrong) read_type(*type, expect, reporter);
  if (const auto name = keys.find("name")) read_object_name(*name, expect, reporter);

  bool is_map = type.has_value();
  const auto read_size = [&](const char* key, std::optional<uint32_t>& size) {
    const auto entry = keys.find(key);
    if (!entry) return;
    is_map = true;
    size = read_number(reporter, *entry, kMaxSize);
    if (expect.kind && *expect.kind != ObjectKind::kMap)
      reporter.error(entry->key_at, quoted(entry->name) + " is for maps, and this is a " +
                                        model::name_of(*expect.kind));
  };
  read_size("keySize", expect.key_size);
  read_size("valueSize", expect.value_size);
  read_size("maxEntries", expect.max_entries);
  if (!expect.kind && is_map && !kind_is_wrong) expect.kind = ObjectKind::kMap;
}

// Who waits for a source wants what it names once it is there, so that need not be said as well.
void read_following(const Mapping& keys, model::Grant& grant, Reporter& reporter) {
  if (const auto missing = keys.find("missing"))
    grant.missing = read_word<Missing>(reporter, *missing, model::name_of).value_or(Missing::kFail);
  const bool waits = grant.missing == Missing::kWait;
  const auto follow = keys.find("follow");
  const auto said = follow ? read_flag(reporter, *follow) : std::nullopt;
  grant.follow = said.value_or(waits);
  if (waits && !grant.follow)
    reporter.error(follow->at(), "follow: false cannot be beside missing: wait",
                   "to wait for a pin is to follow it: leave the key out, or say missing: skip");
}

}  // namespace

std::string problem_of_name(std::string_view name) {
  if (name.size() > kLongestName) return "a name in the view has at most 255 bytes";
  const auto components = parse_relative(name);
  if (!components) return components.error().sentence();
  if (is_glob(name)) return "a name in the view cannot be a glob";
  for (const auto& component : *components) {
    if (component == model::kReadWriteDirectory)
      return "\"_rw\" is where the view keeps what can be written";
    if (component.find('.') != std::string::npos)
      return "the kernel allows no dots in the names of a bpffs";
  }
  return "";
}

void read_grant(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  Mapping keys(reporter, field, "a grant", "",
               {"pin", "as", "access", "owner", "mode", "expect", "missing", "follow", "values"});
  if (!keys.valid()) return;
  model::Grant grant;
  grant.place = reporter.place(field.at());
  GrantMarks marks{.pin = field.at(), .name = field.at(), .access = field.at()};
  const auto pin = keys.require("pin");
  if (pin) {
    marks.pin = marks.name = marks.access = pin->at();
    grant.pin = read_pin(*pin, reporter).value_or("");
  }
  const auto as = keys.find("as");
  if (as) marks.name = as->at();
  read_name(as, grant, reporter, pin.value_or(field));
  if (const auto access = keys.find("access")) {
    marks.access = access->at();
    const auto word = read_word<Access>(reporter, *access, model::name_of);
    marks.access_known = word.has_value();
    grant.access = word.value_or(Access::kRead);
  }
  if (const auto owner = keys.find("owner")) {
    marks.owner = owner->key_at;
    read_owner(*owner, grant, reporter);
  }
  if (const auto mode = keys.find("mode")) {
    marks.mode = mode->key_at;
    grant.mode = read_mode(*mode, reporter);
  }
  if (const auto expect = keys.find("expect")) read_expect(*expect, grant.expect, reporter);
  read_following(keys, grant, reporter);
  if (const auto values = keys.find("values")) {
    marks.values = values->at();
    grant.values = read_word<model::ValuesMode>(reporter, *values, model::name_of);
  }
  draft.policy.grants.push_back(std::move(grant));
  draft.grant_marks.push_back(marks);
}

}  // namespace pinscope::policy
