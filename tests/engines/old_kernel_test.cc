// The main job once more with the newer system calls refused: this machine's kernel may have them,
// and then nothing else would run the other paths in front of a real runtime.
#include "tests/engines/view_test.h"

namespace pinscope::test {
namespace {

class OnOldKernel : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    installation_.wrapper = {PINSCOPE_BIN_DIR "/on_old_kernel"};
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    pins_.map("/sys/fs/bpf/keys");
    set_value("/sys/fs/bpf/flows", 1, 42);
  }

  void expect_view(const std::string& layout, const std::string& access) {
    installation_.write_policy(
        policy_text("select: {}\nview: {layout: " + layout +
                    "}\ngrants:\n"
                    "  - {pin: /sys/fs/bpf/flows, access: " +
                    access +
                    "}\n"
                    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
    const auto result =
        run({"lookup /sys/fs/bpf/flows 1", "get-rw /sys/fs/bpf/flows",
             "update /sys/fs/bpf/counters 1 2", "get-ro /sys/fs/bpf/keys", "mkdir /sys/fs/bpf/x"});
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42");
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), access == "read" ? "EROFS" : "ok");
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 1 2"), "ok");
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/keys"), "ENOENT");
    EXPECT_EQ(answer(result, "mkdir /sys/fs/bpf/x"), "EROFS");
  }
};

TEST_P(OnOldKernel, SharedViewsWork) {
  expect_view("shared", "read");
}
TEST_P(OnOldKernel, PerMapViewsWork) {
  expect_view("per-map", "read");
}
TEST_P(OnOldKernel, BindViewsWork) {
  expect_view("bind", "read-write");
}

TEST_P(OnOldKernel, AHostBpffsIsHidden) {
  container_.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"rbind"}});
  container_.spec.mounts.push_back({"/mnt", "bind", "/sys/fs/bpf", {"rbind"}});
  installation_.write_policy(policy_text("select: {}\n"));
  const auto result = run({"ls /sys/fs/bpf", "ls /mnt"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok") << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, "ls /mnt"), "ok");
}

TEST_P(OnOldKernel, AUserNamespaceWorks) {
  container_.spec.with_user_namespace();
  expect_view("shared", "read");
}

PINSCOPE_EACH_RUNTIME(OnOldKernel);

}  // namespace
}  // namespace pinscope::test
