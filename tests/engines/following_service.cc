#include "tests/engines/following_service.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <utility>

#include "plugin/base/fd.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQueue = "anon_inode:[fanotify]";

}  // namespace

std::vector<std::string> with_directories(const Installation& installation, const char* program,
                                          std::vector<std::string> words) {
  words.insert(words.begin(), program);
  words.insert(words.end(), {"--policy", installation.policy_directory(), "--state-dir",
                             installation.state_directory(), "--cache-dir",
                             installation.cache_directory(), "--audit", installation.audit_path()});
  return words;
}

void FollowingService::start() {
  // Not of this call alone: who sets the value is at it still when it can be read.
  const auto started = std::make_shared<std::promise<pid_t>>();
  auto command = with_directories(installation_, PINSCOPE_BIN_DIR "/pinscoped", {"--follow"});
  thread_ = std::thread([this, command, started] {
    result_ = Command(command)
                  .timeout(24 * 3600)
                  .while_running([&](pid_t pid) { started->set_value(pid); })
                  .run();
  });
  pid_ = started->get_future().get();
}

CommandResult FollowingService::end(int signal) {
  (void)kill(pid_, signal);
  thread_.join();
  pid_ = -1;
  return std::move(result_);
}

std::string FollowingService::status() const {
  const Fd client(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const std::string path = installation_.state_directory() + "/follow/status.sock";
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (connect(client.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0)
    return "";
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = read(client.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(size));
  return text;
}

std::vector<std::string> FollowingService::all_descriptors() const {
  std::vector<std::string> targets;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid_) + "/fd", error))
    targets.push_back(fs::read_symlink(entry.path(), error));
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::vector<std::string> FollowingService::descriptors() const {
  auto all = all_descriptors();
  std::erase(all, kQueue);
  return all;
}

size_t FollowingService::queues() const {
  const auto all = all_descriptors();
  return static_cast<size_t>(std::count(all.begin(), all.end(), kQueue));
}

size_t FollowingService::private_memory() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/smaps_rollup");
  size_t total = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    size_t kilobytes = 0;
    words >> name >> kilobytes;
    if (name == "Private_Clean:" || name == "Private_Dirty:") total += kilobytes * 1024;
  }
  return total;
}

}  // namespace pinscope::test
