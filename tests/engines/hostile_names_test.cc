// Names that somebody else chose, in everything that our commands print: no byte of them moves a
// cursor, changes a colour, turns the text round or is no UTF-8, and JSON stays JSON.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "plugin/base/utf8.h"
#include "plugin/json/json.h"
#include "tests/engines/direct_hook.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// CSI in its one-byte form, right-to-left override, isolate, mark, Arabic letter mark.
constexpr const char* kHostile =
    "\xc2\x9b"
    "31m\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c";

class HostileNames : public DirectHook {
 protected:
  // The first byte that must not be there; "" if there is none.
  static std::string disturbance(const std::string& text) {
    for (size_t i = 0; i < text.size();) {
      const std::string_view rest = std::string_view(text).substr(i);
      const size_t length = utf8_length(rest);
      const uint32_t point = length == 0 ? 0 : code_point(rest, length);
      const bool control = point != '\n' && (point < 0x20 || (point >= 0x7f && point < 0xa0));
      const bool mark = point == 0x61c || point == 0x200e || point == 0x200f ||
                        (point >= 0x2028 && point <= 0x202e) ||
                        (point >= 0x2066 && point <= 0x2069);
      if (length == 0 || control || mark)
        return "byte " + std::to_string(i) + " behind " + text.substr(i > 40 ? i - 40 : 0, i);
      i += length;
    }
    return "";
  }
  // Runs a command, with --output json as well where there is such a thing.
  void expect_clean(std::vector<std::string> arguments, bool has_json = true) {
    arguments.insert(arguments.begin(), PINSCOPE_BIN_DIR "/pinscope");
    for (int round = 0; round < (has_json ? 2 : 1); ++round) {
      const auto result = pinscope::test::run(arguments);
      SCOPED_TRACE(arguments[1] + (round == 0 ? "" : " --output json"));
      EXPECT_EQ(disturbance(result.out), "");
      EXPECT_EQ(disturbance(result.err), "");
      EXPECT_NE(result.out + result.err, "");
      if (round == 1 && arguments[1] != "audit") {
        const auto json = JsonDocument::parse(result.out, "output", ErrorCode::kInternal);
        EXPECT_TRUE(json.has_value()) << result;
      }
      arguments.insert(arguments.end(), {"--output", "json"});
    }
  }
};

TEST_F(HostileNames, ReachNoTerminal) {
  const std::string id = "id" + std::string(kHostile);
  installation_.options = {"--engine", "containerd"};
  const auto created =
      create("{\"ociVersion\": \"1.0.2\", \"id\": \"" + id +
             "\", \"status\": \"creating\", \"pid\": " + std::to_string(process_->pid()) +
             ", \"bundle\": \"" + bundle() +
             "\", \"annotations\": {\"io.kubernetes.cri.image-name\": \"" + kHostile + "\"}}");
  ASSERT_EQ(created.status, 0) << created;
  const std::vector<std::string> state = {"--state-dir", installation_.state_directory()};
  const std::vector<std::string> audit = {"--audit", installation_.audit_path()};
  const std::vector<std::string> policies = {"--policy", installation_.policy_directory(),
                                             "--cache-dir", installation_.cache_directory()};
  const auto with = [](std::vector<std::string> words, const auto&... more) {
    (words.insert(words.end(), more.begin(), more.end()), ...);
    return words;
  };
  expect_clean(with({"list", "--full-ids"}, state));
  expect_clean(with({"inspect", id}, state));
  expect_clean(with({"inspect", std::string(kHostile) + "\xff"}, state), false);
  expect_clean(with({"audit"}, audit));
  expect_clean(with({"doctor"}, state, audit, policies));
  expect_clean(with({"explain", "--bundle", bundle(), "--id", id}, policies));
  expect_clean(with({"plan", "--bundle", bundle(), "--id", id}, policies));

  // A policy file whose name and text are hostile; a file name that is no UTF-8.
  installation_.write_policy("kind: \"" + std::string(kHostile) + "\"\n\x9b: \xff\n",
                             std::string(kHostile) + "\x9b.yaml");
  expect_clean(with({"check", installation_.policy_directory()}));
  expect_clean(with({"compile"}, policies), false);
  process_->end();
  expect_clean(with({"gc", "--dry-run"}, state, audit));
  expect_clean(with({"gc"}, state, audit));
  expect_clean(with({"audit"}, audit));
  expect_clean({std::string(kHostile)}, false);
}

TEST_F(HostileNames, ReachNoLogOfARuntime) {
  const auto result = create(state_with("bundle", "\"/" + std::string(kHostile) + "\""));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(disturbance(result.err), "");
  const auto usage =
      pinscope::test::run({PINSCOPE_BIN_DIR "/pinscope-hook", std::string(kHostile) + "\xff"});
  EXPECT_EQ(usage.status, 2);
  EXPECT_EQ(disturbance(usage.err), "");
}

}  // namespace
}  // namespace pinscope::test
