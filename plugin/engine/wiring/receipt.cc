#include "plugin/engine/wiring/receipt.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "plugin/base/text.h"
#include "plugin/json/json.h"

namespace pinscope::engine {
namespace {

constexpr uint64_t kVersion = 1;

// As hexadecimal text: not every reader of JSON keeps 64 bits.
std::string hex(uint64_t number) {
  std::array<char, 17> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  const auto length = static_cast<size_t>(end - text.data());
  return std::string(16 - length, '0') + std::string(text.data(), length);
}

Result<uint64_t> read_sum(const JsonView& object) {
  PINSCOPE_TRY(const std::string text, object.string_or("sum", ""));
  uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || text.size() != 16)
    return std::unexpected(object.make_error("\"sum\" must be 16 hexadecimal digits"));
  return number;
}

Result<std::string> read_path(const JsonView& object, std::string_view key) {
  auto path = object.string_or(key, "");
  if (path && !path->starts_with('/'))
    return std::unexpected(object.make_error(quoted(key) + " must be an absolute path"));
  return path;
}

Result<std::vector<JsonView>> elements_of(const JsonView& root, std::string_view key) {
  PINSCOPE_TRY(const auto list, root.find(key));
  if (!list) return std::vector<JsonView>();
  return list->elements();
}

template <typename List>
auto* find_path(List& list, std::string_view path) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.path == path; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

const Receipt::Made* Receipt::made(std::string_view path) const {
  return find_path(files, path);
}

const Receipt::Edited* Receipt::edited(std::string_view path) const {
  return find_path(edits, path);
}

uint64_t sum_of(std::string_view text) {
  return fnv1a64(text);
}

std::string receipt_path(model::Engine engine) {
  return std::string(kReceipts) + "/" + model::engine_name(engine) + ".json";
}

Result<Receipt> parse_receipt(std::string text, const std::string& path) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(text), path, ErrorCode::kSystem));
  const auto root = document.root();
  PINSCOPE_TRY(const uint64_t version, root.unsigned_or("version", 0));
  if (version != kVersion)
    return std::unexpected(root.make_error("version " + std::to_string(version) +
                                           " is not known: another version of pinscope wrote it"));
  Receipt receipt;
  PINSCOPE_TRY(receipt.set_default, root.bool_or("setDefault", false));
  PINSCOPE_TRY(const auto directories, elements_of(root, "directories"));
  for (const auto& directory : directories) {
    PINSCOPE_TRY(const auto name, directory.as_string());
    if (!name.starts_with('/'))
      return std::unexpected(directory.make_error("it must be an absolute path"));
    receipt.directories.emplace_back(name);
  }
  PINSCOPE_TRY(const auto files, elements_of(root, "files"));
  for (const auto& file : files) {
    auto& made = receipt.files.emplace_back();
    PINSCOPE_TRY(made.path, read_path(file, "path"));
    PINSCOPE_TRY(made.sum, read_sum(file));
  }
  PINSCOPE_TRY(const auto edits, elements_of(root, "edits"));
  for (const auto& edit : edits) {
    auto& edited = receipt.edits.emplace_back();
    PINSCOPE_TRY(edited.path, read_path(edit, "path"));
    PINSCOPE_TRY(edited.backup, edit.string_or("backup", ""));
    PINSCOPE_TRY(edited.sum, read_sum(edit));
  }
  return receipt;
}

std::string to_json(const Receipt& receipt) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("version", kVersion);
  if (receipt.set_default) json.field("setDefault", true);
  json.key("directories").array();
  for (const auto& directory : receipt.directories) json.value(directory);
  json.end().key("files").array();
  for (const auto& file : receipt.files)
    json.object().field("path", file.path).field("sum", hex(file.sum)).end();
  json.end().key("edits").array();
  for (const auto& edit : receipt.edits)
    json.object()
        .field("path", edit.path)
        .field("backup", edit.backup)
        .field("sum", hex(edit.sum))
        .end();
  json.end().end();
  return json.take() + "\n";
}

Result<std::optional<Receipt>> read_receipt(const Tree& tree, model::Engine engine) {
  const std::string path = receipt_path(engine);
  PINSCOPE_TRY(auto file, tree.read(path));
  if (!file) return std::optional<Receipt>();
  PINSCOPE_TRY(auto receipt, parse_receipt(std::move(file->text), path));
  return receipt;
}

}  // namespace pinscope::engine
