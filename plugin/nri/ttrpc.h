// ttrpc, as far as NRI uses it: unary calls (github.com/containerd/ttrpc, PROTOCOL.md). A message
// is
//
//   u32 length of the data | u32 stream id | u8 type | u8 flags | data       (numbers big-endian)
//
// and its data is a Request or a Response in protobuf. Like Mux, this does no input or output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope::nri {

inline constexpr size_t kMessageHeader = 10;  // bytes
inline constexpr size_t kMaxData = 4U << 20;  // bytes in one message, either way

struct Message {
  static constexpr uint8_t kRequest = 1;
  static constexpr uint8_t kResponse = 2;

  uint32_t stream = 0;  // odd: whoever calls counts 1, 3, 5, …
  uint8_t type = 0;
  uint8_t flags = 0;  // 0 in unary calls
  std::string data;
};

std::string encode(const Message& message);

// Puts messages together again from the pieces of one connection.
class MessageReader {
 public:
  using Sink = std::function<Status(Message)>;

  // Hands over each message that is complete now. An error (too long a message, or the sink's) ends
  // the connection. Holds no more than one message, and never more than what has arrived of it.
  [[nodiscard]] Status receive(std::string_view piece, const Sink& sink);
  [[nodiscard]] bool inside_message() const { return !buffer_.empty(); }

 private:
  std::string buffer_;
};

// The codes of gRPC that an answer may carry.
enum class RpcCode : int32_t {
  kOk = 0,
  kUnknown = 2,
  kInvalidArgument = 3,
  kResourceExhausted = 8,
  kUnimplemented = 12,
};

struct Request {
  std::string service;
  std::string method;
  std::string payload;
  int64_t timeout_ns = 0;  // 0: none
};

struct Response {
  RpcCode code = RpcCode::kOk;
  std::string message;
  std::string payload;
};

// Requests and responses to the data of a message, and back. Errors are kProtocol.
std::string encode(const Request& request);
std::string encode(const Response& response);
Result<Request> parse_request(std::string_view data);
Result<Response> parse_response(std::string_view data);

}  // namespace pinscope::nri
