#include "plugin/json/layout.h"

#include <vector>

namespace pinscope {
namespace {

using Style = JsonLayout::Style;

// The white space in front of the last child of a container that has some.
std::string_view gap_before_last(std::string_view text, const JsonOutline& outline,
                                 const std::vector<size_t>& children, size_t node) {
  const JsonNode& last = outline[children.back()];
  size_t from = outline[node].begin + 1;
  if (children.size() > 1) {
    from = outline[children[children.size() - 2]].end;
    from = text.find(',', from) + 1;
  }
  return text.substr(from, last.start() - from);
}

// The document's layout is that of its outermost container.
JsonLayout layout_of_document(std::string_view text, const JsonOutline& outline) {
  JsonLayout layout;
  layout.unit = "  ";
  const auto children = outline.children(0);
  if (children.empty()) {
    // Nothing to go by, but a file that ends with a newline is one that people read.
    if (text.find('\n') == std::string_view::npos) return layout;
    layout.style = Style::kLines;
    layout.unit = "    ";
    return layout;
  }
  const std::string_view gap = gap_before_last(text, outline, children, 0);
  if (const size_t newline = gap.rfind('\n'); newline != std::string_view::npos) {
    layout.style = Style::kLines;
    if (newline > 0 && gap[newline - 1] == '\r') layout.newline = "\r\n";
    layout.unit = gap.substr(newline + 1);
    return layout;
  }
  const JsonNode& first = outline[children.front()];
  const bool spaced_colon = first.is_member() && first.begin > first.key_end + 1;
  if (spaced_colon || !gap.empty()) layout.style = Style::kSpaced;
  return layout;
}

class Writer {
 public:
  Writer(std::string_view text, const JsonOutline& outline, const JsonLayout& layout)
      : text_(text), outline_(outline), layout_(layout) {}

  std::string write() {
    for (size_t node = 0; node < outline_.size(); ++node) {
      while (!open_.empty() && open_.back().next == node) close();
      begin_item();
      const JsonNode& value = outline_[node];
      if (value.is_member()) {
        out_ += text_.substr(value.key_begin, value.key_end - value.key_begin);
        out_ += layout_.style == Style::kCompact ? ":" : ": ";
      }
      if (value.is_container()) {
        out_ += text_[value.begin];
        open_.push_back({value.next, text_[value.end - 1]});
        if (value.next == node + 1) close();
      } else {
        out_ += text_.substr(value.begin, value.end - value.begin);
      }
    }
    while (!open_.empty()) close();
    return std::move(out_);
  }

 private:
  struct Level {
    size_t next;
    char closing;
    bool empty = true;
  };

  void begin_item() {
    if (open_.empty()) return;
    if (!open_.back().empty) out_ += layout_.style == Style::kSpaced ? ", " : ",";
    open_.back().empty = false;
    break_line();
  }

  void close() {
    const Level level = open_.back();
    open_.pop_back();
    if (!level.empty) break_line();
    out_ += level.closing;
  }

  void break_line() {
    if (layout_.style != Style::kLines) return;
    out_ += layout_.newline + layout_.indent;
    for (size_t depth = 0; depth < open_.size(); ++depth) out_ += layout_.unit;
  }

  std::string_view text_;
  const JsonOutline& outline_;
  const JsonLayout& layout_;
  std::vector<Level> open_;
  std::string out_;
};

}  // namespace

std::string_view indent_at(std::string_view text, size_t offset) {
  const size_t newline = text.rfind('\n', offset);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t end = text.find_first_not_of(" \t", begin);
  return text.substr(begin, (end == std::string_view::npos ? text.size() : end) - begin);
}

JsonLayout layout_inside(std::string_view text, const JsonOutline& outline, size_t node) {
  JsonLayout layout = layout_of_document(text, outline);
  const auto children = outline.children(node);
  if (children.empty()) {
    layout.indent = indent_at(text, outline[node].begin);
    layout.indent += layout.unit;
    return layout;
  }
  const std::string_view gap = gap_before_last(text, outline, children, node);
  if (const size_t newline = gap.rfind('\n'); newline != std::string_view::npos) {
    layout.style = Style::kLines;
    layout.indent = gap.substr(newline + 1);
  } else if (!gap.empty() || (children.size() == 1 && layout.style != Style::kCompact)) {
    layout.style = Style::kSpaced;
  } else {
    layout.style = Style::kCompact;
  }
  return layout;
}

std::string lay_out(std::string_view text, const JsonOutline& outline, const JsonLayout& layout) {
  return Writer(text, outline, layout).write();
}

}  // namespace pinscope
