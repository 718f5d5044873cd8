// What is looked at before libfuse sees a request: libfuse trusts the kernel with the sizes and
// texts in it, and knows many requests that nobody has a use for here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pinscope::values {

struct RequestVerdict {
  enum class Then : uint8_t {
    kServe,   // whole, and of a kind that we serve
    kRefuse,  // answered with `error` and nothing else
    kDrop,    // no answer is expected, or it is no request
  } then = Then::kDrop;
  int error = 0;
  uint64_t unique = 0;
  bool is_init = false;
};

// `request`: what was read from the device. What changes anything is refused with EROFS; what is
// not there with ENOSYS, after which the kernel mostly does not ask again.
RequestVerdict check_request(std::span<const std::byte> request);

}  // namespace pinscope::values
