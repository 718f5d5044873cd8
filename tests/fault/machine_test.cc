// Machines that refuse what the hook needs beside the kernel: full disks, directories of others, an
// audit trail that takes nothing, a lost cache. The container does not start and nothing is left,
// or it starts with its whole view.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Machine : public testing::Test {
 protected:
  void expect_refused(const std::string& sentence) {
    const auto result = hooked_.create();
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_EQ(result.err, "pinscope-hook: " + sentence + "\n");
    EXPECT_THAT(hooked_.traces(), IsEmpty()) << result;
  }
  void expect_refused_and_audited(const std::string& sentence, const std::string& code) {
    expect_refused(sentence);
    const auto line = hooked_.installation().last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_EQ(line.error, sentence);
    EXPECT_EQ(line.code, code);
  }
  void expect_view() {
    const auto result = hooked_.create();
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(hooked_.defects(), IsEmpty()) << result;
  }
  // With room for one page.
  Mounted small_file_system(const std::string& path) {
    auto mounted = Mounted::of_type("tmpfs", path, "size=4k,nr_inodes=8,mode=700");
    hooked_.remember_machine();
    return mounted;
  }
  void edit_policy() {
    hooked_.installation().write_policy(policy_text("select: {}\n"), "more.yaml");
  }

  [[nodiscard]] std::string state() const { return hooked_.installation().state_directory(); }
  [[nodiscard]] std::string cache() const { return hooked_.installation().cache_directory(); }

  HookedProcess hooked_{"shared"};
};

// There is no safe way round openat2(2) on a path that somebody else can change.
TEST_F(Machine, WhoseKernelRefusesToResolvePathsSafelyStartsNothing) {
  const auto result = hooked_.create([&](const SystemCall& call) {
    return call.number == SYS_openat2 ? Verdict::fail(ENOSYS) : Verdict::run();
  });
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(result.err,
            "pinscope-hook: container \"fault\": cannot open source pin "
            "\"/sys/fs/bpf/fault/flows\": Function not implemented (the kernel lacks this system "
            "call, or a seccomp filter refuses it; pinscope doctor says which); policy \"test\" at "
            "test.yaml:9:7\n");
  EXPECT_THAT(hooked_.traces(), IsEmpty()) << result;
}

TEST_F(Machine, WithNoSpaceForARecordStartsNothing) {
  const Mounted full = small_file_system(state());
  write_file(state() + "/filler", std::string(4096, 'x'));
  expect_refused_and_audited(
      "container \"fault\": keep a record in \"" + state() +
          "/containers\": cannot write \"fault.json\": No space left on device",
      "record");
}

TEST_F(Machine, WithSpaceForTheIntentButNotForTheOutcomeUndoesTheView) {
  const Mounted full = small_file_system(state());
  expect_refused_and_audited(
      "container \"fault\": keep a record in \"" + state() +
          "/containers\": cannot write \"fault.json\": No space left on device",
      "record");
}

TEST_F(Machine, WithAReadOnlyStateDirectoryStartsNothing) {
  Mounted read_only = small_file_system(state());
  read_only.change(MS_REMOUNT | MS_RDONLY);
  hooked_.remember_machine();
  expect_refused_and_audited("container \"fault\": cannot make directory \"" + state() +
                                 "/containers\": Read-only file system",
                             "record");
}

TEST_F(Machine, WithAStateDirectoryOfSomebodyElseStartsNothing) {
  check(chown(state().c_str(), 1000, 1000), "chown");
  expect_refused_and_audited("container \"fault\": cannot trust \"" + state() +
                                 "\": it is owned by uid 1000 (it must be owned by root and "
                                 "writable by root alone)",
                             "record");
}

TEST_F(Machine, WithAStateDirectoryThatOthersMayWriteStartsNothing) {
  check(chmod((state() + "/containers").c_str(), 0777), "chmod");
  expect_refused_and_audited("container \"fault\": cannot trust \"" + state() +
                                 "/containers\": others may write it (mode 0777) (it must be owned "
                                 "by root and writable by root alone)",
                             "record");
}

