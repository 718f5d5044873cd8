// Connection: requests of the kernel for one file system. It reads no device: who has a request
// hands it in, and answers go to a function. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/uio.h>

#include "plugin/base/fd.h"
#include "plugin/values/fuse/file_system.h"
#include "plugin/values/fuse/request_check.h"
#include "plugin/values/fuse/session.h"

namespace pinscope::values {

// What was answered; `error` is 0 or an errno.
struct AnswerSent {
  int error = 0;
  size_t bytes = 0;
  uint64_t later =
      0;  // the kernel's number of a request that needs another turn, and has no answer
};

class Connection {
 public:
  // `device` is kept open for as long as the connection is there. `sessions` must outlive it.
  // `write` writes an answer; failures are its own: a request may be gone, and so may the mount.
  Connection(Fd device, std::unique_ptr<FileSystem> files, Sessions& sessions, Session::Send write);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int device() const { return device_.get(); }
  [[nodiscard]] const FileSystem& files() const { return *files_; }
  // INIT was answered.
  [[nodiscard]] bool is_ready() const { return session_ != nullptr; }

  // Answers a request, whatever is in it. Bytes behind it must be readable up to kRoomBehindRequest
  // and are set to zero.
  AnswerSent process(std::span<std::byte> request);

 private:
  void serve(std::span<std::byte> request, const RequestVerdict& verdict);
  void refuse(uint64_t unique, int error);
  void note(std::span<const iovec> parts);

  Fd device_;
  std::unique_ptr<FileSystem> files_;
  Sessions* sessions_;
  Session::Send send_;
  std::shared_ptr<Session> session_;
  AnswerSent sent_;
};

// Of Connection::process().
inline constexpr size_t kRoomBehindRequest = 1024;

}  // namespace pinscope::values
