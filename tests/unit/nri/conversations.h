// A conversation with a runtime, without a socket: its bytes are written by hand, what the plugin
// sends is taken apart.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "plugin/nri/conversation.h"
#include "tests/support/nri/wire.h"
#include "tests/unit/nri/recording_plugin.h"

namespace pinscope::nri::test {

inline constexpr Time kStart{std::chrono::hours(1)};

inline std::string configuration(std::string_view name, std::string_view version,
                                 std::string_view more = "") {
  return field(2, name) + field(3, version) + std::string(more);
}

inline std::string pod(std::string_view name = "web-1") {
  return field(1, "pod-id") + field(2, name) + field(3, "uid-1") + field(4, "web") +
         entry(5, "team", "net") + field(7, "runc");
}
inline std::string container(std::string_view name = "app") {
  return field(1, "container-id") + field(2, "pod-id") + field(3, name) + field(12, 4711);
}
inline std::string about(const std::string& pod_bytes, const std::string& container_bytes) {
  return field(1, pod_bytes) + field(2, container_bytes);
}
inline std::string state_change(uint64_t event, const std::string& pod_bytes,
                                const std::string& container_bytes) {
  return field(1, event) + field(2, pod_bytes) + field(3, container_bytes);
}

class Conversations : public testing::Test {
 protected:
  Conversations() { outgoing(); }

  // What the plugin has sent since the last time.
  std::vector<Decoded> outgoing() {
    auto taken = take_apart(conversation.outgoing());
    EXPECT_TRUE(taken.complete);
    EXPECT_LE(taken.longest_frame, 4096U);
    conversation.sent(conversation.outgoing().size(), now);
    return std::move(taken.messages);
  }
  void receive(const std::string& bytes) {
    const auto done = conversation.receive(bytes, now);
    ASSERT_TRUE(done) << done.error().sentence();
    while (conversation.answer_next()) {
    }
  }
  Response answer_to(uint32_t stream, const std::string& bytes) {
    receive(bytes);
    const auto messages = outgoing();
    if (messages.size() != 1) return {RpcCode::kUnknown, "no single answer", ""};
    EXPECT_EQ(messages[0].connection, 1U);
    EXPECT_EQ(messages[0].stream, stream);
    EXPECT_EQ(messages[0].type, 2);
    auto response = parse_response(messages[0].data);
    EXPECT_TRUE(response);
    return *std::move(response);
  }
  void establish(std::string_view name = "containerd", std::string_view version = "v2.1.9") {
    receive(accepted() + call(1, "Configure", configuration(name, version)));
    outgoing();
    ASSERT_TRUE(conversation.established());
  }
  void expect_error(const std::string& bytes, const std::string& sentence) {
    const auto done = conversation.receive(bytes, now);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sentence(), sentence);
    EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
  }

  Time now = kStart;
  RecordingPlugin plugin;
  Conversation conversation{{"pinscope", "50"}, plugin, now};
};

}  // namespace pinscope::nri::test
