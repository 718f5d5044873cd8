#include "plugin/nri/conversation.h"

#include <algorithm>
#include <array>

#include "plugin/base/text.h"

namespace pinscope::nri {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPluginServiceName = "nri.pkg.api.v1alpha1.Plugin";
constexpr std::string_view kRuntimeServiceName = "nri.pkg.api.v1alpha1.Runtime";
// The only call that we make.
constexpr uint32_t kRegistration = 1;  // its stream

// The runtime's defaults (NRI, pkg/api/timeouts.go), until Configure tells.
constexpr milliseconds kRegistrationTimeout{5000};
constexpr milliseconds kRequestTimeout{2000};
// What Configure may set: more would make a deadline no deadline.
constexpr milliseconds kLongestTimeout{600'000};

constexpr size_t kMaxCalls = 64;
constexpr size_t kMaxWaitingBytes = 8U << 20;
constexpr size_t kMaxOutgoingBytes = 1U << 20;

// The calls that are only told of: in NRI 0.12 each event has one of its own. CreateContainer is
// answered with an adjustment; for UpdateContainer and StopContainer the empty answer asks for
// nothing.
constexpr auto kTold = std::to_array<Event>({
    Event::kRunPodSandbox,
    Event::kStopPodSandbox,
    Event::kRemovePodSandbox,
    Event::kPostUpdatePodSandbox,
    Event::kPostCreateContainer,
    Event::kStartContainer,
    Event::kPostStartContainer,
    Event::kUpdateContainer,
    Event::kPostUpdateContainer,
    Event::kStopContainer,
    Event::kRemoveContainer,
});

template <typename M>
bool parse(M& message, const std::string& payload) {
  return message.ParseFromString(payload);
}

Response refused(RpcCode code, std::string message) {
  return {code, std::move(message), ""};
}

Response malformed(const Request& request) {
  return refused(RpcCode::kInvalidArgument,
                 "the request of " + one_line(request.method) + " is not what it should be");
}

// Not DeadlineExceeded or the like: some codes make the runtime go on without the plugin.
Response failed(const Error& error) {
  return refused(RpcCode::kUnknown, error.sentence());
}

template <typename M>
Response answered(const M& message) {
  return {RpcCode::kOk, "", message.SerializeAsString()};
}

Error late(std::string what) {
  return Error(ErrorCode::kProtocol, std::move(what)).reason("the runtime did not go on in time");
}

}  // namespace

Conversation::Conversation(Identity identity, Plugin& plugin, Time now)
    : identity_(std::move(identity)),
      plugin_(plugin),
      registration_deadline_(now + kRegistrationTimeout) {
  RegisterPluginRequest message;
  message.set_plugin_name(identity_.name);
  message.set_plugin_idx(identity_.index);
  Request request;
  request.service = kRuntimeServiceName;
  request.method = "RegisterPlugin";
  request.payload = message.SerializeAsString();
  request.timeout_ns = std::chrono::nanoseconds(kRegistrationTimeout).count();
  send(kRuntimeService, kRegistration, Message::kRequest, encode(request));
}

Status Conversation::receive(std::string_view bytes, Time now) {
  PINSCOPE_CHECK(mux_.receive(bytes, [&](uint32_t connection, std::string_view piece) {
    auto& reader = connection == kPluginService ? plugin_service_ : runtime_service_;
    return reader.receive(piece, [&](Message message) {
      reading_deadline_.reset();
      return receive_message(connection, std::move(message), now);
    });
  }));
  if (!inside_message()) {
    reading_deadline_.reset();
  } else if (!reading_deadline_) {
    reading_deadline_ = now + request_timeout();
  }
  return {};
}

bool Conversation::has_room() const {
  return calls_.size() < kMaxCalls && waiting_bytes_ < kMaxWaitingBytes &&
         outgoing().size() < kMaxOutgoingBytes;
}

void Conversation::sent(size_t bytes, Time now) {
  mux_.sent(bytes);
  if (bytes > 0 || outgoing().empty()) writing_deadline_.reset();
  if (!outgoing().empty() && !writing_deadline_) writing_deadline_ = now + request_timeout();
}

milliseconds Conversation::request_timeout() const {
  return runtime_ ? runtime_->request_timeout : kRequestTimeout;
}

std::optional<Time> Conversation::deadline() const {
  std::optional<Time> first;
  const auto consider = [&](std::optional<Time> one) {
    if (one && (!first || *one < *first)) first = one;
  };
  if (!registered_) consider(registration_deadline_);
  consider(reading_deadline_);
  consider(writing_deadline_);
  return first;
}

Status Conversation::check(Time now) const {
  if (!registered_ && now >= registration_deadline_)
    return std::unexpected(late("register with the runtime"));
  if (reading_deadline_ && now >= *reading_deadline_)
    return std::unexpected(late("read the rest of a message of the runtime"));
  if (writing_deadline_ && now >= *writing_deadline_)
    return std::unexpected(late("send an answer to the runtime"));
  return {};
}

Status Conversation::receive_message(uint32_t connection, Message message, Time now) {
  return connection == kPluginService ? receive_call(std::move(message), now)
                                      : receive_answer(message);
}

Status Conversation::receive_call(Message message, Time now) {
  // ttrpc: such a message is answered with an error, and the connection goes on.
  const auto refuse = [&](const char* why) -> Status {
    respond(message.stream, refused(RpcCode::kInvalidArgument, why));
    return {};
  };
  if (message.type != Message::kRequest) return refuse("a request was expected");
  if (message.stream % 2 == 0) return refuse("the stream of a request has to be odd");
  if (message.stream <= last_stream_)
    return refuse("the stream of a request has to be greater than the one before");
  last_stream_ = message.stream;
  PINSCOPE_TRY(Request request, parse_request(message.data));

  Call call;
  call.stream = message.stream;
  std::chrono::nanoseconds allowed = request_timeout();
  if (request.timeout_ns > 0)
    allowed = std::min(allowed, std::chrono::nanoseconds(request.timeout_ns));
  call.deadline = now + allowed;
  call.request = std::move(request);
  waiting_bytes_ += call.request.payload.size();
  calls_.push_back(std::move(call));
  return {};
}

Status Conversation::receive_answer(const Message& message) {
  if (message.type != Message::kResponse || message.stream != kRegistration || registered_)
    return std::unexpected(Error(ErrorCode::kProtocol, "read an answer of the runtime")
                               .reason("it belongs to no call"));
  PINSCOPE_TRY(const Response response, parse_response(message.data));
  if (response.code != RpcCode::kOk)
    return std::unexpected(
        Error(ErrorCode::kProtocol,
              "register with the runtime as " + quoted(identity_.index + "-" + identity_.name))
            .reason("it answers " + quoted(response.message)));
  registered_ = true;
  return {};
}

void Conversation::send(uint32_t connection, uint32_t stream, uint8_t type, std::string data) {
  Message message;
  message.stream = stream;
  message.type = type;
  message.data = std::move(data);
  mux_.send(connection, encode(message));
}

void Conversation::respond(uint32_t stream, const Response& response) {
  std::string data = encode(response);
  if (data.size() > kMaxData)
    data = encode(refused(RpcCode::kResourceExhausted, "the plugin's answer is too long"));
  send(kPluginService, stream, Message::kResponse, std::move(data));
}

bool Conversation::answer_next() {
  if (calls_.empty() || outgoing().size() >= kMaxOutgoingBytes) return false;
  const Call call = std::move(calls_.front());
  calls_.pop_front();
  waiting_bytes_ -= call.request.payload.size();
  respond(call.stream, dispatch(call));
  return true;
}

Response Conversation::dispatch(const Call& call) {
  const Request& request = call.request;
  const std::string& method = request.method;
  if (request.service == kPluginServiceName) {
    if (method == "Configure") return configure(request);
    if (method == "Shutdown") return {};  // it will close the connection
    // Nothing else makes sense before Configure; a plugin need not be ready for it.
    if (!runtime_) return refused(RpcCode::kUnknown, "the plugin is not configured yet");
    if (method == "Synchronize") return synchronize(request);
    if (method == "CreateContainer") return create_container(request, call.deadline);
    if (method == "StateChange") return state_change(request, call.deadline);
    if (method == "UpdatePodSandbox") return update_pod(request, call.deadline);
    for (const Event event : kTold)
      if (method == event_name(event)) return deliver(event, request, call.deadline);
  }
  // The answer that makes the runtime try an older form of the same call.
  return refused(RpcCode::kUnimplemented,
                 "there is no " + one_line(request.service) + "/" + one_line(method) + " here");
}

Response Conversation::configure(const Request& request) {
  ConfigureRequest message;
  if (!parse(message, request.payload)) return malformed(request);
  RuntimeInfo runtime;
  runtime.name = message.runtime_name();
  runtime.version = message.runtime_version();
  runtime.config = message.config();
  runtime.nri_version = message.nri_version();
  if (const int64_t timeout = message.request_timeout(); timeout > 0)
    runtime.request_timeout = milliseconds(std::min<int64_t>(timeout, kLongestTimeout.count()));

  const auto wanted = plugin_.configure(runtime);
  if (!wanted) return failed(wanted.error());
  const EventMask events = *wanted & events_known_to(nri_version_of(runtime));
  if (events == 0)  // would mean all of them
    return failed(Error(ErrorCode::kProtocol, "subscribe to events of " + quoted(runtime.name))
                      .reason("it knows none of those that are wanted"));
  runtime_ = std::move(runtime);
  ConfigureResponse response;
  response.set_events(static_cast<int32_t>(events));
  return answered(response);
}

Response Conversation::synchronize(const Request& request) {
  SynchronizeRequest message;
  if (!parse(message, request.payload)) return malformed(request);
  if (auto done = plugin_.synchronize(message); !done) return failed(done.error());
  SynchronizeResponse response;
  response.set_more(message.more());
  return answered(response);
}

Response Conversation::create_container(const Request& request, Time deadline) {
  SubjectRequest message;
  if (!parse(message, request.payload)) return malformed(request);
  auto adjustment = plugin_.create_container(message.pod(), message.container(), deadline);
  if (!adjustment) return failed(adjustment.error());
  CreateContainerResponse response;
  if (adjustment->ByteSizeLong() > 0) *response.mutable_adjust() = *std::move(adjustment);
  return answered(response);
}

Response Conversation::state_change(const Request& request, Time deadline) {
  StateChangeEvent message;
  if (!parse(message, request.payload)) return malformed(request);
  const auto event = static_cast<Event>(message.event());
  // An event of a newer NRI: nobody asked for it.
  if (event_name(event).empty()) return {};
  auto done = plugin_.state_change(event, message.pod(), message.container(), deadline);
  return done ? Response{} : failed(done.error());
}

Response Conversation::deliver(Event event, const Request& request, Time deadline) {
  SubjectRequest message;
  if (!parse(message, request.payload)) return malformed(request);
  auto done = plugin_.state_change(event, message.pod(), message.container(), deadline);
  return done ? Response{} : failed(done.error());
}

Response Conversation::update_pod(const Request& request, Time deadline) {
  UpdatePodSandboxRequest message;
  if (!parse(message, request.payload)) return malformed(request);
  auto done = plugin_.state_change(Event::kUpdatePodSandbox, message.pod(), {}, deadline);
  return done ? Response{} : failed(done.error());
}

}  // namespace pinscope::nri
