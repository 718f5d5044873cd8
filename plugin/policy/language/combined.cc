#include "plugin/policy/language/combined.h"

#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

constexpr std::string_view kHead =
    "# Made by `pinscope node run` from the policies of the cluster. Edits are lost: change "
    "those.\n";
// Where one begins, with its name behind it. YAML ends a document there, whatever it is in.
constexpr std::string_view kPart = "---\n# key: ";
constexpr size_t kLongestName = 1024;  // a key has 253 bytes at most

}  // namespace

std::string combine(const std::vector<Text>& texts) {
  std::string whole(kHead);
  for (const auto& [file, text] : texts) {
    std::string_view rest = text;
    if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
    whole += std::string(kPart) + one_line(file) + "\n";
    whole += rest;
    if (!rest.ends_with('\n')) whole += '\n';
  }
  return whole;
}

bool is_combined(std::string_view text) {
  return text.starts_with(kHead);
}

std::vector<Text> parts_of(std::string text, const std::string& file) {
  const std::string mark = "\n" + std::string(kPart);
  // The head's own newline is the first mark's.
  size_t at = is_combined(text) ? text.find(mark, kHead.size() - 1) : std::string::npos;
  if (at != kHead.size() - 1) return {{file, std::move(text)}};
  std::vector<Text> parts;
  while (at != std::string::npos) {
    const size_t name = at + mark.size();
    const size_t begin = text.find('\n', name) + 1;
    if (begin == 0) break;
    at = text.find(mark, begin - 1);
    const size_t end = at == std::string::npos ? text.size() : at + 1;
    std::string place = file + "/" + text.substr(name, begin - 1 - name);
    if (place.size() > kLongestName) place = file;
    parts.push_back({std::move(place), text.substr(begin, end - begin)});
  }
  return parts;
}

}  // namespace pinscope::policy
