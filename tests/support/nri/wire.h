// Bytes of NRI as a test writes them by hand, from the specifications and not from the code under
// test: frames of the mux, messages of ttrpc, fields of protobuf.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::nri::test {

using namespace std::string_literals;

inline std::string u32(uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(number >> static_cast<unsigned>(shift) & 0xFFU));
  return bytes;
}

inline std::string varint(uint64_t number) {
  std::string bytes;
  while (number >= 0x80) {
    bytes.push_back(static_cast<char>(0x80U | (number & 0x7FU)));
    number >>= 7U;
  }
  bytes.push_back(static_cast<char>(number));
  return bytes;
}

// Field `number` of protobuf with a length: a text, bytes or a message.
inline std::string field(uint32_t number, std::string_view content) {
  return varint(number << 3U | 2U) + varint(content.size()) + std::string(content);
}
// Field `number` with a varint.
inline std::string field(uint32_t number, uint64_t value) {
  return varint(number << 3U | 0U) + varint(value);
}
inline std::string entry(uint32_t number, std::string_view key, std::string_view value) {
  return field(number, field(1, key) + field(2, value));
}

inline std::string frame(uint32_t connection, std::string_view payload) {
  return u32(connection) + u32(static_cast<uint32_t>(payload.size())) + std::string(payload);
}

inline std::string message(uint32_t stream, uint8_t type, std::string_view data) {
  return u32(static_cast<uint32_t>(data.size())) + u32(stream) +
         std::string{static_cast<char>(type), '\0'} + std::string(data);
}

// A call of the runtime: a whole frame of connection 1.
inline std::string call(uint32_t stream, std::string_view method, std::string_view payload,
                        std::string_view service = "nri.pkg.api.v1alpha1.Plugin") {
  return frame(1, message(stream, 1, field(1, service) + field(2, method) + field(3, payload)));
}

// The runtime's answer to the registration: no status, no payload. A whole frame of connection 2.
inline std::string accepted() {
  return frame(2, message(1, 2, ""));
}

struct Decoded {
  uint32_t connection = 0;
  uint32_t stream = 0;
  uint8_t type = 0;
  std::string data;
};

inline uint32_t number_at(std::string_view bytes, size_t offset) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i)
    number = number << 8U | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

// Takes what a plugin sent apart: the payload of each frame, by connection, and then the messages.
// Nothing may be left over.
struct Taken {
  std::vector<Decoded> messages;
  size_t longest_frame = 0;
  bool complete = false;
};
inline Taken take_apart(std::string_view bytes) {
  Taken taken;
  std::string streams[3];
  while (bytes.size() >= 8) {
    const uint32_t connection = number_at(bytes, 0);
    const size_t length = number_at(bytes, 4);
    if (connection < 1 || connection > 2 || bytes.size() < 8 + length) return taken;
    taken.longest_frame = std::max(taken.longest_frame, length);
    streams[connection] += bytes.substr(8, length);
    bytes.remove_prefix(8 + length);
  }
  bool left = !bytes.empty();
  for (const uint32_t connection : {1U, 2U}) {
    std::string_view stream = streams[connection];
    while (stream.size() >= 10) {
      const size_t length = number_at(stream, 0);
      if (stream.size() < 10 + length) break;
      taken.messages.push_back({connection, number_at(stream, 4), static_cast<uint8_t>(stream[8]),
                                std::string(stream.substr(10, length))});
      stream.remove_prefix(10 + length);
    }
    left = left || !stream.empty();
  }
  taken.complete = !left;
  return taken;
}

}  // namespace pinscope::nri::test
