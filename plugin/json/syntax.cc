#include "plugin/json/syntax.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"

namespace pinscope {
namespace {

std::string place_of(std::string_view text, size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t newline = before.rfind('\n');
  const size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

Error json_syntax_error(std::string_view text, size_t offset, std::string_view reason,
                        std::string_view name, ErrorCode code) {
  if (reason.ends_with('.')) reason.remove_suffix(1);
  return Error(code, "read " + quoted(name))
      .reason(place_of(text, offset) + ": " + std::string(reason));
}

Status check_json_bytes(std::string_view text, std::string_view name, ErrorCode code) {
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    return std::unexpected(json_syntax_error(text, nul, "it contains a NUL byte", name, code));
  if (const size_t valid = valid_utf8_prefix(text); valid != text.size())
    return std::unexpected(json_syntax_error(text, valid, "it is not UTF-8", name, code));
  return {};
}

}  // namespace pinscope
