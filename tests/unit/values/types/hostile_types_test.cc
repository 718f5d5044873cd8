// Bytes and types that somebody hostile made: the output is valid, bounded, and safe on a terminal.
#include <gtest/gtest.h>

#include <random>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/values/types/leaves.h"
#include "tests/unit/values/types/shapes.h"

namespace pinscope::values::test {
namespace {

bool is_json(const std::string& text) {
  return JsonDocument::parse(text, "test", ErrorCode::kInternal).has_value();
}

TEST(HostileBytes, BecomeValidJsonAndSafeText) {
  TypeTable types;
  const Shape shape = shape_of_value(types, types.array(types.character(), 64), 64);
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    Memory value(64);
    for (std::byte& each : value) each = static_cast<std::byte>(random() % 256);
    if (round % 2 == 0)
      for (std::byte& each : value) each |= std::byte{1};  // no NUL
    const std::string json = json_of(shape, value);
    ASSERT_TRUE(is_json(json)) << json;
    const std::string text = text_of(shape, value);
    ASSERT_EQ(for_terminal(text), text);
  }
  const Memory nasty = bytes_of_text("\x1b]0;x\a\"\\\n\xff\xe2\x80\xae", 64);
  EXPECT_EQ(json_of(shape, nasty), "\"\\u001B]0;x\\u0007\\\"\\\\\\u000A\xef\xbf\xbd\\u202E\"");
}

TEST(HostileBytes, ThatAreTooFewAreShownInHexadecimal) {
  TypeTable types;
  const Shape shape = shape_of_value(types, types.u64(), 8);
  EXPECT_EQ(json_of(shape, bytes_of(1U)), R"("hex:01000000")");
  EXPECT_EQ(json_of(shape, {}), R"("hex:")");
}

TEST(HostileTypes, MayNestAHundredTimes) {
  TypeTable types;
  uint32_t type = types.u8();
  for (int i = 0; i < 100; ++i) type = types.structure("s", 1, {{"x", type, 0}});
  const std::string json = json_of(shape_of_value(types, type, 1), bytes_of(uint8_t{7}));
  EXPECT_TRUE(is_json(json));
  EXPECT_NE(json.find("{\"x\":7}"), std::string::npos);
}

TEST(HostileTypes, ThatNestWithoutEndAreBytes) {
  TypeTable types;
  uint32_t type = types.u8();
  for (int i = 0; i < 500; ++i) type = types.structure("s", 1, {{"x", type, 0}});
  const Shape shape = shape_of_value(types, type, 1);
  EXPECT_EQ(json_of(shape, bytes_of(uint8_t{7})), R"("hex:07")");
  EXPECT_EQ(shape.why(), "the value is shown in hexadecimal: its types are nested too deeply");
}

TEST(HostileTypes, ThatDoubleInEachLevelAreBytes) {
  TypeTable types;
  uint32_t type = types.u8();
  for (int i = 0; i < 40; ++i) type = types.alternatives("u", 1, {{"a", type, 0}, {"b", type, 0}});
  const Shape shape = shape_of_value(types, type, 1);
  EXPECT_EQ(json_of(shape, bytes_of(uint8_t{7})), R"("hex:07")");
  EXPECT_EQ(shape.why(),
            "the value is shown in hexadecimal: it would print far more than its bytes");
}

TEST(HostileTypes, OfNoBytesThatDoubleInEachLevelAreBytes) {
  TypeTable types;
  uint32_t type = types.structure("e", 0, {});
  for (int i = 0; i < 40; ++i) type = types.structure("s", 0, {{"a", type, 0}, {"b", type, 0}});
  const uint32_t value = types.structure("v", 4, {{"x", types.u32(), 0}, {"e", type, 32}});
  EXPECT_EQ(shape_of_value(types, value, 4).why(),
            "the value is shown in hexadecimal: it has too many fields");
}

TEST(HostileTypes, WithoutNamesThatDoubleInEachLevelAreBytes) {
  TypeTable types;
  uint32_t type = types.structure("", 0, {});
  for (int i = 0; i < 30; ++i) type = types.structure("", 0, {{"", type, 0}, {"", type, 0}});
  const uint32_t value = types.structure("v", 4, {{"x", types.u32(), 0}, {"", type, 32}});
  EXPECT_EQ(shape_of_value(types, value, 4).why(),
            "the value is shown in hexadecimal: it has too many fields");
}

TEST(HostileTypes, OfNoBytesThatDoubleInEachLevelAreNoLeaves) {
  TypeTable types;
  uint32_t type = types.structure("e", 0, {});
  for (int i = 0; i < 29; ++i) type = types.structure("s", 0, {{"", type, 0}, {"", type, 0}});
  EXPECT_TRUE(leaves_of(types.get(), types.structure("k", 4, {{"", type, 0}}), 4, false).empty());
}

TEST(HostileTypes, ThatShowAnArrayOverAndOverAreBytes) {
  TypeTable types;
  const uint32_t array = types.array(types.u8(), 1 << 20);
  std::vector<TypeTable::Field> fields;
  for (int i = 0; i < 1000; ++i) fields.push_back({"f" + std::to_string(i), array, 0});
  const Shape shape = shape_of_value(types, types.alternatives("u", 1 << 20, fields), 1 << 20);
  EXPECT_EQ(shape.why(),
            "the value is shown in hexadecimal: it would print far more than its bytes");
}

TEST(HostileTypes, MayHaveAMillionElements) {
  TypeTable types;
  constexpr uint32_t kCount = 1'000'000;
  const Shape shape = shape_of_value(types, types.array(types.u32(), kCount), size_t{4} * kCount);
  const std::string json = json_of(shape, Memory(size_t{4} * kCount));
  EXPECT_EQ(json.size(), 2 * kCount + 1);
  EXPECT_TRUE(is_json(json));
}

TEST(HostileTypes, OfNoBytesAreEmpty) {
  TypeTable types;
  const uint32_t nothing = types.structure("nothing", 0, {});
  const uint32_t value = types.structure("value", 4,
                                         {{"a", nothing, 0},
                                          {"b", types.array(nothing, UINT32_MAX), 0},
                                          {"c", types.u32(), 0},
                                          {"rest", types.array(types.u64(), 0), 32},
                                          {"name", types.array(types.character(), 0), 32}});
  EXPECT_EQ(json_of(shape_of_value(types, value, 4), bytes_of(1U)),
            R"({"a":{},"b":[],"c":1,"rest":[],"name":""})");
}

TEST(HostileTypes, WithFieldsBeyondTheirEndAreBytes) {
  TypeTable types;
  const Shape shape = shape_of_value(types, types.structure("s", 4, {{"x", types.u64(), 0}}), 4);
  EXPECT_EQ(json_of(shape, bytes_of(1U)), R"("hex:01000000")");
  EXPECT_EQ(shape.why(), "the value is shown in hexadecimal: its fields reach beyond its end");
  const Shape far = shape_of_value(types, types.structure("s", 4, {{"x", types.u8(), 8000}}), 4);
  EXPECT_EQ(json_of(far, bytes_of(1U)), R"("hex:01000000")");
}

TEST(HostileTypes, OfAnotherSizeAreBytes) {
  TypeTable types;
  const Shape shape = shape_of_value(types, types.u64(), 4);
  EXPECT_EQ(json_of(shape, bytes_of(1U)), R"("hex:01000000")");
  EXPECT_EQ(shape.why(), "the value is shown in hexadecimal: its type has another size than it");
}

TEST(HostileTypes, ThatDoNotExistAreBytes) {
  TypeTable types;
  const Shape shape = shape_of_value(types, 4711, 4);
  EXPECT_EQ(json_of(shape, bytes_of(1U)), R"("hex:01000000")");
  const auto garbage = Shape::of_btf(facts_of(kHash, 4, 4, 1, 1), bytes_of(1U, 2U, 3U));
  ASSERT_TRUE(garbage);
  EXPECT_EQ(json_of(*garbage, bytes_of(1U)), R"("hex:01000000")");
}

TEST(HostileTypes, WithNamesThatAreNoneStayValid) {
  TypeTable types;
  const uint32_t value = types.structure("s", 4, {{"a\"\n\x1b", types.u32(), 0}});
  const std::string json = json_of(shape_of_value(types, value, 4), bytes_of(1U));
  EXPECT_EQ(json, "{\"a\\\"\\u000A\\u001B\":1}");
}

}  // namespace
}  // namespace pinscope::values::test
