#include "plugin/engine/wiring/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::engine {
namespace {

using testing::HasSubstr;

TEST(Receipt, IsReadAsItWasWritten) {
  const Receipt receipt = {.set_default = true,
                           .directories = {"/etc/a", "/etc/a/b"},
                           .files = {{"/etc/a/x.json", 0x123}, {"/etc/a/y", ~uint64_t{0}}},
                           .edits = {{"/etc/z", "/etc/z.pinscope-backup", 7}, {"/etc/q", "", 0}}};
  const auto read = parse_receipt(to_json(receipt), "r.json");
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(*read, receipt);
  EXPECT_NE(read->made("/etc/a/y"), nullptr);
  EXPECT_EQ(read->made("/etc/z"), nullptr);
  EXPECT_NE(read->edited("/etc/z"), nullptr);
}

TEST(Receipt, SaysWhatIsWrongWithIt) {
  const auto sentence_of = [](const char* text) {
    const auto read = parse_receipt(text, "r.json");
    return read ? std::string("(fine)") : read.error().sentence();
  };
  EXPECT_THAT(sentence_of("{"), HasSubstr("r.json"));
  EXPECT_THAT(sentence_of("{}"), HasSubstr("version 0 is not known"));
  EXPECT_THAT(sentence_of(R"({"version": 1, "directories": ["etc"]})"),
              HasSubstr("/directories/0: it must be an absolute path"));
  EXPECT_THAT(sentence_of(R"({"version": 1, "files": [{"path": "x", "sum": "0000000000000000"}]})"),
              HasSubstr("\"path\" must be an absolute path"));
  EXPECT_THAT(sentence_of(R"({"version": 1, "files": [{"path": "/x", "sum": "12"}]})"),
              HasSubstr("\"sum\" must be 16 hexadecimal digits"));
  EXPECT_EQ(sentence_of(R"({"version": 1})"), "(fine)");
}

}  // namespace
}  // namespace pinscope::engine
