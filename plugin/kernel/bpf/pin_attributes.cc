#include "plugin/kernel/bpf/pin_attributes.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/call.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {
namespace {

constexpr size_t kMaxValue = 4096 + 256;  // a path, or an id or rule with a name in it

struct Attribute {
  const char* name;
  std::string PinAttributes::*value;
};
// The container last: a pin that has it has the others.
constexpr Attribute kAttributes[] = {{kSourceAttribute, &PinAttributes::source},
                                     {kRuleAttribute, &PinAttributes::rule},
                                     {kContainerAttribute, &PinAttributes::container}};

std::string read_one(int directory, const std::string& name, const char* attribute) {
  std::array<char, kMaxValue> value{};
  uapi::XattrArgs arguments{as_address(value.data()), value.size(), 0};
  const long size = ::syscall(uapi::kSysGetxattrat, directory, name.c_str(), AT_SYMLINK_NOFOLLOW,
                              attribute, &arguments, sizeof arguments);
  return size <= 0 ? std::string() : std::string(value.data(), static_cast<size_t>(size));
}

}  // namespace

bool is_without_attributes(int errnum) {
  return errnum == EOPNOTSUPP || errnum == ENOSYS;
}

Result<bool> write_attributes(int directory, const std::string& path,
                              const PinAttributes& attributes) {
  for (const auto& [name, value] : kAttributes) {
    const std::string& text = attributes.*value;
    const uapi::XattrArgs arguments{as_address(text.data()), static_cast<uint32_t>(text.size()), 0};
    if (::syscall(uapi::kSysSetxattrat, directory, path.c_str(), AT_SYMLINK_NOFOLLOW, name,
                  &arguments, sizeof arguments) == 0)
      continue;
    if (is_without_attributes(errno) || errno == EPERM) return false;
    return std::unexpected(Error::system("write attribute " + quoted(name), errno));
  }
  return true;
}

PinAttributes read_attributes(int directory, const std::string& name) {
  PinAttributes attributes;
  attributes.container = read_one(directory, name, kContainerAttribute);
  if (attributes.container.empty()) return attributes;
  attributes.source = read_one(directory, name, kSourceAttribute);
  attributes.rule = read_one(directory, name, kRuleAttribute);
  return attributes;
}

}  // namespace pinscope::kernel
