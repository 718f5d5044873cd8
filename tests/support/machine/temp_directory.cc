#include "tests/support/machine/temp_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "plugin/host/file.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"

namespace pinscope::test {
namespace {

// Directories are 0755 whatever the umask, because a container's process has to pass them.
void make_directories(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return;
  make_directories(std::filesystem::path(path).parent_path());
  check(mkdir(path.c_str(), 0755), "mkdir " + path);
  check(chmod(path.c_str(), 0755), "chmod " + path);
}

}  // namespace

TempDirectory::TempDirectory(mode_t mode) : path_("/run/pinscope-test.XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) check(-1, "mkdtemp " + path_);
  check(chmod(path_.c_str(), mode), "chmod " + path_);
}

TempDirectory::~TempDirectory() {
  const auto mounts = mounts_below(path_);
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    ADD_FAILURE() << "left mounted: " << *mount;
    umount2(mount->c_str(), MNT_DETACH);
  }
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) ADD_FAILURE() << "cannot remove " << path_ << ": " << error.message();
}

std::string TempDirectory::path(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string TempDirectory::make_directory(std::string_view name, mode_t mode) const {
  std::string made = path(name);
  make_directories(made);
  check(chmod(made.c_str(), mode), "chmod " + made);
  return made;
}

std::string TempDirectory::write(std::string_view name, std::string_view content,
                                 mode_t mode) const {
  std::string written = path(name);
  make_directories(std::filesystem::path(written).parent_path());
  write_file(written, content, mode);
  return written;
}

std::string read_file(const std::string& path) {
  const Fd fd(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
  auto content = read_all(fd.get(), size_t{1} << 30, path);
  if (!content) throw std::runtime_error(content.error().sentence());
  return *content;
}

void write_proc_file(const std::string& path, std::string_view content) {
  const Fd fd(check(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open " + path));
  check(::write(fd.get(), content.data(), content.size()), "write " + path);
}

void write_file(const std::string& path, std::string_view content, mode_t mode) {
  const Fd fd(
      check(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), "open " + path));
  check(fchmod(fd.get(), mode), "chmod " + path);
  while (!content.empty()) {
    const ssize_t written =
        check(::write(fd.get(), content.data(), content.size()), "write " + path);
    content.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace pinscope::test
