// Types and bytes of a map, both hostile: eight bytes of sizes, the types (BTF), and an entry. What
// is shown must be JSON, and safe on a terminal, whatever they are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/values/types/shape.h"

namespace {

using pinscope::model::ValueForm;
using namespace pinscope::values;

// Sizes, ids of types, and how long the types are.
constexpr size_t kFixed = 8;

void check(const Shape& shape, Bytes key, Bytes value) {
  std::string json;
  shape.append_entry(json, ValueForm::kJson, key, value);
  if (!pinscope::JsonDocument::parse(json, "fuzz", pinscope::ErrorCode::kInternal) &&
      json.find("\\u0000") == std::string::npos)  // which our reader of JSON refuses
    std::abort();
  std::string text;
  shape.append_entry(text, ValueForm::kText, key, value);
  if (pinscope::for_terminal(text) != text || text.find('\x1b') != std::string::npos) std::abort();
  shape.append_csv(text, key, value);
  static_cast<void>(shape.schema(true));
  static_cast<void>(shape.key_leaves());
  std::string printed;
  shape.append_key(printed, ValueForm::kText, key);
  static_cast<void>(shape.parse_key(printed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kFixed) return 0;
  const Bytes all = std::as_bytes(std::span(data, size));
  MapFacts facts;
  facts.type = data[0] % 36;
  facts.key_size = data[1];
  facts.value_size = data[2] | static_cast<uint32_t>(data[3] & 3U) << 8U;
  facts.btf_key_type_id = data[4];
  facts.btf_value_type_id = data[5];
  const size_t types = std::min<size_t>(size - kFixed, data[6] | size_t{data[7]} << 8U);
  const auto shape = Shape::of_btf(facts, all.subspan(kFixed, types), false);
  if (!shape) return 0;
  const Bytes entry = all.subspan(kFixed + types);
  const Bytes key = entry.first(std::min<size_t>(entry.size(), facts.key_size));
  const Bytes rest = entry.subspan(key.size());
  check(*shape, key, rest.first(std::min(rest.size(), value_bytes(facts))));
  return 0;
}
