// `pinscope audit`: the audit trail, filtered, for people or (as it stands in the file) for
// programs.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/audit/since.h"
#include "plugin/cli/audit/trail.h"
#include "plugin/cli/audit/verify.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/table.h"
#include "plugin/json/json.h"
#include "plugin/record/chain.h"

namespace pinscope::cli {
namespace {

struct AuditFilter {
  std::string container;
  std::string outcome;
  std::string since;
  size_t last = 0;  // 0: all
  bool follow = false;
  bool verify = false;
  std::string expected;  // a digest

  [[nodiscard]] bool filters() const {
    return follow || last != 0 || !(container + outcome + since).empty();
  }
};

struct Line {
  std::string text;  // as it is in the file
  std::string time;
  std::string outcome;
  std::string container;
  std::string policies;
  std::string code;
  std::string error;
  std::vector<std::string> bypasses;
  size_t pins = 0;
};

Result<Line> read_line(const std::string& text) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(text, "a line", ErrorCode::kAudit));
  const JsonView root = document.root();
  Line line;
  line.text = text;
  PINSCOPE_TRY(line.time, root.string_or("time", ""));
  PINSCOPE_TRY(line.outcome, root.string_or("outcome", ""));
  PINSCOPE_TRY(line.code, root.string_or("code", ""));
  PINSCOPE_TRY(line.error, root.string_or("error", ""));
  PINSCOPE_TRY(const auto container, root.find("container"));
  if (container) {
    PINSCOPE_TRY(line.container, container->string_or("id", ""));
  }
  PINSCOPE_TRY(const auto policies, root.find("policies"));
  if (policies) {
    PINSCOPE_TRY(const auto list, policies->elements());
    for (const auto& policy : list) {
      // "name" in lines of older versions.
      PINSCOPE_TRY(const std::string older, policy.string_or("name", ""));
      PINSCOPE_TRY(const std::string policy_name, policy.string_or("policy", older));
      line.policies += (line.policies.empty() ? "" : ",") + policy_name;
    }
  }
  PINSCOPE_TRY(const auto bypasses, root.find("void"));
  if (bypasses) {
    PINSCOPE_TRY(const auto list, bypasses->elements());
    for (const auto& bypass : list) {
      PINSCOPE_TRY(const auto name, bypass.as_string());
      line.bypasses.emplace_back(name);
    }
  }
  PINSCOPE_TRY(const auto pins, root.find("pins"));
  if (pins) {
    PINSCOPE_TRY(const auto list, pins->elements());
    line.pins = list.size();
  }
  return line;
}

Colour colour_of(const std::string& outcome) {
  if (outcome == "granted" || outcome == "policy-accepted") return Colour::kGreen;
  if (outcome == "refused" || outcome == "policy-rejected" || outcome == "not-changed")
    return Colour::kRed;
  return Colour::kPlain;
}

// To the second, as list and inspect write a time; JSON has the rest.
std::string shown_time(const std::string& time) {
  const size_t fraction = time.find('.');
  return fraction == std::string::npos || !time.ends_with('Z') ? time
                                                               : time.substr(0, fraction) + "Z";
}

// The lines of a trail that are asked for, printed together or one by one.
class Output {
 public:
  Output(const Settings& settings, const AuditFilter& filter, std::string since)
      : settings_(settings), filter_(filter), since_(std::move(since)) {}

  void take(const std::string& text) {
    if (text.empty()) return;
    auto line = read_line(text);
    if (!line) {
      ++damaged_;
      return;
    }
    if (!line->container.starts_with(filter_.container)) return;
    if (!filter_.outcome.empty() && line->outcome != filter_.outcome) return;
    if (line->time < since_) return;
    lines_.push_back(*std::move(line));
    if (filter_.last != 0 && lines_.size() > filter_.last) lines_.pop_front();
  }

  // Prints what was taken since the last time; only the first time with the titles.
  void print_lines() {
    if (settings_.json()) {
      for (const auto& line : lines_) print(line.text + "\n");
    } else if (!lines_.empty() || !has_titles_) {
      print(table());
    }
    lines_.clear();
    has_titles_ = true;
  }

  void report_damage(const std::string& path) const {
    if (damaged_ > 0)
      report(count_of(damaged_, "line", "lines") + " of " + quoted(path) + " cannot be read");
  }

  [[nodiscard]] const std::string& since() const { return since_; }

 private:
  [[nodiscard]] std::string table() const {
    Table table({"TIME", "OUTCOME", "CONTAINER", "PINS", "POLICIES"});
    if (filter_.follow) table.keep_widths({20, 15, 12});
    for (const auto& line : lines_) {
      table.add({shown_time(line.time), Cell(line.outcome, colour_of(line.outcome)),
                 short_id(line.container), std::to_string(line.pins), line.policies});
      if (!line.error.empty())
        table.add_note((line.code.empty() ? "" : line.code + ": ") + line.error);
      else if (!line.bypasses.empty())
        table.add_note("void by " + joined(line.bypasses, ", "));
    }
    return has_titles_ ? table.rows(settings_.palette()) : table.text(settings_.palette());
  }

