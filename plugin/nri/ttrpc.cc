#include "plugin/nri/ttrpc.h"

#include <algorithm>

#include "plugin/base/utf8.h"
#include "plugin/nri/big_endian.h"
#include "plugin/nri/ttrpc.pb.h"

namespace pinscope::nri {
namespace {

// Bounds what one message may make the reader's buffer keep afterwards.
constexpr size_t kKeptCapacity = 64U << 10;  // bytes

Error malformed(const char* what) {
  return Error(ErrorCode::kProtocol, std::string("read a ttrpc ") + what)
      .reason("it is not a protobuf message of that kind");
}

bool parse(google::protobuf::MessageLite& message, std::string_view data) {
  return data.size() <= kMaxData &&
         message.ParseFromArray(data.data(), static_cast<int>(data.size()));
}

}  // namespace

std::string encode(const Message& message) {
  std::string bytes;
  bytes.reserve(kMessageHeader + message.data.size());
  append_u32(bytes, static_cast<uint32_t>(message.data.size()));
  append_u32(bytes, message.stream);
  bytes.push_back(static_cast<char>(message.type));
  bytes.push_back(static_cast<char>(message.flags));
  return bytes += message.data;
}

Status MessageReader::receive(std::string_view piece, const Sink& sink) {
  while (!piece.empty()) {
    if (buffer_.size() < kMessageHeader) {
      const auto taken = piece.substr(0, kMessageHeader - buffer_.size());
      buffer_ += taken;
      piece.remove_prefix(taken.size());
      if (buffer_.size() < kMessageHeader) return {};
    }
    const size_t length = read_u32(buffer_, 0);
    if (length > kMaxData)
      return std::unexpected(Error(ErrorCode::kProtocol, "read a ttrpc message")
                                 .reason("it claims " + std::to_string(length) +
                                         " bytes of data, at most " + std::to_string(kMaxData) +
                                         " are allowed"));
    const auto taken = piece.substr(0, kMessageHeader + length - buffer_.size());
    buffer_ += taken;
    piece.remove_prefix(taken.size());
    if (buffer_.size() < kMessageHeader + length) return {};

    Message message;
    message.stream = read_u32(buffer_, 4);
    message.type = static_cast<uint8_t>(buffer_[8]);
    message.flags = static_cast<uint8_t>(buffer_[9]);
    message.data = buffer_.substr(kMessageHeader);
    buffer_.clear();
    if (buffer_.capacity() > kKeptCapacity) buffer_.shrink_to_fit();
    PINSCOPE_CHECK(sink(std::move(message)));
  }
  return {};
}

std::string encode(const Request& request) {
  wire::Request message;
  message.set_service(request.service);
  message.set_method(request.method);
  message.set_payload(request.payload);
  message.set_timeout_nano(request.timeout_ns);
  return message.SerializeAsString();
}

std::string encode(const Response& response) {
  wire::Response message;
  if (response.code != RpcCode::kOk) {
    const bool text_is_utf8 = valid_utf8_prefix(response.message) == response.message.size();
    message.mutable_status()->set_code(static_cast<int32_t>(response.code));
    // The other side refuses the whole message if a string in it is not UTF-8.
    message.mutable_status()->set_message(text_is_utf8 ? response.message
                                                       : "an error that is no text");
  }
  message.set_payload(response.payload);
  return message.SerializeAsString();
}

Result<Request> parse_request(std::string_view data) {
  wire::Request message;
  if (!parse(message, data)) return std::unexpected(malformed("request"));
  return Request{std::move(*message.mutable_service()), std::move(*message.mutable_method()),
                 std::move(*message.mutable_payload()), message.timeout_nano()};
}

Result<Response> parse_response(std::string_view data) {
  wire::Response message;
  if (!parse(message, data)) return std::unexpected(malformed("response"));
  Response response;
  if (message.has_status()) {
    response.code = static_cast<RpcCode>(message.status().code());
    response.message = std::move(*message.mutable_status()->mutable_message());
  }
  response.payload = std::move(*message.mutable_payload());
  return response;
}

}  // namespace pinscope::nri
