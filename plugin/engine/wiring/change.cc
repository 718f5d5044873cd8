#include "plugin/engine/wiring/change.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/base/undo.h"

namespace pinscope::engine {
namespace {

constexpr size_t kContext = 3;  // lines around a difference
constexpr size_t kMaxCells = size_t{1} << 22;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;  // clang before 17 needs to be told

std::vector<std::string_view> lines_of(std::string_view text) {
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

using Lines = std::vector<std::string_view>;

// A longest common subsequence of two ranges of lines: for each line of `before` the line of
// `after` that it stayed, or nothing.
std::vector<std::optional<size_t>> kept_lines(const Lines& before, const Lines& after) {
  std::vector<std::optional<size_t>> kept(before.size());
  size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) {
    kept[head] = head;
    ++head;
  }
  size_t old_end = before.size();
  size_t new_end = after.size();
  while (old_end > head && new_end > head && before[old_end - 1] == after[new_end - 1])
    kept[--old_end] = --new_end;
  const size_t rows = old_end - head;
  const size_t columns = new_end - head;
  // Too much for a table: shown as one difference.
  if (rows * columns > kMaxCells) return kept;
  std::vector<uint32_t> length((rows + 1) * (columns + 1));
  const auto at = [&](size_t row, size_t column) -> uint32_t& {
    return length[row * (columns + 1) + column];
  };
  for (size_t row = rows; row-- > 0;)
    for (size_t column = columns; column-- > 0;)
      at(row, column) = before[head + row] == after[head + column]
                            ? at(row + 1, column + 1) + 1
                            : std::max(at(row + 1, column), at(row, column + 1));
  for (size_t row = 0, column = 0; row < rows && column < columns;) {
    if (before[head + row] == after[head + column]) {
      kept[head + row++] = head + column++;
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      ++row;
    } else {
      ++column;
    }
  }
  return kept;
}

// What is different, in the manner of diff -u: for people, not for patch(1).
std::string difference(std::string_view old_text, std::string_view new_text) {
  const auto before = lines_of(old_text);
  const auto after = lines_of(new_text);
  const auto kept = kept_lines(before, after);
  struct Row {
    char mark;
    std::string_view line;
    size_t number;  // in the old text, from 1
  };
  std::vector<Row> rows;
  size_t next = 0;
  for (size_t i = 0; i <= before.size(); ++i) {
    const size_t until = i == before.size() ? after.size() : kept[i].value_or(next);
    while (next < until) rows.push_back({'+', after[next++], i + 1});
    if (i == before.size()) break;
    if (kept[i]) ++next;
    rows.push_back({kept[i] ? ' ' : '-', before[i], i + 1});
  }
  std::vector<bool> shown_rows(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].mark != ' ')
      for (size_t j = i - std::min(i, kContext); j <= i + kContext && j < rows.size(); ++j)
        shown_rows[j] = true;
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!shown_rows[i]) continue;
    if (i == 0 || !shown_rows[i - 1])
      out += "  @@ line " + std::to_string(rows[i].number) + " @@\n";
    out += std::string("  ") + rows[i].mark + shown(rows[i].line) + "\n";
  }
  return out;
}

std::string whole(std::string_view text) {
  std::string out;
  for (const auto line : lines_of(text)) out += "  +" + shown(line) + "\n";
  return out;
}

Status expect_unchanged(const Tree& tree, const std::string& path,
                        const std::optional<File>& before) {
  PINSCOPE_TRY(const auto now, tree.read(path));
  if (now == before) return {};
  return std::unexpected(Error(ErrorCode::kSystem, "change " + quoted(path))
                             .reason("somebody else has changed it just now")
                             .hint("run the command again"));
}

// The undo of an undo stack has nobody to report to.
void put_back(const Tree& tree, const std::string& path, const std::optional<File>& before) {
  static_cast<void>(before ? tree.write(path, *before) : tree.remove_file(path));
}

Status apply_one(const Tree& tree, const Change& change, UndoStack& undo) {
  return std::visit(Overloaded{
                        [&](const CreateDirectory& make) -> Status {
                          PINSCOPE_CHECK(tree.make_directory(make.path));
                          undo.push([&] { static_cast<void>(tree.remove_directory(make.path)); });
                          return {};
                        },
                        [&](const WriteFile& write) -> Status {
                          PINSCOPE_CHECK(expect_unchanged(tree, write.path, write.before));
                          // Pushed first: a write may fail with the file in place already.
                          undo.push([&] {
                            if (const auto now = tree.read(write.path); now && *now != write.before)
                              put_back(tree, write.path, write.before);
                          });
                          return tree.write(write.path, write.file);
                        },
                        [&](const RemoveFile& remove) -> Status {
                          PINSCOPE_CHECK(expect_unchanged(tree, remove.path, remove.before));
                          PINSCOPE_CHECK(tree.remove_file(remove.path));
                          undo.push([&] { put_back(tree, remove.path, remove.before); });
                          return {};
                        },
                        [&](const RemoveDirectory& remove) -> Status {
                          PINSCOPE_CHECK(tree.remove_directory(remove.path));
                          undo.push([&] {
                            if (!tree.exists(remove.path))
                              static_cast<void>(tree.make_directory(remove.path));
                          });
                          return {};
                        },
                    },
                    change);
}

}  // namespace

std::string headline(const Change& change) {
  return std::visit(
      Overloaded{
          [](const CreateDirectory& make) { return "create directory " + one_line(make.path); },
          [](const WriteFile& write) {
            return (write.before ? "change " : "create ") + one_line(write.path);
          },
          [](const RemoveFile& remove) { return "remove " + one_line(remove.path); },
          [](const RemoveDirectory& remove) { return "remove directory " + one_line(remove.path); },
      },
      change);
}

std::string describe(const Changes& changes) {
  std::string out;
  for (const auto& change : changes) {
    out += headline(change) + "\n";
    const auto* write = std::get_if<WriteFile>(&change);
    if (write == nullptr) continue;
    if (!write->copy_of.empty())
      out += "  (a copy of " + one_line(write->copy_of) + " as it is without pinscope)\n";
    else
      out += write->before ? difference(write->before->text, write->file.text)
                           : whole(write->file.text);
  }
  return out;
}

Status make_changes(const Tree& tree, const Changes& changes,
                    const std::function<Status()>& check) {
  UndoStack undo;
  for (const auto& change : changes) PINSCOPE_CHECK(apply_one(tree, change, undo));
  if (check) PINSCOPE_CHECK(check());
  undo.keep();
  return {};
}

}  // namespace pinscope::engine
