#include "plugin/daemon/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::daemon {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string refusal(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments, {});
  return line ? "accepted" : line.error().sentence();
}

std::string refusal_of(std::string_view configuration) {
  Options options;
  const auto done = apply_configuration(configuration, options);
  return done ? "accepted" : done.error().sentence();
}

TEST(DaemonOptions, HaveTheDefaultsOfTheHook) {
  const Options options = default_options();
  EXPECT_EQ(options.hook.policy.policy_path, "/etc/pinscope/policy.d");
  EXPECT_EQ(options.hook.state_directory, "/run/pinscope");
  EXPECT_EQ(options.nri_socket, "/var/run/nri/nri.sock");
  EXPECT_EQ(options.nri_mode, NriMode::kHooks);
  EXPECT_EQ(options.engine, std::nullopt);
  EXPECT_THAT(options.hook_path, EndsWith("/pinscope-hook"));
  EXPECT_THAT(options.hook.policy.compiler, EndsWith("/pinscope"));
  EXPECT_THAT(options.nri_seccomp, EndsWith("/share/pinscope/seccomp/runtime-default.json"));
}

TEST(DaemonOptions, AreReadFromTheCommandLine) {
  const auto line = parse_command_line({"--nri",
                                        "--nri-socket",
                                        "/s",
                                        "--nri-index=07",
                                        "--nri-name",
                                        "views",
                                        "--nri-mode",
                                        "start",
                                        "--nri-seccomp=none",
                                        "--engine",
                                        "crio",
                                        "--hook=/h",
                                        "--policy",
                                        "/p",
                                        "--state-dir",
                                        "/d",
                                        "--cache-dir",
                                        "/c",
                                        "--audit",
                                        "/a",
                                        "--compiler",
                                        "/pc"},
                                       {});
  ASSERT_TRUE(line) << line.error().sentence();
  const Options& options = line->options;
  EXPECT_TRUE(options.nri);
  EXPECT_EQ(options.nri_socket, "/s");
  EXPECT_EQ(options.nri_index, "07");
  EXPECT_EQ(options.nri_name, "views");
  EXPECT_EQ(options.nri_mode, NriMode::kStart);
  EXPECT_EQ(options.nri_seccomp, "none");
  EXPECT_EQ(options.engine, model::Engine::kCrio);
  EXPECT_EQ(options.hook_path, "/h");
  EXPECT_EQ(options.hook.policy.policy_path, "/p");
  EXPECT_EQ(options.hook.state_directory, "/d");
  EXPECT_EQ(options.hook.policy.cache_directory, "/c");
  EXPECT_EQ(options.hook.audit.path, "/a");
  EXPECT_EQ(options.hook.policy.compiler, "/pc");
}

TEST(DaemonOptions, SayWhereMetricsAreServed) {
  const auto line = parse_command_line(
      {"--metrics", "unix:/run/pinscope-metrics/socket", "--metrics-group", "42"}, {});
  ASSERT_TRUE(line) << line.error().sentence();
  EXPECT_EQ(line->options.metrics, "unix:/run/pinscope-metrics/socket");
  EXPECT_EQ(line->options.metrics_group, 42U);
  const auto by_name = parse_command_line({"--metrics-group", "root"}, {});
  ASSERT_TRUE(by_name) << by_name.error().sentence();
  EXPECT_EQ(by_name->options.metrics_group, 0U);
  EXPECT_EQ(parse_command_line({}, {})->options.metrics, "");
  EXPECT_THAT(refusal({"--metrics", "10.0.0.1:9750"}), HasSubstr("no address of the loopback"));
  EXPECT_EQ(refusal({"--metrics-group", "there is none"}),
            "cannot use these arguments: there is no group \"there is none\" (see pinscoped "
            "--help)");
  // Who may read them is root's word on the command line, not in a file that an engine passes on.
  EXPECT_THAT(refusal_of("metrics: 127.0.0.1:9750"), HasSubstr("no option \"metrics\" here"));
}

TEST(DaemonOptions, RefuseACommandLineThatMakesNoSense) {
  EXPECT_EQ(refusal({"--nri-mode"}),
            "cannot use these arguments: the option \"--nri-mode\" needs a value (see pinscoped "
            "--help)");
  EXPECT_THAT(refusal({"--nri-mode", "both"}),
              HasSubstr("nri-mode is \"both\", hooks or start was expected"));
  EXPECT_THAT(refusal({"--engine", "docker"}),
              HasSubstr("the engine is \"docker\", containerd or crio was expected"));
  EXPECT_THAT(refusal({"--policy", "relative"}), HasSubstr("\"relative\" is not an absolute path"));
  EXPECT_THAT(refusal({"--polcy=/p"}), HasSubstr("there is no option \"--polcy\""));
  EXPECT_THAT(refusal({"start"}), HasSubstr("\"start\" is not an option"));
}

