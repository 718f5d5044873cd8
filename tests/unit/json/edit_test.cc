// JSON edited as text: what stays as it was, and how what is new is laid out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/json/edit.h"
#include "plugin/json/json.h"

namespace pinscope {
namespace {

JsonText parse(std::string text) {
  auto parsed = JsonText::parse(std::move(text), "a.json", ErrorCode::kConfigInvalid);
  EXPECT_TRUE(parsed) << parsed.error().sentence();
  return *std::move(parsed);
}

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "no error" : result.error().sentence();
}

std::string after_set(std::string text, const JsonPath& path, std::string_view value) {
  JsonText json = parse(std::move(text));
  const auto done = json.set(path, value);
  return done ? json.text() : done.error().sentence();
}

std::string after_append(std::string text, const JsonPath& path, std::string_view value) {
  JsonText json = parse(std::move(text));
  const auto done = json.append(path, value);
  return done ? json.text() : done.error().sentence();
}

std::string after_remove(std::string text, const JsonPath& path) {
  JsonText json = parse(std::move(text));
  const auto done = json.remove(path);
  if (!done) return done.error().sentence();
  return *done ? json.text() : "nothing to remove";
}

TEST(JsonEdit, AddsAMemberToACompactText) {
  EXPECT_EQ(after_set(R"({"a":1})", {"b"}, R"({"x": [1, 2]})"), R"({"a":1,"b":{"x":[1,2]}})");
  EXPECT_EQ(after_set("{}", {"b"}, "true"), R"({"b":true})");
  EXPECT_EQ(after_set(R"({ "a" : 1 })", {"b"}, "2"), R"({ "a" : 1, "b": 2 })");
}

TEST(JsonEdit, AddsAMemberOnALineOfItsOwnWhereTheOthersHaveOne) {
  EXPECT_EQ(after_set("{\n\t\"a\": 1\n}\n", {"b"}, R"({"x":[1,{}],"y":[]})"),
            "{\n\t\"a\": 1,\n\t\"b\": {\n\t\t\"x\": [\n\t\t\t1,\n\t\t\t{}\n\t\t],\n\t\t\"y\": []\n"
            "\t}\n}\n");
  EXPECT_EQ(after_set("{\r\n  \"a\": 1\r\n}\r\n", {"b"}, "[2]"),
            "{\r\n  \"a\": 1,\r\n  \"b\": [\r\n    2\r\n  ]\r\n}\r\n");
}

TEST(JsonEdit, FillsAnEmptyContainerInTheLayoutOfTheDocument) {
  EXPECT_EQ(after_set("{}\n", {"a"}, "1"), "{\n    \"a\": 1\n}\n");
  EXPECT_EQ(after_set("{\n  \"a\": {\n  }\n}", {"a", "b"}, "1"),
            "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
  EXPECT_EQ(after_append("{\n  \"a\": [ ]\n}", {"a"}, "1"), "{\n  \"a\": [\n    1\n  ]\n}");
}

TEST(JsonEdit, MakesTheObjectsThatAreMissingOnTheWay) {
  EXPECT_EQ(after_set(R"({"a":{"z":1}})", {"a", "b", "c"}, "2"), R"({"a":{"z":1,"b":{"c":2}}})");
  EXPECT_EQ(after_append("{}", {"hooks", "poststop"}, R"({"path":"/x"})"),
            R"({"hooks":{"poststop":[{"path":"/x"}]}})");
}

TEST(JsonEdit, TakesNullForAbsent) {
  EXPECT_EQ(after_append(R"({"hooks":null,"z":0})", {"hooks", "poststop"}, "1"),
            R"({"hooks":{"poststop":[1]},"z":0})");
  EXPECT_EQ(after_append(R"({"hooks":{"poststop":null}})", {"hooks", "poststop"}, "1"),
            R"({"hooks":{"poststop":[1]}})");
  EXPECT_EQ(after_set("null", {"a"}, "1"), R"({"a":1})");
  EXPECT_FALSE(*parse(R"({"a":null})").find({"a"}));
  EXPECT_FALSE(*parse(R"({"a":null})").find({"a", "b"}));
}

TEST(JsonEdit, AppendsInTheLayoutOfTheLastElement) {
  EXPECT_EQ(after_append("[1,2]", {}, "3"), "[1,2,3]");
  EXPECT_EQ(after_append("[1, 2]", {}, "[3,4]"), "[1, 2, [3, 4]]");
  EXPECT_EQ(after_append("{\n \"a\": [1, 2]\n}", {"a"}, R"({"b":3})"),
            "{\n \"a\": [1, 2, {\"b\": 3}]\n}");
  EXPECT_EQ(after_append("{\n \"a\": [\n  1,\n  2\n ]\n}", {"a"}, "{}"),
            "{\n \"a\": [\n  1,\n  2,\n  {}\n ]\n}");
}

TEST(JsonEdit, AppendsSeveralElementsAtOnce) {
  JsonText json = parse("{\n  \"a\": [\n    1\n  ]\n}");
  ASSERT_TRUE(json.append_all({"a"}, {"2", "[]"}));
  ASSERT_TRUE(json.append_all({"a"}, {}));
  EXPECT_EQ(json.text(), "{\n  \"a\": [\n    1,\n    2,\n    []\n  ]\n}");
  JsonText empty = parse(R"({"a":[],"b":null})");
  ASSERT_TRUE(empty.append_all({"a"}, {"1", "2"}));
  ASSERT_TRUE(empty.append_all({"b"}, {"1", "2"}));
  EXPECT_EQ(empty.text(), R"({"a":[1,2],"b":[1,2]})");
}

TEST(JsonEdit, ReplacesAValue) {
  EXPECT_EQ(after_set(R"({"a": 1 , "b":2})", {"a"}, R"("x")"), R"({"a": "x" , "b":2})");
  EXPECT_EQ(after_set("{\n  \"a\": [\n    1\n  ]\n}", {"a", 0U}, R"({"b":[]})"),
            "{\n  \"a\": [\n    {\n      \"b\": []\n    }\n  ]\n}");
}

TEST(JsonEdit, LeavesTheTextAloneWhereTheValueIsThereAlready) {
  const std::string text = "{\"a\": {\"b\":\n [1,   2.0]}}";
  EXPECT_EQ(after_set(text, {"a"}, R"({"b": [1, 2.0]})"), text);
}

TEST(JsonEdit, RemovesWithTheSeparatorThatIsNotNeededAnyMore) {
  EXPECT_EQ(after_remove("[1 , 2 , 3]", {0U}), "[2 , 3]");
  EXPECT_EQ(after_remove("[1 , 2 , 3]", {1U}), "[1 , 3]");
  EXPECT_EQ(after_remove("[1 , 2 , 3 ]", {2U}), "[1 , 2 ]");
  EXPECT_EQ(after_remove("[ 1 ]", {0U}), "[]");
  EXPECT_EQ(after_remove("{\n  \"a\": 1,\n  \"b\": 2\n}", {"a"}), "{\n  \"b\": 2\n}");
  EXPECT_EQ(after_remove("{\n  \"a\": 1,\n  \"b\": 2\n}", {"b"}), "{\n  \"a\": 1\n}");
  EXPECT_EQ(after_remove(R"({"a":null})", {"a"}), "{}");
}

TEST(JsonEdit, SaysWhenThereIsNothingToRemove) {
  EXPECT_EQ(after_remove("[1]", {1U}), "nothing to remove");
  EXPECT_EQ(after_remove(R"({"a":{}})", {"a", "b"}), "nothing to remove");
  EXPECT_EQ(after_remove(R"({"a":null})", {"a", "b"}), "nothing to remove");
  EXPECT_EQ(after_remove("{}", {"a", "b", "c"}), "nothing to remove");
  EXPECT_EQ(after_remove("{}", {}), "cannot edit \"a.json\": /: the whole cannot be taken out");
}

TEST(JsonEdit, KeepsWhatItDoesNotUnderstandByteForByte) {
  const std::string odd =
      "{\"n\":1234567890123456789012345678901234567890,\"f\":1.50e+003,\"s\":\"\\u0041\\/\\ud83d"
      "\\ude00\",\"o\" :\t{\"k\":1,\"k\":2} ,\"u\":\"\u00e4\"";
  EXPECT_EQ(after_set(odd + "}", {"new"}, "1"), odd + ",\"new\":1}");
}

TEST(JsonEdit, ComparesKeysAsTheyAreMeant) {
  EXPECT_EQ(*(*parse(R"({"h\u006foks":7})").find({"hooks"})), "7");
  EXPECT_EQ(*(*parse(R"({"a\"b":7})").find({"a\"b"})), "7");
  EXPECT_EQ(after_set("{}", {"a\"\n"}, "1"), R"({"a\"\n":1})");
}