  const Settings& settings_;
  const AuditFilter& filter_;
  std::string since_;
  std::deque<Line> lines_;
  size_t damaged_ = 0;
  bool has_titles_ = false;
};

// False if one of them could not be read, which is reported.
bool take_rotated(const std::string& path, Output& output) {
  bool whole = true;
  for (const auto& file : rotated_in_order(path)) {
    if (utc_time(file.modified_ns) < output.since()) continue;  // all of its lines are older
    const auto text = read_rotated(file.path);
    if (!text) {
      report(text.error());
      whole = false;
      continue;
    }
    for (const auto line : split(*text, '\n')) output.take(std::string(line));
  }
  return whole;
}

// Prints lines as they come, until somebody ends this program.
Status follow(Trail trail, const std::string& path, Output& output) {
  constexpr timespec kInterval = {0, 200'000'000};
  for (;;) {
    output.print_lines();
    if (std::fflush(stdout) != 0) return {};  // main reports it
    ::nanosleep(&kInterval, nullptr);
    const bool replaced = trail.was_replaced();
    const auto take = [&](const std::string& line) { output.take(line); };
    PINSCOPE_CHECK(trail.read_lines(take, replaced));
    if (!replaced) continue;
    auto next = Trail::open(path);
    if (!next) continue;
    trail = *std::move(next);
  }
}

Result<ExitStatus> verify(const Settings& settings, const AuditFilter& filter) {
  const Error refusal(ErrorCode::kUsage, "verify the audit trail");
  if (filter.filters())
    return std::unexpected(
        Error(refusal).reason("it is verified as a whole").hint("leave the other options out"));
  if (!filter.expected.empty() &&
      (filter.expected.size() != record::kDigestSize ||
       filter.expected.find_first_not_of("0123456789abcdef") != std::string::npos))
    return std::unexpected(Error(refusal)
                               .reason("--digest is " + quoted(filter.expected))
                               .hint("a digest is 64 hexadecimal digits, in small letters"));
  return verify_trail(settings, filter.expected);
}

Result<ExitStatus> audit(const Settings& settings, const AuditFilter& filter) {
  if (filter.verify) return verify(settings, filter);
  if (!filter.expected.empty())
    return std::unexpected(Error(ErrorCode::kUsage, "look for a digest")
                               .reason("only --verify does")
                               .hint("say --verify --digest DIGEST"));
  const std::string& path = settings.hook.audit.path;
  PINSCOPE_TRY(std::string since, since_time(filter.since, wall_clock_ns()));
  auto trail = Trail::open(path);
  if (!trail && trail.error().errnum() != 0)
    return std::unexpected(
        std::move(trail).error().hint("nothing was audited yet, or this needs root"));
  if (!trail) return std::unexpected(std::move(trail).error());
  Output output(settings, filter, std::move(since));
  const bool whole = take_rotated(path, output);
  PINSCOPE_CHECK(
      trail->read_lines([&](const std::string& line) { output.take(line); }, !filter.follow));
  if (filter.follow) PINSCOPE_CHECK(follow(*std::move(trail), path, output));
  output.print_lines();
  output.report_damage(path);
  return whole ? kExitOk : kExitFailure;
}

}  // namespace

void add_audit(CLI::App& root, Program& program) {
  auto filter = std::make_shared<AuditFilter>();
  add_command(root, program, "audit", "Show the audit trail",
              [&program, filter] { return audit(program.settings, *filter); })
      .option("--container", filter->container, "ID", "Only this container, by the start of its id")
      .choice("--outcome", filter->outcome,
              {"granted", "refused", "removed", "collected", "changed", "not-changed",
               "policy-accepted", "policy-rejected"},
              "Only this outcome")
      .option("--since", filter->since, "TIME",
              "Only lines newer than this: 90s, 10m, 2h, 1d, 1w, today, yesterday, or a UTC time "
              "such as 2026-01-31T12:00:00Z")
      .number("-n,--last", filter->last, "COUNT", "Only the last COUNT lines")
      .flag("-f,--follow", filter->follow, "Go on and print lines as they are written")
      .flag("--verify", filter->verify,
            "Print no lines: check that none was changed, removed or put in since they were "
            "written, and name those that were")
      .option("--digest", filter->expected, "DIGEST",
              "With --verify: some line must have this digest, as the journal or another machine "
              "knows it")
      .shared_options(program.settings, {"audit"})
      .output_options(program.settings)
      .footer(
          "Rotated files beside the trail are read, too, also those that gzip has compressed.\n"
          "A line with an error has its code and the sentence below it; one about a container with "
          "a "
          "way past its view, which.\n"
          "With --output json, the lines are printed as they are in the file: one object per "
          "line.\n"
          "Exit status: 0 done; 1 the trail, or a rotated file, cannot be read or is not what was "
          "written; 2 usage error.");
}

}  // namespace pinscope::cli
