#include "plugin/values/types/btf_source.h"

#include <bpf/libbpf.h>

#include "plugin/kernel/bpf/call.h"

namespace pinscope::values {
namespace {

constexpr uint32_t kMaxBytes = 64U << 20U;

// libbpf writes warnings to stderr, with names that somebody else chose.
void keep_libbpf_silent() {
  static const bool done = [] {
    libbpf_set_print(nullptr);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

Result<std::vector<std::byte>> btf_bytes(int btf_fd) {
  struct bpf_btf_info info = {};
  if (!kernel::read_info(btf_fd, info))
    return std::unexpected(Error::system("ask for the types of a map", errno));
  const uint32_t size = info.btf_size;
  if (size == 0 || size > kMaxBytes)
    return std::unexpected(Error(ErrorCode::kInternal, "read the types of a map")
                               .reason("they have " + std::to_string(size) + " bytes"));
  std::vector<std::byte> bytes(size);
  info = {};
  info.btf = kernel::as_address(bytes.data());
  info.btf_size = size;
  if (!kernel::read_info(btf_fd, info))
    return std::unexpected(Error::system("read the types of a map", errno));
  return bytes;
}

Result<Btf> parse_btf(std::span<const std::byte> bytes) {
  keep_libbpf_silent();
  Btf types(btf__new(bytes.data(), static_cast<uint32_t>(bytes.size())));
  if (!types)
    return std::unexpected(Error(ErrorCode::kInternal, "read the types of a map")
                               .reason("libbpf does not understand them"));
  return types;
}

Result<Btf> kernel_btf() {
  keep_libbpf_silent();
  Btf types(btf__load_vmlinux_btf());
  if (!types) return std::unexpected(Error::system("read the types of the kernel", errno));
  return types;
}

}  // namespace pinscope::values
