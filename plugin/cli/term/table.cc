#include "plugin/cli/term/table.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/term/columns.h"

namespace pinscope::cli {
namespace {

constexpr const char* kGap = "  ";

bool is_hex(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
  });
}

}  // namespace

Colour colour_of(model::Finding::Level level) {
  switch (level) {
    case model::Finding::Level::kOk:
      return Colour::kGreen;
    case model::Finding::Level::kWarn:
      return Colour::kYellow;
    case model::Finding::Level::kFail:
      return Colour::kRed;
  }
  return Colour::kPlain;
}

Table::Table(std::vector<std::string> headers) : headers_(std::move(headers)) {
}

void Table::add(std::vector<Cell> cells) {
  for (auto& cell : cells) cell.text = cell.text.empty() ? "-" : one_line(cell.text);
  cells.resize(headers_.size(), Cell("-"));
  rows_.push_back(std::move(cells));
  notes_.emplace_back();
}

void Table::add_note(const std::string& text) {
  constexpr size_t kWidth = 80;
  constexpr size_t kIndent = 4;
  notes_.back() +=
      std::string(kIndent, ' ') + wrapped(one_line(text), kWidth, kIndent, kIndent) + "\n";
}

std::vector<size_t> Table::widths() const {
  std::vector<size_t> widths = widths_;
  widths.resize(headers_.size());
  for (size_t column = 0; column < headers_.size(); ++column) {
    widths[column] = std::max(widths[column], display_width(headers_[column]));
    for (const auto& row : rows_)
      widths[column] = std::max(widths[column], display_width(row[column].text));
  }
  return widths;
}

void Table::append_row(std::string& out, const std::vector<Cell>& cells,
                       const std::vector<size_t>& columns, const Palette& palette) {
  for (size_t column = 0; column < cells.size(); ++column) {
    out += palette.paint(cells[column].colour, cells[column].text);
    if (column + 1 == cells.size()) break;
    out.append(columns[column] - display_width(cells[column].text), ' ');
    out += kGap;
  }
  out += '\n';
}

void Table::append_rows(std::string& out, const std::vector<size_t>& columns,
                        const Palette& palette) const {
  for (size_t row = 0; row < rows_.size(); ++row) {
    append_row(out, rows_[row], columns, palette);
    out += notes_[row];
  }
}

std::string Table::text(const Palette& palette) const {
  std::vector<Cell> titles;
  titles.reserve(headers_.size());
  for (const auto& header : headers_) titles.emplace_back(header, Colour::kBold);
  const auto columns = widths();
  std::string out;
  append_row(out, titles, columns, palette);
  append_rows(out, columns, palette);
  return out;
}

size_t Table::width() const {
  size_t widest_last = headers_.empty() ? 0 : display_width(headers_.back());
  for (const auto& row : rows_) widest_last = std::max(widest_last, display_width(row.back().text));
  size_t width = widest_last;
  const auto columns = widths();
  for (size_t column = 0; column + 1 < columns.size(); ++column)
    width += columns[column] + std::string_view(kGap).size();
  return width;
}

std::string Table::rows(const Palette& palette) const {
  std::string out;
  append_rows(out, widths(), palette);
  return out;
}

std::string age(uint64_t now_ns, uint64_t then_ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 60 * kMinute;
  constexpr uint64_t kDay = 24 * kHour;
  const uint64_t seconds = now_ns > then_ns ? (now_ns - then_ns) / kSecond : 0;
  if (seconds < kMinute) return std::to_string(seconds) + "s";
  if (seconds < kHour) return std::to_string(seconds / kMinute) + "m";
  if (seconds < kDay) return std::to_string(seconds / kHour) + "h";
  return std::to_string(seconds / kDay) + "d";
}

std::string short_id(const std::string& id) {
  constexpr size_t kFullLength = 64;
  constexpr size_t kShownLength = 12;
  return id.size() == kFullLength && is_hex(id) ? id.substr(0, kShownLength) : id;
}

std::string with_short_ids(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : split(text, ' ')) words.push_back(short_id(std::string(word)));
  return joined(words, " ");
}

}  // namespace pinscope::cli
