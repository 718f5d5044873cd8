// pinscoped in the mode without hooks: it gives a container its view when the engine says that it
// starts, and forgets it when the engine says that it is removed.
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>

#include "tests/engines/nri_plugin.h"
#include "tests/engines/values_daemons.h"
#include "tests/support/machine/silent_file_system.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The leak sanitizer, which attaches to the hook as a debugger does, is refused there and makes it
// fail after its work is done.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHookCanSucceed = false;
#else
constexpr bool kHookCanSucceed = true;
#endif

class NriStart : public NriPlugin {
 protected:
  void SetUp() override {
    NriPlugin::SetUp();
    // Stands for containerd's shim: the container's process becomes our child, and we work beside
    // its bundle, which has its id.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::filesystem::create_directory_symlink(container_.bundle(),
                                              container_.directory().path(container_.id()));
    std::filesystem::current_path(container_.bundle());
    ASSERT_EQ(engine_.configure(configuration("nri-mode: start")).code, nri::RpcCode::kOk);
  }
  void TearDown() override { std::filesystem::current_path("/"); }

  nri::Response create_and_tell() {
    const auto response = engine_.create(played_);
    EXPECT_EQ(response.payload, "") << "hooks in the mode without";
    container_.probe({"ls /sys/fs/bpf", "cat /run/bpf/flows/entries"});
    EXPECT_THAT(container_.create(), Succeeds());
    played_.pid = container_.pid();
    return engine_.start(played_);
  }
};

TEST_P(NriStart, GivesAContainerItsViewBeforeItsProcessRuns) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  const auto response = create_and_tell();
  ASSERT_EQ(response.code, nri::RpcCode::kOk) << response.message;
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  EXPECT_THAT(container_.start(), Succeeds());
  EXPECT_TRUE(container_.wait_stopped());
  EXPECT_THAT(container_.output(), HasSubstr("ls /sys/fs/bpf: ok flows\n"));
  EXPECT_THAT(container_.remove(true), Succeeds());
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  // Once more does no harm.
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
}

TEST_P(NriStart, GivesAContainerValues) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const ValuesDaemons daemons(installation_.state_directory());
  show_values();
  ASSERT_EQ(create_and_tell().code, nri::RpcCode::kOk);
  EXPECT_THAT(container_.start(), Succeeds());
  EXPECT_TRUE(container_.wait_stopped());
  EXPECT_THAT(container_.output(),
              HasSubstr("cat /run/bpf/flows/entries: ok " + std::string(kEntryOf42) + "\n"));
  EXPECT_THAT(container_.remove(true), Succeeds());
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(NriStart, RefusesAContainerWhoseViewCannotBeMade) {
  pins_.remove("/sys/fs/bpf/flows");
  const auto response = create_and_tell();
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("\"/sys/fs/bpf/flows\""));
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(NriStart, RefusesAContainerWhoseBundleIsNotFound) {
  std::filesystem::current_path("/");
  const auto response = create_and_tell();
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("cannot find the bundle of container"));
}

TEST_P(NriStart, KeepsTheRecordOfAContainerThatIsStillThere) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  ASSERT_EQ(create_and_tell().code, nri::RpcCode::kOk);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  EXPECT_THAT(container_.remove(true), Succeeds());
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// As in a pod, whose PID namespace does not number the processes of the records.
TEST_P(NriStart, JudgesNoRecordsThatItMayOnlyRead) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  ASSERT_EQ(create_and_tell().code, nri::RpcCode::kOk);
  EXPECT_THAT(container_.remove(true), Succeeds());
  const std::string records = installation_.state_directory();
  ASSERT_EQ(::mount(records.c_str(), records.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, records.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr),
            0);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_EQ(::umount(records.c_str()), 0);
  EXPECT_EQ(installation_.last_audit().outcome, "granted");
  EXPECT_THAT(engine_.log(), Not(HasSubstr("pinscope-hook")));
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
}

PINSCOPE_EACH_RUNTIME(NriStart);

}  // namespace
}  // namespace pinscope::test
