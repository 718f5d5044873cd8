#include "plugin/policy/denials.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {

namespace {

// Up to here looking at each is faster than looking for those that can match.
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
  if (const auto found = std::ranges::lower_bound(exact_, source, {}, &Entry::start);
      found != exact_.end() && found->start == source)
    first = found->order;
  const auto try_glob = [&](const Entry& glob) {
    if (glob.order < first && glob_matches(all_[glob.order].deny->pin, source)) first = glob.order;
  };
  if (globs_.size() <= kFewGlobs) {
    for (const Entry& glob : globs_)
      if (source.starts_with(glob.start)) try_glob(glob);
    return first == all_.size() ? nullptr : &all_[first];
  }
  // What stands before a glob is a whole path: the source's own or that of a directory above it.
  for (std::string_view above = source;; above = parent_of(above)) {
    for (const Entry& glob : std::ranges::equal_range(globs_, above, {}, &Entry::start))
      try_glob(glob);
    if (above == "/" || above == ".") break;
  }
  return first == all_.size() ? nullptr : &all_[first];
}

}  // namespace pinscope::policy
