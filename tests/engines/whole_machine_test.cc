// `pinscope inventory` on a machine with real containers, mounts, pins and descriptors.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/engines/whole_machine.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_P(InventoryOfContainers, SaysWhichRuleGaveEachPinOfAView) {
  start(kTwoGrants);
  const Taken taken(installation_);
  EXPECT_THAT(taken.grants(),
              testing::UnorderedElementsAre(container_.id() + " read /sys/fs/bpf/flows",
                                            container_.id() + " read-write /sys/fs/bpf/counters"));
  EXPECT_THAT(taken.notices(), Not(Contains(HasSubstr(container_.id()))));
  EXPECT_THAT(taken.notices(), Not(Contains(testing::StartsWith("duplicate"))));
}

TEST_P(InventoryOfContainers, KnowsTheViewInEachLayout) {
  for (const std::string layout : {"shared", "per-map"}) {
    start("select: {}\nview: {layout: " + layout +
          "}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"
          "  - {pin: /sys/fs/bpf/counters, access: read-write}\n");
    EXPECT_EQ(Taken(installation_).grants().size(), 2U) << layout;
    EXPECT_THAT(Taken(installation_).notices(), Not(Contains(HasSubstr(container_.id()))))
        << layout;
    TearDown();
    ASSERT_THAT(installation_.run_gc(), Succeeds());
  }
}

TEST_P(InventoryOfContainers, TakesAGrantOfLayoutBindForWhatItIs) {
  start(
      "select: {}\nview: {layout: bind}\ngrants:\n"
      "  - {pin: /sys/fs/bpf/flows, access: read-write}\n");
  EXPECT_THAT(Taken(installation_).notices(), Not(Contains(HasSubstr(container_.id()))));
}

TEST_P(InventoryOfContainers, SaysThatASourceWasReplaced) {
  start(kTwoGrants);
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_THAT(Taken(installation_).notices(),
              Contains(HasSubstr("stale: " + subject() + ": \"view/flows\" is no more")));
}

TEST_P(InventoryOfContainers, SaysThatABpffsWasMountedAfterTheView) {
  start(kTwoGrants);
  in_container([] { mount_bpffs("/run"); });
  EXPECT_THAT(Taken(installation_).notices(),
              Contains("later: " + subject() + ": a bpffs at \"/run\" came after its view"));
}

TEST_P(InventoryOfContainers, SaysThatABpffsOfTheHostIsInAContainer) {
  container_.spec.mounts.push_back(
      {.destination = "/host", .type = "bind", .source = "/sys/fs/bpf", .options = {"bind"}});
  start("select: {}\nview: {at: /run/bpf, hostBpffs: allow}\ngrants: []\n");
  EXPECT_THAT(Taken(installation_).notices(),
              Contains(testing::MatchesRegex("exposed: .*: sees a bpffs of the host at "
                                             "\"/host\"")));
}

TEST_P(InventoryOfContainers, ShowsOneContainerAlone) {
  start(kTwoGrants);
  pins_.map("/sys/fs/bpf/unrelated");
  const auto result = take_inventory(installation_, {"pins", "--container", container_.id()});
  EXPECT_THAT(result.out, HasSubstr("flows"));
  EXPECT_THAT(result.out, Not(HasSubstr("unrelated")));
  const auto mounts = take_inventory(installation_, {"mounts", "--container", container_.id()});
  EXPECT_THAT(mounts.out, HasSubstr(subject()));
  EXPECT_THAT(mounts.out, Not(HasSubstr("the host")));
}

PINSCOPE_EACH_RUNTIME(InventoryOfContainers);

class InventoryOfMounts : public testing::Test {
 protected:
  InventoryOfMounts() { std::filesystem::create_directories(installation_.state_directory()); }
  [[nodiscard]] std::string directory(const std::string& name) const {
    return directory_.make_directory(name);
  }
  [[nodiscard]] Taken take() const { return Taken(installation_); }

  TempDirectory directory_;
  HostPins pins_;
  Installation installation_;
};

