#include "plugin/health/refusals.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/json/json.h"
#include "plugin/model/record.h"
#include "plugin/record/words.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr off_t kMaxRead = off_t{4} << 20;
constexpr uint64_t kDay = 86'400'000'000'000;
constexpr size_t kLongestSaid = 64;

using Outcome = model::AuditEvent::Outcome;

struct Line {
  std::string outcome;
  std::string time;
  std::string container;
  std::string code;
};

struct End {
  std::string text;
  bool is_whole = false;  // it is the whole file
};

std::optional<End> end_of(const std::string& path) {
  const auto file = open_trusted_file(path, ErrorCode::kAudit);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0) return std::nullopt;
  const off_t start = std::max(off_t{0}, status.st_size - kMaxRead);
  if (::lseek(file->get(), start, SEEK_SET) != start) return std::nullopt;
  // What is written meanwhile is read as well.
  auto text = read_all(file->get(), static_cast<size_t>(2 * kMaxRead), path);
  if (!text) return std::nullopt;
  return End{*std::move(text), start == 0};
}

std::optional<Line> read_line(std::string_view text) {
  const auto document = JsonDocument::parse(std::string(text), "a line", ErrorCode::kAudit);
  if (!document) return std::nullopt;
  const JsonView root = document->root();
  const auto container = root.find("container");
  Line line;
  line.outcome = root.string_or("outcome", "").value_or("");
  line.time = root.string_or("time", "").value_or("");
  line.code = root.string_or("code", "").value_or("");
  if (container && *container) line.container = (*container)->string_or("id", "").value_or("");
  return line;
}

// What the container's starter chose is cut, so that it takes no room from the rest.
std::string shown(std::string text) {
  if (text.size() > kLongestSaid) text = text.substr(0, kLongestSaid) + "...";
  return quoted(text);
}

// Those of one outcome in the last 24 hours.
struct Kind {
  Outcome outcome = Outcome::kRefused;
  const char* title = "";
  bool is_told_of_none = false;
  size_t count = 0;
  Line last = {};
};

Finding finding_of(const Kind& kind, const std::string& when) {
  if (kind.count == 0) return {Level::kOk, "audit", kind.title, "none " + when, ""};
  return {Level::kWarn, "audit", kind.title,
          std::to_string(kind.count) + " " + when + "; the last: " + shown(kind.last.container) +
              ", " + one_line(kind.last.code) + ", " + one_line(kind.last.time),
          std::string("pinscope audit --outcome ") + record::name_of(kind.outcome) +
              " --since 1d shows why"};
}

}  // namespace

Findings check_refusals(const std::string& audit_path) {
  const auto end = end_of(audit_path);
  if (!end) return {};
  return judge_refusals(end->text, end->is_whole, wall_clock_ns());
}

Findings judge_refusals(std::string_view text, bool is_whole, uint64_t now_ns) {
  // Times compare as text without the Z, which would come behind the digits of a fraction.
  std::string since = utc_time(now_ns < kDay ? 0 : now_ns - kDay);
  if (since.ends_with('Z')) since.pop_back();
  std::array<Kind, 2> kinds = {
      {{Outcome::kRefused, "refused starts", true}, {Outcome::kNotChanged, "changes that failed"}}};
  std::string begin;  // of what was read, if that is later
  bool is_first = true;
  for (const auto part : split(text, '\n')) {
    // The first is a part of a line, unless the file begins there.
    if (std::exchange(is_first, false) && !is_whole) continue;
    auto line = read_line(part);
    if (!line) continue;
    if (begin.empty()) begin = line->time;
    if (line->time < since) continue;
    for (auto& kind : kinds) {
      if (line->outcome != record::name_of(kind.outcome)) continue;
      ++kind.count;
      kind.last = *line;
    }
  }
  const std::string when =
      is_whole || begin < since ? "in the last 24 hours" : "since " + one_line(begin);
  Findings findings;
  for (const auto& kind : kinds)
    if (kind.count > 0 || kind.is_told_of_none) findings.push_back(finding_of(kind, when));
  return findings;
}

}  // namespace pinscope::health
