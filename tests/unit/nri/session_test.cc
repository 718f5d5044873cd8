// Whole conversations with runtimes of every version, without a socket.
#include "plugin/nri/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/nri/nri.pb.h"
#include "tests/unit/nri/recording_plugin.h"
#include "tests/unit/nri/wire.h"

namespace pinscope::nri {
namespace {

using namespace test;
using std::chrono::milliseconds;
using testing::ElementsAre;

constexpr Time kStart{std::chrono::hours(1)};

std::string configuration(std::string_view name, std::string_view version,
                          std::string_view more = "") {
  return field(2, name) + field(3, version) + std::string(more);
}

std::string pod(std::string_view name = "web-1") {
  return field(1, "pod-id") + field(2, name) + field(3, "uid-1") + field(4, "web") +
         entry(5, "team", "net") + entry(6, "note", "x") + field(7, "runc");
}
std::string container(std::string_view name = "app") {
  return field(1, "container-id") + field(2, "pod-id") + field(3, name) + entry(6, "a", "b") +
         field(12, 4711);
}
std::string about(const std::string& pod_bytes, const std::string& container_bytes) {
  return field(1, pod_bytes) + field(2, container_bytes);
}
std::string state_change(uint64_t event, const std::string& pod_bytes,
                         const std::string& container_bytes) {
  return field(1, event) + field(2, pod_bytes) + field(3, container_bytes);
}

class Sessions : public testing::Test {
 protected:
  Sessions() { outgoing(); }

  // What the plugin has sent since the last time.
  std::vector<Decoded> outgoing() {
    auto taken = take_apart(session.outgoing());
    EXPECT_TRUE(taken.complete);
    EXPECT_LE(taken.longest_frame, 4096U);
    session.sent(session.outgoing().size(), now);
    return std::move(taken.messages);
  }
  void receive(const std::string& bytes) {
    const auto done = session.receive(bytes, now);
    ASSERT_TRUE(done) << done.error().sentence();
    while (session.answer_next()) {
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
    ASSERT_TRUE(session.established());
  }
  void expect_error(const std::string& bytes, const std::string& sentence) {
    const auto done = session.receive(bytes, now);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sentence(), sentence);
    EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
  }

