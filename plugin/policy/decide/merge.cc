#include "plugin/policy/decide/merge.h"

#include <algorithm>
#include <span>

#include "plugin/base/text.h"
#include "plugin/model/shapes.h"
#include "plugin/model/view_names.h"
#include "plugin/policy/decide/showing.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Expect;
using model::Grant;
using model::GrantedPin;

constexpr uint32_t kModeOfRead = 0440;
constexpr uint32_t kModeOfOthers = 0660;  // clients ask for both unless they are told

std::string decimal(uint32_t number) {
  return std::to_string(number);
}

// The grants of one source under one name, in the order of the policies; at least one.
class Run {
 public:
  Run(std::span<const Wanted> wanted, const model::Container& container)
      : wanted_(wanted), container_(container) {}

  Status merge_into(GrantedPin& pin) const {
    const Wanted& first = wanted_.front();
    for (const Wanted& other : wanted_)
      if (other.source != first.source)
        return std::unexpected(
            conflict("it would be both " + quoted(first.source) + " and " + quoted(other.source),
                     first, other, "name one of them differently with \"as\""));
    if (has_reserved_component(first.name))
      return std::unexpected(cannot_grant(first.name, ErrorCode::kPolicyConflict)
                                 .reason(kReservedName)
                                 .hint("name it differently with \"as\"")
                                 .rule(to_string(rule_of(first))));

    // What is used cannot be read: one of the two is wrong about what the object is.
    for (const Wanted& other : wanted_)
      if ((other.grant->access == Access::kUse) != (first.grant->access == Access::kUse))
        return std::unexpected(conflict(std::string("access is ") + name_of(first.grant->access) +
                                            " for one policy and " + name_of(other.grant->access) +
                                            " for another",
                                        first, other));
    // The widest access counts, and the first grant that gives it is the rule.
    auto widest = std::ranges::find_if(
        wanted_, [](const Wanted& one) { return one.grant->access == Access::kReadWrite; });
    if (widest == wanted_.end()) widest = wanted_.begin();

    pin.source = first.source;
    pin.name = first.name;
    pin.access = widest->grant->access;
    pin.missing = missing();
    pin.follow = std::ranges::any_of(wanted_, [](const Wanted& one) { return one.grant->follow; });
    pin.is_match = std::ranges::all_of(wanted_, &Wanted::is_match);
    pin.rule = rule_of(*widest);
    pin.object = first.object;
    PINSCOPE_TRY(const auto uid, agreed("owner.uid", decimal, &Grant::uid));
    PINSCOPE_TRY(const auto gid, agreed("owner.gid", decimal, &Grant::gid));
    PINSCOPE_TRY(const auto mode, agreed("mode", model::mode_text, &Grant::mode));
    pin.uid = uid.value_or(container_.uid);
    pin.gid = gid.value_or(container_.gid);
    pin.mode = mode.value_or(opens_for_writing(pin.access) ? kModeOfOthers : kModeOfRead);
    PINSCOPE_TRY(pin.expect.kind, expected("expect.kind", kind_name, &Expect::kind));
    PINSCOPE_TRY(pin.expect.map_type, expected("expect.type", decimal, &Expect::map_type));
    PINSCOPE_TRY(pin.expect.program_type, expected("expect.type", decimal, &Expect::program_type));
    PINSCOPE_TRY(pin.expect.link_type, expected("expect.type", decimal, &Expect::link_type));
    PINSCOPE_TRY(pin.expect.key_size, expected("expect.keySize", decimal, &Expect::key_size));
    PINSCOPE_TRY(pin.expect.value_size, expected("expect.valueSize", decimal, &Expect::value_size));
    PINSCOPE_TRY(pin.expect.max_entries,
                 expected("expect.maxEntries", decimal, &Expect::max_entries));
    PINSCOPE_TRY(pin.expect.object_name, expected("expect.name", quoted, &Expect::object_name));
    return merge_values(pin);
  }

 private:
  // The strictest of what is said. What a glob matched and is gone when it is opened is what the
  // glob did not match.
  [[nodiscard]] model::Missing missing() const {
    using enum model::Missing;
    const auto says = [&](model::Missing word) {
      return std::ranges::any_of(wanted_, [word](const Wanted& one) {
        return one.grant->missing == word && !one.is_match;
      });
    };
    return says(kFail) ? kFail : says(kWait) ? kWait : kSkip;
  }

  static std::string kind_name(model::ObjectKind kind) { return name_of(kind); }
  static std::string form_name(model::ValueForm form) { return name_of(form); }
  static std::string age_text(uint32_t milliseconds) { return decimal(milliseconds) + "ms"; }

