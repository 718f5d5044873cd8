#include "plugin/values/fuse/server.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/values/fuse/connection.h"
#include "plugin/values/fuse/map_source.h"
#include "plugin/values/fuse/turns.h"

namespace pinscope::values {

namespace {

constexpr size_t kEventsOfARound = 256;
constexpr size_t kSecretDigits = 64;

// A connection and what belongs to it.
struct Served : Share {
  uint64_t id = 0;  // in the loop
  uint64_t tag = 0;
  std::string container;
  bool is_set_aside = false;
  std::vector<Fd> descriptors;  // of the maps
  std::unique_ptr<Connection> connection;
  ServedCounters counters;
};

Error unusable(const Lease& lease, std::string why) {
  return Error(ErrorCode::kRecord, "show values to container " + quoted(lease.shown.container))
      .reason(std::move(why));
}

// An answer that the kernel does not take would leave its reader waiting: then it gets EIO. That
// nobody waits any more, or the mount is gone, is no matter.
void write_answer(int device, std::span<const iovec> parts) {
  if (::writev(device, parts.data(), static_cast<int>(parts.size())) >= 0) return;
  if (errno == ENOENT || errno == ENODEV || errno == EPERM) return;
  fuse_out_header header{};
  std::memcpy(&header, parts[0].iov_base, sizeof header);
  (void)refuse_request(device, header.unique);
}

// The map at a position of the lease's descriptors, as a directory.
Result<ShownMap> shown_map(const Lease& lease, const model::LeasedMap& map) {
  const auto descriptor = [&](uint32_t position) {
    return position < lease.descriptors.size() ? lease.descriptors[position].get() : -1;
  };
  PINSCOPE_TRY(auto source, map_source(descriptor(map.map), map.btf ? descriptor(*map.btf) : -1,
                                       map.values.form));
  return ShownMap{.tree = {.name = map.name, .mode = map.mode, .uid = map.uid, .gid = map.gid},
                  .list_limit = map.values.list,
                  .max_age_ms = map.values.max_age_ms,
                  .source = std::move(source)};
}

Status make_non_blocking(const Fd& device) {
  const int flags = ::fcntl(device.get(), F_GETFL);
  if (flags >= 0 && ::fcntl(device.get(), F_SETFL, flags | O_NONBLOCK) == 0) return {};
  return std::unexpected(Error::system("read /dev/fuse without waiting", errno));
}

}  // namespace

struct Server::State {
  std::span<std::byte> buffer;
  Callbacks callbacks;
  ServerLimits limits;
  Fd loop;
  BlockCache cache;
  Sessions sessions;
  Turns turns;
  std::unordered_map<uint64_t, std::unique_ptr<Served>> served;  // by id
  std::unordered_map<uint64_t, std::pair<int, std::function<void()>>> watched;
  std::vector<Share*> waiting;
  uint64_t next_id = 1;
  bool stopped = false;

  State(std::span<std::byte> shared, Callbacks told, ServerLimits bounds, Fd made)
      : buffer(shared),
        callbacks(std::move(told)),
        limits(bounds),
        loop(std::move(made)),
        cache(bounds.shared_bytes) {}

