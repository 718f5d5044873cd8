// crun gives "/" as the bundle where it sends devices into a user namespace. What lies there is not
// the container's configuration, whatever it says.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// A file in the machine's root directory, where nothing may be before.
class PlantedConfiguration {
 public:
  explicit PlantedConfiguration(const std::string& text)
      : fd_(open(kPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (fd_ >= 0) check(write(fd_, text.data(), text.size()), "write");
  }
  ~PlantedConfiguration() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(kPath);
  }
  PlantedConfiguration(const PlantedConfiguration&) = delete;
  PlantedConfiguration& operator=(const PlantedConfiguration&) = delete;
  [[nodiscard]] bool planted() const { return fd_ >= 0; }

 private:
  static constexpr const char* kPath = "/config.json";
  int fd_;
};

class LostBundle : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    struct stat status {};
    if (stat("/dev/fuse", &status) != 0) GTEST_SKIP() << "this machine has no /dev/fuse";
    pins_.map("/sys/fs/bpf/flows");
    container_.spec.with_user_namespace();
    container_.spec.devices = {{"/dev/fuse", 'c', 10, 229}};
  }
  void select(const std::string& whom) {
    installation_.write_policy(
        policy_text("select: " + whom + "\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  }
};

TEST_P(LostBundle, IsTheOneThatTheRuntimesCommandLineNames) {
  select("{user: {uid: 0}}");
  const auto result = run({"ls /sys/fs/bpf", "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
}

TEST_P(LostBundle, IsNotTheDirectoryInWhichTheHookRuns) {
  select("{user: {uid: 0}}");
  BundleSpec other;
  other.args = {"/probe", "id"};
  other.uid = 4242;
  const PlantedConfiguration planted(to_config_json(other));
  if (!planted.planted()) GTEST_SKIP() << "this machine has a /config.json of its own";
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;

  select("{user: {uid: 4242}}");
  RuntimeContainer unselected(GetParam());
  unselected.spec = container_.spec;
  unselected.spec.hooks.clear();
  EXPECT_NE(answer(run(unselected, {"ls /sys/fs/bpf"}), "ls /sys/fs/bpf"), "ok flows");
}

TEST_P(LostBundle, DoesNotHoldUpAContainerThatNobodySelects) {
  select("{user: {uid: 4242}}");
  const auto result = run({"id"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(installation_.records(), testing::IsEmpty());
}

PINSCOPE_EACH_RUNTIME(LostBundle);

}  // namespace
}  // namespace pinscope::test
