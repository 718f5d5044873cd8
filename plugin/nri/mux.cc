#include "plugin/nri/mux.h"

#include <algorithm>

#include "plugin/nri/big_endian.h"

namespace pinscope::nri {

Status Mux::receive(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::string_view piece = bytes.substr(0, left_);
      left_ -= piece.size();
      bytes.remove_prefix(piece.size());
      if (connection_ != kPluginService && connection_ != kRuntimeService) continue;
      PINSCOPE_CHECK(sink(connection_, piece));
      continue;
    }
    const size_t taken = std::min(header_.size() - header_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<ptrdiff_t>(header_size_));
    header_size_ += taken;
    bytes.remove_prefix(taken);
    if (header_size_ < header_.size()) return {};
    header_size_ = 0;
    const std::string_view header(header_.data(), header_.size());
    connection_ = read_u32(header, 0);
    left_ = read_u32(header, 4);
    if (left_ > kMaxIncoming)
      return std::unexpected(Error(ErrorCode::kProtocol, "read a frame of the NRI socket")
                                 .reason("it claims " + std::to_string(left_) + " bytes, at most " +
                                         std::to_string(kMaxIncoming) + " are allowed"));
  }
  return {};
}

void Mux::send(uint32_t connection, std::string_view payload) {
  while (!payload.empty()) {
    const std::string_view piece = payload.substr(0, kMaxOutgoing);
    append_u32(outgoing_, connection);
    append_u32(outgoing_, static_cast<uint32_t>(piece.size()));
    outgoing_ += piece;
    payload.remove_prefix(piece.size());
  }
}

std::string_view Mux::outgoing() const {
  return std::string_view(outgoing_).substr(sent_);
}

void Mux::sent(size_t bytes) {
  sent_ += bytes;
  if (sent_ < outgoing_.size()) return;
  outgoing_.clear();
  sent_ = 0;
}

}  // namespace pinscope::nri
