// What the kernel does with a bpffs that delegates, and the room that makes one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/process/file_ids.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/sys.h"
#include "plugin/policy/decide/program_types.h"
#include "tests/support/container/runtime_container.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/programs/command.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using kernel::DelegatedRoot;
using model::TokenRight;
using model::TokenRights;

constexpr uint32_t kRoot = 100000;  // the host's id of the namespace's root

TokenRights some_rights() {
  TokenRights rights;
  rights.add(model::BpfCommand::kMapCreate);
  rights.add(TokenRight::kMap, 1);
  rights.add(TokenRight::kAttach, 37);
  return rights;
}

// A process in a user and a mount namespace of its own. When it is told to, it runs the probe as
// the namespace's root, with every capability there.
class Tenant {
 public:
  Tenant() {
    check(pipe2(ready_, O_CLOEXEC), "pipe");
    check(pipe2(go_, O_CLOEXEC), "pipe");
    check(pipe2(said_, O_CLOEXEC), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) live();
    close(ready_[1]);
    close(go_[0]);
    close(said_[1]);
    char byte = 0;
    check(read(ready_[0], &byte, 1), "wait for a process");
    for (const char* map : {"/uid_map", "/gid_map"})
      std::ofstream("/proc/" + std::to_string(pid_) + map) << "0 " << kRoot << " 65536";
  }
  ~Tenant() {
    close(go_[1]);
    waitpid(pid_, nullptr, 0);
    close(ready_[0]);
    close(said_[0]);
  }
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;

  [[nodiscard]] kernel::ContainerProcess process() const {
    return *kernel::ContainerProcess::open(pid_);
  }

  // Attaches a mount in its namespace, on a directory that is the same file there and here.
  void attach(int mount, const std::string& at) const {
    const pid_t helper = check(fork(), "fork");
    if (helper == 0) {
      const auto process = kernel::ContainerProcess::open(pid_);
      const bool done =
          process && process->enter_mount_namespace() && kernel::attach_mount(mount, AT_FDCWD, at);
      _exit(done ? 0 : 1);
    }
    int status = 0;
    waitpid(helper, &status, 0);
    ASSERT_EQ(status, 0);
  }

  CommandResult run(const std::vector<std::string>& commands) {
    std::string text;
    for (const auto& command : commands) text += command + '\n';
    check(write(go_[1], text.data(), text.size()), "tell a process");
    close(std::exchange(go_[1], -1));
    CommandResult result;
    char buffer[4096];
    for (ssize_t size = 0; (size = read(said_[0], buffer, sizeof buffer)) > 0;)
      result.out.append(buffer, static_cast<size_t>(size));
    return result;
  }

 private:
  [[noreturn]] void live() {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(1);
    if (write(ready_[1], "x", 1) != 1) _exit(1);
    close(go_[1]);
    std::string text;
    char byte = 0;
    while (read(go_[0], &byte, 1) == 1) text += byte;
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) _exit(1);
    std::vector<std::string> words = {PINSCOPE_BIN_DIR "/pinscope_probe"};
    for (size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
      words.push_back(text.substr(at, end - at));
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    dup2(said_[1], STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(1);
  }

  int ready_[2];
  int go_[2];
  int said_[2];
  pid_t pid_ = -1;
};

class TokenFacts : public testing::Test {
 protected:
  void SetUp() override {
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) {
      record_refusal(probe.detail);
      GTEST_SKIP() << probe.detail;
    }
    check(chmod(directory_.path().c_str(), 0755), "chmod");
    at_ = directory_.make_directory("at");
  }

  void make(const DelegatedRoot& root = {}, const TokenRights& rights = some_rights()) {
    auto context = kernel::create_delegated_bpffs(tenant_.process(), rights, root);
    ASSERT_TRUE(context) << context.error().sentence();
    context_ = *std::move(context);
    mount_ = *kernel::mount_filesystem(context_.get());
  }
  CommandResult run(std::vector<std::string> commands) {
    tenant_.attach(mount_.get(), at_);
    return tenant_.run(commands);
  }
  std::string at(const std::string& command) { return command + " " + at_; }

  TempDirectory directory_;
  std::string at_;
  Tenant tenant_;
  Fd context_;
  Fd mount_;
};