  Time now = kStart;
  RecordingPlugin plugin;
  Session session{{"pinscope", "50"}, plugin, now};
};

TEST(SessionStart, RegistersWithTheBytesOfTheSpecification) {
  RecordingPlugin plugin;
  const Session session({"ps", "50"}, plugin, kStart);
  const std::string request =
      "\x0a\x02ps\x12\x02"
      "50"s;  // plugin_name = 1, plugin_idx = 2
  const std::string data =
      "\x0a\x1c"
      "nri.pkg.api.v1alpha1.Runtime"
      "\x12\x0e"
      "RegisterPlugin"
      "\x1a\x08"s +
      request + "\x20\x80\xe4\x97\xd0\x12"s;           // timeout_nano = 4: 5 seconds
  EXPECT_EQ(session.outgoing(), "\x00\x00\x00\x02"s +  // connection
                                    u32(static_cast<uint32_t>(data.size() + 10)) +  // frame
                                    u32(static_cast<uint32_t>(data.size())) +       // message
                                    "\x00\x00\x00\x01"                              // stream
                                    "\x01\x00"s +                                   // a request
                                    data);
}

TEST_F(Sessions, AreEstablishedByTheAnswerAndTheConfiguration) {
  receive(accepted());
  EXPECT_FALSE(session.established());
  receive(call(1, "Configure", configuration("containerd", "v2.1.9")));
  EXPECT_TRUE(session.established());
  const auto messages = outgoing();
  ASSERT_EQ(messages.size(), 1U);
  // Response.payload = 2: ConfigureResponse.events = 2: create and remove
  EXPECT_EQ(messages[0].data, "\x12\x03\x10\x88\x08"s);
}

// containerd does not wait with Configure until its answer to the registration has gone.
TEST_F(Sessions, AnswerConfigureThatOvertakesTheAnswerToTheRegistration) {
  const auto response = answer_to(1, call(1, "Configure", configuration("containerd", "1.7.24")));
  EXPECT_EQ(response.code, RpcCode::kOk);
  EXPECT_FALSE(session.established());
  receive(accepted());
  EXPECT_TRUE(session.established());
}

TEST_F(Sessions, PassOnWhatConfigureSays) {
  receive(call(
      1, "Configure",
      field(1, "mode: x") + configuration("cri-o", "1.35.0", field(5, 750)) + field(6, "v0.11.0")));
  EXPECT_EQ(plugin.runtime_info.name, "cri-o");
  EXPECT_EQ(plugin.runtime_info.version, "1.35.0");
  EXPECT_EQ(plugin.runtime_info.config, "mode: x");
  EXPECT_EQ(plugin.runtime_info.nri_version, "v0.11.0");
  EXPECT_EQ(plugin.runtime_info.request_timeout, milliseconds(750));
}

TEST_F(Sessions, LeaveOutEventsThatTheRuntimeDoesNotKnow) {
  plugin.wanted = mask_of(Event::kCreateContainer, Event::kUpdatePodSandbox);
  const auto old = answer_to(1, call(1, "Configure", configuration("containerd", "2.1.9")));
  EXPECT_EQ(old.payload, "\x10\x08"s);
  const auto newer = answer_to(3, call(3, "Configure", configuration("containerd", "2.2.0")));
  EXPECT_EQ(newer.payload, "\x10\x88\x10"s);  // 0x808
}

// No events at all would mean every event.
TEST_F(Sessions, DoNotSubscribeToNothing) {
  plugin.wanted = mask_of(Event::kUpdatePodSandbox);
  const auto response = answer_to(1, call(1, "Configure", configuration("containerd", "1.7.24")));
  EXPECT_EQ(response.message,
            "cannot subscribe to events of \"containerd\": it knows none of those that are wanted");
}

TEST_F(Sessions, TellTheRuntimeWhyThePluginRefusesIt) {
  plugin.configure_error = Error(ErrorCode::kRuntimeUnsupported, "serve this");
  const auto response = answer_to(1, call(1, "Configure", configuration("docker", "29.2.0")));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "cannot serve this");
  EXPECT_FALSE(session.established());
}

TEST_F(Sessions, EndIfTheRegistrationIsRefused) {
  // Status{code: 2, message: "invalid plugin index"}
  expect_error(frame(2, message(1, 2, field(1, field(1, 2) + field(2, "invalid plugin index")))),
               "cannot register with the runtime as \"50-pinscope\": it answers \"invalid plugin "
               "index\"");
}

TEST_F(Sessions, EndAtAnAnswerToNoCall) {
  expect_error(frame(2, message(3, 2, "")),
               "cannot read an answer of the runtime: it belongs to no call");
}

TEST_F(Sessions, EndAtASecondAnswerToTheRegistration) {
  receive(accepted());
  expect_error(accepted(), "cannot read an answer of the runtime: it belongs to no call");
}

TEST_F(Sessions, SynchronizeInOnePart) {
  establish();
  const auto response =
      answer_to(3, call(3, "Synchronize", field(1, pod()) + field(2, container())));
  EXPECT_EQ(response.payload, "");
  EXPECT_EQ(plugin.asked.back(), "synchronize 1 1");
}

// NRI 0.7: the runtime gives up a plugin that does not say `more` to the parts before the last.
TEST_F(Sessions, SynchronizeInParts) {
  establish();
  const auto first =
      answer_to(3, call(3, "Synchronize", field(1, pod()) + field(1, pod("web-2")) + field(3, 1)));
  EXPECT_EQ(first.payload, "\x10\x01"s);  // more = 2
  const auto last = answer_to(5, call(5, "Synchronize", field(2, container())));
  EXPECT_EQ(last.payload, "");
  EXPECT_THAT(plugin.asked, ElementsAre("configure containerd v2.1.9", "synchronize 2 0 more",
                                        "synchronize 0 1"));
}

TEST_F(Sessions, AnswerNothingBeforeConfigure) {
  const auto response = answer_to(1, call(1, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "the plugin is not configured yet");
  EXPECT_TRUE(plugin.asked.empty());
}

TEST_F(Sessions, GiveThePluginWhatTheRuntimeSaysOfAContainer) {
  establish("containerd", "v2.2.0");
  // mounts = 9 {destination, type, source, options}; linux = 11 {namespaces = 1, seccomp_profile =
  // 7}
  const std::string more = field(9, field(1, "/sys") + field(2, "sysfs") + field(3, "sysfs") +
                                        field(4, "nosuid") + field(4, "ro")) +
                           field(11, field(1, field(1, "user") + field(2, "/u")) +
                                         field(7, field(1, 2) + field(2, "p.json"))) +
                           field(8, "A=b");
  receive(call(3, "CreateContainer", about(pod(), container() + more)));
  EXPECT_EQ(plugin.asked.back(), "create web/web-1/app");
  const Pod& the_pod = plugin.last_pod;
  EXPECT_EQ(the_pod.id, "pod-id");
  EXPECT_EQ(the_pod.uid, "uid-1");
  EXPECT_EQ(the_pod.labels, (StringMap{{"team", "net"}}));
  EXPECT_EQ(the_pod.annotations, (StringMap{{"note", "x"}}));
  EXPECT_EQ(the_pod.runtime_handler, "runc");
  const Container& the_container = plugin.last_container;
  EXPECT_EQ(the_container.id, "container-id");
  EXPECT_EQ(the_container.pod_id, "pod-id");
  EXPECT_EQ(the_container.annotations, (StringMap{{"a", "b"}}));
  EXPECT_EQ(the_container.pid, 4711U);
  ASSERT_EQ(the_container.mounts.size(), 1U);
  EXPECT_EQ(the_container.mounts[0].options, (std::vector<std::string>{"nosuid", "ro"}));
  EXPECT_EQ(the_container.env, std::vector<std::string>{"A=b"});
  ASSERT_EQ(the_container.namespaces.size(), 1U);
  EXPECT_EQ(the_container.namespaces[0].type, "user");
  EXPECT_EQ(the_container.namespaces[0].path, "/u");
  ASSERT_TRUE(the_container.seccomp_profile);
  EXPECT_EQ(the_container.seccomp_profile->type, SeccompProfile::Type::kLocalhost);
  EXPECT_EQ(the_container.seccomp_profile->file, "p.json");
  EXPECT_FALSE(the_container.seccomp_policy);
}

// An empty profile of the runtime's default is not the same as none.
TEST_F(Sessions, TellTheDefaultProfileFromNone) {
  establish("containerd", "v2.2.0");
  receive(call(3, "CreateContainer", about(pod(), container() + field(11, field(7, "")))));
  ASSERT_TRUE(plugin.last_container.seccomp_profile);
  EXPECT_EQ(plugin.last_container.seccomp_profile->type, SeccompProfile::Type::kRuntimeDefault);
  receive(call(5, "CreateContainer", about(pod(), container() + field(11, ""))));
  EXPECT_FALSE(plugin.last_container.seccomp_profile);
}

TEST_F(Sessions, AnswerNothingToDoWithNothing) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "CreateContainer", about(pod(), container()))).payload, "");
}

