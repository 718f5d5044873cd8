#include "plugin/engine/wiring/difference.h"

#include <algorithm>
#include <cstddef>
#include <dtl/dtl.hpp>
#include <vector>

#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

constexpr size_t kContext = 3;        // lines around a difference
constexpr size_t kMaxLines = 20'000;  // of both texts; beyond, they are shown as wholly different

using Lines = std::vector<std::string_view>;

struct Row {
  char mark;  // '-', '+', or ' ' for a line of both
  std::string_view line;
};

Lines lines_of(std::string_view text) {
  if (text.empty()) return {};
  auto lines = split(text, '\n');
  if (text.ends_with('\n')) lines.pop_back();
  return lines;
}

// A line of a file, safe on a terminal. Tabs may stay.
std::string shown(std::string_view line) {
  std::string out;
  const auto parts = split(line, '\t');
  for (size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : "\t") + one_line(parts[i]);
  return out;
}

std::vector<Row> rows_of(const Lines& before, const Lines& after) {
  std::vector<Row> rows;
  if (before.size() + after.size() > kMaxLines) {
    for (const auto line : before) rows.push_back({'-', line});
    for (const auto line : after) rows.push_back({'+', line});
    return rows;
  }
  dtl::Diff<std::string_view, Lines> diff(before, after);
  diff.compose();
  for (const auto& [line, where] : diff.getSes().getSequence()) {
    const char mark = where.type == dtl::SES_ADD ? '+' : '-';
    rows.push_back({where.type == dtl::SES_COMMON ? ' ' : mark, line});
  }
  // What went comes before what came in its place.
  const auto is_common = [](const Row& row) { return row.mark == ' '; };
  for (auto begin = rows.begin(); begin != rows.end();) {
    begin = std::find_if_not(begin, rows.end(), is_common);
    const auto end = std::find_if(begin, rows.end(), is_common);
    std::stable_partition(begin, end, [](const Row& row) { return row.mark == '-'; });
    begin = end;
  }
  return rows;
}

}  // namespace

std::string difference(std::string_view before, std::string_view after) {
  const auto rows = rows_of(lines_of(before), lines_of(after));
  std::vector<bool> is_near(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].mark != ' ')
      for (size_t j = i - std::min(i, kContext); j <= i + kContext && j < rows.size(); ++j)
        is_near[j] = true;
  std::string out;
  size_t number = 1;  // of the row's place in `before`
  for (size_t i = 0; i < rows.size(); ++i) {
    if (is_near[i]) {
      if (i == 0 || !is_near[i - 1]) out += "  @@ line " + std::to_string(number) + " @@\n";
      out += std::string("  ") + rows[i].mark + shown(rows[i].line) + "\n";
    }
    if (rows[i].mark != '+') ++number;
  }
  return out;
}

std::string whole(std::string_view text) {
  std::string out;
  for (const auto line : lines_of(text)) out += "  +" + shown(line) + "\n";
  return out;
}

}  // namespace pinscope::engine