TEST_F(TokenFacts, ATokenComesFromAReadOnlySuperblockToo) {
  make();
  ASSERT_TRUE(kernel::make_superblock_read_only(context_.get()));
  const auto result = run({at("token"), at("token-map") + " 1", at("token-map") + " 9",
                           "map-create", "mkdir " + at_ + "/x"});
  EXPECT_EQ(answer(result, at("token")), "ok cmds=0x1 maps=0x2 progs=0x0 attachs=0x2000000000");
  EXPECT_EQ(answer(result, at("token-map") + " 1"), "ok");
  EXPECT_EQ(answer(result, at("token-map") + " 9"), "EPERM");
  EXPECT_EQ(answer(result, "map-create"), "EPERM");
  EXPECT_EQ(answer(result, "mkdir " + at_ + "/x"), "EROFS");
}

TEST_F(TokenFacts, RootOfTheNamespaceMakesTheSuperblockWritableAgain) {
  make();
  ASSERT_TRUE(kernel::make_superblock_read_only(context_.get()));
  const auto result = run({at("remount-rw"), "mkdir " + at_ + "/x", "chmod " + at_ + " 777",
                           "reconfigure " + at_ + " delegate_maps 0x4",
                           "reconfigure " + at_ + " uid 0", "stat " + at_});
  EXPECT_EQ(answer(result, at("remount-rw")), "ok");
  EXPECT_EQ(answer(result, "mkdir " + at_ + "/x"), "EACCES") << "the root is nobody's there";
  EXPECT_EQ(answer(result, "chmod " + at_ + " 777"), "EPERM");
  EXPECT_EQ(answer(result, "reconfigure " + at_ + " delegate_maps 0x4"), "EPERM");
  EXPECT_EQ(answer(result, "stat " + at_), "ok directory mode=1755 uid=65534 gid=65534");
}

// Trusted attributes say whose a pin is; what its own root could write would say nothing.
TEST_F(TokenFacts, RootOfTheNamespaceWritesNoTrustedAttribute) {
  make({kRoot, kRoot});
  const std::string set = "set-attribute " + at_ + " " + kernel::kContainerAttribute + " other";
  const auto result = run({set});
  const std::string said = answer(result, set);
  if (said == "EOPNOTSUPP") record_answer("yes; this one keeps no attributes");
  EXPECT_THAT(said, testing::AnyOf("EPERM", "EOPNOTSUPP")) << result;
}

TEST_F(TokenFacts, ADirectoryInItHasAnOwnerWhoMayPinThere) {
  make();
  EXPECT_NE(mkdirat(mount_.get(), "sub", 0755), 0);
  EXPECT_EQ(errno, EOVERFLOW) << "the host's root makes nothing in it";
  {
    const kernel::FileIds ids(kRoot, kRoot);
    ASSERT_TRUE(kernel::keep_file_capabilities());
    ASSERT_EQ(mkdirat(mount_.get(), "sub", 0555), 0);
  }
  ASSERT_TRUE(kernel::make_superblock_read_only(context_.get()));
  const auto result = run({at("remount-rw"), "token-pin " + at_ + " " + at_ + "/pin",
                           "token-pin " + at_ + " " + at_ + "/sub/pin"});
  EXPECT_EQ(answer(result, "token-pin " + at_ + " " + at_ + "/pin"), "EACCES");
  EXPECT_EQ(answer(result, "token-pin " + at_ + " " + at_ + "/sub/pin"), "ok");
}

TEST_F(TokenFacts, TheRootMayBelongToSomebodyOfTheNamespace) {
  make({kRoot, kRoot});
  const auto result = run({"stat " + at_, "token-pin " + at_ + " " + at_ + "/pin"});
  EXPECT_EQ(answer(result, "stat " + at_), "ok directory mode=1755 uid=0 gid=0");
  EXPECT_EQ(answer(result, "token-pin " + at_ + " " + at_ + "/pin"), "ok");
}

TEST_F(TokenFacts, TheKernelsDebugFilesAreNobodysThere) {
  make();
  const auto result = run({"cat " + at_ + "/maps.debug"});
  const std::string said = answer(result, "cat " + at_ + "/maps.debug");
  // A kernel that puts none there refuses to look up a name with a dot.
  if (said == "EPERM")
    record_answer("yes; this one puts nothing there");
  else
    EXPECT_EQ(said, "EACCES");
}

