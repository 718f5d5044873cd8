// A directory for one test below /run, where the program under test trusts every directory above
// it: owned by root, nobody else may write. Removed at the end with everything in it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace pinscope::test {

class TempDirectory {
 public:
  // A container in a user namespace needs 0711 to reach its root file system.
  explicit TempDirectory(mode_t mode = 0700);
  // Unmounts what is still mounted in it, and says so: a test that leaves a mount behind fails.
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // "a/b" -> the absolute path of it.
  [[nodiscard]] std::string path(std::string_view name) const;

  // Both make the directories that are missing above `name`, and return the absolute path.
  std::string make_directory(std::string_view name, mode_t mode = 0755) const;
  std::string write(std::string_view name, std::string_view content, mode_t mode = 0644) const;

 private:
  std::string path_;
};

// The content of a file; throws if it cannot be read.
std::string read_file(const std::string& path);
// One write to a file that cannot be made or have its mode changed.
void write_proc_file(const std::string& path, std::string_view content);
void write_file(const std::string& path, std::string_view content, mode_t mode = 0644);

}  // namespace pinscope::test