  // A pin where one policy wants one, values where one policy shows them: as those say that do.
  Status merge_values(GrantedPin& pin) const {
    const auto mode_of = [](const Wanted& one) {
      return values_mode(*one.policy, *one.grant, one.name);
    };
    pin.pin = std::ranges::any_of(
        wanted_, [&](const Wanted& one) { return mode_of(one) != model::ValuesMode::kOnly; });
    if (std::ranges::all_of(
            wanted_, [&](const Wanted& one) { return mode_of(one) == model::ValuesMode::kNone; }))
      return {};
    const auto said = [&]<typename T>(std::optional<T> model::ViewValues::*field) {
      return [&mode_of, field](const Wanted& one) {
        return mode_of(one) == model::ValuesMode::kNone ? std::nullopt
                                                        : *one.policy->view.values.*field;
      };
    };
    using model::ViewValues;
    PINSCOPE_TRY(const auto form, agreed_on<std::optional<model::ValueForm>>(
                                      "view.values.form", form_name, said(&ViewValues::form)));
    PINSCOPE_TRY(const auto list, agreed_on<std::optional<uint32_t>>("view.values.list", decimal,
                                                                     said(&ViewValues::list)));
    PINSCOPE_TRY(const auto age, agreed_on<std::optional<uint32_t>>("view.values.maxAge", age_text,
                                                                    said(&ViewValues::max_age_ms)));
    const model::Values usual;
    pin.values = {form.value_or(usual.form), list.value_or(usual.list),
                  age.value_or(usual.max_age_ms)};
    return {};
  }

  Error conflict(std::string reason, const Wanted& one, const Wanted& other,
                 std::string hint = "") const {
    return between(cannot_grant(one.name, ErrorCode::kPolicyConflict)
                       .reason(std::move(reason))
                       .hint(std::move(hint)),
                   rule_of(one), rule_of(other));
  }

  // What the grants that say something to one field say; nothing if none does.
  template <typename T, typename Show, typename Field>
  Result<T> agreed_on(const char* key, Show show, Field field) const {
    if (wanted_.size() == 1) return field(wanted_.front());
    const Wanted* said = nullptr;
    T agreed;
    for (const Wanted& wanted : wanted_) {
      const T& value = field(wanted);
      if (!value) continue;
      if (!agreed) {
        agreed = value;
        said = &wanted;
      } else if (*agreed != *value) {
        return std::unexpected(conflict(std::string(key) + " is " + show(*agreed) +
                                            " for one policy and " + show(*value) + " for another",
                                        *said, wanted));
      }
    }
    return agreed;
  }
  template <typename Show, typename T>
  Result<T> agreed(const char* key, Show show, T Grant::*field) const {
    return agreed_on<T>(key, show,
                        [field](const Wanted& wanted) -> const T& { return wanted.grant->*field; });
  }
  template <typename Show, typename T>
  Result<T> expected(const char* key, Show show, T Expect::*field) const {
    return agreed_on<T>(key, show, [field](const Wanted& wanted) -> const T& {
      return wanted.grant->expect.*field;
    });
  }

  std::span<const Wanted> wanted_;
  const model::Container& container_;
};

// `pins` are sorted by name, so that each directory above a name is found by bisection.
Status check_nesting(const std::vector<GrantedPin>& pins) {
  for (const GrantedPin& pin : pins) {
    const std::string_view name = pin.name;
    for (size_t slash = name.find('/'); slash != std::string_view::npos;
         slash = name.find('/', slash + 1)) {
      const auto above = std::ranges::lower_bound(
          pins, name.substr(0, slash), {},
          [](const GrantedPin& other) -> std::string_view { return other.name; });
      if (above != pins.end() && above->name == name.substr(0, slash))
        return std::unexpected(
            between(cannot_grant(name, ErrorCode::kPolicyConflict)
                        .reason(quoted(above->name) + " is a grant, so nothing can be below it")
                        .hint("name one of them differently with \"as\""),
                    above->rule, pin.rule));
    }
  }
  return {};
}

}  // namespace

bool has_reserved_component(std::string_view name) {
  if (!name.contains(model::kReadWriteDirectory)) return false;
  const auto components = split(name, '/');
  return std::ranges::find(components, std::string_view(model::kReadWriteDirectory)) !=
         components.end();
}

model::Rule rule_of(const Wanted& wanted) {
  return {wanted.policy->name, wanted.grant->place};
}

Error between(Error error, const model::Rule& first, const model::Rule& second) {
  const auto told = [](const model::Rule& rule) {
    return ErrorRule{rule.policy, rule.place.file, rule.place.line, rule.place.column};
  };
  return std::move(error)
      .rule(to_string(first) + " and " + to_string(second))
      .rules({told(first), told(second)});
}

Error cannot_grant(std::string_view name, ErrorCode code) {
  return {code, "grant " + quoted(name)};
}

Result<std::vector<GrantedPin>> merge_grants(std::vector<Wanted> wanted,
                                             const model::Container& container) {
  // Grants of one name stay in the order of the policies.
  std::ranges::stable_sort(wanted, {}, &Wanted::name);
  std::vector<GrantedPin> pins;
  pins.reserve(wanted.size());
  for (auto first = wanted.begin(); first != wanted.end();) {
    auto next = first;
    while (next != wanted.end() && next->name == first->name) ++next;
    PINSCOPE_CHECK(Run({first, next}, container).merge_into(pins.emplace_back()));
    first = next;
  }
  PINSCOPE_CHECK(check_nesting(pins));
  return pins;
}

}  // namespace pinscope::policy
