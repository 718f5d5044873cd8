#include "plugin/values/types/parse_key.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>

#include "plugin/base/text.h"
#include "plugin/values/types/key_words.h"
#include "plugin/values/types/leaf_value.h"

namespace pinscope::values {
namespace {

constexpr std::string_view kHexPrefix = "hex:";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

Error refused(std::string reason) {
  return Error(ErrorCode::kUsage, "read the key").reason(std::move(reason));
}

bool store_text(std::string_view text, std::span<std::byte> to) {
  if (text.size() > to.size()) return false;
  std::memcpy(to.data(), text.data(), text.size());
  return true;
}

// The number of an enum's name.
std::optional<int64_t> number_of(std::string_view name, const KeyLeaf& leaf,
                                 const Program& program) {
  for (const Op& op : program.ops) {
    if (op.kind != OpKind::kEnum || op.offset != leaf.offset) continue;
    for (const auto& [number, its] : program.enums[op.extra].names)
      if (its == name) return number;
  }
  return std::nullopt;
}

bool store_word(std::string_view word, const KeyLeaf& leaf, std::span<std::byte> to,
                const Program& program) {
  if (leaf.kind == LeafKind::kText) return store_text(word, to);
  if (leaf.kind == LeafKind::kBool && (word == "true" || word == "false"))
    return parse_leaf_value(leaf, word == "true" ? "1" : "0", to);
  if (leaf.kind == LeafKind::kEnum)
    if (const auto named = number_of(word, leaf, program))
      return parse_leaf_value(
          leaf,
          leaf.is_signed ? std::to_string(*named) : std::to_string(static_cast<uint64_t>(*named)),
          to);
  return parse_leaf_value(leaf, word, to);
}

using Words = std::vector<KeyWord>;

// A prefix is one word for two leaves.
void take_prefix_apart(Words& words, const Program& program) {
  const bool prefix = std::ranges::count(program.ops, OpKind::kPrefix, &Op::kind) > 0;
  if (!prefix || words.size() != 1 || words[0].named) return;
  const std::string text = words[0].text;
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return;
  words = {{"", false, text.substr(slash + 1)}, {"", false, text.substr(0, slash)}};
}

std::string names_of(const KeyLeaves& leaves) {
  std::vector<std::string> names;
  for (const KeyLeaf& leaf : leaves)
    if (!leaf.name.empty()) names.push_back(leaf.name);
  return names.empty() ? "" : " (" + joined(names, ", ") + ")";
}

// The words in the order of the leaves.
Result<Words> in_order(Words words, const KeyLeaves& leaves) {
  if (std::ranges::none_of(words, &KeyWord::named)) {
    if (words.size() == leaves.size()) return words;
    return std::unexpected(refused("it has " + count_of(words.size(), "value", "values") +
                                   ", and the keys of this map have " +
                                   std::to_string(leaves.size()) + names_of(leaves)));
  }
  for (const KeyWord& word : words) {
    if (!word.named)
      return std::unexpected(refused(quoted(word.text) + " has no name, and others have"));
    if (std::ranges::count(leaves, word.path, &KeyLeaf::name) == 0)
      return std::unexpected(
          refused("the keys of this map have no " + quoted(word.path) + names_of(leaves)));
    if (std::ranges::count(words, word.path, &KeyWord::path) > 1)
      return std::unexpected(refused(quoted(word.path) + " is there more than once"));
  }
  Words ordered;
  for (const KeyLeaf& leaf : leaves) {
    const auto found = std::ranges::find(words, leaf.name, &KeyWord::path);
    if (found == words.end()) return std::unexpected(refused("it has no " + quoted(leaf.name)));
    ordered.push_back(*found);
  }
  return ordered;
}

// One char array needs no quotes: then it is the text as it stands. Braces are such text only
// where the key has no fields.
bool is_plain_text(std::string_view text, const KeyLeaves& leaves) {
  if (leaves.size() != 1 || leaves[0].kind != LeafKind::kText || text.starts_with('"'))
    return false;
  return leaves[0].name.empty() || (!text.starts_with('{') && !text.starts_with('['));
}

Result<Words> words_of(std::string_view text, const KeyLeaves& leaves, const Program& program) {
  if (is_plain_text(text, leaves)) return Words{{"", false, std::string(text)}};
  PINSCOPE_TRY(auto words, words_of_key(text));
  take_prefix_apart(words, program);
  return in_order(std::move(words), leaves);
}

}  // namespace

Result<std::vector<std::byte>> parse_hex_key(std::string_view text, uint32_t key_size) {
  if (!text.starts_with(kHexPrefix)) return std::unexpected(refused("it is no hexadecimal key"));
  text.remove_prefix(kHexPrefix.size());
  std::vector<std::byte> key;
  for (; text.size() >= 2; text.remove_prefix(2)) {
    uint8_t byte = 0;
    if (std::from_chars(text.data(), text.data() + 2, byte, 16).ptr != text.data() + 2)
      return std::unexpected(refused("there is something else than hexadecimal digits in it"));
    key.push_back(std::byte{byte});
  }
  if (!text.empty()) return std::unexpected(refused("each byte takes two hexadecimal digits"));
  if (key.size() != key_size)
    return std::unexpected(refused("it has " + count_of(key.size(), "byte", "bytes") +
                                   ", and the keys of this map have " + std::to_string(key_size)));
  return key;
}

Result<std::vector<std::byte>> parse_leaves(std::string_view text, const KeyLeaves& leaves,
                                            uint32_t key_size, const Program& program) {
  PINSCOPE_TRY(const Words words, words_of(text, leaves, program));
  std::vector<std::byte> key(key_size);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::span to = std::span(key).subspan(leaves[i].offset, leaves[i].size);
    const std::string& word = words[i].text;
    if (leaves[i].kind == LeafKind::kText && word.contains(kReplacement))
      return std::unexpected(refused(
          "U+FFFD stands for bytes that are not UTF-8: such a key is asked for by its bytes"));
    if (!store_word(word, leaves[i], to, program))
      return std::unexpected(refused(quoted(word) + " does not fit" +
                                     (leaves[i].name.empty() ? "" : " " + leaves[i].name)));
  }
  return key;
}

}  // namespace pinscope::values
