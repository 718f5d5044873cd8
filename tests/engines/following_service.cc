#include "tests/engines/following_service.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <utility>

#include "plugin/inventory/service_status.h"
#include "plugin/model/follow_status.h"
#include "tests/support/machine/private_memory.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQueue = "anon_inode:[fanotify]";
constexpr size_t kLongestStatus = size_t{64} << 10;
constexpr std::chrono::seconds kTimeToAnswer{60};  // it may be at work for its containers

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
  const std::string path = model::follow_status_path(installation_.state_directory());
  return inventory::ask_service(path, kLongestStatus, kTimeToAnswer).text.value_or("");
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
  return test::private_memory(pid_);
}

}  // namespace pinscope::test
