// What a program that is run inherits, and what is learnt of it. More in daemon/run_hook_test.cc.
#include "plugin/host/run_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace pinscope {
namespace {

using Listen = ProgramCall::Listen;

ProgramEnd run(const std::string& script, Listen listen, size_t most = 1000) {
  const ProgramCall call{.path = "/bin/sh",
                         .arguments = {"sh", "-c", script},
                         .environment = {"A=b"},
                         .listen = listen,
                         .max_output = most};
  auto end = run_program(call, std::chrono::steady_clock::now() + std::chrono::seconds(20));
  EXPECT_TRUE(end);
  return end ? *std::move(end) : ProgramEnd();
}

TEST(Program, IsListenedToAsAsked) {
  const std::string both = "echo out; echo errors >&2";
  EXPECT_EQ(run(both, Listen::kOutput).output, "out\n");
  EXPECT_EQ(run(both, Listen::kErrors).output, "errors\n");
  EXPECT_EQ(run(both, Listen::kNothing).output, "");
  EXPECT_EQ(run("echo 123456789", Listen::kOutput, 4).output, "789\n");
}

TEST(Program, GetsItsVariablesNoInputAndNoIgnoredSignal) {
  const auto before = ::signal(SIGTERM, SIG_IGN);
  const auto end = run("cat; pwd; echo $A $HOME; kill -TERM $$", Listen::kOutput);
  ::signal(SIGTERM, before);
  EXPECT_EQ(end.output, "/\nb\n");
  EXPECT_FALSE(end.ok());
  EXPECT_EQ(end.what_happened(), "it was ended by signal 15");
}

TEST(Program, ThatIsNotThereIsAnError) {
  const auto end = run_program({.path = "/no/such", .arguments = {"x"}},
                               std::chrono::steady_clock::now() + std::chrono::seconds(20));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().sentence(), "cannot run \"/no/such\": No such file or directory");
}

}  // namespace
}  // namespace pinscope
