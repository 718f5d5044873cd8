#include "plugin/daemon/values_worker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/daemon/confine.h"
#include "plugin/daemon/set_aside.h"
#include "plugin/host/file.h"
#include "plugin/model/values_lease.h"
#include "plugin/model/values_status.h"
#include "plugin/values/fuse/request_buffer.h"
#include "plugin/values/fuse/server.h"
#include "plugin/values/hold/holder.h"
#include "plugin/values/hold/service.h"
#include "plugin/values/hold/shared_request.h"

namespace pinscope::daemon {
namespace {

using hold::GivenLease;
using hold::Kind;
constexpr size_t kLongestDescription = size_t{4} << 20;  // bytes
constexpr std::chrono::milliseconds kTimeToTell{2000};

Result<Fd> duplicate(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return std::unexpected(Error::system("copy a descriptor", errno));
  return copy;
}

// Whoever wrote it has written it before it was handed over; its place in the file is shared.
Result<std::string> text_of(int description) {
  struct stat status {};
  if (::fstat(description, &status) != 0 || status.st_size < 0 ||
      static_cast<size_t>(status.st_size) > kLongestDescription)
    return std::unexpected(Error::system("read a description", EFBIG));
  std::string text(static_cast<size_t>(status.st_size), '\0');
  const ssize_t count = ::pread(description, text.data(), text.size(), 0);
  if (count != static_cast<ssize_t>(text.size()))
    return std::unexpected(Error::system("read a description", count < 0 ? errno : EIO));
  return text;
}

Result<values::Lease> served(const GivenLease& given) {
  PINSCOPE_TRY(std::string text, text_of(given.descriptors[hold::kDescription].get()));
  values::Lease lease;
  lease.tag = given.number;
  lease.init = given.init;
  const size_t count = given.descriptors.size() - hold::kMinDescriptors;
  PINSCOPE_TRY(lease.shown, model::values_lease_from_json(std::move(text), count));
  PINSCOPE_TRY(lease.device, duplicate(given.descriptors[hold::kDevice]));
  for (const Fd& fd : std::span(given.descriptors).subspan(hold::kMinDescriptors)) {
    PINSCOPE_TRY(Fd copy, duplicate(fd));
    lease.descriptors.push_back(std::move(copy));
  }
  struct stat status {};
  if (::fstat(given.descriptors[hold::kDescription].get(), &status) == 0)
    lease.since_ns = static_cast<uint64_t>(status.st_ctim.tv_sec) * 1'000'000'000U +
                     static_cast<uint64_t>(status.st_ctim.tv_nsec);
  return lease;
}

class Worker {
 public:
  Worker(Fd parent, const Log& log) : parent_(std::move(parent)), log_(log) {}

  Status run() {
    PINSCOPE_TRY(const bool goes_on, await_first_holder());
    if (!goes_on) return {};
    PINSCOPE_TRY(auto server,
                 values::Server::open(
                     request_.bytes(),
                     {.on_init = [this](uint64_t number, auto bytes) { keep_init(number, bytes); },
                      .on_ended = [this](uint64_t number) { end(number); }}));
    server_.emplace(std::move(server));
    PINSCOPE_CHECK(server_->watch(parent_.get(), [this] { hear_parent(); }));
    PINSCOPE_CHECK(attend_holder());
    return server_->run();
  }

 private:
  void tell(const hold::Message& message, std::span<const int> descriptors = {}) const {
    // A parent that does not read kills this process before long.
    const auto deadline = std::chrono::steady_clock::now() + kTimeToTell;
    (void)hold::send_until(parent_.get(), message, descriptors, deadline);
  }

  // The server needs the buffer that the holder shares. False: the parent has gone.
  Result<bool> await_first_holder() {
    while (!service_) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
      auto received = hold::receive_until(parent_.get(), deadline);
      if (!received && received.error().errnum() == ECONNRESET) return false;
      if (!received && received.error().errnum() != ETIMEDOUT)
        return std::unexpected(std::move(received).error());
      if (received) PINSCOPE_CHECK(obey(*std::move(received)));
    }
    return true;
  }

  // All that the parent has said by now.
  void hear_parent() {
    for (;;) {
      auto received = hold::receive_now(parent_.get());
      if (!received && received.error().errnum() == EAGAIN) return;
      if (!received) return server_->stop();
      if (auto done = obey(*std::move(received)); !done)
        log_.write(Severity::kError, done.error().sentence());
    }
  }

  Status obey(hold::Received received) {
    if (received.message.kind == Kind::kStatus) return tell_status();
    if (received.message.kind == Kind::kSetAside) {
      const auto told = leases_of(received.message.view());
      set_aside_.insert(told.begin(), told.end());
      return {};
    }
    if (received.message.kind != Kind::kHolder || received.descriptors.size() != 1 || service_)
      return std::unexpected(Error::system("understand the parent", EPROTO));
    auto met = meet(std::move(received.descriptors.front()));
    const int errnum = met ? 0 : met.error().errnum();
    const int buffer[] = {request_.fd()};
    tell({.kind = Kind::kServing, .error = errnum}, std::span(buffer, request_.valid() ? 1 : 0));
    return errnum == EBUSY ? Status() : met;
  }

