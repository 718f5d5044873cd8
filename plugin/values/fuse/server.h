// Server: answers the requests of every container's file system of values, in one thread, one
// request at a time. It opens nothing and needs no privilege: each lease brings the descriptors
// that it is about, and all of them are for reading.
//
// Fair by time: of the connections that have a request waiting, those that have used the least
// time are served first, so a container that asks much waits for itself only. What one container
// can make the server keep is bounded (Limits).
//
//   auto server = Server::open(buffer, {.on_init = ..., .on_ended = ...});
//   server->add(std::move(lease));                    // again after a restart, with its INIT
//   server->watch(holder.get(), [&] { ... });         // the loop's other descriptors
//   server->run();                                    // until stop()
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/values_lease.h"
#include "plugin/values/fuse/request_buffer.h"

namespace pinscope::values {

// A file system of one container.
struct Lease {
  uint64_t tag = 0;             // the holder's number of it: stands in the request buffer; never 0
  model::ValuesLease shown;     // what is shown: names, owners, forms, and the lease's secret
  Fd device;                    // /dev/fuse, of a mounted superblock; is made non-blocking
  std::vector<Fd> descriptors;  // of maps (BPF_F_RDONLY is enough) and BTF, as `shown` counts them
  uint64_t since_ns = 0;        // wall clock: the time of the directories
  std::string init;             // what on_init() was given by an earlier server; empty: none was
};

// Since the lease was added.
struct ServedCounters {
  uint64_t requests = 0;
  uint64_t errors = 0;   // answered with an error, but for names that do not exist
  uint64_t missing = 0;  // answered with ENOENT
  uint64_t bytes = 0;    // of answers
  uint64_t time_ns = 0;  // spent on its requests
  uint32_t handles = 0;  // open now
  uint32_t refused = 0;  // openings beyond the limit
};

struct ServedLease {
  std::string container;
  uint64_t tag = 0;
  size_t maps = 0;
  bool ready = false;  // INIT was answered
  bool is_set_aside = false;
  ServedCounters counters = {};
};

// For one lease each, but for `shared_bytes`.
struct ServerLimits {
  size_t nodes = 1024;                       // keys whose files are known by number
  size_t handles = 512;                      // open files and directories
  size_t snapshot_bytes = size_t{2} << 20U;  // of values that open files show
  size_t shared_bytes = size_t{3} << 20U;    // of blocks that all readers are in
  uint64_t turn_ns = 2'000'000;              // of one request; then others come first
};

class Server {
 public:
  struct Callbacks {
    // The first request of a connection: to be kept, for Lease::init of the next server. Called
    // before it is answered.
    std::function<void(uint64_t tag, std::span<const std::byte> request)> on_init;
    // The file system is gone; the lease was dropped.
    std::function<void(uint64_t tag)> on_ended;
  };

  // `buffer`: kRequestBufferBytes of shared memory, which must outlive the server.
  static Result<Server> open(std::span<std::byte> buffer, Callbacks callbacks,
                             ServerLimits limits = {});
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  // Serves it from now on. An error if the maps cannot be read, or two are of one name; then the
  // lease is dropped, which ends its file system unless somebody else has its device.
  Status add(Lease lease);
  // Answers everything with EIO, and looks at no map. Of its `shown` only the container's
  // id counts.
  Status set_aside(Lease lease);
  // Stops to serve it; nothing if it is not there.
  void remove(uint64_t tag);

  // Calls `ready` in run() whenever this descriptor is readable or has ended. Not owned.
  Status watch(int descriptor, std::function<void()> ready);
  void unwatch(int descriptor);

  // Serves until stop() is called from a callback. An error only if the loop itself fails.
  Status run();
  void stop();
  // One round for who has a loop of their own: what is ready is served, each connection at most
  // once. Waits up to this long for anything to be ready; -1: for as long as it takes.
  Status turn(int timeout_ms);

  [[nodiscard]] std::vector<ServedLease> leases() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinscope::values
