// Reading TOML, and the edits that are made in the text of containerd's root file.
#include "plugin/engine/wiring/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/engine/containerd/edit.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;

std::string at(const Toml& toml, const std::string& text, const TomlPath& path) {
  const auto region = toml.region(path);
  return region ? text.substr(region->begin, region->end - region->begin) : "(none)";
}

TEST(TomlText, FindsValuesByPath) {
  const auto toml =
      Toml::parse("a = 1\n[b.\"c.d\"]\nx = 'y'\nz = [\"1\", 2, {append = true}]\n", "f");
  ASSERT_TRUE(toml);
  EXPECT_EQ(toml->number({"a"}), 1);
  EXPECT_EQ(toml->text({"b", "c.d", "x"}), "y");
  EXPECT_EQ(toml->text({"b", "x"}), std::nullopt);
  EXPECT_EQ(toml->number({"b", "c.d", "x"}), std::nullopt);
  EXPECT_THAT(toml->texts({"b", "c.d", "z"})->items, ElementsAre("1"));
  EXPECT_EQ(toml->texts({"b", "c.d", "z"})->append, true);
  EXPECT_THAT(toml->names({"b"}), ElementsAre("c.d"));
  EXPECT_EQ(toml->written({"a"}), "a = 1");
  EXPECT_EQ(toml->written({"b"}), "");
}

TEST(TomlText, KnowsWhereValuesStandAlsoBehindUmlauts) {
  const std::string text = "# ä\n'ä' = 'ö'\n\"ü\" = [ 'ß', \"x\" ] # é\nz = true\n";
  const auto toml = Toml::parse(text, "f");
  ASSERT_TRUE(toml);
  EXPECT_EQ(at(*toml, text, {"ä"}), "'ö'");
  EXPECT_EQ(at(*toml, text, {"ü"}), "[ 'ß', \"x\" ]");
  EXPECT_EQ(at(*toml, text, {"z"}), "true");
}

TEST(TomlText, NamesThePlaceOfAMistake) {
  EXPECT_THAT(Toml::parse("a = 1\nb = \n", "f.toml").error().sentence(),
              testing::StartsWith("cannot read \"f.toml\": line 2, column "));
  EXPECT_THAT(Toml::parse("a = 1\na = 2\n", "f.toml").error().sentence(),
              testing::StartsWith("cannot read \"f.toml\": line 2"));
}

// Debian's toml++ 3.3 would do undefined things with these.
TEST(TomlText, RefusesLettersBeyondAsciiOutsideOfQuotes) {
  for (const char* text : {"é = 1\n", "a = é\n", "a = 'x' ł\n", "[α]\n", "a = 3'é'.\n"}) {
    const auto toml = Toml::parse(text, "f");
    ASSERT_FALSE(toml) << text;
    EXPECT_THAT(toml.error().sentence(), testing::StartsWith("cannot read \"f\": "));
  }
  for (const char* text : {"a = 'é' # é\n", "\xEF\xBB\xBF# é", "'é' = 1", "a = [ 'é', \"é\" ]"})
    EXPECT_TRUE(Toml::parse(text, "f")) << text;
}

TEST(TomlText, RefusesTablesThatTheLibraryStumblesOver) {
  for (const char* text : {"[=", "[= 3\n", "[$\n", "[[=", "[a.=]\n"})
    EXPECT_THAT(Toml::parse(text, "f").error().sentence(),
                testing::StartsWith("cannot read \"f\": "))
        << text;
}

TEST(TomlText, WritesStringsThatAreReadBack) {
  for (const std::string& text :
       {std::string("/usr/bin"), std::string("a\"b\\c\n\x7f\t"), std::string("é")}) {
    const auto toml = Toml::parse("a = " + toml_string(text) + "\n", "f");
    ASSERT_TRUE(toml) << text;
    EXPECT_EQ(toml->text({"a"}), text);
  }
}

TEST(ContainerdText, AddsAnImportInEveryLayout) {
  constexpr const char* kPattern = "/d/*.toml";
  for (const std::string& text : {
           std::string(),
           std::string("# nothing\n"),
           std::string("version = 3"),
           std::string("root = '/x'\nversion = 3 # v\n[grpc]\n"),
           std::string("imports = []\n"),
           std::string("imports=[ ]\n[a]\n"),
           std::string("imports = [\n  '/x',  # x\n  '/y',\n]\n"),
           std::string("version = 3\r\n[grpc]\r\n"),
           std::string("note = \"\"\"\nversion = 2\n[grpc]\n\"\"\"\nversion = 3\n[grpc]\n"),
       }) {
    SCOPED_TRACE(text);
    const auto edited = add_import(text, kPattern, "f");
    ASSERT_TRUE(edited) << edited.error().sentence();
    const auto toml = Toml::parse(*edited, "f");
    ASSERT_TRUE(toml);
    EXPECT_THAT(toml->texts({"imports"})->items, testing::Contains(kPattern));
    std::string expected = text;
    if (text == "version = 3") expected += "\n";
    EXPECT_EQ(take_out_ours(*edited, kPattern), expected);
  }
}

TEST(ContainerdText, RefusesImportsThatAreNoArray) {
  EXPECT_EQ(add_import("imports = '/x'\n", "/d/*.toml", "f.toml").error().sentence(),
            "cannot edit \"f.toml\": imports is not an array");
}

}  // namespace
}  // namespace pinscope::engine
