#include "plugin/cli/term/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include "plugin/cli/commands.h"

namespace pinscope::cli {
namespace {

using testing::HasSubstr;

std::vector<CommandDescription> whole_tree() {
  CLI::App root;
  Program program;
  build_tree(root, program);
  return describe(root);
}

std::vector<CommandDescription> small_tree() {
  CommandDescription root;
  root.options = {{.names = {"-h", "--help"}, .description = "Help"}};
  CommandDescription check{.name = "check", .description = "It's a check: [all]"};
  check.options = {
      {.names = {"--policy"}, .description = "Where", .value = "PATH"},
      {.names = {"-o", "--output"}, .description = "How", .value = "a|b", .choices = {"a", "b"}}};
  check.arguments = {{.description = "Which", .value = "ID"}};
  return {root, check};
}

TEST(Describe, NamesEveryCommandOfTheProgram) {
  std::vector<std::string> names;
  for (const auto& command : whole_tree()) names.push_back(command.name);
  EXPECT_THAT(names,
              testing::UnorderedElementsAre(
                  "", "check", "explain", "plan", "list", "inspect", "audit", "gc", "cdi", "engine",
                  "run", "doctor", "compile", "node", "completion", "help", "version", "inventory",
                  "drift", "metrics", "report", "who", "can", "suggest", "test", "diff", "dump",
                  "apply", "revoke", "grant", "exceptions"));
}

TEST(Describe, KnowsTheChoicesOfAnOption) {
  for (const auto& command : whole_tree()) {
    for (const auto& option : command.options) {
      if (!testing::Value(option.names, testing::Contains("--output"))) continue;
      if (command.name == "dump")
        EXPECT_THAT(option.choices, testing::ElementsAre("text", "json", "csv"));
      else
        EXPECT_THAT(option.choices, testing::ElementsAre("table", "json")) << command.name;
    }
  }
}

TEST(Describe, TellsFlagsFromOptionsWithAValue) {
  for (const auto& command : whole_tree()) {
    for (const auto& option : command.options) {
      if (testing::Value(option.names, testing::Contains("--help"))) {
        EXPECT_EQ(option.value, "") << command.name;
      }
      if (testing::Value(option.names, testing::Contains("--policy"))) {
        EXPECT_EQ(option.value, "PATH") << command.name;
      }
    }
  }
}

// Each option has to be said of each command that has it.
TEST(Completion, NamesEveryCommandAndOptionInEveryShell) {
  const auto commands = whole_tree();
  const std::string bash = bash_completion(commands);
  const std::string zsh = zsh_completion(commands);
  const std::string fish = fish_completion(commands);
  for (const auto& command : commands) {
    if (command.name.empty()) continue;
    const std::string mark = "    '" + command.name + "')\n";
    ASSERT_THAT(bash, HasSubstr(mark));
    const std::string in_bash = bash.substr(bash.find(mark), bash.find(";;", bash.find(mark)));
    const std::string zsh_mark = "      " + command.name + ") _arguments";
    ASSERT_THAT(zsh, HasSubstr(zsh_mark));
    const size_t zsh_start = zsh.find(zsh_mark);
    const std::string in_zsh = zsh.substr(zsh_start, zsh.find(";;", zsh_start) - zsh_start);
    EXPECT_THAT(fish, HasSubstr("-a " + command.name + " -d"));
    for (const auto& option : command.options) {
      for (const auto& name : option.names) {
        EXPECT_THAT(in_bash, HasSubstr(name)) << command.name;
        EXPECT_THAT(in_zsh, HasSubstr(")" + name + "[")) << command.name;
        const bool is_long = name.starts_with("--");
        const std::string spelled = is_long ? " -l " + name.substr(2) : " -s " + name.substr(1);
        EXPECT_THAT(fish, testing::ContainsRegex("__fish_seen_subcommand_from " + command.name +
                                                 "'[^\n]*" + spelled + " "));
      }
    }
  }
}

TEST(Completion, OffersTheValuesOfAnOptionInBash) {
  const std::string script = bash_completion(small_tree());
  EXPECT_THAT(script, HasSubstr("check:--output) mapfile -t COMPREPLY < <(compgen -W 'a b'"));
  EXPECT_THAT(script, HasSubstr("check:--policy) compopt -o filenames;"));
  EXPECT_THAT(script, HasSubstr("pinscope list --full-ids"));
}

TEST(Completion, EscapesDescriptionsForZsh) {
  const std::string script = zsh_completion(small_tree());
  EXPECT_THAT(script, HasSubstr("'check:It'\\''s a check\\: [all]'"));
  EXPECT_THAT(script, HasSubstr("'(-o --output)--output[How]:a|b:(a b)'"));
}

TEST(Completion, EscapesDescriptionsForFish) {
  EXPECT_THAT(fish_completion(small_tree()), HasSubstr("-a check -d 'It\\'s a check: [all]'"));
}

}  // namespace
}  // namespace pinscope::cli
