// Several byte streams over one: NRI runs two ttrpc connections over a single socket, in frames of
//
//   u32 connection id | u32 length of the payload | payload        (both numbers big-endian)
//
// (github.com/containerd/nri, pkg/net/multiplex). Neither side says that it opens a connection; a
// frame for one that nobody knows is dropped. This class does no input or output: bytes go in,
// bytes come out, so that every test is exact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope::nri {

// The connections of NRI. 0 is reserved.
inline constexpr uint32_t kPluginService = 1;   // the runtime calls, the plugin answers
inline constexpr uint32_t kRuntimeService = 2;  // the plugin calls, the runtime answers

class Mux {
 public:
  // The Go implementation reads a frame into a buffer of 4096 bytes and gives up the whole socket
  // if it does not fit.
  static constexpr size_t kMaxOutgoing = 4096;
  // The longest frame that the peer may send: one ttrpc message with its header.
  static constexpr size_t kMaxIncoming = 10 + (4U << 20);

  // Takes a piece of what one connection carries, in order; frames are not visible any more. An
  // error ends receive() with it.
  using Sink = std::function<Status(uint32_t connection, std::string_view piece)>;

  // Takes bytes that arrived on the socket, cut anywhere. Keeps nothing but an incomplete header.
  // After an error the socket is useless.
  [[nodiscard]] Status receive(std::string_view bytes, const Sink& sink);
  // Whether the bytes so far end in the middle of a frame.
  [[nodiscard]] bool inside_frame() const { return header_size_ > 0 || left_ > 0; }

  // Queues `payload`, in as many frames as it needs.
  void send(uint32_t connection, std::string_view payload);
  // The bytes to write to the socket; sent() says how many of them it took.
  [[nodiscard]] std::string_view outgoing() const;
  void sent(size_t bytes);

 private:
  std::array<char, 8> header_{};
  size_t header_size_ = 0;  // bytes of the header that are there
  uint32_t connection_ = 0;
  size_t left_ = 0;  // bytes of the payload that are still to come
  std::string outgoing_;
  size_t sent_ = 0;  // bytes of outgoing_ that have gone
};

}  // namespace pinscope::nri
