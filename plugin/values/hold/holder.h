// The holder: keeps the descriptors of leases while the service that uses them comes and goes. It
// only polls, receives and sends; it reads no file, and of a device it asks only whether its file
// system has ended. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/hold/leases.h"
#include "plugin/values/hold/shared_request.h"

namespace pinscope::hold {

struct HolderOptions {
  // Readable: end. -1: never.
  int stop_fd = -1;
  // Whose processes are listened to. Root's, but in a test of what happens to others.
  uid_t peer = 0;
  // How long a put may take, and a peer that has said nothing yet.
  std::chrono::milliseconds time_to_put{10'000};
  // How long what a container had may outlive it while nobody tells.
  std::chrono::milliseconds time_to_look{10'000};
  size_t max_connections = 64;
  // Called once in each time_to_look, for a watchdog.
  std::function<void()> alive = {};
  // Called when what is told of has changed.
  std::function<void(size_t leases, bool is_served)> changed = {};
};

// The place of a holder: listens at `path` (see socket_path), whose directory is root's alone, and
// holds a lock beside it for as long as it lives: there is one holder for a state directory. EBUSY
// as errno: another one is there.
struct Place {
  Fd listener;
  Fd lock;
};
Result<Place> take_place(const std::string& path);

// Raises the limit of open files as far as this process may, for the leases of many containers.
void raise_descriptor_limit();

// Keeps leases until stop_fd is readable.
Status hold(int listener, const HolderOptions& options);

}  // namespace pinscope::hold
