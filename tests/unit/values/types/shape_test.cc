// How each kind of type is shown.
#include "plugin/values/types/shape.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "plugin/json/json.h"
#include "tests/unit/values/types/shapes.h"

namespace pinscope::values::test {
namespace {

using testing::HasSubstr;

TEST(Shape, ShowsIntegersOfEachSize) {
  TypeTable types;
  const uint32_t all = types.structure("all", 30,
                                       {{"a", types.u8(), 0},
                                        {"b", types.u16(), 8},
                                        {"c", types.u32(), 24},
                                        {"d", types.u64(), 56},
                                        {"e", types.integer("signed char", 1, BTF_INT_SIGNED), 120},
                                        {"f", types.integer("short", 2, BTF_INT_SIGNED), 128},
                                        {"g", types.integer("int", 4, BTF_INT_SIGNED), 144},
                                        {"h", types.integer("long", 8, BTF_INT_SIGNED), 176}});
  const Shape shape = shape_of_value(types, all, 30);
  const Memory value = bytes_of(uint8_t{255}, uint16_t{65535}, UINT32_MAX, UINT64_MAX, int8_t{-128},
                                int16_t{-2}, int32_t{-3}, INT64_MIN);
  EXPECT_EQ(json_of(shape, value),
            R"({"a":255,"b":65535,"c":4294967295,"d":18446744073709551615,"e":-128,"f":-2,"g":-3,)"
            R"("h":-9223372036854775808})");
  EXPECT_EQ(text_of(shape, value),
            "{a=255 b=65535 c=4294967295 d=18446744073709551615 e=-128 f=-2 g=-3 "
            "h=-9223372036854775808}");
  EXPECT_EQ(shape.why(), "");
}

TEST(Shape, ShowsAnEntryOnOneLine) {
  TypeTable types;
  const Shape shape = shape_of_value(types, types.u64(), 8);
  std::string out;
  shape.append_entry(out, model::ValueForm::kJson, bytes_of(7U), bytes_of(uint64_t{9}));
  shape.append_entry(out, model::ValueForm::kText, bytes_of(7U), bytes_of(uint64_t{9}));
  EXPECT_EQ(out, "{\"key\":7,\"value\":9}\n7  9\n");
  out.clear();
  shape.append_entry(out, model::ValueForm::kRaw, bytes_of(0x31323334U),
                     bytes_of(uint64_t{0x3132333435363738U}));
  EXPECT_EQ(out, "432187654321");
}

TEST(Shape, ShowsNestedStructsAndFlattensAnonymousOnes) {
  TypeTable types;
  const uint32_t inner =
      types.structure("inner", 8, {{"x", types.u32(), 0}, {"y", types.u32(), 32}});
  const uint32_t anonymous = types.alternatives(
      "", 4, {{"as_number", types.u32(), 0}, {"as_bytes", types.array(types.u8(), 4), 0}});
  const uint32_t outer = types.structure("outer", 12, {{"point", inner, 0}, {"", anonymous, 64}});
  const Shape shape = shape_of_value(types, outer, 12);
  EXPECT_EQ(json_of(shape, bytes_of(1U, 2U, 0x04030201U)),
            R"({"point":{"x":1,"y":2},"as_number":67305985,"as_bytes":[1,2,3,4]})");
  EXPECT_EQ(text_of(shape, bytes_of(1U, 2U, 3U)),
            "{point={x=1 y=2} as_number=3 as_bytes=[3 0 0 0]}");
}

TEST(Shape, ShowsArraysOfStructsAndOfArrays) {
  TypeTable types;
  const uint32_t pair = types.structure("pair", 2, {{"a", types.u8(), 0}, {"b", types.u8(), 8}});
  const uint32_t grid = types.array(types.array(pair, 2), 2);
  const Shape shape = shape_of_value(types, grid, 8);
  EXPECT_EQ(json_of(shape, bytes_of(uint64_t{0x0807060504030201U})),
            R"([[{"a":1,"b":2},{"a":3,"b":4}],[{"a":5,"b":6},{"a":7,"b":8}]])");
}

TEST(Shape, NamesEnumsAndShowsUnknownNumbers) {
  TypeTable types;
  const uint32_t protocol = types.enumeration("protocol", {{"TCP", 6}, {"UDP", 17}});
  Shape shape = shape_of_value(types, protocol, 4);
  EXPECT_EQ(json_of(shape, bytes_of(6U)), R"("TCP")");
  EXPECT_EQ(text_of(shape, bytes_of(17U)), "UDP");
  EXPECT_EQ(json_of(shape, bytes_of(18U)), "18");

  const uint32_t verdict = types.enumeration("verdict", {{"DROP", -1}, {"PASS", 0}});
  shape = shape_of_value(types, verdict, 4);
  EXPECT_EQ(json_of(shape, bytes_of(-1)), R"("DROP")");
  EXPECT_EQ(json_of(shape, bytes_of(-2)), "-2");

  const uint32_t wide = types.enumeration64("wide", false, {{"TOP", UINT64_MAX}, {"LOW", 1}});
  shape = shape_of_value(types, wide, 8);
  EXPECT_EQ(json_of(shape, bytes_of(UINT64_MAX)), R"("TOP")");
  EXPECT_EQ(json_of(shape, bytes_of(UINT64_MAX - 1)), "18446744073709551614");
}

TEST(Shape, ShowsBitFieldsOverTheBordersOfBytes) {
  TypeTable types;
  const uint32_t flags =
      types.structure("flags", 16,
                      {{"a", types.u32(), 0, 3},
                       {"b", types.u32(), 3, 10},
                       {"c", types.integer("int", 4, BTF_INT_SIGNED), 13, 5},
                       {"d", types.u64(), 23, 62},
                       {"e", types.enumeration("mode", {{"OFF", 0}, {"ON", 1}}), 85, 1},
                       {"f", types.integer("bool", 1, BTF_INT_BOOL), 86, 1}});
  const Shape shape = shape_of_value(types, flags, 16);
  Memory value(16);
  const auto set = [&](unsigned bit, unsigned bits, uint64_t number) {
    for (unsigned i = 0; i < bits; ++i)
      if ((number >> i & 1U) != 0) value[(bit + i) / 8] |= std::byte{1} << (bit + i) % 8;
  };
  set(0, 3, 5);
  set(3, 10, 1000);
  set(13, 5, 0x1f);  // -1
  set(23, 62, 0x2fedcba987654321U);
  set(85, 1, 1);
  set(86, 1, 1);
  EXPECT_EQ(json_of(shape, value),
            R"({"a":5,"b":1000,"c":-1,"d":3453640418244510497,"e":"ON","f":true})");
}

TEST(Shape, FollowsTypedefsAndQualifiers) {
  TypeTable types;
  const uint32_t deep = types.constant(
      types.alias("outer_t", types.variable_memory(types.alias("u32", types.u32()))));
  EXPECT_EQ(json_of(shape_of_value(types, deep, 4), bytes_of(5U)), "5");
}

TEST(Shape, ShowsFloatingPointAndPointers) {
  TypeTable types;
  const uint32_t both = types.structure("both", 24,
                                        {{"f", types.floating("float", 4), 0},
                                         {"d", types.floating("double", 8), 64},
                                         {"p", types.pointer(types.forward("task")), 128}});
  const Shape shape = shape_of_value(types, both, 24);
  EXPECT_EQ(json_of(shape, bytes_of(1.5F, 0U, -0.25, uint64_t{0xffff888000000000U})),
            R"({"f":1.5,"d":-0.25,"p":"0xffff888000000000"})");
  EXPECT_EQ(json_of(shape, bytes_of(std::numeric_limits<float>::infinity(), 0U, std::nan(""),
                                    uint64_t{0})),
            R"({"f":null,"d":null,"p":"0x0"})");
  EXPECT_EQ(text_of(shape, bytes_of(-std::numeric_limits<float>::infinity(), 0U, -std::nan(""),
                                    uint64_t{0})),
            "{f=-inf d=nan p=0x0}");
}

TEST(Shape, ShowsTextUpToItsNulAndKeysWhole) {
  TypeTable types;
  const uint32_t name = types.array(types.character(), 8);
  const Memory bytes = bytes_of_text(std::string_view("ab\0cd\0\0\0", 8), 8);
  EXPECT_EQ(json_of(shape_of_value(types, name, 8), bytes), R"("ab")");
  EXPECT_EQ(key_json_of(shape_of_key(types, name, 8), bytes), R"("ab\u0000cd")");
}

TEST(Shape, ShowsTheVariablesOfASection) {
  TypeTable types;
  const uint32_t section =
      types.section(".bss", 16, {{"packets", types.u64(), 0, 8}, {"limit", types.u32(), 8, 4}});
  auto shape = Shape::of_btf(facts_of(kArray, 4, 16, 0, section), types.bytes());
  ASSERT_TRUE(shape);
  EXPECT_EQ(json_of(*shape, bytes_of(uint64_t{3}, uint64_t{4})), R"({"packets":3,"limit":4})");
  EXPECT_EQ(key_json_of(*shape, bytes_of(0U)), "0");
}

TEST(Shape, ShowsEachCpuAndTheSum) {
  TypeTable types;
  const uint32_t value = types.structure("counter", 12,
                                         {{"n", types.u32(), 0},
                                          {"delta", types.integer("int", 4, BTF_INT_SIGNED), 32},
                                          {"name", types.array(types.character(), 4), 64}});
  const uint32_t key = types.u32();
  auto shape = Shape::of_btf(facts_of(kPerCpuHash, 4, 12, key, value), types.bytes());
  ASSERT_TRUE(shape);
  const Memory cpus = bytes_of(UINT32_MAX, -5, uint32_t{'a'}, 0U, 2U, 3, uint32_t{'b'}, 0U);
  EXPECT_EQ(json_of(*shape, cpus),
            R"({"cpus":[{"n":4294967295,"delta":-5,"name":"a"},{"n":2,"delta":3,"name":"b"}],)"
            R"("sum":{"n":4294967297,"delta":-2,"name":null}})");
  std::string out = shape->csv_header();
  shape->append_csv(out, bytes_of(1U), cpus);
  EXPECT_EQ(out,
            "key,cpu,value.n,value.delta,value.name\n"
            "1,0,4294967295,-5,\"a\"\n1,1,2,3,\"b\"\n1,sum,4294967297,-2,\"null\"\n");
}

TEST(Shape, WritesColumnsOfNestedFields) {
  TypeTable types;
  const uint32_t inner = types.structure(
      "inner", 8, {{"x", types.u32(), 0}, {"list", types.array(types.u16(), 2), 32}});
  const uint32_t outer = types.structure(
      "outer", 16, {{"in", inner, 0}, {"name", types.array(types.character(), 8), 64}});
  const Shape shape = shape_of_value(types, outer, 16);
  std::string out = shape.csv_header();
  Memory value = bytes_of(1U, uint16_t{2}, uint16_t{3});
  const Memory name = bytes_of_text("a\"b,c\n", 8);
  value.insert(value.end(), name.begin(), name.end());
  shape.append_csv(out, bytes_of(9U), value);
  EXPECT_EQ(out,
            "key,value.in.x,value.in.list,value.name\n"
            "9,1,\"[2,3]\",\"a\\\"\"b,c\\u000A\"\n");
}

TEST(Shape, ShowsMapsWithoutTypesInHexadecimalAndSaysWhy) {
  const Shape shape = Shape::hexadecimal(facts_of(kHash, 4, 2, 0, 0));
  std::string out;
  shape.append_entry(out, model::ValueForm::kJson, bytes_of(0x0100000aU), bytes_of(uint16_t{0xff}));
  shape.append_entry(out, model::ValueForm::kText, bytes_of(0x0100000aU), bytes_of(uint16_t{0xff}));
  EXPECT_EQ(out, "{\"key\":\"hex:0a000001\",\"value\":\"hex:ff00\"}\nhex:0a000001  hex:ff00\n");
  EXPECT_EQ(shape.why(), "shown in hexadecimal: the map was made without types (BTF)");
}

TEST(Shape, ShowsWhatTheTypeOfAMapSaysWithoutBtf) {
  const auto json = [](uint32_t type, uint32_t value_size, const Memory& value) {
    std::string out;
    Shape::hexadecimal(facts_of(type, 4, value_size, 0, 0))
        .append_entry(out, model::ValueForm::kJson, bytes_of(1U), value);
    return out;
  };
  constexpr uint32_t kProgArray = 3, kStackTrace = 7, kArrayOfMaps = 12, kDevmap = 14,
                     kSockmap = 15, kCpumap = 16;
  EXPECT_EQ(json(kArrayOfMaps, 4, bytes_of(17U)), "{\"key\":1,\"value\":{\"map_id\":17}}\n");
  EXPECT_EQ(json(kProgArray, 4, bytes_of(5U)), "{\"key\":1,\"value\":{\"program_id\":5}}\n");
  EXPECT_EQ(json(kSockmap, 8, bytes_of(uint64_t{77})),
            "{\"key\":1,\"value\":{\"socket_cookie\":77}}\n");
  EXPECT_EQ(json(kDevmap, 8, bytes_of(2U, 9U)),
            "{\"key\":1,\"value\":{\"ifindex\":2,\"program_id\":9}}\n");
  EXPECT_EQ(json(kCpumap, 4, bytes_of(192U)), "{\"key\":1,\"value\":{\"queue_size\":192}}\n");
  EXPECT_EQ(json(kStackTrace, 16, bytes_of(uint64_t{0xff}, uint64_t{0})),
            "{\"key\":1,\"value\":[\"0xff\",\"0x0\"]}\n");
}

TEST(Shape, ShowsTheHeadOfAQueueWithoutAKey) {
  TypeTable types;
  const uint32_t value = types.u64();
  auto shape = Shape::of_btf(facts_of(kQueue, 0, 8, 0, value), types.bytes());
  ASSERT_TRUE(shape);
  std::string out;
  shape->append_entry(out, model::ValueForm::kJson, {}, bytes_of(uint64_t{4}));
  EXPECT_EQ(out, "{\"value\":4}\n");
  EXPECT_EQ(shape->csv_header(), "value\n");
}

TEST(Shape, GivesItsTypesInC) {
  TypeTable types;
  const uint32_t value =
      types.structure("counter", 16, {{"packets", types.u64(), 0}, {"bytes", types.u64(), 64}});
  const Shape shape = shape_of_value(types, value, 16);
  EXPECT_EQ(shape.schema(false),
            "// map \"test_map\": hash, 16 entries at most\n"
            "// key: 4 bytes, unsigned int\n"
            "// value: 16 bytes, struct counter\n"
            "\n"
            "struct counter {\n\tunsigned long long packets;\n\tunsigned long long bytes;\n};\n\n");
  EXPECT_EQ(
      shape.schema(true),
      R"({"name":"test_map","type":"hash","maxEntries":16,"key":{"bytes":4,"type":)"
      R"("unsigned int"},"value":{"bytes":16,"type":"struct counter"},"definitions":)"
      R"("struct counter {\n\tunsigned long long packets;\n\tunsigned long long bytes;\n};\n\n"})"
      "\n");
  EXPECT_THAT(Shape::hexadecimal(facts_of(kHash, 4, 8, 0, 0)).schema(false),
              HasSubstr("without types"));
}

}  // namespace
}  // namespace pinscope::values::test
