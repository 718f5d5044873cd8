// How a conversation begins with runtimes of every version, and the events that they tell of.
#include "tests/unit/nri/conversations.h"

namespace pinscope::nri {
namespace {

using namespace test;
using std::chrono::milliseconds;
using testing::ElementsAre;

TEST(ConversationStart, RegistersWithTheBytesOfTheSpecification) {
  RecordingPlugin plugin;
  const Conversation conversation({"ps", "50"}, plugin, kStart);
  const std::string request =
      "\x0a\x02ps\x12\x02"
      "50"s;  // plugin_name = 1, plugin_idx = 2
  const std::string data =
      "\x0a\x1c"
      "nri.pkg.api.v1alpha1.Runtime"
      "\x12\x0e"
      "RegisterPlugin"
      "\x1a\x08"s +
      request + "\x20\x80\xe4\x97\xd0\x12"s;                // timeout_nano = 4: 5 seconds
  EXPECT_EQ(conversation.outgoing(), "\x00\x00\x00\x02"s +  // connection
                                         u32(static_cast<uint32_t>(data.size() + 10)) +  // frame
                                         u32(static_cast<uint32_t>(data.size())) +       // message
                                         "\x00\x00\x00\x01"                              // stream
                                         "\x01\x00"s +  // a request
                                         data);
}

TEST_F(Conversations, AreEstablishedByTheAnswerAndTheConfiguration) {
  receive(accepted());
  EXPECT_FALSE(conversation.established());
  receive(call(1, "Configure", configuration("containerd", "v2.1.9")));
  EXPECT_TRUE(conversation.established());
  const auto messages = outgoing();
  ASSERT_EQ(messages.size(), 1U);
  // Response.payload = 2: ConfigureResponse.events = 2: create and remove
  EXPECT_EQ(messages[0].data, "\x12\x03\x10\x88\x08"s);
}

// containerd does not wait with Configure until its answer to the registration has gone.
TEST_F(Conversations, AnswerConfigureThatOvertakesTheAnswerToTheRegistration) {
  const auto response = answer_to(1, call(1, "Configure", configuration("containerd", "1.7.24")));
  EXPECT_EQ(response.code, RpcCode::kOk);
  EXPECT_FALSE(conversation.established());
  receive(accepted());
  EXPECT_TRUE(conversation.established());
}

TEST_F(Conversations, PassOnWhatConfigureSays) {
  receive(call(
      1, "Configure",
      field(1, "mode: x") + configuration("cri-o", "1.35.0", field(5, 750)) + field(6, "v0.11.0")));
  EXPECT_EQ(plugin.runtime_info.name, "cri-o");
  EXPECT_EQ(plugin.runtime_info.version, "1.35.0");
  EXPECT_EQ(plugin.runtime_info.config, "mode: x");
  EXPECT_EQ(plugin.runtime_info.nri_version, "v0.11.0");
  EXPECT_EQ(plugin.runtime_info.request_timeout, milliseconds(750));
}

TEST_F(Conversations, LeaveOutEventsThatTheRuntimeDoesNotKnow) {
  plugin.wanted = mask_of(Event::kCreateContainer, Event::kUpdatePodSandbox);
  const auto old = answer_to(1, call(1, "Configure", configuration("containerd", "2.1.9")));
  EXPECT_EQ(old.payload, "\x10\x08"s);
  const auto newer = answer_to(3, call(3, "Configure", configuration("containerd", "2.2.0")));
  EXPECT_EQ(newer.payload, "\x10\x88\x10"s);  // 0x808
}

// No events at all would mean every event.
TEST_F(Conversations, DoNotSubscribeToNothing) {
  plugin.wanted = mask_of(Event::kUpdatePodSandbox);
  const auto response = answer_to(1, call(1, "Configure", configuration("containerd", "1.7.24")));
  EXPECT_EQ(response.message,
            "cannot subscribe to events of \"containerd\": it knows none of those that are wanted");
}

TEST_F(Conversations, TellTheRuntimeWhyThePluginRefusesIt) {
  plugin.configure_error = Error(ErrorCode::kRuntimeUnsupported, "serve this");
  const auto response = answer_to(1, call(1, "Configure", configuration("docker", "29.2.0")));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "cannot serve this");
  EXPECT_FALSE(conversation.established());
}

TEST_F(Conversations, EndIfTheRegistrationIsRefused) {
  // Status{code: 2, message: "invalid plugin index"}
  expect_error(frame(2, message(1, 2, field(1, field(1, 2) + field(2, "invalid plugin index")))),
               "cannot register with the runtime as \"50-pinscope\": it answers \"invalid plugin "
               "index\"");
}

TEST_F(Conversations, EndAtAnAnswerToNoCall) {
  expect_error(frame(2, message(3, 2, "")),
               "cannot read an answer of the runtime: it belongs to no call");
}

TEST_F(Conversations, EndAtASecondAnswerToTheRegistration) {
  receive(accepted());
  expect_error(accepted(), "cannot read an answer of the runtime: it belongs to no call");
}

TEST_F(Conversations, SynchronizeInOnePart) {
  establish();
  const auto response =
      answer_to(3, call(3, "Synchronize", field(1, pod()) + field(2, container())));
  EXPECT_EQ(response.payload, "");
  EXPECT_EQ(plugin.asked.back(), "synchronize 1 1");
}

// NRI 0.7: the runtime gives up a plugin that does not say `more` to the parts before the last.
TEST_F(Conversations, SynchronizeInParts) {
  establish();
  const auto first =
      answer_to(3, call(3, "Synchronize", field(1, pod()) + field(1, pod("web-2")) + field(3, 1)));
  EXPECT_EQ(first.payload, "\x10\x01"s);  // more = 2
  const auto last = answer_to(5, call(5, "Synchronize", field(2, container())));
  EXPECT_EQ(last.payload, "");
  EXPECT_THAT(plugin.asked, ElementsAre("configure containerd v2.1.9", "synchronize 2 0 more",
                                        "synchronize 0 1"));
}

TEST_F(Conversations, AnswerNothingBeforeConfigure) {
  const auto response = answer_to(1, call(1, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "the plugin is not configured yet");
  EXPECT_TRUE(plugin.asked.empty());
}

// Until NRI 0.12.
TEST_F(Conversations, TellOfEventsInTheOldForm) {
  establish("containerd", "1.7.24");
  EXPECT_EQ(answer_to(3, call(3, "StateChange", state_change(6, pod(), container()))).code,
            RpcCode::kOk);
  EXPECT_EQ(plugin.asked.back(), "StartContainer web-1/container-id");
  receive(call(5, "StateChange", state_change(11, pod(), container())));
  EXPECT_EQ(plugin.asked.back(), "RemoveContainer web-1/container-id");
  receive(call(7, "StateChange", state_change(1, pod(), "")));
  EXPECT_EQ(plugin.asked.back(), "RunPodSandbox web-1/");
}

// From NRI 0.12 on.
TEST_F(Conversations, TellOfEventsInTheNewForm) {
  establish("containerd", "2.3.0");
  uint32_t stream = 3;
  for (const std::string method :
       {"PostCreateContainer", "StartContainer", "PostStartContainer", "UpdateContainer",
        "PostUpdateContainer", "StopContainer", "RemoveContainer"}) {
    const auto response = answer_to(stream, call(stream, method, about(pod(), container())));
    EXPECT_EQ(response.code, RpcCode::kOk) << method;
    EXPECT_EQ(response.payload, "") << method;
    EXPECT_EQ(plugin.asked.back(), method + " web-1/container-id");
    stream += 2;
  }
  for (const std::string method :
       {"RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PostUpdatePodSandbox"}) {
    EXPECT_EQ(answer_to(stream, call(stream, method, field(1, pod()))).code, RpcCode::kOk);
    EXPECT_EQ(plugin.asked.back(), method + " web-1/");
    stream += 2;
  }
  // What is second here is no container.
  EXPECT_EQ(
      answer_to(stream, call(stream, "UpdatePodSandbox", field(1, pod()) + field(2, field(1, 17))))
          .code,
      RpcCode::kOk);
  EXPECT_EQ(plugin.asked.back(), "UpdatePodSandbox web-1/");
}

TEST_F(Conversations, RefuseAStartInBothForms) {
  establish();
  plugin.error = Error(ErrorCode::kSystem, "make a view");
  EXPECT_EQ(answer_to(3, call(3, "StateChange", state_change(6, pod(), container()))).message,
            "cannot make a view");
  EXPECT_EQ(answer_to(5, call(5, "StartContainer", about(pod(), container()))).message,
            "cannot make a view");
}

TEST_F(Conversations, IgnoreAnEventThatNobodyKnowsYet) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "StateChange", state_change(77, pod(), ""))).code, RpcCode::kOk);
  EXPECT_EQ(plugin.asked.size(), 1U);
}

// The code makes a runtime fall back to the older form of a call.
TEST_F(Conversations, SayOfAnUnknownMethodThatItIsNotImplemented) {
  establish();
  const auto response = answer_to(3, call(3, "ValidateContainerAdjustment", ""));
  EXPECT_EQ(response.code, RpcCode::kUnimplemented);
  EXPECT_EQ(response.message,
            "there is no nri.pkg.api.v1alpha1.Plugin/ValidateContainerAdjustment here");
  EXPECT_EQ(answer_to(5, call(5, "Configure", "", "another.Service")).code,
            RpcCode::kUnimplemented);
}

}  // namespace
}  // namespace pinscope::nri
