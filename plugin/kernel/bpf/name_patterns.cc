#include "plugin/kernel/bpf/name_patterns.h"

#include <algorithm>

namespace pinscope::kernel {
namespace {

using Kind = NamePattern::Kind;

}  // namespace

Positions::Positions(const std::vector<NamePattern>& patterns) : Positions(&patterns, {0}) {
}

Positions::Positions(const std::vector<NamePattern>* patterns, std::vector<size_t> at)
    : patterns_(patterns), at_(std::move(at)) {
  // A kAnyDepth may stand for nothing.
  for (size_t i = 0; i < at_.size(); ++i)
    if (at_[i] < patterns_->size() && (*patterns_)[at_[i]].kind == Kind::kAnyDepth)
      at_.push_back(at_[i] + 1);
  std::ranges::sort(at_);
  at_.erase(std::ranges::unique(at_).begin(), at_.end());
}

Positions Positions::behind(std::string_view name) const {
  std::vector<size_t> next;
  for (const size_t position : at_) {
    if (position == patterns_->size()) continue;
    const NamePattern& pattern = (*patterns_)[position];
    switch (pattern.kind) {
      case Kind::kExactly:
        if (pattern.name == name) next.push_back(position + 1);
        break;
      case Kind::kMatching:
        if (pattern.matches(name)) next.push_back(position + 1);
        break;
      case Kind::kAnyDepth:
        next.push_back(position);
        break;
    }
  }
  return {patterns_, std::move(next)};
}

bool Positions::know_the_next() const {
  return std::ranges::all_of(at_, [&](size_t position) {
    return position == patterns_->size() || (*patterns_)[position].kind == Kind::kExactly;
  });
}

std::vector<std::string> Positions::next_names() const {
  std::vector<std::string> names;
  for (const size_t position : at_)
    if (position < patterns_->size()) names.push_back((*patterns_)[position].name);
  return names;
}

}  // namespace pinscope::kernel
