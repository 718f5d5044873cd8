#include "plugin/follow/policy_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/host/file.h"

namespace pinscope::follow {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCalm{100};
constexpr milliseconds kLongest{2000};  // after which changes are told, calm or not

}  // namespace

Result<PolicyFiles> PolicyFiles::open(const std::string& path) {
  PINSCOPE_TRY(auto inotify, kernel::Inotify::open());
  PolicyFiles files(path, std::move(inotify));
  files.watch();
  files.traces_ = files.traces();
  return files;
}

void PolicyFiles::look_again(Time now) {
  watch();
  if (first_ || traces() == traces_) return;
  first_ = now;
  last_ = now;
}

std::string PolicyFiles::traces() const {
  const auto directory = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  const auto names =
      directory ? names_in(directory->get(), path_) : std::unexpected(directory.error());
  std::string text;
  const auto add = [&](const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return;
    for (const auto number :
         {found.st_dev, static_cast<dev_t>(found.st_ino), static_cast<dev_t>(found.st_size),
          static_cast<dev_t>(found.st_mtim.tv_sec), static_cast<dev_t>(found.st_mtim.tv_nsec),
          static_cast<dev_t>(found.st_ctim.tv_sec), static_cast<dev_t>(found.st_ctim.tv_nsec)})
      text += std::to_string(number) + " ";
    text += path + "\n";
  };
  if (!names) add(path_);
  for (const auto& name : names ? *names : std::vector<std::string>()) add(path_ + "/" + name);
  return text;
}

void PolicyFiles::watch() {
  // The events of a directory are of the names in it; a file's, of its own name there. The path may
  // lead over symbolic links, as those of a ConfigMap do.
  auto directory = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  if (!directory)
    directory = open_at(AT_FDCWD, std::string(parent_of(path_)), O_RDONLY | O_DIRECTORY);
  if (directory) (void)inotify_.watch(directory->get(), kernel::Inotify::What::kContents);
}

std::optional<PolicyFiles::Time> PolicyFiles::next() const {
  if (!last_) return std::nullopt;
  return std::min(*last_ + kCalm, *first_ + kLongest);
}

bool PolicyFiles::take(Time now) {
  while (inotify_.read([&](const kernel::Inotify::Event&) {
    if (!first_) first_ = now;
    last_ = now;
  })) {
  }
  const auto due = next();
  if (!due || *due > now) return false;
  first_.reset();
  last_.reset();
  watch();
  traces_ = traces();
  return true;
}

}  // namespace pinscope::follow
