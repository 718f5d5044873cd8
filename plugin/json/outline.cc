#include "plugin/json/outline.h"

#define RAPIDJSON_HAS_STDSTRING 0
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include "plugin/json/syntax.h"

namespace pinscope {
namespace {

// The library parses a copy of its own streams, whose position a handler does not see; of a stream
// of ours it makes none. A NUL stands for the end: the text holds none.
class Stream {
 public:
  using Ch = char;
  explicit Stream(std::string_view text) : text_(text) {}

  [[nodiscard]] Ch Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  Ch Take() {
    const Ch character = Peek();
    if (position_ < text_.size()) ++position_;
    return character;
  }
  [[nodiscard]] size_t Tell() const { return position_; }
  // For parsing in place, which nobody asks of it.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch /*character*/) {}
  void Flush() {}
  size_t PutEnd(Ch* /*begin*/) { return 0; }

 private:
  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

// Receives the events of the parser. Scalars and keys are reported when they have been read,
// brackets before that: what begins is found by skipping from the end of the one before.
class JsonOutlineBuilder {
 public:
  JsonOutlineBuilder(std::string_view text, const Stream& stream, JsonOutline& outline)
      : text_(text), stream_(stream), outline_(outline) {}

  using Size = rapidjson::SizeType;
  using Kind = JsonNode::Kind;
  bool Null() { return scalar(Kind::kNull); }
  bool Bool(bool flag) { return scalar(flag ? Kind::kTrue : Kind::kFalse); }
  bool RawNumber(const char*, Size, bool) { return scalar(Kind::kNumber); }
  bool String(const char*, Size, bool) { return scalar(Kind::kString); }
  bool StartObject() { return open(Kind::kObject); }
  bool StartArray() { return open(Kind::kArray); }
  bool EndObject(Size) { return close(); }
  bool EndArray(Size) { return close(); }

  bool Key(const char* decoded, Size length, bool) {
    key_begin_ = skip();
    key_end_ = done_ = stream_.Tell();
    escaped_key_ = 0;
    if (text_.substr(key_begin_, key_end_ - key_begin_).find('\\') != std::string_view::npos) {
      outline_.escaped_keys_.emplace_back(decoded, length);
      escaped_key_ = outline_.escaped_keys_.size();
    }
    return true;
  }

  // Numbers stay text, so these are never called.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  // The first byte behind what is done that is neither white space nor a separator.
  [[nodiscard]] size_t skip() const {
    const size_t found = text_.find_first_not_of(" \t\r\n,:", done_);
    return found == std::string_view::npos ? text_.size() : found;
  }

  JsonNode& add(Kind kind) {
    JsonNode& node = outline_.nodes_.emplace_back();
    node.kind = kind;
    node.begin = skip();
    node.key_begin = key_begin_;
    node.key_end = key_end_;
    node.key = escaped_key_;
    key_begin_ = key_end_ = escaped_key_ = 0;
    return node;
  }

  bool scalar(Kind kind) {
    JsonNode& node = add(kind);
    node.end = done_ = stream_.Tell();
    node.next = outline_.nodes_.size();
    return true;
  }

  bool open(Kind kind) {
    done_ = add(kind).begin + 1;
    open_.push_back(outline_.nodes_.size() - 1);
    return true;
  }

  bool close() {
    JsonNode& node = outline_.nodes_[open_.back()];
    open_.pop_back();
    node.end = done_ = skip() + 1;
    node.next = outline_.nodes_.size();
    return true;
  }

  std::string_view text_;
  const Stream& stream_;
  JsonOutline& outline_;
  std::vector<size_t> open_;
  size_t done_ = 0;  // everything before this was reported
  size_t key_begin_ = 0;
  size_t key_end_ = 0;
  size_t escaped_key_ = 0;
};

Result<JsonOutline> JsonOutline::of(std::string_view text, std::string_view name, ErrorCode code) {
  PINSCOPE_CHECK(check_json_bytes(text, name, code));
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  JsonOutline outline;
  Stream stream(text);
  JsonOutlineBuilder builder(text, stream, outline);
  rapidjson::Reader reader;
  const auto parsed = reader.Parse<kFlags>(stream, builder);
  if (parsed.IsError())
    return std::unexpected(json_syntax_error(
        text, parsed.Offset(), rapidjson::GetParseError_En(parsed.Code()), name, code));
  return outline;
}

std::vector<size_t> JsonOutline::children(size_t node) const {
  std::vector<size_t> all;
  for (size_t child = node + 1; child < nodes_[node].next; child = nodes_[child].next)
    all.push_back(child);
  return all;
}

std::string_view JsonOutline::key(size_t node, std::string_view text) const {
  const JsonNode& member = nodes_[node];
  if (member.key != 0) return escaped_keys_[member.key - 1];
  return text.substr(member.key_begin + 1, member.key_end - member.key_begin - 2);
}

}  // namespace pinscope
