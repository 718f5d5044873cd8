// Session: libfuse's low-level interface, for the connections of one kind: those whose kernel began
// with the same words. libfuse takes a place of its own in every thread for each session it makes
// (a pthread key, of which a process has a thousand), so a server with many connections has few
// sessions: what libfuse knows of a connection is what INIT said, and nothing else. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "plugin/base/result.h"
#include "plugin/values/fuse/file_system.h"

struct fuse_session;

namespace pinscope::values {

class Session {
 public:
  // Takes an answer, as the kernel would: its parts one behind the other.
  using Send = std::function<void(std::span<const iovec> parts)>;

  static Result<std::shared_ptr<Session>> open();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Answers a request that check_request() lets pass, of a connection that has begun with this
  // session, by one call of `send` at most. False: by none, and the request is to be asked again.
  bool process(std::span<std::byte> request, FileSystem& files, const Send& send);

 private:
  friend class Sessions;
  struct Calls;
  Session() = default;
  bool begin(std::span<std::byte> init, FileSystem& files, const Send& send);
  [[nodiscard]] bool began_with(std::span<const std::byte> init) const;
  void answer_again(std::span<const std::byte> init, const Send& send) const;

  fuse_session* session_ = nullptr;
  std::vector<std::byte> asked_;     // INIT, without its header
  std::vector<std::byte> answered_;  // the answer, with its header
  bool ready_ = false;
  // Of the request that is being answered.
  FileSystem* files_ = nullptr;
  const Send* send_ = nullptr;
  bool later_ = false;
};

// The sessions that connections have, one for each kind.
class Sessions {
 public:
  // Answers INIT, and gives the session of its connection: that of another which began with the
  // same words, by the same answer, or a new one. Nothing if it was refused, or the kernel has to
  // begin once more.
  std::shared_ptr<Session> begin(std::span<std::byte> init, FileSystem& files,
                                 const Session::Send& send);
  // Those that a connection has.
  [[nodiscard]] size_t size() const;

 private:
  std::vector<std::weak_ptr<Session>> known_;
};

}  // namespace pinscope::values
