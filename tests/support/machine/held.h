// A holder in a thread of the test, and what its peers say to it, right or wrong.
#pragma once

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/host/unix_socket.h"
#include "plugin/values/hold/client.h"
#include "plugin/values/hold/holder.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/fuse_superblock.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {

inline constexpr std::chrono::milliseconds kTimeout{20'000};

inline hold::Deadline soon() {
  return std::chrono::steady_clock::now() + kTimeout;
}

class HolderThread {
 public:
  explicit HolderThread(hold::HolderOptions options = {})
      : HolderThread(std::make_unique<TempDirectory>(), "", std::move(options)) {}
  // In the state directory of an installation; sees at once what has ended.
  explicit HolderThread(const std::string& state_directory)
      : HolderThread(nullptr, state_directory, {.time_to_look = std::chrono::milliseconds(20)}) {}
  HolderThread(const HolderThread&) = delete;
  HolderThread& operator=(const HolderThread&) = delete;
  ~HolderThread() {
    (void)::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Fd connect() const {
    return std::move(connect_to_socket(path_, SOCK_SEQPACKET, kTimeout)).value();
  }

 private:
  HolderThread(std::unique_ptr<TempDirectory> own, const std::string& state_directory,
               hold::HolderOptions options)
      : directory_(std::move(own)),
        path_(hold::socket_path(directory_ ? directory_->path() : state_directory)),
        place_(std::move(hold::take_place(path_)).value()),
        stop_(check(::eventfd(0, EFD_CLOEXEC), "eventfd")),
        options_(std::move(options)) {
    options_.stop_fd = stop_.get();
    thread_ = std::thread([this] { (void)hold::hold(place_.listener.get(), options_); });
  }

  std::unique_ptr<TempDirectory> directory_;
  std::string path_;
  hold::Place place_;
  Fd stop_;
  hold::HolderOptions options_;
  std::thread thread_;
};

inline Fd description(std::string_view text) {
  Fd fd(check(::memfd_create("values", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
  check(::write(fd.get(), text.data(), text.size()), "write the description");
  return fd;
}

// What the hook does for a container with `maps` descriptors of maps and types.
inline Status put(const std::string& path, std::string_view id, const FuseSuperblock& file_system,
                  size_t maps = 0) {
  const Fd text = description("{}");
  std::vector<int> all = {file_system.device(), text.get()};
  all.insert(all.end(), maps, text.get());
  PINSCOPE_TRY(auto begun, hold::Put::begin(path, id, kTimeout));
  PINSCOPE_CHECK(begun.add(all));
  return begun.finish();
}

inline hold::Received receive(const Fd& socket) {
  return std::move(hold::receive_until(socket.get(), soon())).value();
}

inline void say(const Fd& socket, const hold::Message& message,
                const std::vector<int>& descriptors = {}) {
  (void)hold::send_until(socket.get(), message, descriptors, soon());
}

// A service by its messages: what it was given so far.
struct Given {
  uint64_t number = 0;
  std::string id;
  std::vector<Fd> descriptors;
  std::string init;
};

// The next lease that is given to a service.
inline Given receive_lease(const Fd& service) {
  Given given;
  for (;;) {
    auto received = receive(service);
    const hold::Message& message = received.message;
    given.number = message.lease;
    if (message.kind == hold::Kind::kLease) given.id = message.view();
    if (message.kind == hold::Kind::kInit) given.init = message.view();
    for (Fd& fd : received.descriptors) given.descriptors.push_back(std::move(fd));
    if (message.kind == hold::Kind::kLeaseDone) return given;
  }
}

}  // namespace pinscope::test