TEST_F(InventoryOfMounts, FindsABpffsInANamespaceOfItsOwn) {
  const std::string at = directory("b");
  const Neighbour neighbour([&] { mount_bpffs(at); });
  EXPECT_THAT(take().notices(), Contains(testing::AllOf(testing::StartsWith("stranger: "),
                                                        HasSubstr(neighbour.name() +
                                                                  ": has a bpffs"
                                                                  " of its own"
                                                                  " at \"" +
                                                                  at + "\""))));
}

TEST_F(InventoryOfMounts, FindsANamespaceThatNoProcessIsIn) {
  const std::string at = directory("b");
  Neighbour neighbour([&] { mount_bpffs(at); });
  const Fd held(check(
      open(("/proc/" + std::to_string(neighbour.pid()) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC),
      "open a mount namespace"));
  neighbour.end();
  const auto taken = take();
  if (testing::Matches(Contains(HasSubstr("no process is in it")))(taken.not_seen()))
    GTEST_SKIP() << "this kernel lists the mounts of a process only";
  EXPECT_THAT(taken.notices(), Contains(testing::AllOf(testing::StartsWith("stranger: mount "
                                                                           "namespace "),
                                                       HasSubstr(at))));
}

TEST_F(InventoryOfMounts, FindsABpffsOutsideOfAProcesssRoot) {
  const std::string at = directory("b");
  const std::string root = directory("root");
  const Neighbour neighbour([&] {
    mount_bpffs(at);
    check(chroot(root.c_str()), "chroot");
  });
  const auto taken = take();
  if (std::filesystem::exists("/proc/self/ns/mnt") && taken.notices().empty())
    GTEST_SKIP() << "this kernel lists the mounts that a process sees only";
  EXPECT_THAT(taken.notices(), Contains(HasSubstr(at)));
}

TEST_F(InventoryOfMounts, SaysThatABpffsIsCovered) {
  const std::string at = directory("b");
  const Neighbour neighbour([&] {
    mount_bpffs(at);
    check(mount("none", at.c_str(), "tmpfs", 0, nullptr), "cover it");
  });
  EXPECT_THAT(take().not_seen(), Contains(HasSubstr("another mount covers it")));
}

// These tests run in a PID namespace of their own.
TEST_F(InventoryOfMounts, SaysThatItIsNotInTheMachinesPidNamespace) {
  EXPECT_THAT(take().not_seen(), Contains(HasSubstr("processes outside of this PID namespace")));
}

TEST_F(InventoryOfMounts, IsNotHeldUpByAFileSystemThatNeverAnswers) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const std::string silent = directory("silent");
  SilentFileSystem file_system(silent);
  const Neighbour neighbour([&] { mount_bpffs(silent + "/x"); });
  const std::string other = directory("b");
  const Neighbour behind([&] { mount_bpffs(other); });
  file_system.fall_silent(SilentFileSystem::Silence::kTaking);
  const auto taken = take();
  EXPECT_THAT(taken.not_seen(), Contains(HasSubstr("it took too long")));
  EXPECT_THAT(taken.notices(), Contains(HasSubstr(other)));
}

TEST_F(InventoryOfMounts, SaysHowAProcessHoldsAMap) {
  pins_.map("/sys/fs/bpf/flows");
  const uint32_t id = map_id("/sys/fs/bpf/flows");
  const std::string self = std::to_string(getpid());
  EXPECT_THAT(take().holders(id), IsEmpty());
  union bpf_attr attributes {};
  attributes.pathname = reinterpret_cast<uintptr_t>("/sys/fs/bpf/flows");
  attributes.file_flags = BPF_F_RDONLY;
  const Fd reader(static_cast<int>(
      check(syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes), "open for reading")));
  EXPECT_THAT(take().holders(id), testing::ElementsAre(self + " reads"));
  const Fd writer = open_pin("/sys/fs/bpf/flows");
  EXPECT_THAT(take().holders(id), testing::ElementsAre(self + " writes"));
}

