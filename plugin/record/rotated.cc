#include "plugin/record/rotated.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/host/file.h"

namespace pinscope::record {
namespace {

constexpr std::string_view kCompressed = ".gz";

// Whether `rest` is what logrotate puts behind a name: ".1", "-20260131", "-20260131-1769817600".
bool is_rotation(std::string_view rest) {
  if (is_compressed(rest)) rest.remove_suffix(kCompressed.size());
  const bool is_number = rest.starts_with('.');
  if (rest.size() < 2 || (!is_number && !rest.starts_with('-'))) return false;
  return rest.substr(1).find_first_not_of(is_number ? "0123456789" : "0123456789-") ==
         std::string_view::npos;
}

}  // namespace

bool is_compressed(std::string_view path) {
  return path.ends_with(kCompressed);
}

std::vector<RotatedFile> rotated_files(const std::string& path) {
  const std::string directory(parent_of(path));
  const std::string_view name = base_name(path);
  std::vector<RotatedFile> files;
  const auto open = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  if (!open) return files;
  const auto names = names_in(open->get(), directory);
  if (!names) return files;
  for (const auto& other : *names) {
    if (!other.starts_with(name) || !is_rotation(std::string_view(other).substr(name.size())))
      continue;
    struct stat status {};
    const std::string rotated = join(directory, other);
    if (::stat(rotated.c_str(), &status) == 0 && S_ISREG(status.st_mode))
      files.push_back({rotated, nanoseconds_of(status.st_mtim)});
  }
  return files;
}

}  // namespace pinscope::record
