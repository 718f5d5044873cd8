// The real pinscoped against an engine that says anything: names that no engine gives, giant and
// endless messages, thousands of calls at once, an order that makes no sense. It answers or ends
// the connection, in bounded time and memory, and never dies of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "plugin/base/text.h"
#include "tests/engines/played_engine.h"

namespace pinscope::test {
namespace {

using nri::RpcCode;
using nri::test::call;
using nri::test::field;
using nri::test::frame;
using nri::test::message;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kMaxMemory = uint64_t{1} << 30;  // of which most is the sanitizer's
#else
constexpr uint64_t kMaxMemory = uint64_t{96} << 20;
#endif
constexpr size_t kLongestLogLine = 8192;

class HostileEngine : public testing::Test {
 protected:
  HostileEngine() {
    installation_.write_policy(
        policy_text("select: {kubernetes: {namespace: web}}\n"
                    "grants:\n"
                    "  - {pin: /sys/fs/bpf/flows}\n"));
  }
  void configure(PlayedEngine& engine, const std::string& more = "") {
    ASSERT_EQ(engine.configure(PlayedEngine::configuration(installation_, more)).code,
              RpcCode::kOk);
  }
  // An ordinary container gets its hooks as if nothing had happened.
  static void expect_service(PlayedEngine& engine) {
    EXPECT_EQ(hooks_of(engine.create({})).size(), 2U);
    EXPECT_LT(engine.peak_memory(), kMaxMemory);
    const std::string log = engine.log();
    for (const auto line : split(log, '\n')) {
      EXPECT_LT(line.size(), kLongestLogLine);
      EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    }
  }