TEST(JsonEdit, RefusesAKeyThatStandsTwiceOnTheWay) {
  EXPECT_EQ(after_set(R"({"a":{"b":1,"\u0062":2}})", {"a", "b"}, "1"),
            "cannot edit \"a.json\": /a: the key \"b\" appears twice");
  EXPECT_EQ(after_set(R"({"x":1,"x":2})", {"a"}, "1"), R"({"x":1,"x":2,"a":1})");
}

TEST(JsonEdit, RefusesAKeyThatOtherProgramsTakeForTheSame) {
  EXPECT_EQ(after_append(R"({"Hooks":{}})", {"hooks", "poststop"}, "1"),
            "cannot edit \"a.json\": /: the key \"Hooks\" may be taken for \"hooks\" by programs "
            "that ignore case");
  EXPECT_EQ(reason(parse("{\"hoo\u212as\":{}}").find({"hooks"})),
            "cannot edit \"a.json\": /: the key \"hoo\u212as\" may be taken for \"hooks\" by "
            "programs that ignore case");
  EXPECT_EQ(reason(parse("{\"hook\u017f\":{}}").remove({"hooks"})),
            "cannot edit \"a.json\": /: the key \"hook\u017f\" may be taken for \"hooks\" by "
            "programs that ignore case");
}

