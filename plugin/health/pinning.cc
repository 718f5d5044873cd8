#include "plugin/health/pinning.h"

#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/text.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

bool may_be_written_by_everybody(const std::string& directory) {
  struct stat status {};
  return ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         (status.st_mode & S_IWOTH) != 0;
}

}  // namespace

Finding judge_pinning(const std::vector<std::string>& writable) {
  constexpr const char* kName = "pinning";
  if (writable.empty())
    return {Finding::Level::kOk, "host", kName, "root alone may pin in a bpffs of the host", ""};
  std::string places;
  for (const auto& place : writable) places += (places.empty() ? "" : ", ") + one_line(place);
  return {Finding::Level::kWarn, "host", kName,
          "every user may pin in " + places +
              ": a user who gets a descriptor for reading, even from a container, can pin the map "
              "there and open it for writing",
          "chmod 0755 " + one_line(writable.front()) + ", or mount it with mode=0755"};
}

Findings check_pinning() {
  if (::geteuid() != 0) return {};
  const auto mounts = kernel::read_bpf_mounts();
  if (!mounts) return {};
  std::vector<std::string> writable;
  for (const auto& mount : *mounts)
    if (may_be_written_by_everybody(mount.mount_point)) writable.push_back(mount.mount_point);
  return {judge_pinning(writable)};
}

}  // namespace pinscope::health
