#include "plugin/health/directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"

namespace pinscope::health {

using Level = model::Finding::Level;

// What the caller may do with a file is not the question: root runs the hook.
model::Finding check_directory(const char* area, const char* name, const std::string& path) {
  const auto directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (directory.error().errnum() == ENOENT)
      return {Level::kOk, area, name, path + " is not there yet: the first view makes it", ""};
    return {Level::kWarn, area, name, directory.error().sentence(), "run pinscope doctor as root"};
  }
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0)
    return {Level::kWarn, area, name, Error::system("stat " + quoted(path), errno).sentence(), ""};
  if (const auto trusted = check_trusted(status, path, TrustRule(ErrorCode::kSystem)); !trusted)
    return {Level::kFail, area, name, trusted.error().sentence(),
            "chown root:root " + path + " and chmod go-w " + path};
  return {Level::kOk, area, name, path, ""};
}

}  // namespace pinscope::health