TEST(JsonEdit, NamesThePlaceOfAWrongKind) {
  EXPECT_EQ(after_set(R"({"a":[1]})", {"a", "b"}, "1"),
            "cannot edit \"a.json\": /a: expected an object");
  EXPECT_EQ(after_set(R"({"a":"x"})", {"a", "b"}, "1"),
            "cannot edit \"a.json\": /a: expected an object");
  EXPECT_EQ(after_append(R"({"a":{}})", {"a"}, "1"),
            "cannot edit \"a.json\": /a: expected an array");
  EXPECT_EQ(after_set(R"({"a":{}})", {"a", 0U}, "1"),
            "cannot edit \"a.json\": /a: expected an array");
  EXPECT_EQ(after_set(R"({"a":[0]})", {"a", 1U, "b"}, "1"),
            "cannot edit \"a.json\": /a: there is no element 1");
  EXPECT_EQ(after_set("7", {"a"}, "1"), "cannot edit \"a.json\": /: expected an object");
}

TEST(JsonEdit, LeavesTheTextAsItWasAfterAnError) {
  JsonText json = parse(R"({"a":1})");
  EXPECT_FALSE(json.set({"b"}, "{"));
  EXPECT_FALSE(json.set({"a", "b"}, "1"));
  EXPECT_EQ(json.text(), R"({"a":1})");
}

TEST(JsonEdit, RefusesATextThatIsNotJson) {
  const auto error_of = [](std::string text) {
    return reason(JsonText::parse(std::move(text), "a.json", ErrorCode::kConfigInvalid));
  };
  EXPECT_EQ(error_of("{\n \"a\":1,}"),
            "cannot read \"a.json\": 2:8: Missing a name for object member");
  EXPECT_EQ(error_of("[1] x"),
            "cannot read \"a.json\": 1:5: The document root must not be followed by other values");
  EXPECT_EQ(error_of(""), "cannot read \"a.json\": 1:1: The document is empty");
  EXPECT_EQ(error_of("[\"\xff\"]"), "cannot read \"a.json\": 1:3: it is not UTF-8");
  EXPECT_EQ(error_of(std::string("[1]\0", 4)),
            "cannot read \"a.json\": 1:4: it contains a NUL byte");
  EXPECT_EQ(error_of("[01]"),
            "cannot read \"a.json\": 1:3: Missing a comma or ']' after an array "
            "element");
  EXPECT_EQ(error_of("[\"\\ud800\"]"),
            "cannot read \"a.json\": 1:3: The surrogate pair in string is invalid");
  EXPECT_EQ(error_of("// x\n{}"), "cannot read \"a.json\": 1:1: Invalid value");
}

TEST(JsonEdit, DoesNotUseTheStackForNesting) {
  constexpr size_t kDepth = 200'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  JsonText json = parse("{\"deep\":" + deep + "}");
  ASSERT_TRUE(json.set({"new"}, "1"));
  EXPECT_EQ(json.text(), "{\"deep\":" + deep + ",\"new\":1}");
}

}  // namespace
}  // namespace pinscope
