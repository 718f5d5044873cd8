// `pinscope audit`: the audit trail, filtered, for people or (as it stands in the file) for
// programs.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/table.h"
#include "plugin/host/file.h"
#include "plugin/json/json.h"

namespace pinscope::cli {
namespace {

struct AuditFilter {
  std::string container;
  std::string outcome;
  std::string since;
  size_t last = 0;  // 0: all
};

struct Line {
  std::string text;  // as it is in the file
  std::string time;
  std::string outcome;
  std::string stage;
  std::string container;
  std::string policies;
  std::string error;
  size_t pins = 0;
};

Result<Line> read_line(const std::string& text, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(text, name, ErrorCode::kAudit));
  const JsonView root = document.root();
  Line line;
  line.text = text;
  PINSCOPE_TRY(line.time, root.string_or("time", ""));
  PINSCOPE_TRY(line.outcome, root.string_or("outcome", ""));
  PINSCOPE_TRY(line.stage, root.string_or("stage", ""));
  PINSCOPE_TRY(line.error, root.string_or("error", ""));
  PINSCOPE_TRY(const auto container, root.find("container"));
  if (container) {
    PINSCOPE_TRY(line.container, container->string_or("id", ""));
  }
  PINSCOPE_TRY(const auto policies, root.find("policies"));
  if (policies) {
    PINSCOPE_TRY(const auto list, policies->elements());
    for (const auto& policy : list) {
      PINSCOPE_TRY(const std::string policy_name, policy.string_or("name", ""));
      line.policies += (line.policies.empty() ? "" : ",") + policy_name;
    }
  }
  PINSCOPE_TRY(const auto pins, root.find("pins"));
  if (pins) {
    PINSCOPE_TRY(const auto list, pins->elements());
    line.pins = list.size();
  }
  return line;
}

// "90s", "10m", "2h", "1d" before now, or a time as the trail writes it ("2026-01-31" is enough),
// as text that compares with the trail's times.
Result<std::string> since_time(const std::string& since) {
  if (since.empty()) return since;
  const std::string_view units = "smhd";
  const size_t unit = units.find(since.back());
  const auto count = parse_unsigned(std::string_view(since).substr(0, since.size() - 1));
  if (unit != std::string_view::npos && count) {
    constexpr unsigned long long kSeconds[] = {1, 60, 3600, 86400};
    const auto now = static_cast<unsigned long long>(::time(nullptr));
    constexpr unsigned long long kMaxCount = 1'000'000'000;
    const auto ago = std::min(now, std::min(*count, kMaxCount) * kSeconds[unit]);
    return utc_time((now - ago) * 1'000'000'000);
  }
  constexpr size_t kYear = 4;
  if (since.size() > kYear && since[kYear] == '-' && parse_unsigned(since.substr(0, kYear)))
    return since;
  return std::unexpected(Error(ErrorCode::kUsage, "understand --since " + quoted(since))
                             .reason("expected a duration such as 90s, 10m, 2h or 1d, or a time "
                                     "such as 2026-01-31T12:00:00Z"));
}

Colour colour_of(const std::string& outcome) {
  if (outcome == "granted" || outcome == "policy-accepted") return Colour::kGreen;
  if (outcome == "refused" || outcome == "policy-rejected") return Colour::kRed;
  return Colour::kPlain;
}

// Only a file has an end: a device or a FIFO would be read for ever.
Result<std::ifstream> open_trail(const std::string& path) {
  const auto opened = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  if (!opened)
    return std::unexpected(
        Error(opened.error()).hint("nothing was audited yet, or this needs root"));
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kAudit, "read " + quoted(path)).reason("it is not a regular file"));
  std::ifstream file("/proc/self/fd/" + std::to_string(opened->get()));
  if (!file) return std::unexpected(Error::system("open " + quoted(path), errno));
  return file;
}

Result<ExitStatus> audit(const Settings& settings, const AuditFilter& filter) {
  PINSCOPE_TRY(const std::string since, since_time(filter.since));
  PINSCOPE_TRY(auto file, open_trail(settings.hook.audit.path));
  std::vector<Line> lines;
  size_t damaged = 0;
  size_t number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    if (text.empty()) continue;
    auto line = read_line(text, settings.hook.audit.path + ":" + std::to_string(number));
    if (!line) {
      ++damaged;
      continue;
    }
    if (!line->container.starts_with(filter.container)) continue;
    if (!filter.outcome.empty() && line->outcome != filter.outcome) continue;
    if (line->time < since) continue;
    lines.push_back(*std::move(line));
    if (filter.last != 0 && lines.size() > filter.last) lines.erase(lines.begin());
  }
  if (settings.json()) {
    for (const auto& line : lines) print(line.text + "\n");
  } else {
    Table table({"TIME", "OUTCOME", "CONTAINER", "STAGE", "POLICIES", "PINS", "ERROR"});
    for (const auto& line : lines)
      table.add({line.time, Cell(line.outcome, colour_of(line.outcome)), short_id(line.container),
                 line.stage, line.policies, std::to_string(line.pins), line.error});
    print(table.text(settings.palette()));
  }
  if (damaged > 0)
    report(count_of(damaged, "line", "lines") + " of " + quoted(settings.hook.audit.path) +
           " cannot be read");
  return kExitOk;
}

}  // namespace

void add_audit(CLI::App& root, Program& program) {
  auto filter = std::make_shared<AuditFilter>();
  add_command(root, program, "audit", "Show the audit trail",
              [&program, filter] { return audit(program.settings, *filter); })
      .option("--container", filter->container, "ID", "Only this container, by the start of its id")
      .choice("--outcome", filter->outcome,
              {"granted", "refused", "removed", "collected", "policy-accepted", "policy-rejected"},
              "Only this outcome")
      .option("--since", filter->since, "TIME",
              "Only lines newer than this: 90s, 10m, 2h, 1d, or a UTC time such as "
              "2026-01-31T12:00:00Z")
      .number("-n,--last", filter->last, "COUNT", "Only the last COUNT lines")
      .shared_options(program.settings, {"audit"})
      .output_options(program.settings)
      .footer(
          "With --output json, the lines are printed as they are in the file: one object per "
          "line.\n"
          "Exit status: 0 done; 1 the trail cannot be read; 2 usage error.");
}

}  // namespace pinscope::cli
