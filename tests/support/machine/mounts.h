// Mounts that a test makes on its own machine, and questions that the probe asks there.
#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/machine/check.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

// Something mounted at `path`, unmounted at the end with everything on it. It is made private
// before, so that this never reaches a mount that it shares changes with.
class Mounted {
 public:
  static Mounted bpf(const std::string& path) { return of_type("bpf", path, ""); }
  static Mounted tmpfs(const std::string& path) { return of_type("tmpfs", path, "mode=0755"); }
  static Mounted of_type(const char* type, const std::string& path, const char* options) {
    check(::mount(type, path.c_str(), type, 0, options), "mount " + path);
    return Mounted(path);
  }
  static Mounted bind(const std::string& from, const std::string& to, bool recursive = false) {
    const unsigned long flags = recursive ? MS_BIND | MS_REC : MS_BIND;
    check(::mount(from.c_str(), to.c_str(), nullptr, flags, nullptr), "bind " + to);
    return Mounted(to);
  }

  Mounted(Mounted&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Mounted& operator=(Mounted&&) = delete;
  ~Mounted() {
    if (path_.empty()) return;
    ::mount(nullptr, path_.c_str(), nullptr, MS_PRIVATE | MS_REC, nullptr);
    ::umount2(path_.c_str(), MNT_DETACH);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

  // mount(2) with these flags and no source: MS_SHARED, MS_REMOUNT | MS_RDONLY and the like.
  Mounted& change(unsigned long flags) {
    check(::mount(nullptr, path_.c_str(), nullptr, flags, nullptr), "change mount " + path_);
    return *this;
  }

 private:
  explicit Mounted(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// For as long as it lives, engines that can be asked for their containers fail: Podman, asked in a
// mount namespace of its own, takes the mount of its storage away.
class WithoutEngines {
 public:
  WithoutEngines() {
    for (const char* engine : {"/usr/bin/podman", "/usr/bin/docker", "/usr/bin/crictl"})
      if (::access(engine, F_OK) == 0) hidden_.push_back(Mounted::bind("/bin/false", engine));
  }

 private:
  std::vector<Mounted> hidden_;
};

// What the kernel says to commands of the probe, run in one process on this machine, in their
// order.
inline std::vector<std::string> ask_all(const std::vector<std::string>& commands) {
  std::vector<std::string> argv = {PINSCOPE_BIN_DIR "/pinscope_probe"};
  argv.insert(argv.end(), commands.begin(), commands.end());
  const auto result = run(argv);
  std::vector<std::string> answers;
  size_t at = 0;
  for (const auto& command : commands) {
    const size_t end = std::min(result.out.find('\n', at), result.out.size());
    const std::string line = result.out.substr(at, end - at);
    answers.push_back(line.starts_with(command + ": ") ? line.substr(command.size() + 2)
                                                       : "no answer: " + line);
    at = end + 1;
  }
  return answers;
}

// The answer to one command, or to the last of several.
inline std::string ask(const std::string& command) {
  return ask_all({command}).back();
}

}  // namespace pinscope::test
