// The policies in valid/KEY load, those in invalid/KEY do not, and both say exactly what stands in
// the .expected file beside them (none: nothing). Each file is a test of its own, called KEY_NAME.
// PINSCOPE_REGENERATE=1 in the environment rewrites the .expected files instead.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "plugin/policy/decide/map_types.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/testing/run.h"

namespace pinscope::policy {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = PINSCOPE_SOURCE_DIRECTORY;
const fs::path kGolden = kSource / "tests/golden/policy";

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<fs::path> yaml_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::string all_diagnostics(const Loaded& loaded) {
  std::string text;
  for (const auto& diagnostic : loaded.diagnostics) text += to_string(diagnostic) + "\n";
  return text;
}

void compare(const fs::path& file, const std::string& text) {
  const fs::path expected = fs::path(file).replace_extension(".expected");
  if (std::getenv("PINSCOPE_REGENERATE") == nullptr) {
    EXPECT_EQ(text, read_file(expected));
  } else if (text.empty()) {
    fs::remove(expected);
  } else {
    std::ofstream(expected, std::ios::binary) << text;
  }
}

// "select_no_select" for invalid/select/no_select.yaml.
std::string key_and_name(const testing::TestParamInfo<fs::path>& file) {
  return file.param.parent_path().filename().string() + "_" + file.param.stem().string();
}

class ValidPolicy : public testing::TestWithParam<fs::path> {};
class InvalidPolicy : public testing::TestWithParam<fs::path> {};

TEST_P(ValidPolicy, IsAcceptedInTheExpectedWords) {
  const Loaded loaded = load_text(read_file(GetParam()), GetParam().filename());
  EXPECT_TRUE(loaded.ok());
  compare(GetParam(), all_diagnostics(loaded));
}

TEST_P(InvalidPolicy, IsRefusedInTheExpectedWords) {
  const Loaded loaded = load_text(read_file(GetParam()), GetParam().filename());
  EXPECT_FALSE(loaded.ok());
  EXPECT_TRUE(loaded.policies.empty());
  const std::string text = all_diagnostics(loaded);
  EXPECT_NE(text, "");
  compare(GetParam(), text);
}

INSTANTIATE_TEST_SUITE_P(policy, ValidPolicy, testing::ValuesIn(yaml_files(kGolden / "valid")),
                         key_and_name);
INSTANTIATE_TEST_SUITE_P(policy, InvalidPolicy, testing::ValuesIn(yaml_files(kGolden / "invalid")),
                         key_and_name);

// The examples, without their tests.
std::vector<fs::path> examples() {
  auto files = yaml_files(kSource / "config/policies");
  std::erase_if(files,
                [](const fs::path& file) { return file.parent_path().filename() == "tests"; });
  return files;
}

TEST(PolicyGolden, ExamplePoliciesLoadWithoutWarnings) {
  const auto files = examples();
  EXPECT_GE(files.size(), 4U);
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    const Loaded loaded = load_text(read_file(file), file.filename());
    EXPECT_EQ(all_diagnostics(loaded), "");
    EXPECT_FALSE(loaded.policies.empty());
  }
}

// Each example has a test that holds and in which each of its policies selects somebody.
TEST(PolicyGolden, ExamplePoliciesDoWhatTheirTestsExpect) {
  for (const auto& file : examples()) {
    SCOPED_TRACE(file.filename());
    const Loaded policies = load_text(read_file(file), file.filename());
    const fs::path path = kSource / "config/policies/tests" / file.filename();
    ASSERT_TRUE(fs::exists(path)) << "the example has no test";
    const Loaded loaded = load_text(read_file(path), path.filename());
    EXPECT_TRUE(loaded.test_diagnostics.empty());
    ASSERT_EQ(loaded.tests.size(), 1U);
    EXPECT_EQ(loaded.tests[0].policies, "../" + file.filename().string());
    std::set<std::string> selecting;
    for (const auto& subject : loaded.tests[0].subjects) {
      const auto result = run_subject(loaded.tests[0], subject, policies.policies);
      for (const auto& failure : result.failures)
        ADD_FAILURE() << subject.name << ": expected " << failure.expected << ", got "
                      << failure.actual;
      selecting.insert(result.selected_by.begin(), result.selected_by.end());
    }
    for (const auto& policy : policies.policies)
      EXPECT_TRUE(selecting.contains(policy.name)) << policy.name << " is not tested";
  }
}

