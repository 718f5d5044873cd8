// The containers of a machine against its objects: who reaches what, and by which rule or without
// one. What the page and the drawing of a report show. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugin/inventory/access/access.h"
#include "plugin/inventory/machine/machine.h"

namespace pinscope::cli {

struct Matrix {
  struct Way {
    std::string text;  // a rule with its place, or what else leads there
    inventory::Answer reads = inventory::Answer::kNo;
    inventory::Answer writes = inventory::Answer::kNo;
    bool is_grant = false;
    friend bool operator==(const Way&, const Way&) = default;
  };
  struct Cell {
    inventory::Answer reads = inventory::Answer::kNo;
    inventory::Answer writes = inventory::Answer::kNo;
    bool is_use = false;    // of a program: it is run and attached
    bool is_stale = false;  // its source names another object by now
    std::vector<Way> ways;
    // Some access is there that no grant gives. A descriptor of what is granted is no such thing.
    [[nodiscard]] bool is_ungranted() const;
    // "rw", "r", "w", "u", behind it "?" for what is not certain and "!" for what no rule grants.
    [[nodiscard]] std::string letters() const;
    friend bool operator==(const Cell&, const Cell&) = default;
  };
  // Containers that reach the same in the same way are one row.
  struct Row {
    std::vector<std::string> members;  // with whole ids
    std::map<size_t, Cell> cells;      // by column; not there: no access
  };
  std::vector<Row> rows;
  // What some container reaches: "every object" first, for ways that lead to all there are, then
  // those to which a way of their own leads: "map 12 (flows)".
  std::vector<std::string> columns;
  size_t left_out = 0;  // containers beyond what a page can hold

  // The first that is shown: that of every object, if somebody reaches every object.
  [[nodiscard]] size_t first_column() const;
};

// "container 3f2a1b0c9d8e and 11 more": ids as the tables shorten them.
std::string title_of(const Matrix::Row& row);
// "may read, write".
std::string access_of(const Matrix::Cell& cell);
// The classes of the page's style: "write ungranted".
std::string classes_of(const Matrix::Cell& cell);

// What the object's own flags close.
using LimitsOfMap = std::function<kernel::MapLimits(const model::ObjectInfo&)>;

// As many cells as a browser shows without delay.
inline constexpr size_t kMaxCells = 250'000;

Matrix matrix_of(const inventory::Machine& machine, const LimitsOfMap& limits_of,
                 const inventory::AccessJudge& judge, size_t max_cells = kMaxCells);

}  // namespace pinscope::cli
