// The options that the programs share: read, written, shown.
#include "plugin/pipeline/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Reads every option; gives the error, or what is left.
std::string read_all_of(const std::vector<std::string>& words, HookOptions& options,
                        Option::Taker taker = Option::kHook, std::string_view prefix = "--") {
  OptionReader reader(words, prefix);
  while (reader.next())
    if (const auto done = reader.read(taker, options); !done) return done.error().sentence();
  std::string rest;
  for (const auto& word : reader.rest()) rest += word + " ";
  return rest;
}

HookOptions all_given() {
  HookOptions options;
  options.policy.policy_path = "/p";
  options.state_directory = "/s";
  options.policy.cache_directory = "/c";
  options.audit.path = "/a";
  options.policy.compiler = "/bin/compiler";
  options.engine = model::Engine::kPodman;
  options.pod_labels = {{"app", "web"}, {"tier", "a=b"}};
  options.required_policies = {"first", "second"};
  return options;
}

TEST(Options, ThatAreTheDefaultOnesAreNotWritten) {
  EXPECT_THAT(arguments_for({}), IsEmpty());
}

TEST(Options, AreReadAsTheyWereWritten) {
  const auto words = arguments_for(all_given());
  EXPECT_THAT(words, ElementsAre("--policy", "/p", "--state-dir", "/s", "--cache-dir", "/c",
                                 "--audit", "/a", "--compiler", "/bin/compiler", "--engine",
                                 "podman", "--pod-label", "app=web", "--pod-label", "tier=a=b",
                                 "--require-policy", "first", "--require-policy", "second"));
  HookOptions read;
  EXPECT_EQ(read_all_of(words, read), "");
  EXPECT_EQ(arguments_for(read), words);
}

TEST(Options, AreReadUpToTheFirstWordThatIsNone) {
  HookOptions options;
  EXPECT_EQ(read_all_of({"--policy=/p=q", "--audit", "--x", "run", "--policy", "/r"}, options),
            "cannot use these arguments: \"--x\" is not an absolute path");
  EXPECT_EQ(options.policy.policy_path, "/p=q");
  EXPECT_EQ(read_all_of({"--pinscope-policy", "/r", "--policy", "/s"}, options, Option::kShim,
                        kShimPrefix),
            "--policy /s ");
  EXPECT_EQ(options.policy.policy_path, "/r");
}

TEST(Options, ThatMakeNoSenseAreRefused) {
  HookOptions options;
  EXPECT_EQ(read_all_of({"--audit"}, options),
            "cannot use these arguments: the option \"--audit\" needs a value");
  EXPECT_EQ(read_all_of({"--polcy=/p"}, options),
            "cannot use these arguments: there is no option \"--polcy\"");
  EXPECT_EQ(read_all_of({"--engine=emacs"}, options),
            "cannot use these arguments: there is no engine \"emacs\"");
  EXPECT_EQ(read_all_of({"--compiler", ""}, options),
            "cannot use these arguments: \"\" is not an absolute path");
}

// A shim with --pinscope-require-policy would start what no policy selects: its hook is missing
// then.
TEST(Options, AreForTheProgramsThatCanKeepThem) {
  HookOptions options;
  EXPECT_EQ(read_all_of({"--pinscope-require-policy=x"}, options, Option::kShim, kShimPrefix),
            "cannot use these arguments: there is no option \"--pinscope-require-policy\"");
  EXPECT_EQ(find_option("engine", Option::kDaemon), nullptr);
  for (const Option& option : shared_options())
    if ((option.takers & Option::kCommandLine) != 0) {
      EXPECT_NE(option.path, nullptr) << option.name;
    }
}

TEST(Options, StandInTheHelpWithTheirDefaults) {
  const std::string help = help_lines(Option::kShim, 29, kShimPrefix);
  EXPECT_THAT(help, HasSubstr("  --pinscope-policy PATH     policy directory or file (default "
                              "/etc/pinscope/policy.d)\n"));
  EXPECT_THAT(help, Not(HasSubstr("compiler")));
  EXPECT_THAT(help_lines(Option::kHook, 21),
              HasSubstr("  --pod-label KEY=VALUE\n"
                        "                     a label of the container's pod\n"
                        "                     (repeatable; for the NRI plugin)\n"));
}

}  // namespace
}  // namespace pinscope
