#include "plugin/cli/term/table.h"

#include <algorithm>

#include "plugin/base/text.h"

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
}

std::string Table::text(const Palette& palette) const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < headers_.size(); ++column) {
    size_t width = display_width(headers_[column]);
    for (const auto& row : rows_) width = std::max(width, display_width(row[column].text));
    widths.push_back(width);
  }
  std::string out;
  const auto append = [&](size_t column, const std::string& text, Colour colour) {
    out += palette.paint(colour, text);
    if (column + 1 == headers_.size()) return;
    out.append(widths[column] - display_width(text), ' ');
    out += kGap;
  };
  for (size_t column = 0; column < headers_.size(); ++column)
    append(column, headers_[column], Colour::kBold);
  out += '\n';
  for (const auto& row : rows_) {
    for (size_t column = 0; column < row.size(); ++column)
      append(column, row[column].text, row[column].colour);
    out += '\n';
  }
  return out;
}

size_t display_width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
  }));
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

}  // namespace pinscope::cli
