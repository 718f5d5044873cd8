// What other YAML readers take for something else than text; the same as PyYAML's resolver, plus
// what YAML 1.2 adds.
#include "plugin/policy/language/plain.h"

#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

TEST(PlainScalar, ReadsAsSomethingElse) {
  for (const char* text :
       {"1",    "0",     "-1",   "+1",    "1_000",  "0100", "0x1F",       "0b101",         "0o17",
        "1.5",  "1.",    ".5",   "1e3",   "1.0e+3", "-.5",  ".inf",       "-.INF",         ".nan",
        "1:30", "1:2:3", "true", "False", "yes",    "NO",   "on",         "Off",           "y",
        "N",    "null",  "~",    "=",     "<<",     "Null", "2026-01-31", "2026-1-3 10:00"})
    EXPECT_TRUE(reads_as_other_than_text(text)) << text;
}

TEST(PlainScalar, ReadsAsText) {
  for (const char* text :
       {"a",    "web-*",   "1.2.3",       "10.0.0.1", "v1",  "1a",      "0xg",  "_1",
        "-",    ".",       "..",          "+",        "e3",  "yes!",    "nope", "nulls",
        "2026", "2026-01", "/sys/fs/bpf", "1-2",      "1:a", "infinity"})
    EXPECT_EQ(reads_as_other_than_text(text), std::string_view(text) == "2026") << text;
}

}  // namespace
}  // namespace pinscope::policy
