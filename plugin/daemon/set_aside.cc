#include "plugin/daemon/set_aside.h"

#include <cstring>
#include <string>

#include "plugin/values/fuse/request_buffer.h"
#include "plugin/values/hold/message.h"

namespace pinscope::daemon {
namespace {

constexpr int kEnough = 2;  // workers that ended over it
constexpr size_t kInMessage = hold::kTextSize / sizeof(uint64_t);

void send(int socket, const std::string& text) {
  hold::Message message{.kind = hold::Kind::kSetAside};
  message.set_text(text);
  (void)hold::send_now(socket, message);
}

}  // namespace

uint64_t SetAside::note_end(int memory) {
  const uint64_t lease = memory < 0 ? 0 : values::marked_lease(memory);
  if (lease == 0) return 0;
  ++ends_[lease];
  if (ends_.size() > hold::kMaxLeases) ends_.erase(ends_.begin());  // the oldest
  return lease;
}

bool SetAside::contains(uint64_t lease) const {
  const auto found = ends_.find(lease);
  return found != ends_.end() && found->second >= kEnough;
}

void SetAside::tell(int socket) const {
  std::string text;
  for (const auto& [lease, ends] : ends_) {
    if (ends < kEnough) continue;
    text.append(reinterpret_cast<const char*>(&lease), sizeof lease);
    if (text.size() == kInMessage * sizeof lease) {
      send(socket, text);
      text.clear();
    }
  }
  if (!text.empty()) send(socket, text);
}

std::vector<uint64_t> leases_of(std::string_view text) {
  std::vector<uint64_t> leases(text.size() / sizeof(uint64_t));
  std::memcpy(leases.data(), text.data(), leases.size() * sizeof(uint64_t));
  return leases;
}

}  // namespace pinscope::daemon
