#include "plugin/policy/language/fields.h"

#include <algorithm>
#include <map>

#include "plugin/base/text.h"
#include "plugin/policy/language/key_hints.h"
#include "plugin/policy/language/plain.h"

namespace pinscope::policy {
namespace {

constexpr size_t kLongestShown = 80;

const char* kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "empty";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMapping:
      return "a mapping";
    case Node::Kind::kRefused:
      return "an alias";
  }
  return "";
}

// "owner.uid" must be a number, and is a list. `what` is how the value is called.
void report_kind(Reporter& reporter, const Field& field, const std::string& what,
                 const char* wanted) {
  if (field.value->kind == Node::Kind::kRefused) return;
  if (field.value->kind == Node::Kind::kNull)
    reporter.error(field.at(), what + " is empty", std::string("it must be ") + wanted);
  else
    reporter.error(field.at(),
                   what + " must be " + wanted + ", and is " + kind_name(field.value->kind));
}

void report_duplicate(Reporter& reporter, const Node& key, std::string_view what, Position first) {
  reporter.error(key.at, "the key " + shown(key.text) + " appears twice in " + std::string(what),
                 "it is at line " + std::to_string(first.line) + ", too");
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

std::string hint_for_unknown_key(std::string_view what, std::string_view key,
                                 std::initializer_list<std::string_view> keys) {
  if (key == "<<") return "merge keys are not supported: write the values out";
  if (auto hint = hint_for_misplaced_key(what, key); !hint.empty()) return hint;
  const std::string_view near = nearest(key, keys);
  return near.empty() ? "known keys: " + joined(keys) : "did you mean " + quoted(near) + "?";
}

// Whether a key is text at all.
bool check_key(Reporter& reporter, const Node& key, std::string_view what) {
  if (key.kind == Node::Kind::kScalar) return true;
  if (key.kind != Node::Kind::kRefused)
    reporter.error(
        key.at, "a key in " + std::string(what) + " must be text, and is " + kind_name(key.kind));
  return false;
}

bool check_word(Reporter& reporter, const Node& node, const std::string& what) {
  if (node.text.empty()) {
    reporter.error(node.at, what + " is empty text");
    return false;
  }
  const bool has_control = std::ranges::any_of(
      node.text, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; });
  if (has_control) {
    reporter.error(node.at, what + " holds a control character");
    return false;
  }
  return true;
}

// Whether a scalar is text that every YAML reader takes for text.
bool check_text(Reporter& reporter, const Node& node, const std::string& what) {
  if (!check_word(reporter, node, what)) return false;
  if (!node.quoted && reads_as_other_than_text(node.text)) {
    reporter.error(
        node.at,
        what + " must be text, and YAML readers take " + shown(node.text) + " for something else",
        "put it in quotes");
    return false;
  }
  return true;
}

}  // namespace

Mapping::Mapping(Reporter& reporter, const Field& field, std::string what, std::string prefix,
                 std::initializer_list<std::string_view> keys)
    : reporter_(reporter), what_(std::move(what)), prefix_(std::move(prefix)), at_(field.at()) {
  const Node& node = *field.value;
  if (node.kind != Node::Kind::kMapping) {
    report_kind(reporter_, field, what_, "a mapping");
    return;
  }
  valid_ = true;
  for (size_t i = 0; i + 1 < node.children.size() && !reporter_.full(); i += 2) {
    const Node& key = node.children[i];
    if (!check_key(reporter_, key, what_)) continue;
    const auto* known = std::ranges::find(keys, std::string_view(key.text));
    if (known == keys.end()) {
      reporter_.error(key.at, "unknown key " + shown(key.text) + " in " + what_,
                      hint_for_unknown_key(what_, key.text, keys));
      continue;
    }
    const auto first = std::ranges::find(fields_, *known, &decltype(fields_)::value_type::first);
    if (first != fields_.end()) {
      report_duplicate(reporter_, key, what_, first->second.key_at);
      continue;
    }
    fields_.emplace_back(*known, Field{prefix_ + key.text, key.at, &node.children[i + 1]});
  }
}

std::optional<Field> Mapping::find(std::string_view key) const {
  for (const auto& [name, field] : fields_)
    if (name == key) return field;
  return std::nullopt;
}

std::optional<Field> Mapping::require(std::string_view key) {
  auto field = find(key);
  if (!field && valid_) reporter_.error(at_, what_ + " has no " + quoted(key));
  return field;
}

