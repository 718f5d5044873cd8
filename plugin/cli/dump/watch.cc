#include "plugin/cli/dump/watch.h"

#include <span>

namespace pinscope::cli {
namespace {

std::string_view as_text(values::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

values::Bytes as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// What an entry costs beside its bytes, about.
constexpr size_t kOverhead = 128;

}  // namespace

Status Changes::see(std::string& out, values::Bytes key, values::Bytes value) {
  const bool first = look_ == 1;
  const auto known = entries_.find(as_text(key));
  if (known == entries_.end()) {
    bytes_ += key.size() + value.size() + kOverhead;
    if (bytes_ > max_bytes_)
      return std::unexpected(Error(ErrorCode::kUsage, "watch the map")
                                 .reason("it has more entries than are kept to compare them, " +
                                         std::to_string(max_bytes_ >> 20U) + " MiB")
                                 .hint("watch one entry with --key"));
    entries_.emplace(as_text(key), Entry{std::string(as_text(value)), look_});
    if (!first) writer_.append_change(out, Change::kAdded, key, {}, value);
    return {};
  }
  known->second.look = look_;
  if (known->second.value == as_text(value)) return {};
  if (!first)
    writer_.append_change(out, Change::kChanged, key, as_bytes(known->second.value), value);
  known->second.value = as_text(value);
  return {};
}

void Changes::end_look(std::string& out) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto& [key, last] = *entry;
    if (last.look == look_) {
      ++entry;
      continue;
    }
    bytes_ -= key.size() + last.value.size() + kOverhead;
    writer_.append_change(out, Change::kRemoved, as_bytes(key), as_bytes(last.value), {});
    entry = entries_.erase(entry);
  }
  ++look_;
}

}  // namespace pinscope::cli
