#include "tests/support/machine/snapshot.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <ostream>
#include <sstream>

#include "plugin/base/text.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

struct MountLine {
  std::string id, point, options, type, super_options;
};

std::vector<MountLine> mount_table(const std::string& path) {
  std::vector<MountLine> table;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    MountLine mount;
    std::string parent, device, root, word, source;
    std::istringstream words(line);
    words >> mount.id >> parent >> device >> root >> mount.point >> mount.options;
    while (words >> word && word != "-") {
    }
    words >> mount.type >> source >> mount.super_options;
    table.push_back(mount);
  }
  return table;
}

std::vector<std::string> mounts_in(const std::string& table, const std::string& path) {
  std::vector<std::string> points;
  for (const auto& mount : mount_table(table)) {
    if (mount.point == path || mount.point.starts_with(path + "/")) points.push_back(mount.point);
  }
  return points;
}

std::vector<std::string> open_descriptors() {
  std::vector<std::string> result;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), &closedir);
  if (!directory) return result;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || name == std::to_string(dirfd(directory.get()))) continue;
    std::error_code error;
    result.push_back(name + " " + fs::read_symlink("/proc/self/fd/" + name, error).string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

// The processes that descend from this one. Those that have ended are collected first: this process
// is the reaper of whatever its children leave.
std::vector<std::string> descendants() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::map<pid_t, pid_t> parents;
  std::map<pid_t, std::string> names;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto number = parse_unsigned(entry.path().filename().string());
    if (!number) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line);
    const size_t end = line.rfind(')');
    if (end == std::string::npos) continue;
    char state = 0;
    pid_t parent = 0;
    std::istringstream(line.substr(end + 1)) >> state >> parent;
    const auto pid = static_cast<pid_t>(*number);
    parents[pid] = parent;
    names[pid] = line.substr(line.find('(') + 1, end - line.find('(') - 1);
  }
  std::vector<std::string> result;
  for (const auto& [pid, name] : names) {
    pid_t ancestor = pid;
    while (ancestor > 0 && ancestor != getpid()) ancestor = parents[ancestor];
    if (ancestor == getpid() && pid != getpid()) result.push_back(std::to_string(pid) + " " + name);
  }
  return result;
}

// What `some` has and `others` has not, each behind `sign` and `what`.
void add_missing(const std::vector<std::string>& some, const std::vector<std::string>& others,
                 const std::string& sign, std::vector<std::string>& result) {
  for (const auto& entry : some) {
    if (std::find(others.begin(), others.end(), entry) == others.end())
      result.emplace_back(sign).append(entry);
  }
}

void compare(const std::vector<std::string>& before, const std::vector<std::string>& after,
             const std::string& what, std::vector<std::string>& result) {
  add_missing(before, after, "- " + what + " ", result);
  add_missing(after, before, "+ " + what + " ", result);
}

std::string describe(const fs::path& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) < 0) return "gone";
  std::ostringstream text;
  text << std::oct << (status.st_mode & 07777) << std::dec << " " << status.st_uid << ":"
       << status.st_gid;
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    text << " -> " << fs::read_symlink(path, error).string();
  } else if (S_ISREG(status.st_mode)) {
    std::ifstream file(path);
    text << " " << quoted(std::string(std::istreambuf_iterator<char>(file), {}));
  } else {
    text << (S_ISDIR(status.st_mode) ? " directory" : " other");
  }
  return text.str();
}

}  // namespace

Snapshot Snapshot::take() {
  Snapshot snapshot;
  for (const auto& mount : mount_table("/proc/self/mountinfo")) {
    snapshot.mounts.push_back(mount.id + " " + mount.point + " " + mount.type + " " +
                              mount.options + "|" + mount.super_options);
  }
  snapshot.descriptors = open_descriptors();
  snapshot.processes = descendants();
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator("/sys/fs/bpf", error))
    snapshot.pins.push_back(entry.path());
  std::sort(snapshot.pins.begin(), snapshot.pins.end());
  return snapshot;
}

std::ostream& operator<<(std::ostream& stream, const Snapshot& snapshot) {
  for (const auto& line : differences({}, snapshot)) stream << line.substr(2) << "\n";
  return stream;
}

std::vector<std::string> differences(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> result;
  compare(before.mounts, after.mounts, "mount", result);
  compare(before.descriptors, after.descriptors, "descriptor", result);
  compare(before.processes, after.processes, "process", result);
  compare(before.pins, after.pins, "pin", result);
  return result;
}

std::vector<std::string> mounts_below(const std::string& path) {
  return mounts_in("/proc/self/mountinfo", path);
}

std::vector<std::string> mounts_below(const std::string& path, pid_t pid) {
  return mounts_in("/proc/" + std::to_string(pid) + "/mountinfo", path);
}

std::vector<std::string> files_below(const std::string& root) {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    result.push_back(entry.path().lexically_relative(root).string() + " " + describe(entry.path()));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace pinscope::test
