// A Kubernetes node that is made up: a root directory at another place, as a DaemonSet sees its
// node's, a ConfigMap volume, and the agent with the capabilities that config/kubernetes gives
// it.
#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/stamps.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/config_map.h"
#include "tests/support/machine/engine_machine.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {

inline std::string granting(const std::string& pin, const std::string& name) {
  return policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/" + pin + "}\n", name);
}

inline constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

// Directories with the same content at two places: this machine's path, which the hook uses, and
// the same path below the root directory that the agent makes its own. As on a node, where they are
// host paths.
class Node {
 public:
  Node() {
    volume_ = std::make_unique<ConfigMap>(outside_.path("volume"));
    programs(PINSCOPE_BIN_DIR "/pinscope-hook");
    share(installation_.directory().path());
    share("/proc");
  }
  ~Node() {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount)
      if (umount2(mount->c_str(), MNT_DETACH) != 0) ADD_FAILURE() << "cannot unmount " << *mount;
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] Installation& installation() { return installation_; }
  [[nodiscard]] ConfigMap& volume() { return *volume_; }
  [[nodiscard]] std::string root() const { return outside_.path("host"); }
  [[nodiscard]] std::string prefix() const { return installation_.directory().path("opt"); }
  [[nodiscard]] std::string cluster_file() const {
    return installation_.policy_directory() + "/kubernetes.yaml";
  }
  [[nodiscard]] std::string in_cluster_file() const {
    return std::filesystem::exists(cluster_file()) ? read_file(cluster_file()) : "";
  }
  [[nodiscard]] std::string status() const {
    const std::string path = outside_.path("status");
    return std::filesystem::exists(path) ? read_file(path) : "";
  }

  // As if the node's /proc were not mounted in the pod.
  void hide_processes() {
    check(umount2(mounts_.back().c_str(), MNT_DETACH), "hide the processes");
    mounts_.pop_back();
  }

  // What the image would hold; `hook` makes one release differ from another.
  void programs(const std::string& hook) {
    const std::filesystem::path directory = outside_.make_directory("image");
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy(PINSCOPE_BIN_DIR "/pinscope", directory / "pinscope", replace);
    std::filesystem::copy(hook, directory / "pinscope-hook", replace);
    std::filesystem::copy(PINSCOPE_BIN_DIR "/pinscope-runtime", directory / "pinscope-runtime",
                          replace);
  }

  [[nodiscard]] std::vector<std::string> command(const std::string& action,
                                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> argv = {"setpriv",
                                     "--no-new-privs",
                                     "--bounding-set=-all,+setgid,+sys_chroot,+sys_ptrace",
                                     "--inh-caps=-all",
                                     kPinscope,
                                     "node",
                                     action,
                                     "--root",
                                     root(),
                                     "--policies",
                                     volume_->path(),
                                     "--programs",
                                     outside_.path("image"),
                                     "--status-file",
                                     outside_.path("status"),
                                     "--prefix",
                                     prefix(),
                                     "--policy",
                                     installation_.policy_directory(),
                                     "--cache-dir",
                                     installation_.cache_directory(),
                                     "--state-dir",
                                     installation_.state_directory(),
                                     "--audit",
                                     installation_.audit_path()};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }

  // Runs the agent, and `work` beside it; then tells the agent to end.
  CommandResult run(const std::function<void()>& work, std::vector<std::string> more = {}) {
    std::error_code ignored;
    std::filesystem::remove(outside_.path("status"), ignored);
    return Command(command("run", std::move(more)))
        .while_running([&](pid_t agent) {
          work();
          EXPECT_TRUE(wait_until([&] { return !status().empty(); }));
          kill(agent, SIGTERM);
        })
        .run();
  }

  // How many policies are in force, if the set is that of the files as they are.
  [[nodiscard]] std::optional<size_t> in_force() const {
    const auto set = policy::CachedSet::open(installation_.cache_directory(),
                                             installation_.policy_directory(), policy::kSetSuffix);
    if (set && !*set && has_no_policy_files()) return 0;
    if (!set || !*set ||
        !(*set)->is_current(installation_.policy_directory(), policy::Racy::kCountsAsChanged))
      return std::nullopt;
    return (*set)->set().policy_count();
  }

  // Waits until the agent has taken the set that holds `text`.
  [[nodiscard]] bool takes(const std::string& text) const {
    return wait_until([&] {
      return in_cluster_file().find(text) != std::string::npos && in_force() &&
             status() == "ready\n";
    });
  }
  // Waits until the agent has looked at everything once more. It writes its status after each look;
  // the first may have begun before.
  [[nodiscard]] bool looks() const {
    const auto written = [&] {
      std::error_code not_there;
      return std::filesystem::last_write_time(outside_.path("status"), not_there);
    };
    for (int look = 0; look < 2; ++look) {
      const auto before = written();
      check(chmod(installation_.policy_directory().c_str(), 0755), "chmod");  // is an event
      if (!wait_until([&] { return written() != before; })) return false;
    }
    return true;
  }
  [[nodiscard]] bool says(const std::string& text) const {
    return wait_until([&] { return status().find(text) != std::string::npos; });
  }

 private:
  // Where there are no policy files, no set is kept.
  [[nodiscard]] bool has_no_policy_files() const {
    const auto names = policy::list_policy_files(installation_.policy_directory());
    return names && names->empty();
  }
  void share(const std::string& path) {
    const std::string there = outside_.make_directory("host" + path);
    check(mount(path.c_str(), there.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind " + path);
    mounts_.push_back(there);
  }

  Installation installation_;
  TempDirectory outside_{0755};
  std::unique_ptr<ConfigMap> volume_;
  std::vector<std::string> mounts_;
};

}  // namespace pinscope::test
