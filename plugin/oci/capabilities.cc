#include "plugin/oci/capabilities.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pinscope::oci {
namespace {

// In the order of their numbers. libcap has them, too, but oci/ stays free of it: this is about the
// text of a file, not about the running kernel.
constexpr std::array<std::string_view, 41> kNames = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

}  // namespace

std::optional<uint32_t> capability_number(std::string_view name) {
  uint32_t number = 0;
  const char* const end = name.data() + name.size();
  if (name.size() > 1 && name.front() == '0') return std::nullopt;  // octal for some readers
  if (const auto read = std::from_chars(name.data(), end, number);
      read.ec == std::errc{} && read.ptr == end)
    return number < 64 ? std::optional(number) : std::nullopt;
  const auto is_same = [](char left, char right) {
    return left == (right >= 'a' && right <= 'z' ? right - 'a' + 'A' : right);
  };
  const auto found = std::ranges::find_if(kNames, [&](std::string_view known) {
    // A configuration has some fifty of these: most are another's by length or last letter.
    return known.size() == name.size() && is_same(known.back(), name.back()) &&
           std::ranges::equal(known, name, is_same);
  });
  if (found == kNames.end()) return std::nullopt;
  return static_cast<uint32_t>(found - kNames.begin());
}

bool is_plain_capability(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char byte) {
    return byte == '_' || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9');
  }) && !(name.front() >= '0' && name.front() <= '9');
}

}  // namespace pinscope::oci
