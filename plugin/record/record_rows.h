// The rows of a record's tables: each columns() calls `visit` with the name and the member of every
// column, in the order of the text; a reader gets a struct to fill, a writer a const one. Internal
// to record_json.cc.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "plugin/model/record.h"

namespace pinscope::record {

template <typename T, typename Struct>
concept Of = std::same_as<std::remove_const_t<T>, Struct>;

void columns(auto&& visit, Of<model::PinnedObject> auto& pin) {
  visit("name", pin.grant.name);
  visit("source", pin.grant.source);
  visit("access", pin.grant.access);
  visit("kind", pin.object.kind);
  visit("type", pin.object.type);
  visit("id", pin.object.id);
  visit("uid", pin.grant.uid);
  visit("gid", pin.grant.gid);
  visit("mode", pin.grant.mode);
  visit("skipped", pin.skipped);
  visit("rule", pin.grant.rule);
}

void columns(auto&& visit, Of<model::RefusedPin> auto& refusal) {
  visit("source", refusal.source);
  visit("name", refusal.name);
  visit("granted_by", refusal.granted_by);
  visit("denied_by", refusal.denied_by);
  visit("denied_as", refusal.denied_as);
}

void columns(auto&& visit, Of<model::ViewInstance> auto& instance) {
  visit("type", instance.type);
  visit("device_major", instance.device_major);
  visit("device_minor", instance.device_minor);
  visit("sealed", instance.sealed);
  visit("mounts", instance.mounts);
}

void columns(auto&& visit, Of<model::FollowedPattern> auto& followed) {
  visit("pin", followed.pin);
  visit("rule", followed.rule);
}

// Of those pins alone that are followed.
struct FollowedPin {
  uint32_t pin = 0;  // its place in the list of pins
  model::Missing missing = model::Missing::kFail;
};

void columns(auto&& visit, Of<FollowedPin> auto& followed) {
  visit("pin", followed.pin);
  visit("missing", followed.missing);
}

// How the values of one pin are shown; of those alone that show any.
struct ShownValues {
  uint32_t pin = 0;  // its place in the list of pins
  bool pinned = true;
  model::Values values;
};

void columns(auto&& visit, Of<ShownValues> auto& shown) {
  visit("pin", shown.pin);
  visit("pinned", shown.pinned);
  visit("form", shown.values.form);
  visit("list", shown.values.list);
  visit("max_age_ms", shown.values.max_age_ms);
}

void columns(auto&& visit, Of<model::Exception> auto& exception) {
  visit("number", exception.number);
  visit("kind", exception.kind);
  visit("pin", exception.pin);
  visit("object_kind", exception.object.kind);
  visit("object_id", exception.object.id);
  visit("name", exception.name);
  visit("access", exception.access);
  visit("made_ns", exception.made_ns);
  visit("until_ns", exception.until_ns);
  visit("by", exception.by);
  visit("reason", exception.reason);
}

}  // namespace pinscope::record
