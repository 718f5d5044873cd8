// The units under real systemd, as a package installs them: each is what systemd takes it for and
// works with what it leaves the program; who hangs or is killed is started again; a timer ends
// exceptions where no service does.
#include <csignal>
#include <filesystem>

#include "tests/engines/systemd_machine.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_container.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kFollow = "pinscope-follow.service";
constexpr const char* kExpiry = "pinscope-exceptions.service";
constexpr const char* kExpiryTimer = "pinscope-exceptions.timer";
constexpr const char* kFlows = "/sys/fs/bpf/flows";
constexpr const char* kKeys = "/sys/fs/bpf/keys";
constexpr const char* kBundle = "/opt/web";
constexpr int kTimeout = 30;  // seconds, for what systemd waits with, too

class Systemd : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = SystemdMachine::why_not(); !why.empty()) GTEST_SKIP() << why;
    pins_.map(kFlows);
    pins_.map(kKeys);
    set_value(kFlows, 1, 42);
    systemd_ = std::make_unique<SystemdMachine>();
    write_policy("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, follow: true}]\n");
  }
  void TearDown() override {
    if (systemd_) systemd_->run({"runc", "delete", "--force", "web"});
  }

  void write_policy(const std::string& spec) const {
    systemd_->machine().write("/etc/pinscope/policy.d/test.yaml", policy_text(spec));
  }

  // A container with the hook, whose first process only waits.
  void start_container() const {
    const auto& machine = systemd_->machine();
    ASSERT_THAT(machine.run({"mkdir", "-p", std::string(kBundle) + "/rootfs"}), Succeeds());
    ASSERT_THAT(machine.run({"tar", "-xf", EngineMachine::kImageRootfs, "-C",
                             std::string(kBundle) + "/rootfs"}),
                Succeeds());
    BundleSpec spec;
    spec.args = {"/bin/probe", "sleep 600"};
    for (const char* stage : {"createRuntime", "poststop"})
      spec.hooks[stage] = {{.path = "/usr/bin/pinscope-hook",
                            .args = {"pinscope-hook", stage},
                            .env = {"PATH=/usr/bin:/bin"}}};
    machine.write(std::string(kBundle) + "/config.json", to_config_json(spec));
    ASSERT_THAT(systemd_->run({"runc", "create", "--bundle", kBundle, "web"}), Succeeds());
    ASSERT_THAT(systemd_->run({"runc", "start", "web"}), Succeeds());
  }

  [[nodiscard]] CommandResult probe(const std::string& command) const {
    return systemd_->run({"runc", "exec", "web", "/bin/probe", command});
  }
  // Another map at the path, in which key 1 has this value.
  void replace_flows(uint64_t value) {
    pins_.remove(kFlows);
    pins_.map(kFlows);
    set_value(kFlows, 1, value);
  }
  void expect_value(uint64_t value) const {
    const std::string command = std::string("lookup ") + kFlows + " 1";
    const std::string expected = "ok " + std::to_string(value);
    EXPECT_TRUE(wait_until([&] { return answer(probe(command), command) == expected; }, kTimeout))
        << probe(command) << systemd_->systemctl({"status", kFollow});
  }

  void expect_started(const std::string& unit) const {
    EXPECT_THAT(systemd_->systemctl({"start", unit}), Succeeds())
        << systemd_->systemctl({"status", unit});
  }
  [[nodiscard]] bool has_restarted(const std::string& unit) const {
    return systemd_->property(unit, "NRestarts") != "0" &&
           systemd_->property(unit, "ActiveState") == "active";
  }

  HostPins pins_;
  std::unique_ptr<SystemdMachine> systemd_;
};

