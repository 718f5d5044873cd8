#include "plugin/values/fuse/siphash.h"

#include <bit>
#include <cstddef>

namespace pinscope::values {

namespace {

struct SipState {
  uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  void take(uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
};

// Little endian, whatever the machine is.
uint64_t word_at(std::string_view text, size_t at, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i)
    word |= uint64_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
  return word;
}

}  // namespace

uint64_t siphash(const SipKey& key, std::string_view text) {
  SipState state{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                 key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) state.take(word_at(text, at, 8));
  state.take(word_at(text, at, text.size() - at) | uint64_t{text.size() & 0xffU} << 56U);
  state.v2 ^= 0xffU;
  state.rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace pinscope::values