// The examples are one set, as they would be in /etc/pinscope/policy.d. One of them delegates
// beside others that grant for reading, which is worth a warning wherever it stands, and a note
// where one container could be selected by both.
TEST(PolicyGolden, ExamplePoliciesLoadTogether) {
  const Loaded loaded = load_path(kSource / "config/policies", Trust::kIgnored);
  std::vector<Diagnostic> warnings;
  for (const auto& diagnostic : loaded.diagnostics)
    if (diagnostic.severity != Diagnostic::Severity::kNote)
      warnings.push_back(diagnostic);
    else
      EXPECT_NE(diagnostic.message.find("\"packet-counter\" at bpf-token.yaml"), std::string::npos);
  ASSERT_EQ(warnings.size(), 1U) << all_diagnostics(loaded);
  EXPECT_EQ(warnings[0].place.file, "bpf-token.yaml");
  EXPECT_TRUE(warnings[0].hint.starts_with("containers can pass descriptors"));
  EXPECT_GE(loaded.policies.size(), 4U);
}

// The text of each ```yaml block.
std::vector<std::string> yaml_blocks(const std::string& document) {
  std::vector<std::string> blocks;
  std::istringstream lines(document);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "```yaml") {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

TEST(PolicyGolden, EveryExampleInTheDocumentLoads) {
  const auto blocks = yaml_blocks(read_file(kSource / "docs/policy.md"));
  EXPECT_GE(blocks.size(), 5U);
  for (const auto& block : blocks) {
    SCOPED_TRACE(block);
    const Loaded loaded = load_text(block, "policy.md");
    EXPECT_EQ(all_diagnostics(loaded), "");
    EXPECT_FALSE(loaded.policies.empty());
  }
}

constexpr const char* kTableBegins = "<!-- made from plugin/policy/decide/map_types.cc -->\n";
constexpr const char* kTableEnds = "<!-- end of what is made -->\n";

std::string commands_cell(model::BpfCommands commands) {
  std::string text;
  for (const uint32_t command : commands.list())
    text += (text.empty() ? "" : ", ") + std::to_string(command);
  return text.empty() ? "—" : text;
}

std::string map_types_table() {
  std::string text =
      "| type | `read` gives | `read-write` is the right | commands of `read` | `read-write`, in "
      "addition |\n|---|---|---|---|---|\n";
  for (const auto& type : map_types())
    text +=
        "| `" + std::string(type.name) + "` | " +
        (type.read != nullptr ? type.read : std::string("**refused**: it ") + type.read_refused) +
        " | " + type.read_write + " | " + commands_cell(type.read_commands) + " | " +
        commands_cell(type.write_commands) + " |\n";
  return text;
}

TEST(PolicyGolden, TheDocumentsTableOfMapTypesIsTheOneOfTheCode) {
  const fs::path path = kSource / "docs/policy.md";
  const std::string page = read_file(path);
  const size_t begins = page.find(kTableBegins);
  ASSERT_NE(begins, std::string::npos);
  const size_t start = begins + std::string_view(kTableBegins).size();
  const size_t end = page.find(kTableEnds, start);
  ASSERT_NE(end, std::string::npos);
  if (std::getenv("PINSCOPE_REGENERATE") != nullptr)
    std::ofstream(path, std::ios::binary)
        << page.substr(0, start) << map_types_table() << page.substr(end);
  else
    EXPECT_EQ(page.substr(start, end - start), map_types_table());
}

}  // namespace
}  // namespace pinscope::policy
