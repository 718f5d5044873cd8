// The request buffer (plugin/values/fuse/request_buffer.h) as memory that the holder makes for each
// service that connects, mapped by both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/hold/leases.h"

namespace pinscope::hold {

class SharedRequest {
 public:
  SharedRequest() = default;
  SharedRequest(SharedRequest&& other) noexcept;
  SharedRequest& operator=(SharedRequest&& other) noexcept;
  SharedRequest(const SharedRequest&) = delete;
  SharedRequest& operator=(const SharedRequest&) = delete;
  ~SharedRequest();

  // The holder's side: zeroed memory whose size nobody can change any more.
  static Result<SharedRequest> make();
  // The service's side. EPROTO if its size can change, or is another one.
  static Result<SharedRequest> map(Fd memory);

  // The memory of another holder instead, at the same address.
  Status replace(Fd memory);

  [[nodiscard]] std::span<std::byte> bytes() const;
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool valid() const { return memory_ != nullptr; }

 private:
  Fd fd_;
  std::byte* memory_ = nullptr;
};

// What is done with the request that a service has taken, and left when it ended.
class Salvage {
 public:
  // INIT is kept with its lease, for the next service. Any other request goes back to the kernel,
  // to be asked again; the second time that a service ends over the same request, it is answered
  // with EIO: it may be what ends them. The buffer's other writer is not trusted.
  void take(std::span<const std::byte> buffer, Leases& leases);

 private:
  uint64_t lease_ = 0;  // of the request that was put back last
  uint64_t unique_ = 0;
};

}  // namespace pinscope::hold
