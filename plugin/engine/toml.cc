#include "plugin/engine/toml.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"

namespace pinscope::engine {

struct Toml::State {
  std::string text;
  toml::table root;
  std::vector<size_t> lines;  // offset of each line's first byte
};

namespace {

const toml::node* node_at(const toml::table& root, const TomlPath& path) {
  const toml::node* node = &root;
  for (const auto name : path) {
    const auto* table = node->as_table();
    if (table == nullptr) return nullptr;
    node = table->get(name);
    if (node == nullptr) return nullptr;
  }
  return node;
}

void erase(toml::table& root, const TomlPath& path) {
  toml::table* table = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    toml::node* next = table->get(path[i]);
    table = next == nullptr ? nullptr : next->as_table();
    if (table == nullptr) return;
  }
  table->erase(path.back());
}

// Takes out empty tables, which say nothing.
void prune(toml::table& table) {
  for (auto entry = table.begin(); entry != table.end();) {
    auto* inner = entry->second.as_table();
    if (inner != nullptr) prune(*inner);
    if (inner != nullptr && inner->empty())
      entry = table.erase(entry);
    else
      ++entry;
  }
}

std::string formatted(const toml::table& table) {
  std::ostringstream out;
  out << toml::json_formatter(table);
  return std::move(out).str();
}

}  // namespace

Toml::Toml(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Toml::Toml(Toml&&) noexcept = default;
Toml& Toml::operator=(Toml&&) noexcept = default;
Toml::~Toml() = default;

Result<Toml> Toml::parse(std::string_view text, const std::string& name) {
  auto state = std::make_unique<State>();
  state->text = text;
  toml::parse_result result = toml::parse(state->text, name);
  if (!result) {
    const auto& begin = result.error().source().begin;
    return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(name))
                               .reason("line " + std::to_string(begin.line) + ", column " +
                                       std::to_string(begin.column) + ": " +
                                       one_line(std::string(result.error().description()))));
  }
  state->root = std::move(result).table();
  state->lines.push_back(0);
  for (size_t i = 0; i < state->text.size(); ++i)
    if (state->text[i] == '\n') state->lines.push_back(i + 1);
  return Toml(std::move(state));
}

bool Toml::has(const TomlPath& path) const {
  return node_at(state_->root, path) != nullptr;
}

std::optional<std::string> Toml::text(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  return node == nullptr ? std::nullopt : node->value_exact<std::string>();
}

std::optional<int64_t> Toml::number(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  return node == nullptr ? std::nullopt : node->value_exact<int64_t>();
}

std::optional<bool> Toml::flag(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  return node == nullptr ? std::nullopt : node->value_exact<bool>();
}

std::optional<Toml::Texts> Toml::texts(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  const auto* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) return std::nullopt;
  Texts texts;
  for (const auto& element : *array) {
    if (const auto text = element.value_exact<std::string>()) {
      texts.items.push_back(*text);
    } else if (const auto* table = element.as_table()) {
      if (const auto* append = table->get("append")) texts.append = append->value_exact<bool>();
    }
  }
  return texts;
}

std::vector<std::string> Toml::names(const TomlPath& path) const {
  std::vector<std::string> names;
  const auto* node = node_at(state_->root, path);
  const auto* table = node == nullptr ? nullptr : node->as_table();
  if (table == nullptr) return names;
  for (const auto& [key, value] : *table) names.emplace_back(key.str());
  std::sort(names.begin(), names.end());
  return names;
}

std::string Toml::written(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  if (node == nullptr || node->is_table()) return "";
  std::ostringstream out;
  node->visit([&](const auto& value) {
    constexpr auto kFlags =
        toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings;
    if constexpr (toml::is_array<decltype(value)> || toml::is_value<decltype(value)>)
      out << toml::toml_formatter(value, kFlags);
  });
  return std::string(path.back()) + " = " + std::move(out).str();
}

std::optional<Toml::Region> Toml::region(const TomlPath& path) const {
  const auto* node = node_at(state_->root, path);
  if (node == nullptr) return std::nullopt;
  // The library counts code points in a line; edits are of bytes.
  const auto offset_of = [&](const toml::source_position& position) {
    if (position.line == 0 || position.line > state_->lines.size()) return state_->text.size();
    size_t offset = state_->lines[position.line - 1];
    for (size_t column = 1; column < position.column && offset < state_->text.size(); ++column) {
      const size_t length = utf8_length(std::string_view(state_->text).substr(offset));
      offset += length == 0 ? 1 : length;
    }
    return offset;
  };
  const auto& source = node->source();
  return Region{offset_of(source.begin), offset_of(source.end)};
}

bool Toml::equals_without(const Toml& other, const std::vector<TomlPath>& paths) const {
  toml::table mine = state_->root;
  for (const auto& path : paths) erase(mine, path);
  toml::table theirs = other.state_->root;
  for (const auto& path : paths) erase(theirs, path);
  prune(mine);
  prune(theirs);
  return formatted(mine) == formatted(theirs);
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') out += '\\';
    if (value < 0x20 || value == 0x7f) {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out += "\\u00";
      out += kDigits[value >> 4];
      out += kDigits[value & 0xf];
    } else {
      out += byte;
    }
  }
  return out + "\"";
}

}  // namespace pinscope::engine
