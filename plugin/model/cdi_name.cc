#include "plugin/model/cdi_name.h"

#include <algorithm>

namespace pinscope::model {

bool is_cdi_device_name(std::string_view name) {
  const auto is_alphanumeric = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
  };
  const auto is_allowed = [&](char byte) {
    return is_alphanumeric(byte) || byte == '_' || byte == '-' || byte == '.' || byte == ':';
  };
  return !name.empty() && is_alphanumeric(name.front()) && is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, is_allowed);
}

}  // namespace pinscope::model
