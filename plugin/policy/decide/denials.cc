#include "plugin/policy/decide/denials.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {

namespace {

// Up to here looking at each is faster than looking for those that can match: for 1000 sources 5
// against 55 µs with one glob, 17 against 130 with four, 66 against 210 with sixteen.
constexpr size_t kFewGlobs = 16;

// What stands before the glob, as a path that a source can be below.
std::string_view start_of(std::string_view glob) {
  const size_t length = literal_prefix(glob).size();
  return length == 0 ? "/" : glob.substr(0, length);
}

}  // namespace

Denials::Denials(const std::vector<const model::Policy*>& policies) {
  for (const model::Policy* policy : policies) {
    for (const model::Deny& deny : policy->denials) {
      const std::string_view pin = deny.pin;
      const bool glob = is_glob(pin);
      (glob ? globs_ : exact_).push_back({glob ? start_of(pin) : pin, all_.size()});
      all_.push_back({policy, &deny});
    }
  }
  // Stable: of several denials of one pin the first is found first.
  std::ranges::stable_sort(exact_, {}, &Entry::start);
  std::ranges::stable_sort(globs_, {}, &Entry::start);
}

const Denial* Denials::covering(std::string_view source) const {
  size_t first = all_.size();
  // A glob may match the source, or a directory above it down to where the glob starts.
  const auto try_glob = [&](const Entry& glob) {
    if (glob.order >= first) return;
    for (std::string_view path = source; path.size() >= glob.start.size(); path = parent_of(path)) {
      if (glob_matches(all_[glob.order].deny->pin, path)) {
        first = glob.order;
        return;
      }
      if (path == "/" || path == ".") return;
    }
  };
  const bool few = globs_.size() <= kFewGlobs;
  if (few)
    for (const Entry& glob : globs_)
      if (is_at_or_below(source, glob.start)) try_glob(glob);
  // What is denied by its name and what stands before a glob are whole paths: the source's own or
  // that of a directory above it.
  for (std::string_view above = source;; above = parent_of(above)) {
    if (const auto found = std::ranges::lower_bound(exact_, above, {}, &Entry::start);
        found != exact_.end() && found->start == above)
      first = std::min(first, found->order);
    if (!few)
      for (const Entry& glob : std::ranges::equal_range(globs_, above, {}, &Entry::start))
        try_glob(glob);
    if (above == "/" || above == ".") break;
  }
  return first == all_.size() ? nullptr : &all_[first];
}

std::vector<std::string> Denials::starts() const {
  std::vector<std::string_view> sorted;
  for (const auto* entries : {&exact_, &globs_})
    for (const Entry& entry : *entries) sorted.push_back(entry.start);
  // With the slash as the lowest of bytes, what is below a directory comes just behind it.
  const auto rank = [](char byte) { return byte == '/' ? 0 : static_cast<unsigned char>(byte); };
  std::ranges::sort(sorted, [&](std::string_view left, std::string_view right) {
    return std::ranges::lexicographical_compare(left, right, {}, rank, rank);
  });
  std::vector<std::string> starts;
  for (const auto& start : sorted)
    if (starts.empty() || !is_at_or_below(start, starts.back())) starts.emplace_back(start);
  return starts;
}

}  // namespace pinscope::policy
