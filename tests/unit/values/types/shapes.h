// Shapes of one type, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/values/types/shape.h"
#include "tests/support/bpf/type_table.h"

namespace pinscope::values::test {

using pinscope::test::TypeTable;

inline constexpr uint32_t kHash = 1, kArray = 2, kPerCpuHash = 5, kLpmTrie = 11, kQueue = 22;

using Memory = std::vector<std::byte>;

// The bytes of these numbers, one after the other.
template <typename... Numbers>
Memory bytes_of(Numbers... numbers) {
  Memory memory;
  const auto add = [&](const auto& number) {
    const auto* from = reinterpret_cast<const std::byte*>(&number);
    memory.insert(memory.end(), from, from + sizeof number);
  };
  (add(numbers), ...);
  return memory;
}

inline Memory bytes_of_text(std::string_view text, size_t size) {
  Memory memory(size);
  std::memcpy(memory.data(), text.data(), std::min(size, text.size()));
  return memory;
}

inline MapFacts facts_of(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t key,
                         uint32_t value) {
  MapFacts facts;
  facts.type = type;
  facts.key_size = key_size;
  facts.value_size = value_size;
  facts.max_entries = 16;
  facts.btf_id = 1;
  facts.btf_key_type_id = key;
  facts.btf_value_type_id = value;
  facts.name = "test_map";
  return facts;
}

// A hash from u32 to `value`.
inline Shape shape_of_value(TypeTable& types, uint32_t value, size_t size) {
  const uint32_t key = types.u32();
  auto shape =
      Shape::of_btf(facts_of(kHash, 4, static_cast<uint32_t>(size), key, value), types.bytes());
  EXPECT_TRUE(shape) << shape.error().sentence();
  return *shape;
}

// A hash from `key` to u64.
inline Shape shape_of_key(TypeTable& types, uint32_t key, size_t size, uint32_t type = kHash) {
  const uint32_t value = types.u64();
  auto shape =
      Shape::of_btf(facts_of(type, static_cast<uint32_t>(size), 8, key, value), types.bytes());
  EXPECT_TRUE(shape) << shape.error().sentence();
  return *shape;
}

inline std::string json_of(const Shape& shape, const Memory& value) {
  std::string out;
  shape.append_value(out, model::ValueForm::kJson, value);
  return out;
}
inline std::string text_of(const Shape& shape, const Memory& value) {
  std::string out;
  shape.append_value(out, model::ValueForm::kText, value);
  return out;
}
inline std::string key_json_of(const Shape& shape, const Memory& key) {
  std::string out;
  shape.append_key(out, model::ValueForm::kJson, key);
  return out;
}

}  // namespace pinscope::values::test
