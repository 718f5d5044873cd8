#include "plugin/json/edit.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/json/layout.h"

namespace pinscope {
namespace {

using Kind = JsonNode::Kind;

std::string quoted_key(const std::string& key) {
  JsonWriter writer;
  writer.value(key);
  return writer.take();
}

// As Go's encoding/json compares names (encoding/json/fold.go): ASCII letters in either case, and
// the two letters beyond ASCII that fold to one of them.
std::string folded(std::string_view key) {
  constexpr std::string_view kLongS = "\u017f";
  constexpr std::string_view kKelvin = "\u212a";
  std::string out;
  for (size_t i = 0; i < key.size(); ++i) {
    const std::string_view rest = key.substr(i);
    if (rest.starts_with(kLongS)) {
      out += 's';
      i += kLongS.size() - 1;
    } else if (rest.starts_with(kKelvin)) {
      out += 'k';
      i += kKelvin.size() - 1;
    } else {
      const char letter = key[i];
      out += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
  }
  return out;
}

Result<JsonOutline> outline_of_value(std::string_view value) {
  return JsonOutline::of(value, "new value", ErrorCode::kInternal);
}

}  // namespace

Result<JsonText> JsonText::parse(std::string text, std::string name, ErrorCode code) {
  PINSCOPE_TRY(auto outline, JsonOutline::of(text, name, code));
  return JsonText(std::move(text), std::move(name), code, std::move(outline));
}

Error JsonText::make_error(const JsonPath& path, size_t steps, std::string reason) const {
  std::string place;
  for (size_t i = 0; i < steps; ++i)
    place += "/" + (path[i].key() ? *path[i].key() : std::to_string(path[i].index()));
  return Error(code_, "edit " + quoted(name_))
      .reason((place.empty() ? "/" : place) + ": " + std::move(reason));
}

Result<std::optional<size_t>> JsonText::member(size_t object, const std::string& key,
                                               const JsonPath& path, size_t steps) const {
  std::optional<size_t> found;
  const std::string wanted = folded(key);
  for (size_t child = object + 1; child < outline_[object].next; child = outline_[child].next) {
    const std::string_view name = outline_.key(child, text_);
    if (name != key) {
      if (folded(name) == wanted)
        return std::unexpected(make_error(path, steps,
                                          "the key " + quoted(name) + " may be taken for " +
                                              quoted(key) + " by programs that ignore case"));
      continue;
    }
    if (found)
      return std::unexpected(make_error(path, steps, "the key " + quoted(key) + " appears twice"));
    found = child;
  }
  return found;
}

Result<JsonText::Found> JsonText::walk(const JsonPath& path) const {
  Found at;
  for (; at.steps < path.size(); ++at.steps) {
    const JsonStep& step = path[at.steps];
    const Kind kind = outline_[at.node].kind;
    if (kind == Kind::kNull) return at;
    if (step.key()) {
      if (kind != Kind::kObject)
        return std::unexpected(make_error(path, at.steps, "expected an object"));
      PINSCOPE_TRY(const auto child, member(at.node, *step.key(), path, at.steps));
      if (!child) return at;
      at.node = *child;
    } else {
      if (kind != Kind::kArray)
        return std::unexpected(make_error(path, at.steps, "expected an array"));
      const auto children = outline_.children(at.node);
      if (step.index() >= children.size()) return at;
      at.node = children[step.index()];
    }
  }
  return at;
}

Result<std::optional<std::string_view>> JsonText::find(const JsonPath& path) const {
  PINSCOPE_TRY(const Found at, walk(path));
  const JsonNode& node = outline_[at.node];
  if (at.steps < path.size() || node.kind == Kind::kNull) return std::nullopt;
  return std::string_view(text_).substr(node.begin, node.end - node.begin);
}

Status JsonText::set(const JsonPath& path, std::string_view value) {
  PINSCOPE_TRY(const Found at, walk(path));
  if (at.steps == path.size()) return replace(at.node, value);
  std::string missing(value);
  for (size_t i = path.size(); i-- > at.steps;) {
    if (!path[i].key())
      return std::unexpected(
          make_error(path, i, "there is no element " + std::to_string(path[i].index())));
    // The first one goes into the object that is there.
    if (i == at.steps && outline_[at.node].kind != Kind::kNull)
      return insert(at.node, path[i].key(), {missing});
    missing = "{" + quoted_key(*path[i].key()) + ":" + missing + "}";
  }
  return replace(at.node, missing);
}

Status JsonText::append(const JsonPath& path, std::string_view value) {
  return append_all(path, {std::string(value)});
}

Status JsonText::append_all(const JsonPath& path, const std::vector<std::string>& values) {
  PINSCOPE_TRY(const Found at, walk(path));
  const Kind kind = outline_[at.node].kind;
  if (at.steps < path.size() || kind == Kind::kNull) {
    std::string array;
    for (const auto& value : values) array += (array.empty() ? "[" : ",") + value;
    return set(path, array.empty() ? "[]" : array + "]");
  }
  if (kind != Kind::kArray)
    return std::unexpected(make_error(path, path.size(), "expected an array"));
  if (values.empty()) return {};
  return insert(at.node, std::nullopt, values);
}

Result<bool> JsonText::remove(const JsonPath& path) {
  if (path.empty()) return std::unexpected(make_error(path, 0, "the whole cannot be taken out"));
  PINSCOPE_TRY(const Found container, walk({path.begin(), path.end() - 1}));
  if (container.steps + 1 < path.size()) return false;
  PINSCOPE_TRY(const Found at, walk(path));
  if (at.steps < path.size()) return false;

  const auto siblings = outline_.children(container.node);
  const auto self = std::find(siblings.begin(), siblings.end(), at.node);
  size_t begin = outline_[container.node].begin + 1;
  size_t end = outline_[container.node].end - 1;
  if (self != siblings.begin()) {
    begin = outline_[*(self - 1)].end;
    end = outline_[at.node].end;
  } else if (siblings.size() > 1) {
    begin = outline_[at.node].start();
    end = outline_[siblings[1]].start();
  }
  PINSCOPE_CHECK(splice(begin, end, ""));
  return true;
}

Status JsonText::replace(size_t node, std::string_view value) {
  PINSCOPE_TRY(const auto outline, outline_of_value(value));
  const JsonNode& old = outline_[node];
  const std::string_view old_text = std::string_view(text_).substr(old.begin, old.end - old.begin);
  PINSCOPE_TRY(const auto old_outline, outline_of_value(old_text));
  if (lay_out(old_text, old_outline, {}) == lay_out(value, outline, {})) return {};

  size_t parent = 0;  // the innermost container around it
  for (size_t i = 0; i < node; ++i)
    if (outline_[i].next > node) parent = i;
  JsonLayout layout = layout_inside(text_, outline_, parent);
  layout.indent = indent_at(text_, old.begin);
  return splice(old.begin, old.end, lay_out(value, outline, layout));
}

Status JsonText::insert(size_t container, const std::optional<std::string>& key,
                        const std::vector<std::string>& values) {
  const JsonLayout layout = layout_inside(text_, outline_, container);
  const bool lines = layout.style == JsonLayout::Style::kLines;
  const auto children = outline_.children(container);

  std::string added;
  bool is_first = children.empty();
  for (const auto& value : values) {
    PINSCOPE_TRY(const auto outline, outline_of_value(value));
    if (!is_first) added += layout.style == JsonLayout::Style::kSpaced ? ", " : ",";
    is_first = false;
    if (lines) added += layout.newline + layout.indent;
    if (key) added += quoted_key(*key) + (layout.style == JsonLayout::Style::kCompact ? ":" : ": ");
    added += lay_out(value, outline, layout);
  }
  if (!children.empty()) {
    const size_t end = outline_[children.back()].end;
    return splice(end, end, added);
  }
  const JsonNode& empty = outline_[container];
  if (lines) {
    added += layout.newline;
    added += indent_at(text_, empty.begin);
  }
  return splice(empty.begin + 1, empty.end - 1, added);
}

Status JsonText::splice(size_t begin, size_t end, std::string_view with) {
  std::string edited;
  edited.reserve(text_.size() + with.size());
  edited.append(text_, 0, begin).append(with).append(text_, end);
  PINSCOPE_TRY(outline_, JsonOutline::of(edited, name_, ErrorCode::kInternal));
  text_ = std::move(edited);
  return {};
}

}  // namespace pinscope
