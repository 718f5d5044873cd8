#include "plugin/cli/report/drawing.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"
#include "plugin/cli/report/markup.h"

namespace pinscope::cli {
namespace {

// In pixels.
constexpr size_t kCell = 26;
constexpr size_t kMargin = 16;
constexpr size_t kLetter = 8;  // about the width of one, in the font below
constexpr size_t kTitle = 48;
constexpr size_t kMaxLabel = 40;  // letters; the whole name is in the tooltip

constexpr const char* kStyle =
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1b2229}"
    ".title{font-size:17px;font-weight:600}.soft{fill:#5b6672}"
    ".back{fill:#fff}.line{stroke:#d6dce3}"
    ".letters{font:600 12px ui-monospace,'DejaVu Sans Mono',monospace;text-anchor:middle}"
    ".read{fill:#cfe3f7}.write{fill:#f8dfb4}.ungranted{fill:#f6c4c0}"
    ".stale{stroke:#1b2229;stroke-dasharray:2 2}";

std::string label_of(const std::string& name) {
  std::string label = one_line(name);
  size_t end = 0;
  size_t letters = 0;
  for (; end < label.size() && letters < kMaxLabel; ++letters)
    end += std::max<size_t>(1, utf8_length(std::string_view(label).substr(end)));
  if (end < label.size()) label = label.substr(0, end) + "…";
  return label;
}

size_t width_of(const std::string& label) {
  return label.size() * kLetter;
}

class Drawing {
 public:
  explicit Drawing(const Report& report) : report_(report), matrix_(report.matrix) {
    for (const auto& row : matrix_.rows) left_ = std::max(left_, width_of(label_of(title_of(row))));
    for (const auto& column : matrix_.columns) top_ = std::max(top_, width_of(label_of(column)));
    left_ += 2 * kMargin;
    top_ += kTitle + kMargin;
  }

  std::string draw() {
    const size_t columns = matrix_.columns.size() - first();
    // Beside the last column there is room for its name, which leans to the right.
    const size_t width = std::max<size_t>(left_ + columns * kCell + top_ * 3 / 4, 560);
    const size_t height = top_ + matrix_.rows.size() * kCell + 2 * kMargin;
    root_.set("xmlns", "http://www.w3.org/2000/svg")
        .set("width", width)
        .set("height", height)
        .set("viewBox", "0 0 " + std::to_string(width) + " " + std::to_string(height))
        .set("role", "img");
    root_.add("title", "BPF objects of " + report_.node);
    root_.add("style").text(kStyle);
    root_.add("rect").set("class", "back").set("width", width).set("height", height);
    put(kMargin, 28, "BPF objects of " + report_.node).set("class", "title");
    put(kMargin, 46, report_.time + ", Linux " + report_.kernel).set("class", "soft");
    for (size_t column = 0; column < columns; ++column) head(column);
    for (size_t row = 0; row < matrix_.rows.size(); ++row) line(row);
    if (matrix_.rows.empty()) put(kMargin, top_ + kCell, "No container reaches an object.");
    if (matrix_.left_out > 0)
      put(kMargin, height - kMargin / 2,
          std::to_string(matrix_.left_out) + " more containers are left out")
          .set("class", "soft");
    return markup_of(document_);
  }

 private:
  [[nodiscard]] size_t first() const { return matrix_.first_column(); }

  Element put(size_t x, size_t y, const std::string& text) {
    return root_.add("text").set("x", x).set("y", y).text(text);
  }

  void head(size_t column) {
    const size_t x = left_ + column * kCell + kCell / 2;
    const auto& name = matrix_.columns[column + first()];
    Element text =
        root_.add("text").set("transform", "translate(" + std::to_string(x) + " " +
                                               std::to_string(top_ - 6) + ") rotate(-55)");
    text.add("title", name);
    text.text(label_of(name));
  }

  void line(size_t at) {
    const auto& row = matrix_.rows[at];
    const size_t y = top_ + at * kCell;
    Element label = put(kMargin, y + kCell * 2 / 3, label_of(title_of(row)));
    label.add("title", joined(row.members, ", "));
    root_.add("path")
        .set("class", "line")
        .set("d", "M" + std::to_string(kMargin) + " " + std::to_string(y) + "H" +
                      std::to_string(left_ + (matrix_.columns.size() - first()) * kCell));
    for (const auto& [column, cell] : row.cells) {
      const size_t x = left_ + (column - first()) * kCell;
      Element square = root_.add("rect")
                           .set("class", classes_of(cell))
                           .set("x", x + 1)
                           .set("y", y + 1)
                           .set("width", kCell - 2)
                           .set("height", kCell - 2)
                           .set("rx", 3);
      square.add("title", title_of(row) + ", " + matrix_.columns[column] + ": " + access_of(cell));
      put(x + kCell / 2, y + kCell * 2 / 3, cell.letters()).set("class", "letters");
    }
  }

  const Report& report_;
  const Matrix& matrix_;
  size_t left_ = 0;
  size_t top_ = 0;
  pugi::xml_document document_;
  Element root_{document_.append_child("svg")};
};

}  // namespace

std::string drawing_of(const Report& report) {
  return Drawing(report).draw();
}

}  // namespace pinscope::cli
