#include "plugin/kernel/bpf/program_reach.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>

#include "plugin/host/file.h"

namespace pinscope::kernel {
namespace {

using namespace std::literals;

constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";
constexpr int kMajor = 6;
constexpr int kMinor = 13;
constexpr size_t kPiece = 1U << 16;

// As they stand in the type information: each name between two zero bytes.
constexpr auto kFunctions = {
    "\0bpf_send_signal_task\0"sv,                // Linux 6.13
    "\0bpf_probe_read_kernel_dynptr\0"sv,        // 6.16
    "\0bpf_strnstr\0"sv,                         // 6.17, with bpf_rdonly_cast() to memory
    "\0bpf_task_work_schedule_signal_impl\0"sv,  // 6.18
};

}  // namespace

bool is_release_of_far_reach(std::string_view release) {
  const char* const end = release.data() + release.size();
  int major = 0;
  int minor = 0;
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return true;
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc{}) return true;
  return major > kMajor || (major == kMajor && minor >= kMinor);
}

bool names_far_reaching_function(const char* btf) {
  const auto file = open_at(AT_FDCWD, btf, O_RDONLY);
  if (!file) return file.error().errnum() != ENOENT;
  std::string text;
  for (;;) {
    const size_t kept = text.size();
    text.resize(kept + kPiece);
    const ssize_t size = ::read(file->get(), text.data() + kept, kPiece);
    if (size < 0 && errno == EINTR) {
      text.resize(kept);
      continue;
    }
    if (size < 0) return true;
    text.resize(kept + static_cast<size_t>(size));
    size_t longest = 0;
    for (const auto name : kFunctions) {
      if (text.find(name) != std::string::npos) return true;
      longest = std::max(longest, name.size());
    }
    if (size == 0) return false;
    // A name may stand at the seam of two pieces.
    if (text.size() > longest) text.erase(0, text.size() - longest);
  }
}

bool programs_reach_machine() {
  utsname names{};
  if (::uname(&names) != 0 || is_release_of_far_reach(names.release)) return true;
  return names_far_reaching_function(kKernelTypes);
}

}  // namespace pinscope::kernel