TEST_F(InventoryOfMounts, SeesWhatAThreadHasForItself) {
  pins_.map("/sys/fs/bpf/flows");
  const uint32_t id = map_id("/sys/fs/bpf/flows");
  const std::string at = directory("b");
  const Neighbour neighbour([&] {
    static std::atomic<bool> ready = false;
    std::thread([&] {
      check(unshare(CLONE_FILES | CLONE_NEWNS), "unshare a thread");
      check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
      mount_bpffs(at);
      [[maybe_unused]] const int held = open_pin("/sys/fs/bpf/flows").release();
      ready = true;
      for (;;) pause();
    }).detach();
    while (!ready) usleep(1000);
  });
  const auto taken = take();
  EXPECT_THAT(taken.holders(id), testing::ElementsAre(std::to_string(neighbour.pid()) + " writes"));
  EXPECT_THAT(taken.notices(), Contains(HasSubstr(at)));
}

TEST_F(InventoryOfMounts, CallsAProgramAnOrphanThatOnlyASocketKeeps) {
  const Fd receiver(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  {
    const Fd program = make_program("kept");
    const int fd = program.get();
    check(setsockopt(receiver.get(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof fd), "attach");
  }
  EXPECT_THAT(take().notices(), Contains(testing::AllOf(testing::StartsWith("orphan: program "),
                                                        HasSubstr("(kept)"))));
}

TEST_F(InventoryOfMounts, DoesNotCallAMapAnOrphanThatAPinnedMapHolds) {
  pins_.map("/sys/fs/bpf/outer", {.type = MapSpec::Type::kHashOfMaps, .value_size = 4});
  uint32_t inner_id = 0;
  {
    const Fd outer = open_pin("/sys/fs/bpf/outer");
    const Fd inner = make_map({.name = "inner"});
    pins_.object(inner, "/sys/fs/bpf/inner");
    inner_id = map_id("/sys/fs/bpf/inner");
    uint32_t key = 1;
    int value = inner.get();
    union bpf_attr attributes {};
    attributes.map_fd = static_cast<uint32_t>(outer.get());
    attributes.key = reinterpret_cast<uintptr_t>(&key);
    attributes.value = reinterpret_cast<uintptr_t>(&value);
    check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes), "put it in");
  }
  pins_.remove("/sys/fs/bpf/inner");
  EXPECT_THAT(take().notices(),
              Not(Contains(HasSubstr("orphan: map " + std::to_string(inner_id)))));
  pins_.remove("/sys/fs/bpf/outer");
}

TEST_F(InventoryOfMounts, PrintsHostileNamesHarmlessly) {
  const std::string at = directory("b\x1b[31m\n\xff");
  const Neighbour neighbour([&] {
    check(prctl(PR_SET_NAME, "x\x1b]0;\n\xc2\x9b"), "name it");
    mount_bpffs(at);
  });
  for (const char* what : {"summary", "mounts", "pins", "objects"}) {
    const auto result = take_inventory(installation_, {what, "--color", "never"});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(result.out, Not(HasSubstr("\x1b"))) << what;
    EXPECT_THAT(result.out, Not(HasSubstr("\xc2\x9b"))) << what;
  }
  EXPECT_THAT(take().notices(), Contains(HasSubstr(neighbour.name())));
}

TEST_F(InventoryOfMounts, FiltersByKindAndName) {
  pins_.map("/sys/fs/bpf/flows", {.name = "flow_map"});
  pins_.program("/sys/fs/bpf/guard");
  const auto maps = take_inventory(installation_, {"objects", "--kind", "map"});
  EXPECT_THAT(maps.out, HasSubstr("flow_map"));
  EXPECT_THAT(maps.out, Not(HasSubstr("program")));
  const auto named = take_inventory(installation_, {"pins", "--name", "gu*"});
  EXPECT_THAT(named.out, HasSubstr("guard"));
  EXPECT_THAT(named.out, Not(HasSubstr("flows")));
  EXPECT_EQ(take_inventory(installation_, {"pins", "--name", "["}).status, 1);
}

}  // namespace
}  // namespace pinscope::test
