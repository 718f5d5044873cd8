#include "plugin/daemon/bundle.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::daemon {
namespace {

// A watcher with this working directory, and below it `depth` processes; the last is the
// container's.
class Processes {
 public:
  Processes(const std::string& directory, int depth) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    watcher_ = ::fork();
    if (watcher_ == 0) {
      ::setpgid(0, 0);
      if (::chdir(directory.c_str()) != 0) ::_exit(1);
      for (int i = 0; i < depth; ++i)
        if (::fork() != 0) sleep_for_ever();
      // Below the watcher a runtime works anywhere.
      [[maybe_unused]] const int ignored = ::chdir("/");
      const pid_t own = ::getpid();
      [[maybe_unused]] const ssize_t written = ::write(ends[1], &own, sizeof own);
      sleep_for_ever();
    }
    EXPECT_EQ(::read(ends[0], &container, sizeof container), ssize_t{sizeof container});
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Processes() {
    ::kill(-watcher_, SIGKILL);
    while (::waitpid(-watcher_, nullptr, 0) > 0) {
    }
  }
  pid_t container = 0;

 private:
  [[noreturn]] static void sleep_for_ever() {
    for (;;) ::pause();
  }
  pid_t watcher_ = 0;
};

class Bundles : public testing::Test {
 protected:
  std::string refusal(pid_t pid, const std::string& id) {
    const auto bundle = find_bundle(pid, id);
    return bundle ? "found " + *bundle : bundle.error().sentence();
  }
  test::TempDirectory directory_;
};

// containerd: one shim for a pod, in the bundle of the pod's own container.
TEST_F(Bundles, AreFoundBesideThePodsOwn) {
  const std::string pod = directory_.make_directory("k8s.io/pod");
  directory_.write("k8s.io/pod/config.json", "{}");
  directory_.write("k8s.io/app/config.json", "{}");
  const Processes processes(pod, 1);
  EXPECT_EQ(refusal(processes.container, "app"), "found " + directory_.path("k8s.io/app"));
}

TEST_F(Bundles, AreFoundWhereTheWatcherIsInTheBundleItself) {
  directory_.write("k8s.io/app/config.json", "{}");
  const Processes processes(directory_.path("k8s.io/app"), 1);
  EXPECT_EQ(refusal(processes.container, "app"), "found " + directory_.path("k8s.io/app"));
}

// CRI-O: a conmon for each container.
TEST_F(Bundles, OfCrioAreFound) {
  directory_.write("overlay-containers/app/userdata/config.json", "{}");
  const Processes processes(directory_.path("overlay-containers/app/userdata"), 2);
  EXPECT_EQ(refusal(processes.container, "app"),
            "found " + directory_.path("overlay-containers/app/userdata"));
}

TEST_F(Bundles, OfAnotherContainerAreNot) {
  directory_.write("overlay-containers/other/userdata/config.json", "{}");
  const Processes processes(directory_.path("overlay-containers/other/userdata"), 1);
  EXPECT_EQ(
      refusal(processes.container, "app"),
      "cannot find the bundle of container \"app\": no process above the container's works in "
      "a bundle (its process is " +
          std::to_string(processes.container) + ")");
}

TEST_F(Bundles, CountOnlyIfRootAloneCanWriteThem) {
  directory_.make_directory("k8s.io/pod");
  directory_.write("k8s.io/app/config.json", "{}", 0666);
  const Processes processes(directory_.path("k8s.io/pod"), 1);
  EXPECT_NE(refusal(processes.container, "app").find("cannot find"), std::string::npos);
  std::filesystem::permissions(directory_.path("k8s.io/app/config.json"),
                               std::filesystem::perms(0644));
  EXPECT_EQ(::chown(directory_.path("k8s.io/app").c_str(), 1000, 1000), 0);
  EXPECT_NE(refusal(processes.container, "app").find("cannot find"), std::string::npos);
  EXPECT_EQ(::chown(directory_.path("k8s.io/app").c_str(), 0, 0), 0);
  EXPECT_EQ(refusal(processes.container, "app"), "found " + directory_.path("k8s.io/app"));
}

TEST_F(Bundles, AreNotLookedForWithAnIdThatLeadsElsewhere) {
  EXPECT_EQ(
      refusal(::getpid(), "../app"),
      "cannot find the bundle of container \"../app\": this is no container's id (its process "
      "is " +
          std::to_string(::getpid()) + ")");
  EXPECT_NE(refusal(0, "app").find("the engine told no process"), std::string::npos);
}

}  // namespace
}  // namespace pinscope::daemon
