#include "plugin/host/status_file.h"

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope {

Result<StatusFile> StatusFile::open(const std::string& path) {
  StatusFile file;
  PINSCOPE_TRY(file.directory_, make_directory(std::string(parent_of(path)), 0755));
  file.name_ = std::string(base_name(path));
  return file;
}

Status StatusFile::write(std::string_view line) const {
  if (!directory_.valid()) return {};
  return write_atomically(directory_.get(), name_, one_line(line) + "\n", 0644);
}

}  // namespace pinscope
