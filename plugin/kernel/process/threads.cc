#include "plugin/kernel/process/threads.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "plugin/host/file.h"

namespace pinscope::kernel {
namespace {

// The link is read and not followed: what it leads to may not answer. A thread that has ended has
// none.
bool has_root(const std::string& directory) {
  char target[1];
  const std::string link = "/proc/" + directory + "/root";
  return ::readlink(link.c_str(), target, sizeof target) >= 0 || errno != ENOENT;
}

}  // namespace

std::string living_thread(pid_t pid) {
  std::string process = std::to_string(pid);
  if (has_root(process)) return process;
  const std::string path = "/proc/" + process + "/task";
  const auto tasks = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  const auto threads = tasks ? names_in(tasks->get(), path) : Result<std::vector<std::string>>();
  if (threads)
    for (const auto& thread : *threads) {
      std::string directory = process;
      directory.append("/task/").append(thread);
      if (has_root(directory)) return directory;
    }
  return process;
}

}  // namespace pinscope::kernel
