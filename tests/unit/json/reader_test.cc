// JSON as it is read: strict, bounded, and with the place of each error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/json/json.h"

namespace pinscope {
namespace {

using testing::EndsWith;
using testing::StartsWith;

Result<JsonDocument> parse(std::string text) {
  return JsonDocument::parse(std::move(text), "a.json", ErrorCode::kConfigInvalid);
}

// What follows `cannot read "a.json": ` in the error.
std::string error_of(std::string text) {
  const auto document = parse(std::move(text));
  if (document) return "no error";
  EXPECT_EQ(document.error().code(), ErrorCode::kConfigInvalid);
  const std::string sentence = document.error().sentence();
  const std::string start = "cannot read \"a.json\": ";
  EXPECT_THAT(sentence, StartsWith(start));
  return sentence.substr(start.size());
}

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "no error" : result.error().sentence();
}

TEST(JsonReader, ReadsEveryKindOfValue) {
  const auto document =
      parse(R"({"s":"a\u00e4\n","n":7,"i":-7,"b":true,"o":{"x":[1,2]},"z":null})");
  ASSERT_TRUE(document);
  const JsonView root = document->root();
  EXPECT_EQ(*root.string_or("s", ""), "a\u00e4\n");
  EXPECT_EQ(*root.unsigned_or("n", 0), 7U);
  EXPECT_EQ(*(*root.find("i"))->as_signed(), -7);
  EXPECT_EQ(*root.bool_or("b", false), true);
  EXPECT_TRUE((*root.find("o"))->is_object());
  const auto list = (*(*root.find("o"))->find("x"))->elements();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(*(*list)[1].as_unsigned(), 2U);
}

TEST(JsonReader, TakesNullForAbsent) {
  const auto document = parse(R"({"z":null})");
  EXPECT_FALSE((*document->root().find("z")).has_value());
  EXPECT_FALSE((*document->root().find("y")).has_value());
  EXPECT_EQ(*document->root().string_or("z", "default"), "default");
  EXPECT_EQ(*document->root().unsigned_or("z", 3), 3U);
  EXPECT_EQ(*document->root().bool_or("z", true), true);
}

TEST(JsonReader, KeepsTheOrderOfMembers) {
  const auto document = parse(R"({"b":1,"a":2,"":3})");
  const auto members = document->root().members();
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ((*members)[0].first, "b");
  EXPECT_EQ((*members)[1].first, "a");
  EXPECT_EQ((*members)[2].first, "");
}

TEST(JsonReader, NamesThePlaceOfAValue) {
  const auto document = parse(R"({"linux":{"namespaces":[{"type":"pid"},{"type":1}]},"a/b":2})");
  const JsonView root = document->root();
  const auto namespaces = *(*root.find("linux"))->find("namespaces");
  const auto second = (*namespaces->elements())[1];
  EXPECT_EQ(reason(second.string_or("type", "")),
            "cannot read \"a.json\": /linux/namespaces/1/type: expected a string");
  EXPECT_EQ(second.make_error("odd").sentence(),
            "cannot read \"a.json\": /linux/namespaces/1: odd");
  EXPECT_EQ(root.make_error("odd").sentence(), "cannot read \"a.json\": /: odd");
  EXPECT_EQ(reason((*root.find("a/b"))->as_string()),
            "cannot read \"a.json\": /a/b: expected a string");
}

TEST(JsonReader, RefusesTheWrongType) {
  const auto document = parse(R"({"s":"x","n":7,"f":1.5,"i":-1})");
  const JsonView root = document->root();
  EXPECT_EQ(reason(root.unsigned_or("s", 0)),
            "cannot read \"a.json\": /s: expected a whole number that is not negative");
  EXPECT_EQ(reason(root.unsigned_or("f", 0)),
            "cannot read \"a.json\": /f: expected a whole number that is not negative");
  EXPECT_EQ(reason(root.unsigned_or("i", 0)),
            "cannot read \"a.json\": /i: expected a whole number that is not negative");
  EXPECT_EQ(reason((*root.find("f"))->as_signed()),
            "cannot read \"a.json\": /f: expected a whole number");
  EXPECT_EQ(reason(root.bool_or("n", false)), "cannot read \"a.json\": /n: expected true or false");
  EXPECT_EQ(reason((*root.find("s"))->find("x")), "cannot read \"a.json\": /s: expected an object");
  EXPECT_EQ(reason((*root.find("s"))->members()), "cannot read \"a.json\": /s: expected an object");
  EXPECT_EQ(reason(root.elements()), "cannot read \"a.json\": /: expected an array");
}

TEST(JsonReader, RefusesAKeyThatStandsTwiceWhenItsObjectIsRead) {
  const auto document = parse(R"({"a":1,"o":{"k":1,"k":2},"a":null})");
  ASSERT_TRUE(document);
  const JsonView root = document->root();
  const std::string expected = "cannot read \"a.json\": /: the key \"a\" appears twice";
  EXPECT_EQ(reason(root.find("a")), expected);
  EXPECT_EQ(reason(root.members()), expected);
  const auto inner = *root.find("o");
  EXPECT_EQ(reason(inner->find("k")), "cannot read \"a.json\": /o: the key \"k\" appears twice");
  EXPECT_TRUE(inner->find("other"));
}

TEST(JsonReader, TakesAnEscapedKeyForTheSameKey) {
  const auto document = parse(R"({"uid":1,"\u0075id":0})");
  EXPECT_EQ(reason(document->root().find("uid")),
            "cannot read \"a.json\": /: the key \"uid\" appears twice");
}

TEST(JsonReader, RefusesANulWhereverItStands) {
  EXPECT_EQ(error_of(std::string("{\"a\":\"x\0y\"}", 11)), "1:8: it contains a NUL byte");
  EXPECT_EQ(error_of(std::string("{}\0", 3)), "1:3: it contains a NUL byte");
  const auto document = parse(R"({"a":"x\u0000y","o":{"k\u0000":1}})");
  EXPECT_EQ(reason(document->root().string_or("a", "")),
            "cannot read \"a.json\": /a: the string contains a NUL");
  EXPECT_EQ(reason((*document->root().find("o"))->members()),
            "cannot read \"a.json\": /o: a key contains a NUL");
}

TEST(JsonReader, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(error_of("{\"a\":\"\xff\"}"), "1:7: it is not UTF-8");
  EXPECT_EQ(error_of("{\n\"\xc0\x80\":1}"), "2:2: it is not UTF-8");
  EXPECT_EQ(error_of("{\"a\":\"\xed\xa0\x80\"}"), "1:7: it is not UTF-8");
  EXPECT_EQ(error_of(R"({"a":"\ud800"})"), "1:7: The surrogate pair in string is invalid");
}

TEST(JsonReader, IsStrict) {
  EXPECT_EQ(error_of(""), "1:1: The document is empty");
  EXPECT_EQ(error_of("  \n "), "2:2: The document is empty");
  EXPECT_EQ(error_of("{\"a\":1,}"), "1:8: Missing a name for object member");
  EXPECT_EQ(error_of("[1,]"), "1:4: Invalid value");
  EXPECT_EQ(error_of("{} {}"), "1:4: The document root must not be followed by other values");
  EXPECT_EQ(error_of("// x\n{}"), "1:1: Invalid value");
  EXPECT_EQ(error_of("{'a':1}"), "1:2: Missing a name for object member");
  EXPECT_EQ(error_of("[NaN]"), "1:2: Invalid value");
  EXPECT_EQ(error_of("[01]"), "1:3: Missing a comma or ']' after an array element");
  EXPECT_EQ(error_of("{\"a\":\"x\ty\"}"), "1:8: Invalid escape character in string");
  EXPECT_EQ(error_of("[\"\\x\"]"), "1:3: Invalid escape character in string");
  EXPECT_EQ(error_of("\xef\xbb\xbf{}"), "1:1: Invalid value");
}

TEST(JsonReader, CountsLinesOfTheTextAsItWasGiven) {
  // A decoded "\n" is not a line, although decoding happens in place.
  EXPECT_EQ(error_of("{\"a\":\"x\\ny\",\n \"b\" 2}"),
            "2:6: Missing a colon after a name of object "
            "member");
}

TEST(JsonReader, RefusesNumbersThatFitNowhere) {
  EXPECT_EQ(error_of("[1e999]"), "1:2: Number too big to be stored in double");
  EXPECT_EQ(error_of("[" + std::string(100000, '9') + "]"),
            "1:2: Number too big to be stored in double");
  EXPECT_TRUE(parse("[0." + std::string(100000, '0') + "1,1e-99999999999999999999]"));
  const auto document = parse(
      "[18446744073709551615,18446744073709551616,-9223372036854775808,"
      "-9223372036854775809,1e3,1e-999," +
      std::string(300, '9') + "e-9999]");
  ASSERT_TRUE(document) << document.error().sentence();
  const auto numbers = *document->root().elements();
  EXPECT_EQ(*numbers[0].as_unsigned(), 18446744073709551615U);
  EXPECT_FALSE(numbers[0].as_signed());
  EXPECT_FALSE(numbers[1].as_unsigned());
  EXPECT_EQ(*numbers[2].as_signed(), INT64_MIN);
  EXPECT_FALSE(numbers[3].as_signed());
  EXPECT_FALSE(numbers[4].as_unsigned());
  EXPECT_FALSE(numbers[5].as_unsigned());
}

TEST(JsonReader, ReadsAMillionNestedBracketsWithoutAStackOfItsOwn) {
  constexpr size_t kDepth = 1'000'000;
  EXPECT_THAT(error_of(std::string(kDepth, '[')), EndsWith("Invalid value"));
  EXPECT_THAT(error_of(std::string(kDepth, '[') + std::string(kDepth - 1, ']')),
              EndsWith("Missing a comma or ']' after an array element"));
  const auto document = parse(std::string(kDepth, '[') + std::string(kDepth, ']'));
  ASSERT_TRUE(document);
  EXPECT_EQ(reason(document->root().find("a")), "cannot read \"a.json\": /: expected an object");

  std::string objects;
  for (size_t i = 0; i < kDepth / 10; ++i) objects += "{\"a\":";
  objects += "1" + std::string(kDepth / 10, '}');
  EXPECT_TRUE(parse(objects));
}

TEST(JsonReader, CutsAPlaceThatNobodyCouldRead) {
  constexpr size_t kDepth = 100'000;
  const auto document = parse(std::string(kDepth, '[') + std::string(kDepth, ']'));
  JsonView view = document->root();
  for (size_t i = 1; i < kDepth; ++i) view = (*view.elements())[0];
  const std::string sentence = view.make_error("odd").sentence();
  EXPECT_THAT(sentence, StartsWith("cannot read \"a.json\": /0/0/0"));
  EXPECT_THAT(sentence, EndsWith("/0...: odd"));
  EXPECT_LT(sentence.size(), 600U);
}

TEST(JsonReader, StaysValidWhenTheDocumentIsMoved) {
  auto document = parse(R"({"a":"x"})");
  const JsonDocument moved = *std::move(document);
  EXPECT_EQ(*moved.root().string_or("a", ""), "x");
  EXPECT_EQ(moved.name(), "a.json");
  EXPECT_EQ(moved.code(), ErrorCode::kConfigInvalid);
}

}  // namespace
}  // namespace pinscope
