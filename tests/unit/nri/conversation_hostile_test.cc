// Runtimes that are broken, slow or hostile: wherever the bytes are cut and whatever they are.
#include "tests/unit/nri/conversations.h"

namespace pinscope::nri {
namespace {

using namespace test;
using std::chrono::milliseconds;
using testing::ElementsAre;

TEST_F(Conversations, RefuseARequestThatIsNoMessage) {
  establish();
  uint32_t stream = 3;
  for (const char* method : {"Configure", "Synchronize", "CreateContainer", "StateChange",
                             "StartContainer", "UpdatePodSandbox"}) {
    const auto response = answer_to(stream, call(stream, method, "\x0a\xff"));
    EXPECT_EQ(response.code, RpcCode::kInvalidArgument) << method;
    EXPECT_EQ(response.message, "the request of "s + method + " is not what it should be");
    stream += 2;
  }
  EXPECT_EQ(plugin.asked.size(), 1U);
}

TEST_F(Conversations, AnswerShutdown) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "Shutdown", "")).code, RpcCode::kOk);
}

TEST_F(Conversations, RefuseStreamsThatAClientMayNotUse) {
  establish();
  EXPECT_EQ(answer_to(4, call(4, "Shutdown", "")).message, "the stream of a request has to be odd");
  EXPECT_EQ(answer_to(1, call(1, "Shutdown", "")).message,
            "the stream of a request has to be greater than the one before");
  EXPECT_EQ(answer_to(3, frame(1, message(3, 3, "data"))).message, "a request was expected");
}

TEST_F(Conversations, EndAtARequestThatIsNoProtobuf) {
  expect_error(frame(1, message(1, 1, "\x0a\xff")),
               "cannot read a ttrpc request: it is not a protobuf message of that kind");
}

TEST_F(Conversations, EndAtGarbage) {
  expect_error(std::string(64, '\x7f'),
               "cannot read a frame of the NRI socket: it claims 2139062143 bytes, at most 4194314 "
               "are allowed");
}

TEST_F(Conversations, EndAtAMessageThatIsTooLong) {
  expect_error(frame(1, u32(5U << 20) + u32(1) + "\x01\x00"s),
               "cannot read a ttrpc message: it claims 5242880 bytes of data, at most 4194304 are "
               "allowed");
}

// The whole conversation, cut at every byte.
TEST_F(Conversations, DoNotDependOnWhereTheBytesAreCut) {
  const std::string bytes = accepted() +
                            call(1, "Configure", configuration("containerd", "2.1.9")) +
                            call(3, "Synchronize", field(1, pod())) +
                            call(5, "CreateContainer", about(pod(), container())) +
                            call(7, "StateChange", state_change(11, pod(), container()));
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    RecordingPlugin recording;
    Conversation cut_session({"pinscope", "50"}, recording, now);
    for (const std::string_view part :
         {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      ASSERT_TRUE(cut_session.receive(part, now));
      while (cut_session.answer_next()) {
      }
    }
    EXPECT_THAT(recording.asked,
                ElementsAre("configure containerd 2.1.9", "synchronize 1 0", "create web/web-1/app",
                            "RemoveContainer web-1/container-id"))
        << cut;
  }
}

// containerd sends the first 4096 bytes of a message in a frame of their own.
TEST_F(Conversations, ReadARequestThatCameInSeveralFramesBetweenOthers) {
  establish();
  const std::string request =
      message(3, 1,
              field(1, "nri.pkg.api.v1alpha1.Plugin") + field(2, "CreateContainer") +
                  field(3, about(pod(), container() + field(8, std::string(10000, 'x')))));
  receive(frame(1, request.substr(0, 4096)) + frame(7, "nobody's") +
          frame(1, request.substr(4096)));
  EXPECT_EQ(plugin.last_container.env(0).size(), 10000U);
}

TEST_F(Conversations, MakeTheRuntimeWaitWhileTooManyCallsDo) {
  establish();
  std::string bytes;
  for (uint32_t i = 0; i < 100; ++i)
    bytes += call(3 + 2 * i, "CreateContainer", about(pod(), container()));
  ASSERT_TRUE(conversation.receive(bytes, now));
  EXPECT_FALSE(conversation.has_room());
  while (conversation.answer_next()) {
  }
  EXPECT_TRUE(conversation.has_room());
  EXPECT_EQ(outgoing().size(), 100U);
}