TEST_F(Sessions, WriteHooksAsTheSpecificationHasThem) {
  establish();
  plugin.adjustment.hooks.create_runtime.push_back({"/h", {"h", "x"}, {"A=b"}, 10});
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  // CreateContainerResponse.adjust = 1, ContainerAdjustment.hooks = 5, Hooks.create_runtime = 2,
  // Hook{path = 1, args = 2, env = 3, timeout = 4 {value = 1}}
  const std::string hook =
      field(1, "/h") + field(2, "h") + field(2, "x") + field(3, "A=b") + field(4, field(1, 10));
  EXPECT_EQ(response.payload, field(1, field(5, field(2, hook))));
}

TEST_F(Sessions, WriteEverythingElseAsTheSpecificationHasIt) {
  establish("containerd", "v2.2.0");
  plugin.adjustment.annotations = {{"k", "v"}};
  plugin.adjustment.mounts = {{"/d", "bind", "/s", {"ro"}}};
  plugin.adjustment.env = {{"N", "1"}};
  plugin.adjustment.hooks.poststop = {{"/h", {}, {}, std::nullopt}};
  SeccompPolicy& policy = plugin.adjustment.seccomp_policy.emplace();
  policy.default_action = "SCMP_ACT_ERRNO";
  policy.architectures = {"SCMP_ARCH_X86_64"};
  policy.rules = {{{"bpf"}, "SCMP_ACT_ALLOW", std::nullopt, {{0, 7, 0, "SCMP_CMP_EQ"}}}};
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ALLOW") +
                           field(4, field(2, 7) + field(4, "SCMP_CMP_EQ"));
  const std::string seccomp =
      field(1, "SCMP_ACT_ERRNO") + field(3, "SCMP_ARCH_X86_64") + field(7, rule);
  EXPECT_EQ(
      response.payload,
      field(1, entry(2, "k", "v") +
                   field(3, field(1, "/d") + field(2, "bind") + field(3, "/s") + field(4, "ro")) +
                   field(4, field(1, "N") + field(2, "1")) + field(5, field(6, field(1, "/h"))) +
                   field(6, field(6, seccomp))));
}