  Installation installation_;
};

std::vector<std::string> odd_texts() {
  return {"",
          ".",
          "..",
          "../../../etc/passwd",
          "a/b",
          std::string("a\0b", 3),
          "a\nb: container \"x\" of pod \"y\": added hooks",
          "\x1b[2Jgone",
          std::string("\xc2\x9b") + "2J",
          "\xff\xfe",
          std::string(255, 'a'),
          std::string(4096, '/'),
          std::string(300'000, 'a')};
}

TEST_F(HostileEngine, GetsAnAnswerWhateverItCallsAContainer) {
  PlayedEngine engine;
  configure(engine);
  for (const std::string& odd : odd_texts())
    for (const auto& change : std::vector<std::function<void(PlayedContainer&)>>{
             [&](PlayedContainer& one) { one.id = odd; },
             [&](PlayedContainer& one) { one.name = odd; },
             [&](PlayedContainer& one) { one.pod = odd; },
             [&](PlayedContainer& one) { one.kubernetes_namespace = odd; },
             [&](PlayedContainer& one) {
               one.pod_labels = {{odd, odd}};
             }}) {
      PlayedContainer container;
      change(container);
      EXPECT_NE(engine.create(container).message, "the plugin gave no answer");
      EXPECT_NE(engine.remove(container).message, "the plugin gave no answer");
    }
  expect_service(engine);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_F(HostileEngine, GetsAnErrorForAProcessThatIsNone) {
  PlayedEngine engine;
  configure(engine, "nri-mode: start");
  for (const int64_t pid : {int64_t{0}, int64_t{-1}, int64_t{INT32_MIN}, int64_t{INT32_MAX},
                            int64_t{1} << 32 | 1, int64_t{INT64_MIN}, int64_t{1}}) {
    PlayedContainer container;
    container.more = field(12, static_cast<uint64_t>(pid));  // the last one counts
    const auto response = engine.start(container);
    EXPECT_EQ(response.code, RpcCode::kUnknown) << pid;
    EXPECT_THAT(response.message, testing::StartsWith("pinscope: cannot ")) << pid;
  }
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_LT(engine.peak_memory(), kMaxMemory);
}

TEST_F(HostileEngine, GetsAnAnswerToGiantMessagesInBoundedMemory) {
  PlayedEngine engine;
  configure(engine);
  PlayedContainer giant;
  giant.more = field(4, std::string(3'900'000, 'x'));
  for (int i = 0; i < 20; ++i) EXPECT_NE(engine.create(giant).message, "the plugin gave no answer");
  expect_service(engine);
}

// A message is told to be longer than any may be, or never comes to its end.
TEST_F(HostileEngine, LosesTheConnectionByAMessageWithoutAnEnd) {
  const std::string beginning = message(1, 1, std::string(100, 'x'));
  const std::vector<std::string> endless = {
      nri::test::u32(1) + nri::test::u32(0xffffffff),
      frame(1, nri::test::u32(0xffffffff) + nri::test::u32(1) + std::string{1, 0}),
      frame(1, nri::test::u32(4U << 20) + nri::test::u32(1) + std::string{1, 0} + "half"),
      nri::test::u32(1) + nri::test::u32(1000) + beginning, nri::test::u32(1)};
  for (const auto& bytes : endless) {
    PlayedEngine engine;
    configure(engine);
    engine.send(bytes);
    const auto status = engine.wait_for_end(20);
    ASSERT_TRUE(status.has_value()) << "it waits for ever";
    EXPECT_LT(*status, 128) << "it died of a signal";
    EXPECT_LT(engine.peak_memory(), kMaxMemory);
  }
}

TEST_F(HostileEngine, GetsAsManyAnswersAsItMakesCalls) {
  PlayedEngine engine;
  configure(engine);
  constexpr uint32_t kCalls = 10'000;
  const std::string pod = field(1, field(4, "web"));
  std::thread caller([&] {
    for (uint32_t i = 0; i < kCalls; ++i)
      engine.send(
          call(1001 + 2 * i, "CreateContainer", pod + field(2, field(1, "c" + std::to_string(i)))));
  });
  uint32_t answers = 0;
  uint32_t refused = 0;
  for (; answers < kCalls; ++answers) {
    const auto response = engine.answer();
    if (response.message == "the plugin gave no answer") break;
    if (response.code != RpcCode::kOk) ++refused;
  }
  caller.join();
  EXPECT_EQ(answers, kCalls);
  RecordProperty("refused", static_cast<int>(refused));
  EXPECT_LT(engine.peak_memory(), kMaxMemory);
  // The numbers of calls go up, and so the next one is no longer PlayedEngine's.
  engine.send(call(1001 + 2 * kCalls, "CreateContainer", pod + field(2, field(1, "next"))));
  EXPECT_EQ(hooks_of(engine.answer()).size(), 2U);
}

// Answers that nobody asked for, numbers that were used already, methods and services that there
// are none of, bytes that are no protobuf.
TEST_F(HostileEngine, IsAnsweredOrLeftWhateverTheOrder) {
  const std::string create = field(1, field(4, "web")) + field(2, field(1, "c1"));
  const std::vector<std::string> oddities = {
      frame(1, message(1, 2, "")),
      frame(2, message(1, 2, "")),
      frame(2, message(7, 1, "")),
      frame(77, std::string(1000, 'x')),
      frame(0, ""),
      call(2, "CreateContainer", create),
      call(0, "CreateContainer", create),
      call(0xffffffff, "CreateContainer", create),
      call(1, "CreateContainer", create) + call(1, "CreateContainer", create),
      call(101, "Configure", field(2, "containerd")) + call(103, "Configure", "\xff"),
      call(101, "NoSuchMethod", ""),
      call(101, "CreateContainer", create, "no.such.Service"),
      call(101, "CreateContainer", std::string(1000, '\xff')),
      call(101, "Shutdown", ""),
      frame(1, message(101, 1, std::string(1000, '\xff'))),
      frame(1, message(101, 99, "x"))};
  for (size_t i = 0; i < oddities.size(); ++i) {
    SCOPED_TRACE(i);
    PlayedEngine engine;
    configure(engine);
    engine.send(oddities[i]);
    engine.send(call(1001, "CreateContainer", create));
    while (engine.answer().message != "the plugin gave no answer") {
      // It has answered the last one, or is gone, when there is nothing more to read.
      if (engine.is_quiet()) break;
    }
    EXPECT_LT(engine.end(), 128) << "it died of a signal";
  }
}

TEST_F(HostileEngine, MayComeAndGoAsItLikes) {
  for (int i = 0; i < 30; ++i) {
    PlayedEngine engine;
    if (i % 3 == 1) engine.send(std::string(5000, '\xff'));
    if (i % 3 == 2) configure(engine);
    EXPECT_LT(engine.end(), 128) << "it died of a signal";
  }
  PlayedEngine engine;
  configure(engine);
  expect_service(engine);
}

}  // namespace
}  // namespace pinscope::test
