// What a runtime sends to an NRI plugin, cut into pieces of the length that the first byte says.
// The conversation may end with an error at any byte; what the plugin sends until then must be
// frames that a runtime accepts, and it must not keep more than it may.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "plugin/nri/conversation.h"

namespace {

using namespace pinscope;

class Agreeable : public nri::Plugin {
 public:
  Result<nri::EventMask> configure(const nri::RuntimeInfo&) override {
    return nri::mask_of(nri::Event::kCreateContainer);
  }
  Status synchronize(const nri::SynchronizeRequest&) override { return {}; }
  Result<nri::ContainerAdjustment> create_container(const nri::PodSandbox& pod,
                                                    const nri::Container& container,
                                                    nri::Time) override {
    if (pod.name() == "refuse")
      return std::unexpected(Error(ErrorCode::kSystem, "use " + container.name()));
    nri::ContainerAdjustment adjustment;
    *adjustment.mutable_hooks() = container.hooks();
    if (container.linux().has_seccomp_policy())
      *adjustment.mutable_linux()->mutable_seccomp_policy() = container.linux().seccomp_policy();
    return adjustment;
  }
  Status state_change(nri::Event, const nri::PodSandbox&, const nri::Container&,
                      nri::Time) override {
    return {};
  }
  void disconnected(const std::string&) override {}
};

uint32_t number_at(std::string_view bytes, size_t offset) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i)
    number = number << 8U | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

void check_frames(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 8) std::abort();
    const uint32_t connection = number_at(bytes, 0);
    const size_t length = number_at(bytes, 4);
    if (connection < 1 || connection > 2 || length == 0 || length > 4096) std::abort();
    if (bytes.size() < 8 + length) std::abort();
    bytes.remove_prefix(8 + length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t step = std::max<size_t>(data[0], 1);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const nri::Time now{std::chrono::hours(1)};
  Agreeable plugin;
  nri::Conversation conversation({"fuzz", "50"}, plugin, now);
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    const auto done = conversation.receive(piece, now);
    if (!done && done.error().sentence().find('\n') != std::string::npos) std::abort();
    while (conversation.answer_next()) {
    }
    check_frames(conversation.outgoing());
    conversation.sent(conversation.outgoing().size(), now);
    if (!conversation.has_room()) std::abort();
    if (!done) break;
  }
  (void)conversation.check(now + std::chrono::hours(1));
  return 0;
}
