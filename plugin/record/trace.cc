#include "plugin/record/trace.h"

#include <limits>

#include "plugin/base/text.h"

namespace pinscope::record {
namespace {

// The number behind "name": that ends inside of the text, and so was not cut.
std::optional<uint64_t> number_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + key.size());
  const size_t end = rest.find_first_not_of("0123456789");
  if (end == std::string_view::npos) return std::nullopt;
  return parse_unsigned(rest.substr(0, end));
}

}  // namespace

std::optional<Trace> trace_of(std::string_view text) {
  const auto pid = number_of(text, "\"pid\":");
  const auto start = number_of(text, "\"process_start\":");
  const auto mounts = number_of(text, "\"mount_namespace\":");
  constexpr auto kLargestPid = static_cast<uint64_t>(std::numeric_limits<pid_t>::max());
  if (!pid || !start || !mounts || *pid == 0 || *pid > kLargestPid) return std::nullopt;
  return Trace{static_cast<pid_t>(*pid), *start, *mounts};
}

}  // namespace pinscope::record
