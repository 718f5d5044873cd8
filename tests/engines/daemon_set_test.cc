// What config/kubernetes mounts is what the agent needs: on a node of which everything else is
// read-only it installs, and removes, with every engine's wiring.
#include <sys/mount.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <map>
#include <tuple>

#include "tests/support/machine/node.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The directories that config/kubernetes mounts are enough: everything else of the node is
// read-only here.
class DaemonSet : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  DaemonSet() {
    const std::string host = directory_.make_directory("host");
    for (const char* path : kMounted) directory_.make_directory(std::string("host") + path);
    directory_.make_directory(std::string("host") + kLookedAt);
    fs::permissions(directory_.path("status"), fs::perms::all);
    directory_.write("host/etc/containerd/config.toml", std::get<1>(GetParam()));
    bind(host, host, MS_RDONLY);
    for (const std::string path : kMounted) {
      const std::string real = directory_.make_directory("real" + std::string(path));
      bind(real, host + path, 0);
    }
    bind(kLookedAt, host + kLookedAt, MS_RDONLY);
    directory_.write("real/etc/containerd/config.toml", std::get<1>(GetParam()));
    for (const std::string name : {"pinscope", "pinscope-hook", "pinscope-runtime"})
      fs::copy(PINSCOPE_BIN_DIR "/" + name, directory_.make_directory("image") + "/" + name);
  }
  ~DaemonSet() override {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount)
      umount2(mount->c_str(), MNT_DETACH);
  }

  CommandResult pinscope(const std::string& action) {
    return Command({"setpriv", "--bounding-set=-all,+sys_chroot", "--inh-caps=-all", kPinscope,
                    "node", action, "--root", directory_.path("host"), "--policies", volume_.path(),
                    "--programs", directory_.path("image"), "--status-file", status_, "--engine",
                    std::get<0>(GetParam())})
        .while_running([&](pid_t agent) {
          if (action != "run") return;
          EXPECT_TRUE(
              wait_until([&] { return fs::exists(status_) && read_file(status_) == "ready\n"; }));
          kill(agent, SIGTERM);
        })
        .run();
  }

  void expect_shim_alone(const std::string& log) const {
    const std::string prefix = directory_.path("real/opt/pinscope");
    EXPECT_THAT(log, HasSubstr("pinscope node: removed all but the shim; "
                               "/opt/pinscope/why-the-shim-stays.txt says until when\n"));
    EXPECT_THAT(read_file(prefix + "/why-the-shim-stays.txt"), HasSubstr("rm -r /opt/pinscope\n"));
    EXPECT_FALSE(fs::exists(prefix + "/bin/pinscope-hook"));
    EXPECT_FALSE(fs::exists(prefix + "/bin/pinscope"));
    const auto passed_on = run({prefix + "/bin/pinscope-runtime-containerd", "--version"});
    EXPECT_EQ(passed_on.status, 0) << passed_on;
  }

  // Where containerd's configuration names the program of a runtime by its path.
  static std::string program_of_the_engine() {
    const std::string text = std::get<1>(GetParam());
    const std::string key = "BinaryName = \"";
    const size_t at = text.find(key);
    if (at == std::string::npos) return "";
    const size_t start = at + key.size();
    return text.substr(start, text.find('"', start) - start);
  }

  // Every file that is there now, with its content.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const char* path : {"real/etc", "real/opt"})
      for (const auto& entry : fs::recursive_directory_iterator(directory_.path(path)))
        if (entry.is_regular_file() && !entry.is_symlink())
          found[entry.path()] = read_file(entry.path());
    return found;
  }

  static constexpr const char* kLookedAt = "/proc";  // read-only for the agent
  static constexpr std::array kMounted = {
      "/opt/pinscope",     "/etc/pinscope", "/var/lib/pinscope", "/run/pinscope",
      "/var/log/pinscope", "/etc/crio",     "/etc/containerd"};
  TempDirectory directory_{0755};
  ConfigMap volume_{directory_.path("volume")};
  // Anybody may write an emptyDir.
  std::string status_ = directory_.make_directory("status") + "/status";

 private:
  void bind(const std::string& from, const std::string& to, unsigned long flags) {
    check(mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr), "bind " + to);
    mounts_.push_back(to);
    if (flags != 0)
      check(mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr),
            "make read-only " + to);
  }

  std::vector<std::string> mounts_;
};

TEST_P(DaemonSet, MountsWhatTheAgentNeedsAndTheAgentLeavesNothingThereButTheShim) {
  const auto before = files();
  volume_.update({{"a.yaml", granting("flows", "a")}});
  const auto installed = pinscope("run");
  EXPECT_EQ(installed.status, 0) << installed;
  EXPECT_THAT(installed.err, HasSubstr("left to do on the node: systemctl restart "));
  std::string all;
  for (const auto& [path, text] : files())
    if (path.find("/etc/") != std::string::npos) all += text;
  EXPECT_THAT(all, HasSubstr("/opt/pinscope/bin/pinscope-"));
  EXPECT_TRUE(fs::exists(directory_.path("real/opt/pinscope/bin/pinscope-hook")));
  // Once more, as when the pod starts again, takes nothing away.
  for (int times = 0; times < 2; ++times) {
    const auto removed = pinscope("remove");
    EXPECT_EQ(removed.status, 0) << removed;
    if (std::get<0>(GetParam()) == std::string("containerd")) expect_shim_alone(removed.err);
  }
  for (const auto& entry : fs::directory_iterator(directory_.path("real/opt/pinscope"))) {
    EXPECT_NE(std::get<0>(GetParam()), std::string("crio")) << entry.path();
    fs::remove_all(entry.path());
  }
  EXPECT_EQ(files(), before);
}

// A containerd that was not restarted starts everything through the shim, and what it has started
// is ended through it.
TEST_P(DaemonSet, ComesBackWhereTheShimWasLeft) {
  volume_.update({{"a.yaml", granting("flows", "a")}});
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT(pinscope("run"), Succeeds());
    const std::string bin = directory_.path("real/opt/pinscope/bin/");
    EXPECT_THAT(run({bin + "pinscope-hook", "--version"}), Succeeds());
    EXPECT_THAT(pinscope("remove"), Succeeds());
  }
}

// nvidia-ctk writes such lines. The directories of programs are not mounted.
TEST_P(DaemonSet, TakesAProgramThatIsNotInSightOutOfTheEnginesOwnConfiguration) {
  const std::string program = program_of_the_engine();
  if (program.empty()) return;
  volume_.update({{"a.yaml", granting("flows", "a")}});
  const auto installed = pinscope("run");
  EXPECT_EQ(installed.status, 0) << installed;
  const std::string told = directory_.path("real/etc/pinscope/runtime-containerd.json");
  ASSERT_TRUE(fs::exists(told)) << installed;
  EXPECT_EQ(read_file(told), "{\"runtime\":\"" + program + "\"}\n");
}

constexpr const char* kNvidia = R"(version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "nvidia"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
BinaryName = "/usr/bin/nvidia-container-runtime"
)";
constexpr const char* kBelowOpt = R"(version = 3
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "/opt/vendor/runc"
)";

INSTANTIATE_TEST_SUITE_P(, DaemonSet,
                         testing::Values(std::tuple("containerd", "version = 2\n"),
                                         std::tuple("containerd", "version = 3\n"),
                                         std::tuple("containerd", kNvidia),
                                         std::tuple("containerd", kBelowOpt),
                                         std::tuple("crio", "version = 2\n")));

}  // namespace
}  // namespace pinscope::test
