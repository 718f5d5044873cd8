#include "plugin/values/types/parse_key.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>

#include "plugin/base/text.h"
#include "plugin/json/json.h"

namespace pinscope::values {
namespace {

constexpr std::string_view kHexPrefix = "hex:";
constexpr std::string_view kBetween = " \t\n,{}[]";
constexpr unsigned kBitsOfByte = 8;

Error refused(std::string reason) {
  return Error(ErrorCode::kUsage, "read the key").reason(std::move(reason));
}

using Words = std::vector<std::string>;

// The scalars of JSON in the order of its text; false if it is none.
bool flatten(const JsonView& view, Words& words) {
  if (view.is_object()) {
    const auto members = view.members();
    return members && std::ranges::all_of(
                          *members, [&](auto& member) { return flatten(member.second, words); });
  }
  if (view.is_array()) {
    const auto elements = view.elements();
    return elements &&
           std::ranges::all_of(*elements, [&](auto& element) { return flatten(element, words); });
  }
  if (const auto text = view.as_string()) {
    words.emplace_back(*text);
  } else if (const auto number = view.as_unsigned()) {
    words.push_back(std::to_string(*number));
  } else if (const auto negative = view.as_signed()) {
    words.push_back(std::to_string(*negative));
  } else if (const auto flag = view.as_bool()) {
    words.emplace_back(*flag ? "true" : "false");
  } else {
    return false;
  }
  return true;
}

std::optional<Words> words_of_json(std::string_view text) {
  if (text.empty() || std::string_view("{[\"").find(text.front()) == std::string_view::npos)
    return std::nullopt;
  const auto document = JsonDocument::parse(std::string(text), "key", ErrorCode::kUsage);
  Words words;
  if (!document || !flatten(document->root(), words)) return std::nullopt;
  return words;
}

// The end of the string in quotes that begins at `start`.
size_t end_of_quoted(std::string_view text, size_t start) {
  size_t at = start + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2U : 1U;
  return std::min(at + 1, text.size());
}

// {a=1 b={c="x y"}} -> 1, x y
std::optional<Words> words_of_text(std::string_view text) {
  Words words;
  for (size_t at = text.find_first_not_of(kBetween); at < text.size();
       at = text.find_first_not_of(kBetween, at)) {
    if (text[at] == '"') {
      const size_t end = end_of_quoted(text, at);
      const auto inner = words_of_json(text.substr(at, end - at));
      if (!inner) return std::nullopt;
      words.insert(words.end(), inner->begin(), inner->end());
      at = end;
      continue;
    }
    const size_t end = std::min(text.find_first_of(std::string(kBetween) + "\"=", at), text.size());
    if (end < text.size() && text[end] == '=') {
      at = end + 1;
      continue;
    }
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool store(uint64_t number, std::span<std::byte> to) {
  if (to.size() < sizeof number && number >> (to.size() * kBitsOfByte) != 0) return false;
  std::memcpy(to.data(), &number, to.size());  // little-endian machines, as the print program
  return true;
}

bool store_signed(int64_t number, std::span<std::byte> to) {
  const auto bits = static_cast<unsigned>(to.size() * kBitsOfByte);
  if (bits < 64 && (number < -(int64_t{1} << (bits - 1)) || number >= int64_t{1} << (bits - 1)))
    return false;
  std::memcpy(to.data(), &number, to.size());
  return true;
}

bool store_big_endian(uint64_t number, std::span<std::byte> to) {
  if (!store(number, to)) return false;
  std::ranges::reverse(to);
  return true;
}

bool store_mac(std::string_view text, std::span<std::byte> to) {
  const auto parts = split(text, ':');
  if (parts.size() != to.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    uint8_t byte = 0;
    const char* end = parts[i].data() + parts[i].size();
    if (parts[i].size() != 2 || std::from_chars(parts[i].data(), end, byte, 16).ptr != end)
      return false;
    to[i] = std::byte{byte};
  }
  return true;
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
  const auto number = parse_number<uint64_t>(word);
  const auto negative = parse_number<int64_t>(word);
  switch (leaf.kind) {
    case LeafKind::kUnsigned:
      return number && store(*number, to);
    case LeafKind::kSigned:
      return negative && store_signed(*negative, to);
    case LeafKind::kBool:
      if (word == "true" || word == "false") return store(word == "true" ? 1 : 0, to);
      return number && store(*number, to);
    case LeafKind::kEnum: {
      const auto named = number_of(word, leaf, program);
      if (leaf.is_signed && (named || negative))
        return store_signed(named ? *named : *negative, to);
      if (named) return store(static_cast<uint64_t>(*named), to);
      return number && store(*number, to);
    }
    case LeafKind::kBigEndian:
      return number && store_big_endian(*number, to);
    case LeafKind::kIpv4:
      return ::inet_pton(AF_INET, std::string(word).c_str(), to.data()) == 1;
    case LeafKind::kIpv6:
      return ::inet_pton(AF_INET6, std::string(word).c_str(), to.data()) == 1;
    case LeafKind::kMac:
      return store_mac(word, to);
    case LeafKind::kText:
      return store_text(word, to);
  }
  return false;
}

// A prefix is one word for two leaves.
void take_prefix_apart(Words& words, const KeyLeaves& leaves) {
  if (words.size() != 1 || leaves.size() != 2 || leaves[0].name != "prefixlen") return;
  const size_t slash = words[0].find('/');
  if (slash == std::string::npos) return;
  words = {words[0].substr(slash + 1), words[0].substr(0, slash)};
}

std::string names_of(const KeyLeaves& leaves) {
  std::vector<std::string> names;
  for (const KeyLeaf& leaf : leaves)
    if (!leaf.name.empty()) names.push_back(leaf.name);
  return names.empty() ? "" : " (" + joined(names, ", ") + ")";
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
  // A char array alone is its text, quotes or not.
  std::optional<Words> words = words_of_json(text);
  if (!words && leaves.size() == 1 && leaves[0].kind == LeafKind::kText)
    words = Words{std::string(text)};
  if (!words) words = words_of_text(text);
  if (!words) return std::unexpected(refused("a string in it is not written as JSON writes it"));
  take_prefix_apart(*words, leaves);
  if (words->size() != leaves.size())
    return std::unexpected(refused("it has " + count_of(words->size(), "value", "values") +
                                   ", and the keys of this map have " +
                                   std::to_string(leaves.size()) + names_of(leaves)));
  std::vector<std::byte> key(key_size);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::span to = std::span(key).subspan(leaves[i].offset, leaves[i].size);
    if (!store_word((*words)[i], leaves[i], to, program))
      return std::unexpected(refused(quoted((*words)[i]) + " does not fit" +
                                     (leaves[i].name.empty() ? "" : " " + leaves[i].name)));
  }
  return key;
}

}  // namespace pinscope::values
