// JSON as it is written: valid whatever it is given, and safe on a terminal.
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "plugin/json/json.h"

namespace pinscope {
namespace {

std::string compact(const std::string& value) {
  JsonWriter json;
  json.value(value);
  return json.take();
}

TEST(JsonWriter, WritesEveryKindOfValue) {
  JsonWriter json;
  json.object()
      .field("text", "a")
      .field("yes", true)
      .field("no", false)
      .field("small", int32_t{-1})
      .field("id", uint32_t{4294967295})
      .field("least", std::numeric_limits<int64_t>::min())
      .field("most", std::numeric_limits<uint64_t>::max())
      .key("none")
      .null()
      .key("list")
      .array()
      .value(1)
      .value("b")
      .object()
      .end()
      .array()
      .end()
      .end()
      .end();
  EXPECT_EQ(json.text(), R"({"text":"a","yes":true,"no":false,"small":-1,"id":4294967295,)"
                         R"("least":-9223372036854775808,"most":18446744073709551615,"none":null,)"
                         R"("list":[1,"b",{},[]]})");
}

// Texts are looked at eight bytes at a time, and the last ones once more.
TEST(JsonWriter, EscapesAtEveryPlaceOfATextOfAnyLength) {
  constexpr size_t kLongest = 35;
  for (size_t length = 0; length <= kLongest; ++length) {
    const std::string plain(length, '~');
    EXPECT_EQ(compact(plain), "\"" + plain + "\"");
    for (size_t at = 0; at < length; ++at) {
      for (const auto& [byte, escaped] : std::map<char, std::string>{{'"', R"(\")"},
                                                                     {'\\', R"(\\)"},
                                                                     {'\0', R"(\u0000)"},
                                                                     {'\x1f', R"(\u001F)"},
                                                                     {'\x7f', R"(\u007F)"},
                                                                     {'\x80', "\xef\xbf\xbd"},
                                                                     {'\xff', "\xef\xbf\xbd"}}) {
        std::string text = plain;
        text[at] = byte;
        EXPECT_EQ(compact(text),
                  "\"" + plain.substr(0, at) + escaped + plain.substr(at + 1) + "\"");
      }
    }
  }
}

TEST(JsonWriter, WritesATextThatIsNowhereAsAnEmptyOne) {
  EXPECT_EQ(JsonWriter().value(std::string_view()).take(), "\"\"");
}

TEST(JsonWriter, BeginsAnewBehindATextThatWasTaken) {
  JsonWriter json;
  json.array().value(std::string(100, 'a')).end();
  EXPECT_EQ(json.take(), "[\"" + std::string(100, 'a') + "\"]");
  EXPECT_EQ(json.text(), "");
  json.reserve(1000).array().value(1).end();
  EXPECT_EQ(json.text(), "[1]");
  EXPECT_EQ(json.take(), "[1]");
}

TEST(JsonWriter, IndentsForPeople) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("a", 1).key("b").array().value(2).object().field("c", 3).end().end();
  json.key("empty").array().end().key("none").object().end().end();
  EXPECT_EQ(json.text(),
            "{\n"
            "  \"a\": 1,\n"
            "  \"b\": [\n"
            "    2,\n"
            "    {\n"
            "      \"c\": 3\n"
            "    }\n"
            "  ],\n"
            "  \"empty\": [],\n"
            "  \"none\": {}\n"
            "}");
}

TEST(JsonWriter, EscapesWhatJsonAndTerminalsNeedEscaped) {
  EXPECT_EQ(compact("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(compact("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(compact(std::string("\0\x1b\x7f", 3)), R"("\u0000\u001B\u007F")");
  EXPECT_EQ(compact("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009B\\u009F\xc2\xa0\"");
  EXPECT_EQ(compact("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9d"),
            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9d\"");
  // U+202E, U+2066, a tag.
  EXPECT_EQ(compact("\xe2\x80\xae\xe2\x81\xa6\xf3\xa0\x80\x81"), R"("\u202E\u2066\uDB40\uDC01")");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(compact("a\xff"
                    "b"),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(compact("\xc3"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(compact("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

// The writer looks at eight bytes at a time: each special byte at each offset of each length.
TEST(JsonWriter, FindsASpecialByteAtEveryOffset) {
  for (size_t length = 1; length <= 20; ++length) {
    for (size_t offset = 0; offset < length; ++offset) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(length, 'a');
        text[offset] = static_cast<char>(byte);
        const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        const std::string written = compact(text);
        ASSERT_EQ(written == "\"" + text + "\"", plain) << length << " " << offset << " " << byte;
      }
    }
  }
}

TEST(JsonWriter, WritesWhatTheReaderReads) {
  std::string text;
  for (int byte = 1; byte < 0x80; ++byte) text += static_cast<char>(byte);
  text += "\xc2\x85\xe2\x82\xac";
  JsonWriter json;
  json.object().field(text, text).end();
  const auto document = JsonDocument::parse(json.take(), "written", ErrorCode::kInternal);
  ASSERT_TRUE(document) << document.error().sentence();
  const auto members = document->root().members();
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 1U);
  EXPECT_EQ((*members)[0].first, text);
  EXPECT_EQ(*(*members)[0].second.as_string(), text);
}

TEST(JsonWriter, IsEmptyAfterItsTextIsTaken) {
  JsonWriter json;
  json.array().end();
  EXPECT_EQ(json.take(), "[]");
  EXPECT_EQ(json.text(), "");
}

}  // namespace
}  // namespace pinscope
