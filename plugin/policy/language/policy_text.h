// The text of one policy file: its lines, its YAML documents, and the checks that concern bytes.
// Knows nothing of YAML but where a document starts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::policy {

// A place in a text: both count from 1, a column counts bytes.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

class PolicyText {
 public:
  // A byte order mark is dropped, CRLF becomes LF.
  PolicyText(std::string text, std::string file);
  PolicyText(const PolicyText&) = delete;
  PolicyText& operator=(const PolicyText&) = delete;

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  // A line without its end; empty for one that is not there. Walks the text: 3 ms for the longest
  // file that is read, and only errors ask.
  [[nodiscard]] std::string_view line(uint32_t number) const;
  // "the line, and a caret below its column", cut to what fits a terminal, with what could disturb
  // one escaped. Empty for an empty line.
  [[nodiscard]] std::string snippet(Position at) const;

 private:
  std::string text_;
  std::string file_;
};

// A byte that is not allowed in a policy file.
struct BadByte {
  Position at;
  std::string message;
  std::string hint;
};

// Invalid UTF-8, control characters, and characters that make text look like other text, at most
// `most` of them.
std::vector<BadByte> find_bad_bytes(std::string_view text, size_t most);

// One YAML document. `text` starts with its "---" line, if it has one.
struct Document {
  std::string_view text;
  uint32_t first_line = 1;
};

// All documents that hold more than comments, at most `most`.
std::vector<Document> split_documents(std::string_view text, size_t most);

// A line that starts with a tab or a "%" directive, neither of which we accept.
std::vector<BadByte> find_bad_lines(const Document& document, size_t most);

}  // namespace pinscope::policy