TEST_F(Conversations, MakeTheRuntimeWaitWhileItDoesNotTakeAnswers) {
  establish();
  plugin.adjustment.add_env()->set_value(std::string(1U << 20, 'x'));
  receive(call(3, "CreateContainer", about(pod(), container())) +
          call(5, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(plugin.asked.size(), 2U) << "the second call waits, too";
  EXPECT_FALSE(conversation.has_room());
  outgoing();
  EXPECT_TRUE(conversation.answer_next());
  outgoing();
  EXPECT_TRUE(conversation.has_room());
}

TEST_F(Conversations, EndIfTheRegistrationIsNotAnsweredInTime) {
  EXPECT_EQ(conversation.deadline(), kStart + milliseconds(5000));
  EXPECT_TRUE(conversation.check(kStart + milliseconds(4999)));
  const auto done = conversation.check(kStart + milliseconds(5000));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot register with the runtime: the runtime did not go on in time");
}

TEST_F(Conversations, WaitForEverBetweenCalls) {
  establish();
  EXPECT_EQ(conversation.deadline(), std::nullopt);
  EXPECT_TRUE(conversation.check(now + std::chrono::hours(1000)));
}

TEST_F(Conversations, EndIfAMessageIsNotFinishedInTime) {
  establish();
  const std::string bytes = call(3, "CreateContainer", about(pod(), container()));
  for (const size_t cut : {size_t{3}, size_t{8}, size_t{12}, bytes.size() - 1}) {
    RecordingPlugin recording;
    Conversation slow({"pinscope", "50"}, recording, now);
    ASSERT_TRUE(slow.receive(accepted() + bytes.substr(0, cut), now));
    EXPECT_EQ(slow.deadline(), now + milliseconds(2000)) << cut;
    // A byte now and then does not help.
    ASSERT_TRUE(
        slow.receive(bytes.substr(cut, cut == bytes.size() - 1 ? 0 : 1), now + milliseconds(1999)));
    const auto done = slow.check(now + milliseconds(2000));
    ASSERT_FALSE(done) << cut;
    EXPECT_EQ(
        done.error().sentence(),
        "cannot read the rest of a message of the runtime: the runtime did not go on in time");
  }
}

TEST_F(Conversations, EndIfAnAnswerIsNotTakenInTime) {
  establish();
  receive(call(3, "CreateContainer", about(pod(), container())));
  conversation.sent(0, now);
  EXPECT_EQ(conversation.deadline(), now + milliseconds(2000));
  conversation.sent(1, now + milliseconds(1500));
  EXPECT_TRUE(conversation.check(now + milliseconds(2500)));
  const auto done = conversation.check(now + milliseconds(3500));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot send an answer to the runtime: the runtime did not go on in time");
}

TEST_F(Conversations, GiveACallTheTimeThatConfigureSays) {
  receive(accepted() + call(1, "Configure", configuration("containerd", "2.1.9", field(5, 500))) +
          call(3, "CreateContainer", about(pod(), container())));
  // The first two calls came together: what Configure says holds for those after it.
  receive(call(5, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(plugin.last_deadline, now + milliseconds(500));
}

TEST_F(Conversations, GiveACallTheTimeThatItSays) {
  establish();
  const std::string request = field(1, "nri.pkg.api.v1alpha1.Plugin") +
                              field(2, "CreateContainer") + field(3, about(pod(), container())) +
                              field(4, 100'000'000);
  receive(frame(1, message(3, 1, request)));
  EXPECT_EQ(plugin.last_deadline, now + milliseconds(100));
}

// A timeout of centuries would overflow what a deadline is counted in.
TEST_F(Conversations, BoundATimeoutThatIsTooLong) {
  receive(call(1, "Configure", configuration("containerd", "2.1.9", field(5, INT64_MAX))));
  EXPECT_EQ(plugin.runtime_info.request_timeout, milliseconds(600'000));
  const std::string request = field(1, "nri.pkg.api.v1alpha1.Plugin") +
                              field(2, "CreateContainer") + field(3, about(pod(), container())) +
                              field(4, INT64_MAX);
  receive(frame(1, message(3, 1, request)));
  EXPECT_EQ(plugin.last_deadline, now + milliseconds(600'000));
}

}  // namespace
}  // namespace pinscope::nri
