// Fd: owns one file descriptor. Moving transfers it; closing preserves errno and does not retry on
// EINTR (on Linux the descriptor is gone either way).
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pinscope {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ < 0) return;
    const int saved = errno;
    ::close(std::exchange(fd_, -1));
    errno = saved;
  }
  // `if (fd)` would compile by accident where a number was meant.
  explicit operator bool() const = delete;

 private:
  int fd_ = -1;
};

}  // namespace pinscope
