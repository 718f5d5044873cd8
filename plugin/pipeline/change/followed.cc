#include "plugin/pipeline/change/followed.h"

#include <algorithm>

namespace pinscope {
namespace {

FollowedSource source_of(const model::PinnedObject& pin) {
  FollowedSource source{.source = pin.grant.source, .waits = pin.waits()};
  if (!pin.skipped) source.object = pin.object.identity();
  return source;
}

}  // namespace

std::vector<FollowedSource> followed_by(const model::Record& record) {
  if (record.state != model::Record::State::kApplied) return {};
  std::vector<FollowedSource> all;
  for (const auto& pin : record.given.pins)
    if (pin.grant.follow) all.push_back(source_of(pin));
  for (const auto& followed : record.followed) all.push_back({.source = followed.pin});
  std::ranges::stable_sort(all, {}, &FollowedSource::source);
  // A source that is there under several names, or was missing for one of them only, is one.
  std::vector<FollowedSource> each;
  for (auto& one : all) {
    if (each.empty() || each.back().source != one.source) {
      each.push_back(std::move(one));
      continue;
    }
    if (!each.back().object) each.back().object = one.object;
    each.back().waits = each.back().waits || one.waits;
  }
  return each;
}

}  // namespace pinscope