TEST_F(Systemd, FindsNothingWrongInAnyUnit) {
  std::vector<std::string> verify = {"systemd-analyze", "verify", "--man=no"};
  for (const auto& unit :
       std::filesystem::directory_iterator(systemd_->machine().outside(SystemdMachine::kUnits)))
    if (unit.path().filename().string().starts_with("pinscope"))
      verify.push_back(SystemdMachine::kUnits + ("/" + unit.path().filename().string()));
  EXPECT_GE(verify.size(), 3 + 10U);
  const auto result = systemd_->run(verify);
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(Systemd, StartsEachService) {
  for (const std::string name :
       {"pinscope-values-holder", "pinscope-values", "pinscope-follow", "pinscoped"}) {
    expect_started(name + ".service");
    EXPECT_EQ(systemd_->property(name + ".service", "ActiveState"), "active") << name;
  }
  ASSERT_NO_FATAL_FAILURE(start_container());
  const std::string metrics = "/var/lib/prometheus/node-exporter";
  ASSERT_THAT(systemd_->run({"mkdir", "-p", metrics}), Succeeds());
  for (const std::string name : {"pinscope-gc", "pinscope-metrics", "pinscope-exceptions"}) {
    expect_started(name + ".service");
    EXPECT_EQ(systemd_->property(name + ".service", "Result"), "success") << name;
  }
  EXPECT_THAT(systemd_->machine().read(metrics + "/pinscope.prom"),
              HasSubstr("pinscope_follow_up 1"));
  expect_value(42);
}

TEST_F(Systemd, StartsAFollowerAgainThatWasKilled) {
  ASSERT_NO_FATAL_FAILURE(start_container());
  expect_started(kFollow);
  replace_flows(43);
  expect_value(43);
  EXPECT_THAT(systemd_->systemctl({"kill", "--signal=KILL", kFollow}), Succeeds());
  EXPECT_TRUE(wait_until([&] { return has_restarted(kFollow); }, kTimeout));
  replace_flows(44);
  expect_value(44);
}

TEST_F(Systemd, StartsAFollowerAgainThatHangs) {
  systemd_->configure(kFollow, "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n");
  ASSERT_NO_FATAL_FAILURE(start_container());
  expect_started(kFollow);
  const auto first = systemd_->property(kFollow, "MainPID");
  // One that works says so in time.
  EXPECT_FALSE(wait_until([&] { return has_restarted(kFollow); }, 5));
  EXPECT_EQ(systemd_->property(kFollow, "MainPID"), first);
  EXPECT_THAT(systemd_->systemctl({"kill", "--kill-whom=main", "--signal=STOP", kFollow}),
              Succeeds());
  EXPECT_TRUE(wait_until([&] { return has_restarted(kFollow); }, kTimeout));
  replace_flows(43);
  expect_value(43);
}

TEST_F(Systemd, StopsAFollowerAtOnce) {
  expect_started(kFollow);
  EXPECT_THAT(systemd_->systemctl({"stop", kFollow}), Succeeds());
  EXPECT_EQ(systemd_->property(kFollow, "Result"), "success");
}

TEST_F(Systemd, EndsATimedGrantByItsTimer) {
  systemd_->configure(kExpiryTimer, "[Timer]\nOnBootSec=\nOnActiveSec=1s\nOnUnitActiveSec=1s\n");
  ASSERT_NO_FATAL_FAILURE(start_container());
  ASSERT_THAT(systemd_->run({"pinscope", "grant", "--container", "web", "--for", "4s", "--reason",
                             "a look", kKeys}),
              Succeeds());
  const std::string look = std::string("get-ro ") + kKeys;
  EXPECT_EQ(answer(probe(look), look), "ok");
  expect_started(kExpiryTimer);
  EXPECT_TRUE(wait_until([&] { return answer(probe(look), look) == "ENOENT"; }, kTimeout))
      << systemd_->systemctl({"status", kExpiryTimer, kExpiry});
  EXPECT_EQ(systemd_->property(kExpiry, "Result"), "success");
  expect_value(42);
}

}  // namespace
}  // namespace pinscope::test