TEST_F(Sessions, ReadAPolicyAsTheyWriteIt) {
  establish("containerd", "v2.2.0");
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ERRNO") + field(3, field(1, 1)) +
                           field(4, field(1, 2) + field(2, 7) + field(3, 9) + field(4, "OP"));
  const std::string seccomp =
      field(1, "D") + field(2, field(1, 38)) + field(3, "A") + field(4, "F") + field(7, rule);
  receive(call(3, "CreateContainer", about(pod(), container() + field(11, field(8, seccomp)))));
  ASSERT_TRUE(plugin.last_container.seccomp_policy);
  const SeccompPolicy& policy = *plugin.last_container.seccomp_policy;
  EXPECT_EQ(policy.default_action, "D");
  EXPECT_EQ(policy.default_errno, 38U);
  EXPECT_EQ(policy.architectures, std::vector<std::string>{"A"});
  EXPECT_EQ(policy.flags, std::vector<std::string>{"F"});
  ASSERT_EQ(policy.rules.size(), 1U);
  EXPECT_EQ(policy.rules[0].errno_return, 1U);
  EXPECT_EQ(policy.rules[0].arguments[0].value_two, 9U);
}

// Only an error stops a container; the codes of timeouts and the like make the runtime go on.
TEST_F(Sessions, StopACreationWithTheCodeThatStopsIt) {
  establish();
  plugin.error = Error(ErrorCode::kPolicyUnavailable, "use the policies");
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "cannot use the policies");
}

TEST_F(Sessions, GiveAnAnswerThatIsLongerThanAFrameInFrames) {
  establish();
  for (int i = 0; i < 200; ++i)
    plugin.adjustment.hooks.create_runtime.push_back({std::string(100, 'p'), {}, {}, {}});
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_GT(response.payload.size(), std::size_t{20000});
}

TEST_F(Sessions, AnswerWithAnErrorIfTheAnswerWouldBeTooLong) {
  establish();
  plugin.adjustment.env = {{"N", std::string(kMostData, 'x')}};
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(response.message, "the plugin's answer is too long");
}

// Until NRI 0.12.
TEST_F(Sessions, TellOfEventsInTheOldForm) {
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
TEST_F(Sessions, TellOfEventsInTheNewForm) {
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

TEST_F(Sessions, RefuseAStartInBothForms) {
  establish();
  plugin.error = Error(ErrorCode::kSystem, "make a view");
  EXPECT_EQ(answer_to(3, call(3, "StateChange", state_change(6, pod(), container()))).message,
            "cannot make a view");
  EXPECT_EQ(answer_to(5, call(5, "StartContainer", about(pod(), container()))).message,
            "cannot make a view");
}

TEST_F(Sessions, IgnoreAnEventThatNobodyKnowsYet) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "StateChange", state_change(77, pod(), ""))).code, RpcCode::kOk);
  EXPECT_EQ(plugin.asked.size(), 1U);
}

// The code makes a runtime fall back to the older form of a call.
TEST_F(Sessions, SayOfAnUnknownMethodThatItIsNotImplemented) {
  establish();
  const auto response = answer_to(3, call(3, "ValidateContainerAdjustment", ""));
  EXPECT_EQ(response.code, RpcCode::kUnimplemented);
  EXPECT_EQ(response.message,
            "there is no nri.pkg.api.v1alpha1.Plugin/ValidateContainerAdjustment here");
  EXPECT_EQ(answer_to(5, call(5, "Configure", "", "another.Service")).code,
            RpcCode::kUnimplemented);
}

TEST_F(Sessions, RefuseARequestThatIsNoMessage) {
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

TEST_F(Sessions, AnswerShutdown) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "Shutdown", "")).code, RpcCode::kOk);
}

TEST_F(Sessions, RefuseStreamsThatAClientMayNotUse) {
  establish();
  EXPECT_EQ(answer_to(4, call(4, "Shutdown", "")).message, "the stream of a request has to be odd");
  EXPECT_EQ(answer_to(1, call(1, "Shutdown", "")).message,
            "the stream of a request has to be greater than the one before");
  EXPECT_EQ(answer_to(3, frame(1, message(3, 3, "data"))).message, "a request was expected");
}

TEST_F(Sessions, EndAtARequestThatIsNoProtobuf) {
  expect_error(frame(1, message(1, 1, "\x0a\xff")),
               "cannot read a ttrpc request: it is not a protobuf message of that kind");
}

TEST_F(Sessions, EndAtGarbage) {
  expect_error(std::string(64, '\x7f'),
               "cannot read a frame of the NRI socket: it claims 2139062143 bytes, at most 4194314 "
               "are allowed");
}

TEST_F(Sessions, EndAtAMessageThatIsTooLong) {
  expect_error(frame(1, u32(5U << 20) + u32(1) + "\x01\x00"s),
               "cannot read a ttrpc message: it claims 5242880 bytes of data, at most 4194304 are "
               "allowed");
}

