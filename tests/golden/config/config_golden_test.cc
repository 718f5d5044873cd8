// What is added to a config.json of each engine for a read-write grant of a map, as a diff without
// its context: the .expected file beside this one. PINSCOPE_REGENERATE=1 rewrites those files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "plugin/base/text.h"
#include "plugin/oci/edit.h"

namespace pinscope::oci {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = PINSCOPE_SOURCE_DIRECTORY;

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// "-12 old line" and "+13 new line", with their numbers; by the longest common subsequence.
std::string diff(const std::string& before, const std::string& after) {
  const auto old_lines = split(before, '\n');
  const auto new_lines = split(after, '\n');
  const size_t rows = old_lines.size();
  const size_t columns = new_lines.size();
  std::vector<std::vector<int>> common(rows + 1, std::vector<int>(columns + 1, 0));
  for (size_t i = rows; i-- > 0;)
    for (size_t j = columns; j-- > 0;)
      common[i][j] = old_lines[i] == new_lines[j] ? common[i + 1][j + 1] + 1
                                                  : std::max(common[i + 1][j], common[i][j + 1]);
  std::string text;
  size_t i = 0;
  size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && old_lines[i] == new_lines[j]) {
      ++i;
      ++j;
    } else if (i < rows && (j == columns || common[i + 1][j] >= common[i][j + 1])) {
      text += "-" + std::to_string(i + 1) + " " + std::string(old_lines[i]) + "\n";
      ++i;
    } else {
      text += "+" + std::to_string(j + 1) + " " + std::string(new_lines[j]) + "\n";
      ++j;
    }
  }
  return text;
}

TEST(ConfigGolden, ChangesTheseLinesAndNoOther) {
  const std::vector<std::string> arguments = {"--engine", "docker"};
  const std::vector<model::HookEntry> hooks = {
      model::hook_entry("createRuntime", "/usr/bin/pinscope-hook", arguments),
      model::hook_entry("poststop", "/usr/bin/pinscope-hook", arguments)};
  using enum model::BpfCommand;
  const model::BpfCommands needed = {kMapLookupElem, kMapUpdateElem, kObjGet, kObjGetInfoByFd};
  for (const char* name : {"docker", "podman", "containerd", "crio", "runc-spec", "crun-spec"}) {
    SCOPED_TRACE(name);
    const std::string config =
        read_file(kSource / "tests/unit/oci/configs" / (std::string(name) + ".json"));
    ASSERT_FALSE(config.empty());
    const auto edited = edit_config(config, name, hooks, needed);
    ASSERT_TRUE(edited) << edited.error().sentence();
    const std::string lines = diff(config, edited->text);
    const fs::path expected = kSource / "tests/golden/config" / (std::string(name) + ".expected");
    if (std::getenv("PINSCOPE_REGENERATE") != nullptr)
      std::ofstream(expected, std::ios::binary) << lines;
    EXPECT_EQ(lines, read_file(expected));
  }
}

}  // namespace
}  // namespace pinscope::oci