std::string refusal_of_parts(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments, {});
  if (!line) return line.error().sentence();
  const auto valid = check_parts(line->options);
  return valid ? "accepted" : valid.error().sentence();
}

TEST(DaemonOptions, SayWhichPartsRunTogether) {
  EXPECT_EQ(refusal_of_parts({"--hold"}), "accepted");
  EXPECT_EQ(refusal_of_parts({"--values", "--no-holder", "--nri", "--metrics", "127.0.0.1:9"}),
            "accepted");
  EXPECT_EQ(refusal_of_parts({"--follow", "--values", "--metrics", "127.0.0.1:9"}), "accepted");
  EXPECT_EQ(refusal_of_parts({"--hold", "--follow"}), refusal_of_parts({"--hold", "--values"}));
  EXPECT_EQ(refusal_of_parts({}),
            "cannot tell what to do: none of --nri, --metrics, --follow, --values and --hold is "
            "there (see pinscoped --help)");
  EXPECT_EQ(refusal_of_parts({"--hold", "--values"}),
            "cannot hold values: --hold is a process of its own: no other part goes with it (see "
            "pinscoped --help)");
  EXPECT_EQ(refusal_of_parts({"--nri", "--no-holder"}),
            "cannot wait for a holder: --values is not there (see pinscoped --help)");
  EXPECT_THAT(refusal_of("values: yes"), HasSubstr("no option \"values\" here"));
}

TEST(DaemonOptions, PrintHelpWithEveryOption) {
  const auto line = parse_command_line({"--nri", "--help"}, {});
  ASSERT_TRUE(line);
  ASSERT_TRUE(line->output);
  for (const char* option :
       {"--nri ", "--nri-socket", "--nri-name", "--nri-index", "--nri-mode", "--nri-seccomp",
        "--engine", "--hook", "--policy", "--state-dir", "--cache-dir", "--audit", "--compiler",
        "--values", "--no-holder", "--hold", "--version"})
    EXPECT_THAT(*line->output, HasSubstr(option));
}

TEST(DaemonConfiguration, IsReadInBothForms) {
  Options options;
  const auto done = apply_configuration(
      "---\n"
      "# what the engine hands over\n"
      "nri-mode: start   # validator refuses hooks\n"
      "\n"
      "policy = /p\r\n"
      "hook: \"/with space # and hash\"  # quoted\n"
      "nri-seccomp: none",
      options);
  ASSERT_TRUE(done) << done.error().sentence();
  EXPECT_EQ(options.nri_mode, NriMode::kStart);
  EXPECT_EQ(options.hook.policy.policy_path, "/p");
  EXPECT_EQ(options.hook_path, "/with space # and hash");
  EXPECT_EQ(options.nri_seccomp, "none");
}

TEST(DaemonConfiguration, MayBeEmpty) {
  EXPECT_EQ(refusal_of(""), "accepted");
  EXPECT_EQ(refusal_of("\n# nothing\n"), "accepted");
}

TEST(DaemonConfiguration, IsRefusedWithTheLineOfItsMistake) {
  EXPECT_EQ(refusal_of("policy: /p\n\nnri-mod: start\n"),
            "line 3 of the plugin's configuration: cannot use these arguments: there is no option "
            "\"nri-mod\" here, did you mean \"nri-mode\"? (see pinscoped --help)");
  EXPECT_THAT(refusal_of("policy: /p\npolicy: /q"), HasSubstr("\"policy\" appears twice"));
  EXPECT_THAT(refusal_of("policy"), HasSubstr("expected `option: value`"));
  EXPECT_THAT(refusal_of("policy:"), HasSubstr("a value is missing"));
  EXPECT_THAT(refusal_of("policy: # none"), HasSubstr("a value is missing"));
  EXPECT_THAT(refusal_of("policy: \"/p"), HasSubstr("a quote is not closed"));
  EXPECT_THAT(refusal_of("policy: \"/p\" x"), HasSubstr("there is text behind the quotes"));
  EXPECT_THAT(refusal_of("policy: p"), HasSubstr("\"p\" is not an absolute path"));
  EXPECT_THAT(refusal_of("policy:\n  path: /p"), HasSubstr("line 1 "));
}

// They say where to connect and as whom, which is settled before there is a configuration.
TEST(DaemonConfiguration, CannotChangeTheConnection) {
  for (const char* name : {"nri", "nri-socket", "nri-name", "nri-index"})
    EXPECT_THAT(refusal_of(std::string(name) + ": /x"), HasSubstr("there is no option")) << name;
}

}  // namespace
}  // namespace pinscope::daemon