TEST_F(Machine, WithoutAStateDirectoryMakesOne) {
  fs::remove_all(state());
  expect_view();
  struct stat status = {};
  check(stat((state() + "/containers").c_str(), &status), "stat");
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST_F(Machine, WithADamagedRecordOfTheSameIdStartsNothingUntilItIsCollected) {
  write_file(state() + "/containers/fault.json", "{");
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(hooked_.installation().last_audit().code, "record");
  EXPECT_THAT(hooked_.traces_outside_state(), IsEmpty());
  // Too little is left of it to tell whose it is.
  EXPECT_EQ(hooked_.poststop().status, 1);
  EXPECT_THAT(hooked_.installation().records(), ElementsAre("fault.json"));
  const std::string pinscope = PINSCOPE_BIN_DIR "/pinscope";
  EXPECT_THAT(run({pinscope, "gc", "--damaged", "--state-dir", state(), "--audit",
                   hooked_.installation().audit_path()}),
              Succeeds());
  EXPECT_THAT(hooked_.installation().records(), IsEmpty());
  hooked_.renew();
  expect_view();
}

TEST_F(Machine, WhoseAuditTrailIsNoFileStartsNothing) {
  const std::string path = hooked_.installation().audit_path();
  const std::string start = "container \"fault\": cannot write the audit line: ";
  fs::create_directories(path);
  const auto directory = hooked_.create();
  EXPECT_EQ(directory.status, 1);
  EXPECT_THAT(directory.err, HasSubstr(start + "cannot open \"" + path + "\": Is a directory"));
  EXPECT_THAT(hooked_.traces(), IsEmpty());

  fs::remove(path);
  check(mkfifo(path.c_str(), 0600), "mkfifo");
  const auto fifo = hooked_.create();
  EXPECT_EQ(fifo.status, 1);
  EXPECT_THAT(fifo.err, HasSubstr(start + "cannot open \"" + path + "\": "));
  EXPECT_THAT(hooked_.traces(), IsEmpty());

  fs::remove(path);
  fs::create_symlink("/dev/null", path);
  const auto link = hooked_.create();
  EXPECT_EQ(link.status, 1);
  EXPECT_THAT(link.err, HasSubstr(start + "cannot open \"" + path + "\": "));
  EXPECT_THAT(hooked_.traces(), IsEmpty());
}

TEST_F(Machine, WithNoSpaceForTheAuditLineKeepsItElsewhere) {
  const std::string log = fs::path(hooked_.installation().audit_path()).parent_path();
  fs::create_directories(log);
  const Mounted full = small_file_system(log);
  write_file(log + "/filler", std::string(4096, 'x'));
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 0) << result;
  const auto waiting = read_audit(state() + "/audit.waiting");
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting.front().outcome, "granted");
  EXPECT_EQ(waiting.front().container, "fault");
}

// A view that nobody can find out about is not given.
TEST_F(Machine, WithNoSpaceForTheAuditLineAnywhereUndoesTheView) {
  const std::string log = fs::path(hooked_.installation().audit_path()).parent_path();
  fs::create_directories(log);
  const Mounted full = small_file_system(log);
  write_file(log + "/filler", std::string(4096, 'x'));
  fs::create_directories(state() + "/audit.waiting");
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot append to the audit file: No space left on device"));
  EXPECT_THAT(hooked_.traces(), IsEmpty());
}

TEST_F(Machine, ThatLostItsCacheMakesItAgain) {
  fs::remove_all(cache());
  expect_view();
  EXPECT_TRUE(fs::exists(cache()));
}

TEST_F(Machine, WithADamagedCacheMakesItAgain) {
  for (const auto& entry : fs::directory_iterator(cache()))
    if (entry.path().extension() == ".set") write_file(entry.path(), "nonsense");
  expect_view();
}

TEST_F(Machine, WithADamagedCacheAndNoCompilerStartsNothing) {
  for (const auto& entry : fs::directory_iterator(cache()))
    if (entry.path().extension() == ".set") write_file(entry.path(), "nonsense");
  hooked_.installation().options = {"--compiler", "/nonexistent"};
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(hooked_.installation().last_audit().code, "policy-unavailable");
  EXPECT_THAT(hooked_.traces(), IsEmpty());
}

TEST_F(Machine, WithACacheThatOthersMayWriteDoesNotBelieveIt) {
  for (const auto& entry : fs::directory_iterator(cache()))
    if (entry.path().extension() == ".set") check(chmod(entry.path().c_str(), 0666), "chmod");
  expect_view();
  for (const auto& entry : fs::directory_iterator(cache()))
    if (entry.path().extension() == ".set") {
      EXPECT_EQ(fs::status(entry.path()).permissions() & fs::perms::others_write, fs::perms::none);
    }
}

TEST_F(Machine, ThatCannotCompileAnEditKeepsWhatIsInForce) {
  hooked_.installation().options = {"--compiler", "/nonexistent"};
  edit_policy();
  expect_view();
  const auto audit = hooked_.installation().audit();
  ASSERT_EQ(audit.size(), 2U);
  EXPECT_EQ(audit[0].outcome, "policy-rejected");
  EXPECT_EQ(audit[0].error, "cannot run \"/nonexistent\": No such file or directory");
}

TEST_F(Machine, ThatCannotWriteACompiledSetKeepsWhatIsInForce) {
  edit_policy();
  Mounted read_only = Mounted::bind(cache(), cache());
  read_only.change(MS_BIND | MS_REMOUNT | MS_RDONLY);
  expect_view();
  EXPECT_EQ(hooked_.installation().audit()[0].outcome, "policy-rejected");
}

TEST_F(Machine, ThatHasNoPlaceForACompiledSetAndNoneInForceStartsNothing) {
  fs::remove_all(cache());
  write_file(cache(), "a file");
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(hooked_.installation().last_audit().code, "policy-unavailable");
  EXPECT_THAT(hooked_.traces(), IsEmpty());
  fs::remove(cache());
}

TEST_F(Machine, WithPoliciesOfSomebodyElseKeepsWhatIsInForce) {
  const std::string file = hooked_.installation().policy_directory() + "/test.yaml";
  check(chown(file.c_str(), 1000, 1000), "chown");
  Installation::settle();
  expect_view();
  EXPECT_THAT(hooked_.installation().audit()[0].error,
              HasSubstr("cannot trust \"" + file + "\": it is owned by uid 1000"));
}

}  // namespace
}  // namespace pinscope::test
