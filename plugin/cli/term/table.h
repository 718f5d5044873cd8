// Aligned tables for people. Cells hold untrusted text: control characters are escaped here, so
// that no container name can move the cursor. Programs read --output json instead.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/cli/term/terminal.h"
#include "plugin/model/finding.h"

namespace pinscope::cli {

struct Cell {
  Cell(std::string content, Colour shade = Colour::kPlain)  // NOLINT: a cell is mostly just text
      : text(std::move(content)), colour(shade) {}
  Cell(const char* content) : text(content) {}  // NOLINT: the same
  std::string text;
  Colour colour = Colour::kPlain;
};

// Of what was found at a level, for a cell.
Colour colour_of(model::Finding::Level level);

class Table {
 public:
  explicit Table(std::vector<std::string> headers);
  // Adds a row, which has as many cells as there are headers.
  void add(std::vector<Cell> cells);
  // Puts a sentence below the row that was added last and its notes so far, in lines of at most 80
  // columns.
  void add_note(const std::string& text);
  // The first columns get at least these widths, so that tables below each other look like one.
  void keep_widths(std::vector<size_t> widths) { widths_ = std::move(widths); }
  // One line for the headers and one for each row, columns two blanks apart, nothing behind the
  // last cell.
  [[nodiscard]] std::string text(const Palette& palette) const;
  // How many columns the widest line takes, notes left out.
  [[nodiscard]] size_t width() const;
  // The text without the headers.
  [[nodiscard]] std::string rows(const Palette& palette) const;
  [[nodiscard]] bool empty() const { return rows_.empty(); }

 private:
  [[nodiscard]] std::vector<size_t> widths() const;
  static void append_row(std::string& out, const std::vector<Cell>& cells,
                         const std::vector<size_t>& columns, const Palette& palette);
  void append_rows(std::string& out, const std::vector<size_t>& columns,
                   const Palette& palette) const;

  std::vector<std::string> headers_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::string> notes_;  // of each row; empty if it has none
  std::vector<size_t> widths_;      // the least that are wanted
};

// "12s", "3m", "5h", "2d": how long ago, to one unit. A time in the future is "0s".
std::string age(uint64_t now_ns, uint64_t then_ns);

// Container ids of engines are 64 hexadecimal digits; people use the first twelve.
std::string short_id(const std::string& id);
// The same for each id that is a word of a text.
std::string with_short_ids(std::string_view text);

}  // namespace pinscope::cli
