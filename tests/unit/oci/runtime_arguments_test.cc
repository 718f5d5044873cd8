// Command lines as engines and people write them for runc and crun.
#include "plugin/oci/runtime_arguments.h"

#include <gtest/gtest.h>

#include "plugin/base/text.h"

namespace pinscope::oci {
namespace {

RuntimeArguments parse(const std::string& line, OptionStyle style) {
  std::vector<std::string> arguments;
  for (const auto word : split(line, ' '))
    if (!word.empty()) arguments.emplace_back(word);
  return parse_runtime_arguments(arguments, style);
}

// "create /b web-1", with what is not the default behind it.
std::string summary(const RuntimeArguments& arguments) {
  std::string text = arguments.command + " " + arguments.bundle + " " + arguments.id;
  if (arguments.config != "config.json") text += " config=" + arguments.config;
  if (!arguments.log.empty()) text += " log=" + arguments.log;
  if (!arguments.log_format.empty()) text += " format=" + arguments.log_format;
  return text;
}

std::string go(const std::string& line) {
  return summary(parse(line, OptionStyle::kGo));
}
std::string argp(const std::string& line) {
  return summary(parse(line, OptionStyle::kArgp));
}

TEST(RuntimeArguments, AreReadAsContainerdWritesThem) {
  const std::string line =
      "--root /run/containerd/runc/default --log /run/b/log.json --log-format json "
      "--systemd-cgroup create --bundle /run/b --pid-file /run/b/init.pid --console-socket /tmp/c "
      "web-1";
  EXPECT_EQ(go(line), "create /run/b web-1 log=/run/b/log.json format=json");
  EXPECT_EQ(argp(line), go(line));
}

TEST(RuntimeArguments, AreReadAsConmonWritesThem) {
  const std::string line =
      "--systemd-cgroup --log-format=json --log=/run/oci-log create --bundle /b --pid-file /p "
      "--no-pivot --preserve-fds 2 web-1";
  EXPECT_EQ(go(line), "create /b web-1 log=/run/oci-log format=json");
  EXPECT_EQ(argp(line), go(line));
}

TEST(RuntimeArguments, TakeEveryFormOfAnOptionThatGoTakes) {
  for (const char* form : {"--bundle /b", "--bundle=/b", "-bundle /b", "-bundle=/b", "-b /b",
                           "--b /b", "-b=/b", "--b=/b"})
    EXPECT_EQ(go(std::string("run ") + form + " x"), "run /b x") << form;
  EXPECT_EQ(go("-root /r -debug run x"), "run . x");
}

TEST(RuntimeArguments, TakeEveryFormOfAnOptionThatArgpTakes) {
  for (const char* form :
       {"--bundle /b", "--bundle=/b", "--bund /b", "--b=/b", "-b /b", "-b/b", "-db /b", "-db/b"})
    EXPECT_EQ(argp(std::string("run ") + form + " x"), "run /b x") << form;
  EXPECT_EQ(argp("run -b=/b x"), "run =/b x");
  EXPECT_EQ(argp("--cgroup-manager disabled run -f other.json -b /b x"),
            "run /b x config=other.json");
  EXPECT_EQ(argp("run --config=o.json x"), "run . x config=o.json");
}

TEST(RuntimeArguments, AreTheLastOnesWhereAnOptionStandsTwice) {
  EXPECT_EQ(go("create --bundle /a --bundle /b x"), "create /b x");
  EXPECT_EQ(argp("create --bundle /a -b /b x"), "create /b x");
}

TEST(RuntimeArguments, HaveDefaults) {
  EXPECT_EQ(go("create x"), "create . x");
  EXPECT_EQ(go("create"), "create . ");
  EXPECT_EQ(go(""), " . ");
  EXPECT_EQ(go("--version"), " . ");
  EXPECT_EQ(go("create --bundle"), "create . ");
}

TEST(RuntimeArguments, HaveNothingBehindACommandWithoutAName) {
  const auto parsed =
      parse_runtime_arguments({"--log", "/l", "", "--bundle", "/b", "id"}, OptionStyle::kGo);
  EXPECT_EQ(summary(parsed), " .  log=/l");
}

TEST(RuntimeArguments, EndTheirOptionsAtTwoDashes) {
  EXPECT_EQ(go("create --bundle /b -- --bundle"), "create /b --bundle");
  EXPECT_EQ(argp("-- create -b /b -- -x"), "create /b -x");
}

TEST(RuntimeArguments, DoNotTakeAValueForACommand) {
  EXPECT_EQ(go("--root create --log run delete x"), "delete . x log=run");
  EXPECT_EQ(go("state create"), "state . create");
  EXPECT_EQ(go("create --pid-file --bundle x"), "create . x");
  EXPECT_EQ(go("exec web-1 create --bundle /b"), "exec . web-1");
}

TEST(RuntimeArguments, GuessWhetherAnOptionOfANewerRuntimeHasAValue) {
  EXPECT_EQ(go("--new-flag create --bundle /b x"), "create /b x");
  EXPECT_EQ(go("--new-option value create --bundle /b x"), "create /b x");
  EXPECT_EQ(go("create --new-option value --bundle /b x"), "create /b x");
  EXPECT_EQ(go("create --new-flag --bundle /b x"), "create /b x");
  EXPECT_EQ(go("create --bundle /b --new-flag x"), "create /b x");
  EXPECT_EQ(argp("create --bundle /b --new=value x"), "create /b x");
}

// urfave/cli, with which runc reads its own.
TEST(RuntimeArguments, OfGoCountBehindTheIdAsWell) {
  EXPECT_EQ(go("run web-1 --bundle /b"), "run /b web-1");
  EXPECT_EQ(go("run -b /a web-1 -b=/b"), "run /b web-1");
  EXPECT_EQ(go("create --bundle /a web-1 --no-pivot --bundle /b"), "create /b web-1");
  EXPECT_EQ(go("run -b /a -- web-1 -b /b"), "run /a web-1");
  EXPECT_EQ(go("run -b /a web-1 -- -b /b"), "run /a web-1");
  EXPECT_EQ(go("exec web-1 tool -b /b"), "exec . web-1");
}

TEST(RuntimeArguments, NameTheConfigurationWhateverTheStyle) {
  EXPECT_EQ(go("run -f other.json -b /b web-1"), "run /b web-1 config=other.json");
  EXPECT_EQ(argp("run -f other.json -b /b web-1"), "run /b web-1 config=other.json");
}

TEST(RuntimeArguments, MakeAContainerForThreeCommands) {
  for (const char* command : {"create", "run", "restore"})
    EXPECT_TRUE(parse(command, OptionStyle::kGo).makes_container()) << command;
  for (const char* command : {"start", "delete", "state", "exec", "spec", "features", ""})
    EXPECT_FALSE(parse(command, OptionStyle::kGo).makes_container()) << command;
}

TEST(RuntimeArguments, KnowTheStyleByTheName) {
  EXPECT_EQ(option_style_of("crun"), OptionStyle::kArgp);
  EXPECT_EQ(option_style_of("crun-wasm"), OptionStyle::kArgp);
  EXPECT_EQ(option_style_of("runc"), OptionStyle::kGo);
  EXPECT_EQ(option_style_of("youki"), OptionStyle::kGo);
}

}  // namespace
}  // namespace pinscope::oci
