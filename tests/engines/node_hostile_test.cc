// A ConfigMap volume that somebody hostile writes, and the real agent of a node: it says why it
// takes nothing, on a line that is one, and what was in force stays; then it takes the next good
// version.
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "plugin/base/text.h"
#include "tests/support/machine/node.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class HostileVolume : public testing::Test {
 protected:
  // In the directory of the version that is shown.
  [[nodiscard]] std::string shown(const std::string& name) {
    return node_.volume().path() + "/..data/" + name;
  }
  [[nodiscard]] std::string in_volume(const std::string& name) {
    return node_.volume().path() + "/" + name;
  }
  // `spoil` happens while the agent runs; it has to say `reason`, and to go on.
  void expect_refusal(
      const std::function<void()>& spoil, const std::string& reason,
      const std::function<void()>& mend = [] {}) {
    node_.volume().update({{"a.yaml", granting("flows", "good")}});
    const auto result = node_.run([&] {
      ASSERT_TRUE(node_.takes("name: good"));
      const std::string before = node_.in_cluster_file();
      spoil();
      write_file(in_volume("seen"), "");  // the agent watches the volume's directory
      EXPECT_TRUE(node_.says(reason)) << node_.status();
      EXPECT_EQ(node_.in_cluster_file(), before);
      EXPECT_EQ(node_.in_force(), 1U);
      mend();
      node_.volume().update({{"a.yaml", granting("flows", "next")}});
      EXPECT_TRUE(node_.takes("name: next")) << node_.status();
    });
    EXPECT_EQ(result.status, 0) << result;
    for (const auto line : split(result.err, '\n')) {
      if (!line.empty()) {
        EXPECT_THAT(std::string(line), testing::StartsWith("pinscope node: "));
      }
      EXPECT_THAT(std::string(line), Not(HasSubstr("\x1b")));
    }
  }

  Node node_;
  TempDirectory elsewhere_;
};

TEST_F(HostileVolume, WithAFileThatIsALinkIsNotTaken) {
  const std::string secret = elsewhere_.write("secret.yaml", granting("secret", "stolen"));
  expect_refusal([&] { fs::create_symlink(secret, shown("b.yaml")); }, "\"b.yaml\"");
}

TEST_F(HostileVolume, WhoseVersionIsElsewhereIsNotTaken) {
  elsewhere_.write("a.yaml", granting("secret", "stolen"));
  const auto link_to = [&](const std::string& target) {
    fs::create_symlink(target, in_volume("other"));
    fs::rename(in_volume("other"), in_volume("..data"));
  };
  for (const std::string& target :
       {elsewhere_.path(), "../.." + elsewhere_.path(), std::string("/proc/self/cwd")})
    expect_refusal([&] { link_to(target); }, "\"..data\"");
}

TEST_F(HostileVolume, WithAFileThatIsNoneIsNotTaken) {
  expect_refusal([&] { check(mkfifo(shown("b.yaml").c_str(), 0666), "mkfifo"); },
                 "cannot read \"b.yaml\": it is not a regular file");
  expect_refusal([&] { fs::create_directory(shown("c.yaml")); },
                 "cannot read \"c.yaml\": it is not a regular file");
}

TEST_F(HostileVolume, WithAGiantFileIsNotTaken) {
  expect_refusal(
      [&] {
        write_file(shown("b.yaml"), "");
        fs::resize_file(shown("b.yaml"), uintmax_t{1} << 40);
      },
      "\"b.yaml\"");
}

TEST_F(HostileVolume, WithTwentyThousandFilesIsNotTaken) {
  expect_refusal(
      [&] {
        for (int i = 0; i < 20'000; ++i) write_file(shown("f" + std::to_string(i) + ".yaml"), "");
      },
      "there are more than 1024");
}

TEST_F(HostileVolume, WithABombOfYamlIsNotTaken) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before +
            ", " + before + ", " + before + "]\n";
  }
  expect_refusal([&] { write_file(shown("b.yaml"), bomb); }, "what was in force stays: ");
  expect_refusal([&] { write_file(shown("c.yaml"), std::string(1'000'000, '[')); },
                 "what was in force stays: ");
}

TEST_F(HostileVolume, WritesNoLineOfTheLog) {
  expect_refusal([&] { write_file(shown("b\npinscope node: ready\x1b[2J.yaml"), "\x1b[2J: [\n"); },
                 "what was in force stays: ");
}

TEST_F(HostileVolume, ThatVanishesTakesNothingAway) {
  expect_refusal([&] { fs::rename(in_volume("..data"), in_volume("gone")); },
                 "there are no policies in ",
                 [&] { fs::rename(in_volume("gone"), in_volume("..data")); });
}

TEST_F(HostileVolume, ThatNeverStopsChangingIsTakenAfterwards) {
  std::atomic<bool> over = false;
  std::thread writer;
  expect_refusal(
      [&] {
        writer = std::thread([&] {
          for (int i = 0; !over; ++i)
            write_file(shown("b" + std::to_string(i % 2) + ".yaml"),
                       granting("flows", i % 7 == 0 ? "good" : "other") + "  unknown: 1\n");
        });
      },
      "",
      [&] {
        over = true;
        writer.join();
      });
}

}  // namespace
}  // namespace pinscope::test
