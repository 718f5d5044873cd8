// Connection: requests of the kernel for one file system, by libfuse's low-level interface. It
// reads no device: who has a request hands it in, and answers go to a function. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <sys/uio.h>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/fuse/file_system.h"

struct fuse_session;

namespace pinscope::values {

// What was answered; `error` is 0 or an errno.
struct AnswerSent {
  int error = 0;
  size_t bytes = 0;
};

class Connection {
 public:
  // Writes an answer. Failures are the writer's: a request may be gone, and so may the mount.
  using Write = std::function<void(std::span<const iovec> parts)>;

  // `device` is kept open for as long as the connection is there. libfuse knows a thousand
  // connections of a process at most.
  static Result<std::unique_ptr<Connection>> open(Fd device, std::unique_ptr<FileSystem> files,
                                                  Write write);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int device() const { return device_; }
  [[nodiscard]] const FileSystem& files() const { return *files_; }
  // INIT was answered.
  [[nodiscard]] bool is_ready() const { return ready_; }

  // Answers a request, whatever is in it. Bytes behind it must be readable up to kRoomBehindRequest
  // and are set to zero.
  AnswerSent process(std::span<std::byte> request);

 private:
  struct Calls;
  Connection(int device, std::unique_ptr<FileSystem> files, Write write);
  void refuse(uint64_t unique, int error);
  void send(std::span<const iovec> parts);

  int device_;  // the session's
  std::unique_ptr<FileSystem> files_;
  Write write_;
  fuse_session* session_ = nullptr;
  AnswerSent sent_;
  bool ready_ = false;
};

// Of Connection::process().
inline constexpr size_t kRoomBehindRequest = 1024;

}  // namespace pinscope::values