  // A holder, which may be another than before: it is given what the last one had.
  Status meet(Fd connection) {
    PINSCOPE_TRY(auto service, hold::Service::begin(std::move(connection)));
    if (request_.valid()) {
      PINSCOPE_CHECK(request_.replace(service.take_buffer()));
    } else {
      PINSCOPE_TRY(request_, hold::SharedRequest::map(service.take_buffer()));
    }
    for (const auto& [number, lease] : leases_) {
      PINSCOPE_TRY(const int refused, service.adopt(lease));
      // The file system of one has just ended: its device says so here as well.
      if (refused != 0 && refused != ENOTCONN)
        log_.write(Severity::kError, "the holder does not take the values of container " +
                                         quoted(lease.id) + ": " +
                                         Error::system("hand them over", refused).sentence());
    }
    service_.emplace(std::move(service));
    return server_ ? attend_holder() : Status();
  }

  Status attend_holder() {
    PINSCOPE_CHECK(server_->watch(service_->fd(), [this] { hear_holder(); }));
    hear_holder();
    return {};
  }

  void hear_holder() {
    while (service_) {
      auto given = service_->next();
      if (!given) return lose_holder(given.error());
      if (!*given) return;
      add(std::move(**given));
    }
  }

  void lose_holder(const Error& why) {
    if (!service_) return;
    log_.write(Severity::kWarning, why.sentence());
    server_->unwatch(service_->fd());
    service_.reset();
    tell({.kind = Kind::kHolderGone});
  }

  // The mark tells the parent over which lease this process ended, if it does.
  Status serve(const GivenLease& given) {
    values::begin_request(request_.bytes(), given.number);
    auto lease = served(given);
    Status added = lease ? server_->add(*std::move(lease)) : std::unexpected(lease.error());
    values::end_request(request_.bytes());
    return added;
  }

  // Of what was handed over, nothing but the device is looked at.
  Status set_aside(const GivenLease& given) {
    values::Lease lease;
    lease.tag = given.number;
    lease.init = given.init;
    lease.shown.container = given.id;
    PINSCOPE_TRY(lease.device, duplicate(given.descriptors[hold::kDevice]));
    log_.write(Severity::kError, "the values of container " + quoted(given.id) +
                                     " are set aside, because two processes ended over them");
    return server_->set_aside(std::move(lease));
  }

  void add(GivenLease given) {
    const uint64_t number = given.number;
    const Status added = set_aside_.contains(number) ? set_aside(given) : serve(given);
    if (!added) {
      ++unusable_;
      log_.write(Severity::kError, "the values of container " + quoted(given.id) +
                                       " are not served: " + added.error().sentence());
    }
    // Kept also where it is not served: a later release may know better.
    leases_.insert_or_assign(number, std::move(given));
  }

  void keep_init(uint64_t number, std::span<const std::byte> bytes) {
    const auto lease = leases_.find(number);
    if (lease != leases_.end())
      lease->second.init.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!service_) return;
    if (auto kept = service_->keep_init(number, bytes); !kept) lose_holder(kept.error());
  }

  void end(uint64_t number) {
    leases_.erase(number);
    if (!service_) return;
    if (auto told = service_->ended(number); !told) lose_holder(told.error());
  }

  Status tell_status() const {
    const std::string text = to_json(status());
    const Fd file(::memfd_create("pinscope-status", MFD_CLOEXEC));
    if (!file.valid() ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return std::unexpected(Error::system("write the status", errno));
    const int descriptor[] = {file.get()};
    tell({.kind = Kind::kStatus}, descriptor);
    return {};
  }

  [[nodiscard]] model::ValuesStatus status() const {
    model::ValuesStatus status;
    status.state = service_ ? model::ValuesState::kServing : model::ValuesState::kWaiting;
    status.unusable = unusable_;
    if (!server_) return status;
    for (const auto& lease : server_->leases())
      status.leases.push_back({.container = lease.container,
                               .number = lease.tag,
                               .maps = lease.maps,
                               .ready = lease.ready,
                               .set_aside = lease.is_set_aside,
                               .requests = lease.counters.requests,
                               .errors = lease.counters.errors,
                               .missing = lease.counters.missing,
                               .bytes = lease.counters.bytes,
                               .time_ns = lease.counters.time_ns,
                               .handles = lease.counters.handles,
                               .refused = lease.counters.refused});
    return status;
  }

  const Fd parent_;
  const Log& log_;
  std::map<uint64_t, GivenLease> leases_;  // all, for a new holder
  hold::SharedRequest request_;
  std::optional<hold::Service> service_;  // nothing while there is no holder
  std::optional<values::Server> server_;  // its buffer is `request_`
  uint64_t unusable_ = 0;
  std::set<uint64_t> set_aside_;  // leases that ended other workers
};

}  // namespace

Status run_worker(Fd parent, const std::string& root, const Log& log) {
  if (::close_range(kWorkerSocket + 1, ~0U, 0) != 0)
    return std::unexpected(Error::system("close descriptors", errno));
  (void)::fcntl(parent.get(), F_SETFD, FD_CLOEXEC);
  hold::raise_descriptor_limit();
  PINSCOPE_CHECK(confine(kWorkerUser, root));
  return Worker(std::move(parent), log).run();
}

}  // namespace pinscope::daemon