std::vector<std::pair<std::string, Field>> read_free_mapping(Reporter& reporter,
                                                             const Field& field) {
  std::vector<std::pair<std::string, Field>> entries;
  const Node& node = *field.value;
  if (node.kind != Node::Kind::kMapping || node.children.empty()) {
    if (node.kind == Node::Kind::kMapping)
      reporter.error(field.at(), quoted(field.name) + " is empty",
                     "leave the key out to match every container");
    else
      report_kind(reporter, field, quoted(field.name), "a mapping");
    return entries;
  }
  std::map<std::string_view, Position> seen;
  for (size_t i = 0; i + 1 < node.children.size() && !reporter.full(); i += 2) {
    const Node& key = node.children[i];
    if (!check_key(reporter, key, quoted(field.name))) continue;
    if (!check_text(reporter, key, "a key of " + quoted(field.name))) continue;
    const auto [first, is_new] = seen.emplace(key.text, key.at);
    if (!is_new)
      report_duplicate(reporter, key, quoted(field.name), first->second);
    else
      entries.emplace_back(key.text,
                           Field{field.name + "." + key.text, key.at, &node.children[i + 1]});
  }
  return entries;
}

std::optional<std::string> read_text(Reporter& reporter, const Field& field) {
  const Node& node = *field.value;
  if (node.kind != Node::Kind::kScalar) {
    report_kind(reporter, field, quoted(field.name), "text");
    return std::nullopt;
  }
  if (!check_text(reporter, node, quoted(field.name))) return std::nullopt;
  return node.text;
}

std::optional<std::string> read_word_text(Reporter& reporter, const Field& field) {
  const Node& node = *field.value;
  if (node.kind != Node::Kind::kScalar) {
    report_kind(reporter, field, quoted(field.name), "text");
    return std::nullopt;
  }
  if (!check_word(reporter, node, quoted(field.name))) return std::nullopt;
  return node.text;
}

std::optional<uint32_t> read_number(Reporter& reporter, const Field& field, uint32_t most) {
  const Node& node = *field.value;
  if (node.kind != Node::Kind::kScalar) {
    report_kind(reporter, field, quoted(field.name), "a number");
    return std::nullopt;
  }
  const std::string range = "a number from 0 to " + std::to_string(most);
  if (node.quoted) {
    reporter.error(field.at(), quoted(field.name) + " must be " + range + ", and is text",
                   "remove the quotes");
    return std::nullopt;
  }
  const auto number = parse_unsigned(node.text);
  if (!number || *number > most) {
    reporter.error(field.at(),
                   quoted(field.name) + " is " + shown(node.text) + ", and must be " + range);
    return std::nullopt;
  }
  if (node.text.size() > 1 && node.text[0] == '0') {
    reporter.error(field.at(),
                   quoted(field.name) + " is " + shown(node.text) +
                       ": YAML readers disagree on whether a number with a leading 0 is octal",
                   "write it without the 0");
    return std::nullopt;
  }
  return static_cast<uint32_t>(*number);
}

std::optional<bool> read_flag(Reporter& reporter, const Field& field) {
  const Node& node = *field.value;
  constexpr const char* kWanted = "true or false";
  if (node.kind != Node::Kind::kScalar) {
    report_kind(reporter, field, quoted(field.name), kWanted);
    return std::nullopt;
  }
  if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
  reporter.error(field.at(),
                 quoted(field.name) + " is " + shown(node.text) + ", and must be " + kWanted,
                 node.quoted ? "remove the quotes" : "");
  return std::nullopt;
}

void report_unknown_word(Reporter& reporter, const Field& field, const std::string& word,
                         std::span<const std::string_view> words) {
  const std::string_view near = our_word_for(word, words);
  reporter.error(field.at(),
                 quoted(field.name) + " is " + shown(word) + ", and must be " + alternatives(words),
                 near.empty() ? "" : "did you mean " + quoted(near) + "?");
}

std::vector<Field> read_list(Reporter& reporter, const Field& field) {
  std::vector<Field> entries;
  if (field.value->kind != Node::Kind::kSequence) {
    report_kind(reporter, field, quoted(field.name), "a list");
    return entries;
  }
  entries.reserve(field.value->children.size());
  for (const Node& child : field.value->children)
    entries.push_back({field.name, field.key_at, &child});
  return entries;
}

std::vector<Field> read_one_or_more(Reporter& reporter, const Field& field) {
  switch (field.value->kind) {
    case Node::Kind::kScalar:
      return {field};
    case Node::Kind::kSequence:
      if (!field.value->children.empty()) return read_list(reporter, field);
      reporter.error(field.at(), quoted(field.name) + " is an empty list",
                     "leave the key out to match every container");
      return {};
    case Node::Kind::kNull:
    case Node::Kind::kMapping:
    case Node::Kind::kRefused:
      report_kind(reporter, field, quoted(field.name), "one value or a list of values");
      return {};
  }
  return {};
}

std::string shown(std::string_view text) {
  if (text.size() <= kLongestShown) return quoted(text);
  size_t end = kLongestShown;
  while ((static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return quoted(text.substr(0, end)) + "...";
}

std::string alternatives(std::span<const std::string_view> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace pinscope::policy