  Status join(int descriptor, uint64_t id) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    if (::epoll_ctl(loop.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
    return std::unexpected(Error::system("wait for requests", errno));
  }
  void leave(int descriptor) const { ::epoll_ctl(loop.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

  Result<std::unique_ptr<FileSystem>> files_of(const Lease& lease) {
    const auto numbers = Numbers::from_secret(lease.shown.secret);
    if (!numbers) return std::unexpected(unusable(lease, "the secret is none"));
    std::vector<ShownMap> maps;
    for (const model::LeasedMap& map : lease.shown.maps) {
      PINSCOPE_TRY(ShownMap shown, shown_map(lease, map));
      maps.push_back(std::move(shown));
    }
    PINSCOPE_TRY(FileSystem files, FileSystem::of(std::move(maps), *numbers, lease.since_ns, cache,
                                                  {.keys = limits.nodes,
                                                   .handles = limits.handles,
                                                   .snapshot_bytes = limits.snapshot_bytes,
                                                   .turn_ns = limits.turn_ns}));
    return std::make_unique<FileSystem>(std::move(files));
  }

  Status admit(Lease lease, bool is_set_aside);

  // The kernel has the answer already, and refuses this one.
  static Status replay(Connection& connection, std::string_view init) {
    std::vector<std::byte> request(init.size() + kRoomBehindRequest);
    std::memcpy(request.data(), init.data(), init.size());
    connection.process(std::span(request).first(init.size()));
    if (connection.is_ready()) return {};
    return std::unexpected(Error(ErrorCode::kRecord, "go on serving a file system of values")
                               .reason("the kept request is no FUSE_INIT that is understood"));
  }

  // One request, if there is one. False: the file system is gone.
  bool serve(Served& lease) {
    const int device = lease.connection->device();
    begin_request(buffer, lease.tag);
    const auto room = request_bytes(buffer);
    const ssize_t size = ::read(device, room.data(), room.size());
    if (size < 0) {
      const int why = errno;
      end_request(buffer);
      return why != ENODEV && why != EBADF;
    }
    answer(lease, room.first(static_cast<size_t>(size)));
    end_request(buffer);
    return true;
  }

  static AnswerSent refuse(const Served& lease, std::span<const std::byte> request) {
    fuse_in_header header{};
    std::memcpy(&header, request.data(), std::min(request.size(), sizeof header));
    (void)refuse_request(lease.connection->device(), header.unique);
    return {.error = EIO, .bytes = sizeof(fuse_out_header)};
  }

  void answer(Served& lease, std::span<std::byte> request) {
    const uint64_t start = monotonic_ns();
    if (!lease.connection->is_ready() && callbacks.on_init) callbacks.on_init(lease.tag, request);
    const bool is_refused = lease.is_set_aside && lease.connection->is_ready();
    const AnswerSent sent =
        is_refused ? refuse(lease, request) : lease.connection->process(request);
    // The kernel brings it again when it is this connection's turn. Before Linux 6.9 the reader
    // asks again: programs do, where they are told that a signal came between.
    if (sent.later != 0) (void)release_request(lease.connection->device(), sent.later, EINTR);
    const uint64_t spent = monotonic_ns() - start;
    cache.trim();
    lease.used_ns += spent;
    ServedCounters& counters = lease.counters;
    ++counters.requests;
    counters.bytes += sent.bytes;
    counters.time_ns += spent;
    if (sent.error == ENOENT) ++counters.missing;
    if (sent.error != 0 && sent.error != ENOENT && sent.error != ENOSYS) ++counters.errors;
  }

  void drop(uint64_t id, bool ended) {
    const auto found = served.find(id);
    if (found == served.end()) return;
    const uint64_t tag = found->second->tag;
    leave(found->second->connection->device());
    served.erase(found);
    if (ended && callbacks.on_ended) callbacks.on_ended(tag);
  }

  void serve_waiting() {
    std::vector<uint64_t> gone;
    for (Share* share : turns.next(waiting)) {
      auto& lease = static_cast<Served&>(*share);
      if (!serve(lease)) gone.push_back(lease.id);
    }
    for (const uint64_t id : gone) drop(id, true);
  }

  void tell(const epoll_event& event) {
    const auto found = watched.find(event.data.u64);
    if (found == watched.end()) return;
    const auto ready = found->second.second;  // it may unwatch itself
    ready();
  }

  void take(const epoll_event& event) {
    const uint64_t id = event.data.u64;
    const auto found = served.find(id);
    if (found == served.end()) return;
    if ((event.events & EPOLLIN) != 0) return waiting.push_back(found->second.get());
    drop(id, true);
  }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::open(std::span<std::byte> buffer, Callbacks callbacks, ServerLimits limits) {
  if (buffer.size() != kRequestBufferBytes)
    return std::unexpected(Error(ErrorCode::kInternal, "serve values")
                               .reason("the buffer of requests has another size"));
  Fd loop(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop.valid()) return std::unexpected(Error::system("wait for requests", errno));
  return Server(std::make_unique<State>(buffer, std::move(callbacks), limits, std::move(loop)));
}

Status Server::add(Lease lease) {
  return state_->admit(std::move(lease), false);
}

Status Server::set_aside(Lease lease) {
  lease.shown.maps.clear();
  lease.shown.secret.assign(kSecretDigits, '0');  // there is nothing to number
  return state_->admit(std::move(lease), true);
}

Status Server::State::admit(Lease lease, bool is_set_aside) {
  PINSCOPE_CHECK(make_non_blocking(lease.device));
  PINSCOPE_TRY(auto files, files_of(lease));
  const int device = lease.device.get();
  auto connection = std::make_unique<Connection>(
      std::move(lease.device), std::move(files), sessions,
      [device](std::span<const iovec> parts) { write_answer(device, parts); });
  if (!lease.init.empty()) PINSCOPE_CHECK(replay(*connection, lease.init));
  auto one = std::make_unique<Served>();
  one->id = next_id++;
  one->is_set_aside = is_set_aside;
  one->tag = lease.tag;
  one->container = lease.shown.container;
  one->descriptors = std::move(lease.descriptors);
  one->connection = std::move(connection);
  PINSCOPE_CHECK(join(device, one->id));
  const uint64_t id = one->id;
  served.emplace(id, std::move(one));
  return {};
}

void Server::remove(uint64_t tag) {
  for (const auto& [id, lease] : state_->served)
    if (lease->tag == tag) return state_->drop(id, false);
}

Status Server::watch(int descriptor, std::function<void()> ready) {
  const uint64_t id = state_->next_id++;
  PINSCOPE_CHECK(state_->join(descriptor, id));
  state_->watched.emplace(id, std::pair(descriptor, std::move(ready)));
  return {};
}

void Server::unwatch(int descriptor) {
  state_->leave(descriptor);
  std::erase_if(state_->watched,
                [&](const auto& watched) { return watched.second.first == descriptor; });
}

Status Server::turn(int timeout_ms) {
  std::array<epoll_event, kEventsOfARound> events = {};
  const int count = ::epoll_wait(state_->loop.get(), events.data(), events.size(), timeout_ms);
  if (count < 0 && errno == EINTR) return {};
  if (count < 0) return std::unexpected(Error::system("wait for requests", errno));
  // The others first: they may add leases and remove them.
  const auto ready = std::span(events).first(static_cast<size_t>(count));
  for (const epoll_event& event : ready) state_->tell(event);
  state_->waiting.clear();
  for (const epoll_event& event : ready) state_->take(event);
  state_->serve_waiting();
  return {};
}

Status Server::run() {
  state_->stopped = false;
  while (!state_->stopped) PINSCOPE_CHECK(turn(-1));
  return {};
}

void Server::stop() {
  state_->stopped = true;
}

std::vector<ServedLease> Server::leases() const {
  std::vector<ServedLease> all;
  for (const auto& [id, lease] : state_->served) {
    ServedLease one{.container = lease->container, .tag = lease->tag, .maps = 0};
    one.maps = lease->connection->files().maps();
    one.ready = lease->connection->is_ready();
    one.is_set_aside = lease->is_set_aside;
    one.counters = lease->counters;
    one.counters.handles = static_cast<uint32_t>(lease->connection->files().open_handles());
    one.counters.refused = lease->connection->files().refused();
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace pinscope::values
