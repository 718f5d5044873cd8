// Tells that files of policies have changed, once they have been left alone for a moment: whoever
// installs policies writes several files. By events of their directory, and, for file systems that
// have none, files behind links and maps of memory, by a look at each file from time to time.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/kernel/watch/inotify.h"

namespace pinscope::follow {

class PolicyFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `path`: of the directory of policies, or of one file. kSystem. What is not there yet is looked
  // for by look_again().
  static Result<PolicyFiles> open(const std::string& path);

  // To wait for POLLIN.
  [[nodiscard]] int fd() const { return inotify_.fd(); }
  // When take() has something to say without an event.
  [[nodiscard]] std::optional<Time> next() const;
  // Whether there are changes that nobody was told of.
  bool take(Time now);
  // From time to time: also for a directory that was replaced by another.
  void look_again(Time now);

 private:
  PolicyFiles(std::string path, kernel::Inotify inotify)
      : path_(std::move(path)), inotify_(std::move(inotify)) {}

  void watch();
  // What stat(2) says of each of the files.
  [[nodiscard]] std::string traces() const;

  std::string path_;
  std::string traces_;
  kernel::Inotify inotify_;
  std::optional<Time> first_;  // of the events that were not told of
  std::optional<Time> last_;
};

}  // namespace pinscope::follow
