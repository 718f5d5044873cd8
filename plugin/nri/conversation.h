// One conversation with a runtime, from the plugin's registration to the end of the socket, without
// the socket: bytes in, bytes out, and the moments by which something must have happened.
//
//   plugin  -> RegisterPlugin                        (connection 2)
//   runtime -> Configure, Synchronize…, then events  (connection 1; may overtake the answer above)
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"
#include "plugin/nri/mux.h"
#include "plugin/nri/plugin.h"
#include "plugin/nri/ttrpc.h"

namespace pinscope::nri {

class Conversation {
 public:
  // `plugin` must outlive the conversation. Queues the registration.
  Conversation(Identity identity, Plugin& plugin, Time now);

  // Takes what arrived on the socket. Calls of the runtime are queued for answer_next(). After an
  // error the conversation is over.
  [[nodiscard]] Status receive(std::string_view bytes, Time now);
  // Whether there is room for more calls. If not, leave the rest in the socket, which makes the
  // runtime wait.
  [[nodiscard]] bool has_room() const;

  // Answers the oldest call in the queue, by asking the plugin. False if there is none, or too much
  // is outgoing for one more answer.
  bool answer_next();

  [[nodiscard]] std::string_view outgoing() const { return mux_.outgoing(); }
  // Says how much of outgoing() the socket took, which may be nothing.
  void sent(size_t bytes, Time now);

  // The next moment at which check() may have something to say.
  [[nodiscard]] std::optional<Time> deadline() const;
  // An error if the runtime did not answer the registration, did not finish a message that it has
  // begun, or did not take our answers in time.
  [[nodiscard]] Status check(Time now) const;

  // Whether the runtime is in the middle of a message, where the connection may not end.
  [[nodiscard]] bool inside_message() const {
    return mux_.inside_frame() || plugin_service_.inside_message() ||
           runtime_service_.inside_message();
  }
  // Whether the runtime has accepted the plugin and configured it.
  [[nodiscard]] bool established() const { return registered_ && runtime_.has_value(); }

 private:
  struct Call {
    uint32_t stream = 0;
    Request request;
    Time deadline;
  };

  Status receive_message(uint32_t connection, Message message, Time now);
  Status receive_call(Message message, Time now);
  Status receive_answer(const Message& message);
  void send(uint32_t connection, uint32_t stream, uint8_t type, std::string data);
  void respond(uint32_t stream, const Response& response);

  Response dispatch(const Call& call);
  Response configure(const Request& request);
  Response synchronize(const Request& request);
  Response create_container(const Request& request, Time deadline);
  Response state_change(const Request& request, Time deadline);
  Response deliver(Event event, const Request& request, Time deadline);
  Response update_pod(const Request& request, Time deadline);
  [[nodiscard]] std::chrono::milliseconds request_timeout() const;

  Identity identity_;
  Plugin& plugin_;
  Mux mux_;
  MessageReader plugin_service_;
  MessageReader runtime_service_;

  std::deque<Call> calls_;
  size_t waiting_bytes_ = 0;  // payloads of calls_
  uint32_t last_stream_ = 0;  // of the runtime's calls

  bool registered_ = false;
  std::optional<RuntimeInfo> runtime_;  // set by Configure
  Time registration_deadline_;
  std::optional<Time> reading_deadline_;  // for the rest of a message that has begun
  std::optional<Time> writing_deadline_;  // for the runtime to take some of what is outgoing
};

}  // namespace pinscope::nri
