// What doctor says about the security modules and switches of a machine, by the files of one that
// is made up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "plugin/health/access.h"

namespace pinscope::health {
namespace {

using model::Finding;
using Level = Finding::Level;
using testing::HasSubstr;

constexpr const char* kUnprivileged = "proc/sys/kernel/unprivileged_bpf_disabled";
constexpr const char* kRelease = "proc/sys/kernel/osrelease";
constexpr const char* kEnforce = "sys/fs/selinux/enforce";
constexpr const char* kWrite = "sys/fs/selinux/booleans/pinscope_write_maps";
constexpr const char* kSpc = "sys/fs/selinux/booleans/pinscope_use_spc_maps";
constexpr const char* kInit = "sys/fs/selinux/booleans/pinscope_use_init_maps";
constexpr const char* kAppArmor = "sys/module/apparmor/parameters/enabled";
constexpr const char* kLockdown = "sys/kernel/security/lockdown";

class AccessHealth : public testing::Test {
 protected:
  using Files = std::map<std::string, std::string>;

  void TearDown() override { std::filesystem::remove_all(root_); }

  // The finding of one name on a machine that has these files and no others.
  Finding found(const std::string& name, const Files& files) {
    std::filesystem::remove_all(root_);
    for (const auto& [path, text] : files) {
      const auto whole = root_ / path;
      std::filesystem::create_directories(whole.parent_path());
      std::ofstream(whole) << text << '\n';
    }
    for (const auto& finding : check_access(root_))
      if (finding.name == name) return finding;
    ADD_FAILURE() << "no finding " << name;
    return {};
  }

 private:
  std::filesystem::path root_ = testing::TempDir() + "pinscope-access-" + std::to_string(getpid());
};

TEST_F(AccessHealth, IsGoodOnAMachineWithoutAnyOfThem) {
  for (const char* name : {"SELinux", "AppArmor"}) {
    const auto finding = found(name, {});
    EXPECT_EQ(finding.level, Level::kOk);
    EXPECT_EQ(finding.detail, "not active");
  }
  EXPECT_EQ(found("lockdown", {}).detail, "none");
}

TEST_F(AccessHealth, WarnsOfSelinuxWithoutTheModule) {
  const auto finding = found("SELinux", {{kEnforce, "1"}});
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_EQ(
      finding.detail,
      "enforcing, and the module pinscope is not loaded: containers (container_t) are refused "
      "the maps that they are granted");
  EXPECT_EQ(finding.action, "build and load config/selinux/pinscope.te: docs/engines/lsm.md");
}

TEST_F(AccessHealth, WarnsOfAModuleWhoseSwitchesAreOff) {
  const Files files = {{kEnforce, "1"}, {kWrite, "1 1"}, {kSpc, "0 0"}};
  const auto finding = found("SELinux", files);
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_THAT(finding.detail, HasSubstr("all pinscope_use_* switches are off"));
  EXPECT_THAT(finding.action, HasSubstr("setsebool -P"));
}

TEST_F(AccessHealth, NamesTheSwitchesThatAreOn) {
  Files files = {{kEnforce, "1"}, {kWrite, "1 1"}, {kSpc, "1 1"}, {kInit, "1 0"}};
  auto finding = found("SELinux", files);
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_EQ(finding.detail,
            "enforcing, module pinscope loaded: pinscope_use_spc_maps, pinscope_use_init_maps");
  files[kWrite] = "0 0";
  EXPECT_THAT(found("SELinux", files).detail, HasSubstr("; writing is off"));
}

TEST_F(AccessHealth, IsGoodWithSelinuxThatOnlyWatches) {
  const auto finding = found("SELinux", {{kEnforce, "0"}});
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_EQ(finding.detail, "permissive; the module pinscope is not loaded");
}

TEST_F(AccessHealth, SaysWhatAppArmorMeansForPins) {
  EXPECT_EQ(found("AppArmor", {{kAppArmor, "N"}}).detail, "not active");
  const auto finding = found("AppArmor", {{kAppArmor, "Y"}});
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_THAT(finding.detail, HasSubstr("does not block granted maps"));
}

TEST_F(AccessHealth, WarnsOfBpfThatEverybodyMayUse) {
  const auto finding =
      found("kernel.unprivileged_bpf_disabled", {{kUnprivileged, "0"}, {kRelease, "6.1.0-18"}});
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_THAT(finding.detail, HasSubstr("every process may load programs"));
}

TEST_F(AccessHealth, WarnsOfOldKernelsThatCloseAllOfBpf) {
  for (const char* value : {"1", "2"}) {
    const Files old = {{kUnprivileged, value}, {kRelease, "5.15.0-91-generic"}};
    const auto finding = found("kernel.unprivileged_bpf_disabled", old);
    EXPECT_EQ(finding.level, Level::kWarn);
    EXPECT_THAT(finding.detail, HasSubstr("older than 5.19"));
    for (const char* release : {"5.19.0", "6.1.0-18-amd64", "odd", ""}) {
      const Files newer = {{kUnprivileged, value}, {kRelease, release}};
      EXPECT_EQ(found("kernel.unprivileged_bpf_disabled", newer).level, Level::kOk) << release;
    }
  }
}

TEST_F(AccessHealth, WarnsOfLockdownOnlyWhereItHidesTheKernelsMemory) {
  EXPECT_EQ(found("lockdown", {{kLockdown, "none [integrity] confidentiality"}}).level, Level::kOk);
  const auto finding = found("lockdown", {{kLockdown, "none integrity [confidentiality]"}});
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_EQ(finding.detail, "confidentiality");
  EXPECT_THAT(finding.action, HasSubstr("views and maps work"));
}

}  // namespace
}  // namespace pinscope::health
