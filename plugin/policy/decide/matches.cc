#include "plugin/policy/decide/matches.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/showing.h"

namespace pinscope::policy {
namespace {

std::string left_out(const Wanted& match, const std::string& why) {
  return "left out " + quoted(match.source) + ": " + why + "; " + to_string(rule_of(match));
}

// What is granted by its path, in the order of the names.
std::vector<const Wanted*> written_out(const std::vector<Wanted>& wanted) {
  std::vector<const Wanted*> written;
  for (const Wanted& one : wanted)
    if (!one.is_match) written.push_back(&one);
  return written;
}

std::string_view name_of(const Wanted* wanted) {
  return wanted->name;
}

// The grant that a match would stand in the way of; null if there is none.
const Wanted* in_the_way_of(const std::vector<const Wanted*>& written, const Wanted& match) {
  const auto from = [&](std::string_view name) {
    return std::ranges::lower_bound(written, name, {}, name_of);
  };
  const auto same = from(match.name);
  if (same != written.end() && (*same)->name == match.name)
    return (*same)->source == match.source ? nullptr : *same;
  for (size_t slash = match.name.find('/'); slash != std::string_view::npos;
       slash = match.name.find('/', slash + 1)) {
    const auto above = from(match.name.substr(0, slash));
    if (above != written.end() && (*above)->name == match.name.substr(0, slash)) return *above;
  }
  const std::string directory = std::string(match.name) + "/";
  const auto below = from(directory);
  return below != written.end() && (*below)->name.starts_with(directory) ? *below : nullptr;
}

void give_way(std::vector<Wanted>& wanted, MatchNotes& notes) {
  // Texts stay where they are; the wanted move when some are erased.
  const std::vector<Wanted> all = wanted;
  const auto written = written_out(all);
  if (written.empty()) return;
  std::erase_if(wanted, [&](const Wanted& match) {
    const Wanted* other = match.is_match ? in_the_way_of(written, match) : nullptr;
    if (other != nullptr)
      notes.add(left_out(match, "its name is that of " + quoted(other->source) +
                                    ", above it or below it, which is granted by its path"));
    return other != nullptr;
  });
}

// Whether another grant wants the name as well: the matches among these have to be looked at.
bool is_wanted_twice(const std::vector<Wanted>& wanted, size_t at) {
  const auto same = [&](size_t other) { return wanted[other].name == wanted[at].name; };
  return (at > 0 && same(at - 1)) || (at + 1 < wanted.size() && same(at + 1));
}

Status check_match(const Wanted& match, const std::optional<model::ObjectInfo>& object) {
  model::GrantedPin grant;
  grant.source = match.source;
  grant.access = match.grant->access;
  grant.expect = match.grant->expect;
  grant.object = match.object;
  grant.pin = values_mode(*match.policy, *match.grant, match.name) != model::ValuesMode::kOnly;
  if (object) return check_grantable(grant, *object);
  return std::unexpected(Error(ErrorCode::kSourceMissing, "grant " + quoted(match.source))
                             .reason("it is gone, or cannot be opened"));
}

Status choose(std::vector<Wanted>& wanted, const HostView& host, MatchNotes& notes) {
  if (!host.objects_at) return {};
  // One look for all that want a source under one name: it must not be one thing for one of them
  // and another for the next.
  std::vector<std::string> sources;
  std::vector<size_t> looks(wanted.size());  // one more than the place in `sources`; 0: none
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].is_match || !is_wanted_twice(wanted, i)) continue;
    if (sources.empty() || sources.back() != wanted[i].source)
      sources.emplace_back(wanted[i].source);
    looks[i] = sources.size();
  }
  if (sources.empty()) return {};
  PINSCOPE_TRY(const auto objects,
               in_context(host.objects_at(sources), "look at what globs match"));
  size_t at = 0;
  std::erase_if(wanted, [&](const Wanted& match) {
    const size_t look = looks[at++];
    if (look == 0) return false;
    const auto fits = check_match(match, objects[look - 1]);
    if (!fits) notes.add(left_out(match, fits.error().sentence()));
    return !fits;
  });
  return {};
}

}  // namespace

Status settle_matches(std::vector<Wanted>& wanted, const HostView& host, MatchNotes& notes) {
  if (std::ranges::none_of(wanted, &Wanted::is_match)) return {};
  std::ranges::stable_sort(wanted, {}, &Wanted::name);
  give_way(wanted, notes);
  return choose(wanted, host, notes);
}

}  // namespace pinscope::policy
