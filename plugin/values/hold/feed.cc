#include "plugin/values/hold/feed.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace pinscope::hold {
namespace {

size_t pieces_of(const Lease& lease) {
  return (lease.descriptors.size() + kMaxPiece - 1) / kMaxPiece;
}

std::vector<int> piece_of(const Lease& lease, size_t piece) {
  const size_t from = piece * kMaxPiece;
  const size_t to = std::min(from + kMaxPiece, lease.descriptors.size());
  std::vector<int> numbers;
  for (size_t i = from; i < to; ++i) numbers.push_back(lease.descriptors[i].get());
  return numbers;
}

}  // namespace

// kLease, the pieces, kInit, kLeaseDone.
size_t Feed::steps(const Lease& lease) const {
  return 1 + pieces_of(lease) + (lease.init.empty() ? 0 : 1) + 1;
}

bool Feed::has_more(const Leases& leases) {
  const uint64_t next = leases.next(at_);
  // One that has ended while it was sent is left as it is: the service drops it at the next.
  if (next != at_) step_ = 0;
  if (next != 0) at_ = next;
  return next != 0;
}

int Feed::send_step(int socket, const Lease& lease) {
  Message message{.lease = at_};
  if (step_ == 0) {
    message.kind = Kind::kLease;
    message.count = static_cast<uint32_t>(lease.descriptors.size());
    message.set_text(lease.id);
    return send_now(socket, message);
  }
  if (step_ <= pieces_of(lease)) {
    message.kind = Kind::kDescriptors;
    return send_now(socket, message, piece_of(lease, step_ - 1));
  }
  const bool is_last = step_ + 1 == steps(lease);
  message.kind = is_last ? Kind::kLeaseDone : Kind::kInit;
  if (!is_last) message.set_text(lease.init);
  return send_now(socket, message);
}

int Feed::send(int socket, Leases& leases) {
  while (has_more(leases)) {
    const Lease& lease = *leases.find(at_);
    if (!lease.is_from_service) {
      // Too many descriptors are on their way between processes of this user: later.
      const int errnum = send_step(socket, lease);
      if (errnum != 0) return errnum == ETOOMANYREFS ? EAGAIN : errnum;
      if (++step_ < steps(lease)) continue;
    }
    ++at_;
    step_ = 0;
  }
  return 0;
}

}  // namespace pinscope::hold