// The whole conversation, cut at every byte.
TEST_F(Sessions, DoNotDependOnWhereTheBytesAreCut) {
  const std::string bytes = accepted() +
                            call(1, "Configure", configuration("containerd", "2.1.9")) +
                            call(3, "Synchronize", field(1, pod())) +
                            call(5, "CreateContainer", about(pod(), container())) +
                            call(7, "StateChange", state_change(11, pod(), container()));
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    RecordingPlugin recording;
    Session cut_session({"pinscope", "50"}, recording, now);
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
TEST_F(Sessions, ReadARequestThatCameInSeveralFramesBetweenOthers) {
  establish();
  const std::string request =
      message(3, 1,
              field(1, "nri.pkg.api.v1alpha1.Plugin") + field(2, "CreateContainer") +
                  field(3, about(pod(), container() + entry(6, "long", std::string(10000, 'x')))));
  receive(frame(1, request.substr(0, 4096)) + frame(7, "nobody's") +
          frame(1, request.substr(4096)));
  EXPECT_EQ(plugin.last_container.annotations.at("long").size(), 10000U);
}

TEST_F(Sessions, MakeTheRuntimeWaitWhileTooManyCallsDo) {
  establish();
  std::string bytes;
  for (uint32_t i = 0; i < 100; ++i)
    bytes += call(3 + 2 * i, "CreateContainer", about(pod(), container()));
  ASSERT_TRUE(session.receive(bytes, now));
  EXPECT_FALSE(session.has_room());
  while (session.answer_next()) {
  }
  EXPECT_TRUE(session.has_room());
  EXPECT_EQ(outgoing().size(), 100U);
}

TEST_F(Sessions, MakeTheRuntimeWaitWhileItDoesNotTakeAnswers) {
  establish();
  plugin.adjustment.env = {{"N", std::string(1U << 20, 'x')}};
  receive(call(3, "CreateContainer", about(pod(), container())) +
          call(5, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(plugin.asked.size(), 2U) << "the second call waits, too";
  EXPECT_FALSE(session.has_room());
  outgoing();
  EXPECT_TRUE(session.answer_next());
  outgoing();
  EXPECT_TRUE(session.has_room());
}

TEST_F(Sessions, EndIfTheRegistrationIsNotAnsweredInTime) {
  EXPECT_EQ(session.deadline(), kStart + milliseconds(5000));
  EXPECT_TRUE(session.check(kStart + milliseconds(4999)));
  const auto done = session.check(kStart + milliseconds(5000));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot register with the runtime: the runtime did not go on in time");
}

TEST_F(Sessions, WaitForEverBetweenCalls) {
  establish();
  EXPECT_EQ(session.deadline(), std::nullopt);
  EXPECT_TRUE(session.check(now + std::chrono::hours(1000)));
}

TEST_F(Sessions, EndIfAMessageIsNotFinishedInTime) {
  establish();
  const std::string bytes = call(3, "CreateContainer", about(pod(), container()));
  for (const size_t cut : {size_t{3}, size_t{8}, size_t{12}, bytes.size() - 1}) {
    RecordingPlugin recording;
    Session slow({"pinscope", "50"}, recording, now);
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

TEST_F(Sessions, EndIfAnAnswerIsNotTakenInTime) {
  establish();
  receive(call(3, "CreateContainer", about(pod(), container())));
  session.sent(0, now);
  EXPECT_EQ(session.deadline(), now + milliseconds(2000));
  session.sent(1, now + milliseconds(1500));
  EXPECT_TRUE(session.check(now + milliseconds(2500)));
  const auto done = session.check(now + milliseconds(3500));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot send an answer to the runtime: the runtime did not go on in time");
}

TEST_F(Sessions, GiveACallTheTimeThatConfigureSays) {
  receive(accepted() + call(1, "Configure", configuration("containerd", "2.1.9", field(5, 500))) +
          call(3, "CreateContainer", about(pod(), container())));
  // The first two calls came together: what Configure says holds for those after it.
  receive(call(5, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(plugin.last_deadline, now + milliseconds(500));
}

TEST_F(Sessions, GiveACallTheTimeThatItSays) {
  establish();
  const std::string request = field(1, "nri.pkg.api.v1alpha1.Plugin") +
                              field(2, "CreateContainer") + field(3, about(pod(), container())) +
                              field(4, 100'000'000);
  receive(frame(1, message(3, 1, request)));
  EXPECT_EQ(plugin.last_deadline, now + milliseconds(100));
}

// A timeout of centuries would overflow what a deadline is counted in.
TEST_F(Sessions, BoundATimeoutThatIsTooLong) {
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
