#include "plugin/kernel/mount/fuse.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <string>

#include "plugin/host/file.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

// Documentation/admin-guide/devices.txt.
constexpr unsigned kMajor = 10;
constexpr unsigned kMinor = 229;

Result<Fd> open_device() {
  auto device = open_at(AT_FDCWD, "/dev/fuse", O_RDWR);
  struct stat status {};
  if (device && (::fstat(device->get(), &status) != 0 || !S_ISCHR(status.st_mode) ||
                 status.st_rdev != makedev(kMajor, kMinor)))
    device = std::unexpected(Error::system("open \"/dev/fuse\"", ENODEV));
  if (device || (device.error().errnum() != ENOENT && device.error().errnum() != ENODEV))
    return device;
  return std::unexpected(std::move(device)
                             .error()
                             .hint("values are shown by FUSE: load the kernel's module \"fuse\"")
                             .with_code(ErrorCode::kKernelUnsupported));
}

}  // namespace

Result<UnservedFuse> make_unserved_fuse() {
  UnservedFuse made;
  PINSCOPE_TRY(made.device, open_device());
  PINSCOPE_TRY(made.context, open_filesystem("fuse"));
  const int context = made.context.get();
  const std::string device = std::to_string(made.device.get());
  const std::pair<const char*, const char*> options[] = {{"fd", device.c_str()},
                                                         {"rootmode", "40555"},
                                                         {"user_id", "0"},
                                                         {"group_id", "0"},
                                                         {"source", "pinscope"}};
  for (const auto& [key, value] : options) PINSCOPE_CHECK(set_option(context, key, value));
  for (const char* flag : {"allow_other", "default_permissions", "ro"})
    PINSCOPE_CHECK(set_flag(context, flag));
  PINSCOPE_CHECK(create_superblock(context, "fuse"));
  PINSCOPE_TRY(made.mount, mount_filesystem(context));
  return made;
}

}  // namespace pinscope::kernel