TEST_F(TokenFacts, OptionsAreReadBackFromTheMountTable) {
  make();
  const Fd mountinfo = *open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY);
  EXPECT_FALSE(kernel::delegated_rights(mountinfo.get(), mount_.get())) << "it is not attached";
  ASSERT_TRUE(kernel::attach_mount(mount_.get(), AT_FDCWD, at_));
  const auto rights = kernel::delegated_rights(mountinfo.get(), mount_.get());
  umount2(at_.c_str(), MNT_DETACH);
  ASSERT_TRUE(rights) << rights.error().sentence();
  EXPECT_EQ(*rights, some_rights());
}

// Nothing but the mask stands between a container and what traces the machine: no policy can put
// such a type into it.
TEST_F(TokenFacts, AProbeIsLoadedOnceItsTypeIsDelegated) {
  constexpr uint32_t kKprobe = 2;
  constexpr uint32_t kUprobeMulti = 48;
  TokenRights rights;
  rights.add(model::BpfCommand::kProgLoad);
  rights.add(TokenRight::kProgram, kKprobe);
  rights.add(TokenRight::kAttach, policy::kAttachNone);
  rights.add(TokenRight::kAttach, kUprobeMulti);
  make({}, rights);
  const std::string kprobe = "token-prog " + at_ + " 2 0";
  const std::string uprobe = "token-prog " + at_ + " 2 48";
  const auto result = run({kprobe, uprobe});
  EXPECT_EQ(answer(result, kprobe), "ok") << result;
  EXPECT_EQ(answer(result, uprobe), "ok");
  EXPECT_NE(policy::danger_of(TokenRight::kProgram, kKprobe), nullptr);
  EXPECT_NE(policy::danger_of(TokenRight::kAttach, kUprobeMulti), nullptr);
}

TEST_F(TokenFacts, AnUnknownOptionIsTakenAndAWrongValueIsNot) {
  const Fd context = *kernel::open_filesystem("bpf");
  EXPECT_TRUE(kernel::set_option(context.get(), "delegate_mops", "hash"));
  EXPECT_FALSE(kernel::set_option(context.get(), "delegate_maps", "hush"));
}

TEST_F(TokenFacts, TheKernelHasEveryNameOfOurs) {
  for (const TokenRight right : model::kTokenRights)
    for (const auto name : model::token_right_names(right)) {
      TokenRights rights;
      rights.add(right, *model::token_right_from_name(right, name));
      const auto known = kernel::check_delegable(rights);
      // A kernel may be older than a name.
      if (!known) {
        EXPECT_EQ(known.error().sentence(), std::string("cannot delegate ") + noun_of(right) +
                                                " \"" + std::string(name) +
                                                "\": this kernel has none of that name");
        RecordProperty(std::string(name), "older kernel");
      }
    }
}

TEST(DelegationOptions, AreParsedAsTheKernelPrintsThem) {
  const auto parsed = [](std::string_view options) {
    const auto rights = kernel::parse_delegation(options);
    return rights ? *rights : TokenRights{};
  };
  EXPECT_TRUE(parsed("rw,mode=755").empty());
  EXPECT_EQ(parsed("rw,delegate_cmds=map_create,delegate_maps=hash,delegate_attachs=xdp"),
            some_rights());
  EXPECT_EQ(parsed("delegate_cmds=0x1,delegate_maps=0x2,delegate_attachs=xdp"), some_rights());
  EXPECT_EQ(parsed("delegate_maps=any")[TokenRight::kMap], ~uint64_t{0});
  EXPECT_EQ(
      parsed("delegate_maps=hash:cgroup_storage_deprecated:0x8000000000000000")[TokenRight::kMap],
      uint64_t{1} << 1 | uint64_t{1} << 19 | uint64_t{1} << 63);
  EXPECT_FALSE(kernel::parse_delegation("delegate_maps=hash:new_map"));
  EXPECT_FALSE(kernel::parse_delegation("delegate_maps=0xzz"));
}

TEST(DelegationProbes, SayWhyNotWhereTheKernelCannot) {
  const auto probe = kernel::probe_delegation();
  if (probe.answer == model::Probe::kYes) {
    EXPECT_EQ(probe.detail, "");
    EXPECT_TRUE(kernel::check_delegable(some_rights()));
    return;
  }
  const auto able = kernel::check_delegable(some_rights());
  if (able) GTEST_SKIP() << probe.detail;
  EXPECT_EQ(able.error().sentence(),
            "cannot delegate BPF to a container: this kernel has no BPF tokens (tokens need Linux "
            "6.9 or later; pinscope doctor says what this kernel has)");
}

}  // namespace
}  // namespace pinscope::test
