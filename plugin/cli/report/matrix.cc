#include "plugin/cli/report/matrix.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/term/table.h"

namespace pinscope::cli {
namespace {

using inventory::Accessor;
using inventory::Answer;
using inventory::Way;

// Ways that lead to every object, so that a column of them says more than one for each object.
bool is_general(const Way& way) {
  return way.kind == Way::Kind::kById || way.kind == Way::Kind::kKernelMemory ||
         way.kind == Way::Kind::kBypass;
}

bool has_way_of_its_own(const Accessor& accessor) {
  return accessor.kind == Accessor::Kind::kContainer &&
         !std::ranges::all_of(accessor.ways, is_general);
}

Answer greater(Answer one, Answer other) {
  return std::max(one, other);
}

// Which process has a descriptor is not told here: replicas differ in nothing else.
std::string text_of(const Way& way) {
  if (way.rule) return model::to_string(*way.rule);
  return way.kind == Way::Kind::kDescriptor ? "a process of it has it open" : way.text;
}

void add(Matrix::Cell& cell, const Way& way) {
  cell.reads = greater(cell.reads, way.reads);
  cell.writes = greater(cell.writes, way.writes);
  Matrix::Way shown{text_of(way), way.reads, way.writes, way.kind == Way::Kind::kGrant};
  const auto same = std::ranges::find_if(cell.ways, [&](const Matrix::Way& other) {
    return other.text == shown.text && other.is_grant == shown.is_grant;
  });
  if (same == cell.ways.end()) return cell.ways.push_back(std::move(shown));
  same->reads = greater(same->reads, shown.reads);
  same->writes = greater(same->writes, shown.writes);
}

// What one container has.
struct Line {
  std::string title;
  std::map<size_t, Matrix::Cell> cells;
};

void mark_stale(const inventory::Machine& machine, size_t object, const std::string& container,
                Matrix::Cell& cell) {
  if (container.empty()) return;
  cell.is_stale = std::ranges::any_of(machine.objects[object].pins, [&](size_t at) {
    const auto& grant = machine.pins[at].grant;
    return grant && grant->is_stale && grant->container == container;
  });
}

}  // namespace

bool Matrix::Cell::is_ungranted() const {
  Answer may_read = Answer::kNo;
  Answer may_write = Answer::kNo;
  for (const auto& way : ways)
    if (way.is_grant) {
      may_read = greater(may_read, way.reads);
      may_write = greater(may_write, way.writes);
    }
  return (reads != Answer::kNo && may_read == Answer::kNo) ||
         (writes != Answer::kNo && may_write == Answer::kNo);
}

std::string Matrix::Cell::letters() const {
  std::string letters;
  if (is_use) {
    letters = "u";
  } else {
    if (reads != Answer::kNo) letters += 'r';
    if (writes != Answer::kNo) letters += 'w';
  }
  if (reads == Answer::kMay || writes == Answer::kMay) letters += '?';
  if (is_ungranted()) letters += '!';
  return letters;
}

size_t Matrix::first_column() const {
  const bool is_used =
      std::ranges::any_of(rows, [](const Row& row) { return row.cells.contains(0); });
  return is_used ? 0 : 1;
}

std::string classes_of(const Matrix::Cell& cell) {
  std::string classes = cell.writes != Answer::kNo ? "write" : "read";
  if (cell.is_ungranted()) classes += " ungranted";
  if (cell.is_stale) classes += " stale";
  return classes;
}

std::string access_of(const Matrix::Cell& cell) {
  const auto answer = [](Answer given) { return given == Answer::kMay ? "may " : ""; };
  if (cell.is_use) return std::string(answer(cell.writes)) + "use";
  std::vector<std::string> words;
  if (cell.reads != Answer::kNo) words.push_back(std::string(answer(cell.reads)) + "read");
  if (cell.writes != Answer::kNo) words.push_back(std::string(answer(cell.writes)) + "write");
  return joined(words, ", ");
}

std::string title_of(const Matrix::Row& row) {
  std::string title = with_short_ids(row.members.front());
  if (row.members.size() > 1) title += " and " + std::to_string(row.members.size() - 1) + " more";
  return title;
}

Matrix matrix_of(const inventory::Machine& machine, const LimitsOfMap& limits_of,
                 const inventory::AccessJudge& judge, size_t max_cells) {
  Matrix matrix;
  matrix.columns.emplace_back("every object");
  std::map<uint64_t, Line> lines;  // by the number of the mount namespace
  for (size_t object = 0; object < machine.objects.size(); ++object) {
    const auto& info = machine.objects[object].info;
    bool has_column = false;
    // Most objects are no container's, and to ask for limits takes calls for each; what is said of
    // every object is said of one without.
    auto access = judge.of(object, {model::Probe::kNo, model::Probe::kNo});
    if (std::ranges::any_of(access.who, has_way_of_its_own))
      access = judge.of(object, limits_of(info));
    for (const auto& accessor : access.who) {
      if (accessor.kind != Accessor::Kind::kContainer) continue;
      Line& line = lines[accessor.space.number];
      line.title = inventory::text_of(accessor.space);
      Matrix::Cell cell;
      cell.is_use = info.kind == model::ObjectKind::kProgram;
      for (const auto& way : accessor.ways) add(is_general(way) ? line.cells[0] : cell, way);
      if (cell.ways.empty()) continue;
      if (!has_column) matrix.columns.push_back(inventory::text_of(info));
      has_column = true;
      mark_stale(machine, object, accessor.space.container, cell);
      line.cells.emplace(matrix.columns.size() - 1, std::move(cell));
    }
  }
  for (auto& [number, line] : lines) {
    const auto same = std::ranges::find(matrix.rows, line.cells, &Matrix::Row::cells);
    if (same != matrix.rows.end()) {
      same->members.push_back(std::move(line.title));
    } else if ((matrix.rows.size() + 1) * matrix.columns.size() > max_cells) {
      ++matrix.left_out;
    } else {
      matrix.rows.push_back({{std::move(line.title)}, std::move(line.cells)});
    }
  }
  // The numbers of namespaces are used again: by them, each report would have its own order.
  for (auto& row : matrix.rows) std::ranges::sort(row.members);
  std::ranges::stable_sort(matrix.rows, {}, &Matrix::Row::members);
  return matrix;
}

}  // namespace pinscope::cli
