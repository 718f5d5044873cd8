// The leaves of keys, and keys that somebody types.
#include <gtest/gtest.h>

#include <random>

#include "plugin/values/names/key_name.h"
#include "tests/unit/values/types/shapes.h"

namespace pinscope::values::test {
namespace {

std::string described(const KeyLeaves& leaves) {
  std::string out;
  for (const KeyLeaf& leaf : leaves)
    out += leaf.name + "@" + std::to_string(leaf.offset) + "+" + std::to_string(leaf.size) + " ";
  return out;
}

struct Flow {
  uint32_t type = 0;
  static constexpr size_t kSize = 24;
};

uint32_t flow_key(TypeTable& types) {
  const uint32_t be32 = types.alias("__be32", types.u32());
  return types.structure("flow", Flow::kSize,
                         {{"saddr", be32, 0},
                          {"proto", types.enumeration("proto", {{"TCP", 6}, {"NEG", -1}}), 32},
                          {"port", types.alias("__be16", types.u16()), 64},
                          {"delta", types.integer("short", 2, BTF_INT_SIGNED), 80},
                          {"on", types.integer("bool", 1, BTF_INT_BOOL), 96},
                          {"dev", types.array(types.character(), 7), 104},
                          {"mac", types.array(types.u8(), 4), 160}});
}

TEST(KeyLeaves, AreTheScalarsOfAStruct) {
  TypeTable types;
  const uint32_t inner = types.structure("in", 4, {{"a", types.u16(), 0}, {"b", types.u16(), 16}});
  const uint32_t key = types.structure(
      "key", 16,
      {{"x", types.u32(), 0}, {"in", inner, 32}, {"ports", types.array(types.u16(), 2), 96}});
  EXPECT_EQ(described(shape_of_key(types, key, 16).key_leaves()),
            "x@0+4 in.a@4+2 in.b@6+2 ports[0]@12+2 ports[1]@14+2 ");
}

TEST(KeyLeaves, AreNoneOfKeysThatAreBytesOnly) {
  TypeTable types;
  const uint32_t either =
      types.alternatives("either", 4, {{"a", types.u32(), 0}, {"b", types.u32(), 0}});
  const uint32_t bits = types.structure("bits", 4, {{"a", types.u32(), 0, 3}});
  EXPECT_EQ(described(shape_of_key(types, either, 4).key_leaves()), "");
  EXPECT_EQ(described(shape_of_key(types, bits, 4).key_leaves()), "");
  EXPECT_EQ(described(shape_of_key(types, types.pointer(0), 8).key_leaves()), "");
  EXPECT_EQ(described(shape_of_key(types, types.array(types.u8(), 33), 33).key_leaves()), "");
  EXPECT_EQ(described(Shape::hexadecimal(facts_of(kHash, 4, 4, 0, 0)).key_leaves()), "");
}

TEST(KeyLeaves, AreTheIndexOfAnArrayWithoutTypes) {
  EXPECT_EQ(described(Shape::hexadecimal(facts_of(kArray, 4, 4, 0, 0)).key_leaves()), "@0+4 ");
}

// Only the keys of LPM tries are prefixes, whatever others look like.
TEST(KeyLeaves, AreNoPrefixInAHash) {
  TypeTable types;
  const uint32_t pair = types.structure("pair", 8, {{"a", types.u32(), 0}, {"b", types.u32(), 32}});
  const Shape shape = shape_of_key(types, pair, 8);
  EXPECT_EQ(described(shape.key_leaves()), "a@0+4 b@4+4 ");
  EXPECT_EQ(shape.parse_key("1,2").value(), bytes_of(1U, 2U));
  EXPECT_FALSE(shape.parse_key("10.0.0.0/8"));
  const uint32_t looks = types.structure(
      "looks", 8,
      {{"prefixlen", types.u32(), 0}, {"address", types.alias("__be32", types.u32()), 32}});
  EXPECT_FALSE(shape_of_key(types, looks, 8).parse_key("10.0.0.0/8"));
  EXPECT_TRUE(shape_of_key(types, looks, 8, kLpmTrie).parse_key("10.0.0.0/8"));
}

TEST(KeyLeaves, NameTheFileOfAPairOfAddresses) {
  TypeTable types;
  const uint32_t be32 = types.alias("__be32", types.u32());
  const uint32_t pair = types.structure("pair", 8, {{"saddr", be32, 0}, {"daddr", be32, 32}});
  const Memory key = bytes_of(uint8_t{10}, uint8_t{0}, uint8_t{0}, uint8_t{1}, uint8_t{10},
                              uint8_t{0}, uint8_t{0}, uint8_t{2});
  EXPECT_EQ(name_of(shape_of_key(types, pair, 8).key_leaves(), key), "10.0.0.1,10.0.0.2");
}

TEST(ParseKey, TakesBracesAsTextOnlyWhereThereAreNoFields) {
  TypeTable types;
  const uint32_t text = types.array(types.character(), 16);
  const Shape fields = shape_of_key(types, types.structure("dev", 16, {{"name", text, 0}}), 16);
  for (const char* key :
       {R"({name="plain"})", R"({"name":"plain"})", "{name=plain}", "plain", R"("plain")"})
    EXPECT_EQ(fields.parse_key(key).value(), bytes_of_text("plain", 16)) << key;
  const Shape bare = shape_of_key(types, text, 16);
  for (const char* key : {"{a=b}", "[x]", R"({"a":"b"})", "a, b"})
    EXPECT_EQ(bare.parse_key(key).value(), bytes_of_text(key, 16)) << key;
  EXPECT_EQ(bare.parse_key(R"("{a=b}")").value(), bytes_of_text("{a=b}", 16));
}

TEST(ParseKey, FindsTextWithEscapes) {
  TypeTable types;
  const uint32_t text = types.array(types.character(), 16);
  const Shape bare = shape_of_key(types, text, 16);
  const Shape fields = shape_of_key(types, types.structure("dev", 16, {{"name", text, 0}}), 16);
  for (const std::string_view each :
       {std::string_view("eth0\0AAAA", 9), std::string_view("\x01\"\\\n\x7f"),
        std::string_view("\xc2\x80\xe2\x80\xae"), std::string_view("\xf3\xa0\x80\x81")})
    for (const Shape* shape : {&bare, &fields})
      for (const auto form : {model::ValueForm::kJson, model::ValueForm::kText}) {
        const Memory key = bytes_of_text(each, 16);
        std::string printed;
        shape->append_key(printed, form, key);
        const auto parsed = shape->parse_key(printed);
        ASSERT_TRUE(parsed) << printed << ": " << parsed.error().sentence();
        EXPECT_EQ(*parsed, key) << printed;
      }
  EXPECT_EQ(bare.parse_key(R"("eth0\u0000AAAA")").value(),
            bytes_of_text(std::string_view("eth0\0AAAA", 9), 16));
  std::string printed;
  bare.append_key(printed, model::ValueForm::kText, bytes_of_text("\xff", 16));
  EXPECT_EQ(bare.parse_key(printed).error().sentence(),
            "cannot read the key: U+FFFD stands for bytes that are not UTF-8: such a key is asked "
            "for by its bytes (a key looks like \"\", or hex: and its bytes)");
  for (const char* broken : {R"("\u12")", R"("\ud800")", R"("\udc00")", R"("\x41")", R"("a)"})
    EXPECT_FALSE(bare.parse_key(broken)) << broken;
}

TEST(ParseKey, GoesByTheNamesOfFields) {
  TypeTable types;
  const uint32_t inner = types.structure("in", 2, {{"c", types.u8(), 0}, {"d", types.u8(), 8}});
  const uint32_t type = types.structure(
      "key", 6, {{"a", types.u8(), 0}, {"in", inner, 8}, {"p", types.array(types.u8(), 3), 24}});
  const Shape shape = shape_of_key(types, type, 6);
  const Memory key =
      bytes_of(uint8_t{1}, uint8_t{2}, uint8_t{3}, uint8_t{4}, uint8_t{5}, uint8_t{6});
  for (const char* text :
       {R"({"a":1,"in":{"c":2,"d":3},"p":[4,5,6]})", R"({"p":[4,5,6],"in":{"d":3,"c":2},"a":1})",
        "{p=[4 5 6] in={c=2 d=3} a=1}", "1,2,3,4,5,6", "[1,2,3,4,5,6]"})
    EXPECT_EQ(shape.parse_key(text).value(), key) << text;
  const auto reason = [&](const char* text) {
    const std::string sentence = shape.parse_key(text).error().sentence();
    return sentence.substr(0, sentence.find(" (a"));
  };
  EXPECT_EQ(reason(R"({"x":1,"in":{"c":2,"d":3},"p":[4,5,6]})"),
            "cannot read the key: the keys of this map have no \"x\"");
  EXPECT_EQ(reason("{a=1 in={c=2 x=3} p=[4 5 6]}"),
            "cannot read the key: the keys of this map have no \"in.x\"");
  EXPECT_EQ(reason(R"({"a":1,"a":1,"in":{"c":2,"d":3},"p":[4,5,6]})"),
            "cannot read the key: \"a\" is there more than once");
  EXPECT_EQ(reason(R"({"a":1,"in":{"c":2,"d":3},"p":[4,5]})"),
            "cannot read the key: it has no \"p[2]\"");
  EXPECT_EQ(reason("{a=1 2}"), "cannot read the key: \"2\" has no name, and others have");
  EXPECT_EQ(reason("{a=}"), "cannot read the key: \"a\" has no value");
  EXPECT_EQ(reason("{a=1"), "cannot read the key: \"{\" is not closed");
  EXPECT_EQ(reason("1}"), "cannot read the key: \"}\" closes nothing");
}

TEST(ParseKey, RefusesNothing) {
  TypeTable types;
  const uint32_t text = types.array(types.character(), 16);
  for (const Shape& shape : {shape_of_key(types, text, 16), shape_of_key(types, types.u32(), 4)})
    EXPECT_EQ(shape.parse_key("").error().sentence(), "cannot read the key: the key is empty");
}

TEST(ParseKey, ReadsBackWhatIsPrinted) {
  TypeTable types;
  const Shape shape = shape_of_key(types, flow_key(types), Flow::kSize);
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    Memory key(Flow::kSize);
    for (std::byte& each : key) each = static_cast<std::byte>(random() % 256);
    key[12] = static_cast<std::byte>(random() % 2);
    // Text that is UTF-8 without NULs; everything else is for hex:.
    for (size_t i = 13; i < 20; ++i) key[i] = static_cast<std::byte>(1 + random() % 127);
    if (round % 3 == 0) key[4] = std::byte{6}, key[5] = key[6] = key[7] = std::byte{0};
    for (const auto form : {model::ValueForm::kJson, model::ValueForm::kText}) {
      std::string printed;
      shape.append_key(printed, form, key);
      const auto parsed = shape.parse_key(printed);
      ASSERT_TRUE(parsed) << printed << ": " << parsed.error().sentence();
      EXPECT_EQ(*parsed, key) << printed;
    }
  }
}

TEST(ParseKey, TakesTheLeavesAloneAndPrefixesAndBytes) {
  TypeTable types;
  const uint32_t trie = types.structure(
      "key", 8, {{"prefixlen", types.u32(), 0}, {"data", types.array(types.u8(), 4), 32}});
  const Memory key = bytes_of(8U, uint8_t{10}, uint8_t{0}, uint8_t{0}, uint8_t{0});
  const Shape shape = shape_of_key(types, trie, 8, kLpmTrie);
  EXPECT_EQ(shape.parse_key("10.0.0.0/8").value(), key);
  EXPECT_EQ(shape.parse_key("\"10.0.0.0/8\"").value(), key);
  EXPECT_EQ(shape.parse_key("8,10.0.0.0").value(), key);
  EXPECT_EQ(shape.parse_key("hex:080000000A000000").value(), key);
}

TEST(ParseKey, SaysWhatIsWrongAndHowAKeyLooks) {
  TypeTable types;
  const uint32_t pair = types.structure("pair", 2, {{"a", types.u8(), 0}, {"b", types.u8(), 8}});
  const Shape shape = shape_of_key(types, pair, 2);
  const auto sentence = [&](const char* text) { return shape.parse_key(text).error().sentence(); };
  EXPECT_EQ(sentence("1"),
            "cannot read the key: it has 1 value, and the keys of this map have 2 (a, b) (a key "
            "looks like {a=0 b=0}, or hex: and its bytes)");
  EXPECT_EQ(sentence("1,256"),
            "cannot read the key: \"256\" does not fit b (a key looks like {a=0 b=0}, or hex: and "
            "its bytes)");
  EXPECT_EQ(sentence("hex:0"),
            "cannot read the key: each byte takes two hexadecimal digits (a key looks like {a=0 "
            "b=0}, or hex: and its bytes)");
  EXPECT_EQ(
      sentence("hex:010203"),
      "cannot read the key: it has 3 bytes, and the keys of this map have 2 (a key looks like "
      "{a=0 b=0}, or hex: and its bytes)");
}

}  // namespace
}  // namespace pinscope::values::test
