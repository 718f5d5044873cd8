// `pinscope who` and `pinscope can` of real containers: each yes is true, and each no, because the
// container tries it.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kFlows = "/sys/fs/bpf/flows";
enum Status { kYes = 0, kFailed = 1, kNo = 3, kMay = 4 };

// A process of the host's mount namespace in the PID namespace of a container.
class Neighbour {
 public:
  explicit Neighbour(pid_t container) {
    int ends[2];
    check(pipe(ends), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const std::string path = "/proc/" + std::to_string(container) + "/ns/pid";
      check(setns(check(open(path.c_str(), O_RDONLY), "open a namespace"), CLONE_NEWPID), "setns");
      const pid_t inner = check(fork(), "fork");
      [[maybe_unused]] ssize_t told = 0;
      if (inner != 0) {
        told = write(ends[1], &inner, sizeof inner);
        waitpid(inner, nullptr, 0);
        _exit(0);
      }
      for (;;) pause();
    }
    check(::read(ends[0], &inner_, sizeof inner_) == sizeof inner_ ? 0 : -1, "start it");
    close(ends[0]);
    close(ends[1]);
  }
  ~Neighbour() {
    kill(inner_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  pid_t pid_ = -1;
  pid_t inner_ = -1;
};

class AccessOfContainers : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map(kFlows);
    std::filesystem::create_directories(installation_.state_directory());
    std::filesystem::permissions(installation_.state_directory(),
                                 std::filesystem::perms::owner_all);
  }
  void TearDown() override {
    if (IsSkipped()) return;
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
  }

  // Starts the container, which tries these and stays.
  void start(std::vector<std::string> commands) {
    const std::string last = commands.back();
    commands.emplace_back("sleep 100");
    container_.probe(commands);
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
    ASSERT_TRUE(wait_until([&] { return tried(last) != "no answer"; })) << container_.output();
  }
  void start_with_grant(const std::string& access, std::vector<std::string> commands) {
    installation_.write_policy(policy_text(std::string("select: {}\ngrants: [{pin: ") + kFlows +
                                           ", access: " + access + "}]\n"));
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    start(std::move(commands));
  }
  void with_hosts_bpffs() {
    std::filesystem::create_directories(container_.image() + "/host");
    container_.spec.mounts.push_back({"/host", "bind", "/sys/fs/bpf", {"bind"}});
  }
  // What the kernel said to the container.
  [[nodiscard]] std::string tried(const std::string& command) const {
    CommandResult result;
    result.out = container_.output();
    return answer(result, command);
  }

  CommandResult pinscope(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kPinscope);
    arguments.insert(arguments.end(), {"--state-dir", installation_.state_directory()});
    return pinscope::test::run(std::move(arguments));
  }
  [[nodiscard]] CommandResult can(const std::string& right, const std::string& object = kFlows) {
    return pinscope({"can", pid(), object, right});
  }
  [[nodiscard]] std::string pid() { return std::to_string(container_.pid()); }
  [[nodiscard]] static std::string flows_id() { return std::to_string(map_id(kFlows)); }

  // Replaces the map by one with this flag.
  void make_flows(uint32_t flags) {
    pins_.remove(kFlows);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    const Fd map(
        check(bpf_map_create(BPF_MAP_TYPE_ARRAY, "flows", 4, 8, 16, &options), "make a map"));
    pins_.object(map, kFlows);
  }
  static void freeze() { check(bpf_map_freeze(open_pin(kFlows).get()), "freeze it"); }
};

constexpr const char* kRead = "lookup /sys/fs/bpf/flows 1";
constexpr const char* kWrite = "update /sys/fs/bpf/flows 1 7";
constexpr const char* kWriteByProgram = "prog-write /sys/fs/bpf/flows 1 7";

TEST_P(AccessOfContainers, WithAGrantToReadIsReading) {
  make_flows(0);
  start_with_grant("read", {kRead, kWrite});
  EXPECT_EQ(tried(kRead), "ok 0");
  EXPECT_EQ(tried(kWrite), "EROFS");
  const auto read = can("read");
  EXPECT_EQ(read.status, kYes) << read;
  EXPECT_THAT(read.out, HasSubstr("policy \"test\" at test.yaml:"));
  const auto write = can("write");
  EXPECT_EQ(write.status, kNo) << write;
  EXPECT_THAT(write.out, HasSubstr("sealed"));
}

TEST_P(AccessOfContainers, WithAGrantToWriteIsBoth) {
  start_with_grant("read-write", {kWrite});
  EXPECT_EQ(tried(kWrite), "ok");
  EXPECT_EQ(can("read").status, kYes);
  EXPECT_EQ(can("write").status, kYes);
  EXPECT_EQ(pinscope({"can", container_.id(), container_.id() + ":flows", "write"}).status, kYes)
      << "by the record, and the pin's name in the container";
}

TEST_P(AccessOfContainers, WithoutAnythingIsNone) {
  start({"map-by-id " + flows_id()});
  EXPECT_EQ(tried("map-by-id " + flows_id()), "EPERM");
  const auto read = can("read");
  EXPECT_EQ(read.status, kNo) << read;
  EXPECT_THAT(read.out, HasSubstr("  it sees no pin of it\n  none of its processes has it open\n"));
  EXPECT_EQ(can("write").status, kNo);
}

TEST_P(AccessOfContainers, WithTheHostsBpffsIsEverything) {
  with_hosts_bpffs();
  start({"update /host/flows 1 7"});
  EXPECT_EQ(tried("update /host/flows 1 7"), "ok");
  EXPECT_EQ(can("write").status, kYes) << can("write");
}

TEST_P(AccessOfContainers, WithTheHostsBpffsAndAnotherUserIsWhatModesAllow) {
  with_hosts_bpffs();
  container_.spec.uid = container_.spec.gid = 1000;
  container_.spec.capabilities.clear();
  container_.spec.no_new_privileges = true;
  start({"get-ro /host/flows"});
  EXPECT_EQ(tried("get-ro /host/flows"), "EACCES");
  const auto read = can("read");
  EXPECT_EQ(read.status, kNo) << read;
  EXPECT_THAT(read.out, HasSubstr("does not let 1000:1000 open it"));
  check(chmod(kFlows, 0604), "chmod");
  const auto may = can("read");
  EXPECT_EQ(may.status, kMay) << may;
  EXPECT_THAT(may.out, HasSubstr("not certain: whether the directories above \"/host/flows\" let "
                                 "1000:1000 in was not looked at"));
  const auto write = can("write");
  EXPECT_EQ(write.status, kMay);
  EXPECT_THAT(write.out, HasSubstr("it can be pinned again in the bpffs at \"/host\""));
}

TEST_P(AccessOfContainers, WithTheHostsBpffsInAUserNamespaceIsNone) {
  with_hosts_bpffs();
  container_.spec.with_user_namespace();
  container_.spec.capabilities = BundleSpec::all_capabilities();
  start({"map-by-id " + flows_id(), "get-ro /host/flows"});
  EXPECT_EQ(tried("map-by-id " + flows_id()), "EPERM");
  EXPECT_EQ(tried("get-ro /host/flows"), "EACCES");
  EXPECT_EQ(can("read").status, kNo) << can("read");
}

TEST_P(AccessOfContainers, WithFilesThatMakeItRootIsNotCertain) {
  with_hosts_bpffs();
  container_.spec.uid = container_.spec.gid = 1000;
  container_.spec.capabilities.clear();
  start({"get-ro /host/flows"});
  EXPECT_EQ(tried("get-ro /host/flows"), "EACCES");
  EXPECT_EQ(can("read").status, kMay) << can("read");
}

TEST_P(AccessOfContainers, WithAProcessThatLeftItsMountNamespaceIsNotCertain) {
  start({"id"});
  EXPECT_EQ(can("read").status, kNo) << can("read");
  const Neighbour neighbour(container_.pid());
  const auto read = can("read");
  EXPECT_EQ(read.status, kMay) << read;
  EXPECT_THAT(read.out, HasSubstr("in another mount namespace"));
}

TEST_P(AccessOfContainers, WithCapSysAdminIsEverything) {
  container_.spec.capabilities.emplace_back("CAP_SYS_ADMIN");
  start({"map-by-id " + flows_id()});
  EXPECT_EQ(tried("map-by-id " + flows_id()), "ok");
  const auto write = can("write");
  EXPECT_EQ(write.status, kYes) << write;
  EXPECT_THAT(write.out, HasSubstr("CAP_SYS_ADMIN"));
}

TEST_P(AccessOfContainers, ToAFrozenMapIsNoWriting) {
  make_flows(0);
  freeze();
  start_with_grant("read-write", {kRead, kWrite});
  EXPECT_EQ(tried(kRead), "ok 0");
  EXPECT_EQ(tried(kWrite), "EPERM");
  EXPECT_EQ(can("read").status, kYes);
  const auto write = can("write");
  EXPECT_EQ(write.status, kNo) << write;
  EXPECT_THAT(write.out, HasSubstr("frozen"));
}

TEST_P(AccessOfContainers, ToAFrozenMapIsWritingByPrograms) {
  make_flows(0);
  freeze();
  container_.spec.capabilities.emplace_back("CAP_BPF");
  start_with_grant("read-write", {kWrite, kWriteByProgram});
  EXPECT_EQ(tried(kWrite), "EPERM");
  EXPECT_EQ(tried(kWriteByProgram), "ok");
  EXPECT_EQ(can("write").status, kYes) << can("write");
}

TEST_P(AccessOfContainers, WithCapBpfIsWritingWhatItReads) {
  make_flows(0);
  container_.spec.capabilities.emplace_back("CAP_BPF");
  start_with_grant("read", {kWrite, kWriteByProgram});
  EXPECT_EQ(tried(kWrite), "EROFS");
  EXPECT_EQ(tried(kWriteByProgram), "ok");
  const auto write = can("write");
  EXPECT_EQ(write.status, kYes) << write;
  EXPECT_THAT(write.out, HasSubstr("loads a program"));
}

TEST_P(AccessOfContainers, WithCapBpfIsNoWritingOfWhatProgramsOnlyRead) {
  make_flows(BPF_F_RDONLY_PROG);
  container_.spec.capabilities.emplace_back("CAP_BPF");
  start_with_grant("read", {kRead, kWriteByProgram});
  EXPECT_EQ(tried(kRead), "ok 0");
  EXPECT_EQ(tried(kWriteByProgram), "EACCES");
  EXPECT_EQ(can("read").status, kYes);
  const auto write = can("write");
  EXPECT_EQ(write.status, kNo) << write;
  EXPECT_THAT(write.out, HasSubstr("BPF_F_RDONLY_PROG"));
}

TEST_P(AccessOfContainers, BehindASeccompFilterIsNotCertain) {
  container_.spec.seccomp_default = "SCMP_ACT_ALLOW";
  container_.spec.seccomp = {{{"bpf"}, "SCMP_ACT_ERRNO", {}}};
  with_hosts_bpffs();
  start({"get-ro /host/flows"});
  EXPECT_EQ(tried("get-ro /host/flows"), "EPERM");
  EXPECT_EQ(can("read").status, kMay) << can("read");
}

// A process without any right that was handed a descriptor, in the container's mount namespace.
class Guest {
 public:
  Guest(pid_t container, bool for_writing) {
    int ends[2];
    int numbers[2];
    check(pipe(ends), "pipe");
    check(pipe(numbers), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      LIBBPF_OPTS(bpf_obj_get_opts, options,
                  .file_flags = for_writing ? 0U : uint32_t{BPF_F_RDONLY});
      const int map = check(bpf_obj_get_opts(kFlows, &options), "open it");
      const std::string path = "/proc/" + std::to_string(container) + "/ns/";
      const int mounts = check(open((path + "mnt").c_str(), O_RDONLY), "open a namespace");
      const int processes = check(open((path + "pid").c_str(), O_RDONLY), "open a namespace");
      check(setns(processes, CLONE_NEWPID), "setns");
      const pid_t guest = check(fork(), "fork");
      if (guest != 0) {
        [[maybe_unused]] const auto told = write(numbers[1], &guest, sizeof guest);
        waitpid(guest, nullptr, 0);
        _exit(0);
      }
      check(setns(mounts, CLONE_NEWNS), "setns");
      check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
      check(setresuid(1000, 1000, 1000), "become somebody");
      const uint32_t key = 1;
      const uint64_t value = 7;
      Answers answers;
      uint64_t read = 0;
      answers.read = bpf_map_lookup_elem(map, &key, &read) == 0;
      answers.wrote = bpf_map_update_elem(map, &key, &value, BPF_ANY) == 0;
      [[maybe_unused]] const auto told = write(ends[1], &answers, sizeof answers);
      for (;;) pause();
    }
    close(ends[1]);
    close(numbers[1]);
    const bool is_told = ::read(numbers[0], &guest_, sizeof guest_) == sizeof guest_ &&
                         ::read(ends[0], &answers_, sizeof answers_) == sizeof answers_;
    check(is_told ? 0 : -1, "start a guest");
    close(ends[0]);
    close(numbers[0]);
  }
  ~Guest() {
    kill(guest_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // "yn": it could read, and not write.
  [[nodiscard]] std::string tried() const {
    return std::string(answers_.read ? "y" : "n") + (answers_.wrote ? "y" : "n");
  }

 private:
  struct Answers {
    bool read = false;
    bool wrote = false;
  };

  pid_t pid_ = -1;    // its parent, which waits for it
  pid_t guest_ = -1;  // itself
  Answers answers_;
};

TEST_P(AccessOfContainers, IsThatOfADescriptorWhichWasHandedOn) {
  make_flows(0);
  start({"id"});
  EXPECT_EQ(can("read").status, kNo);
  {
    const Guest guest(container_.pid(), false);
    EXPECT_EQ(guest.tried(), "yn");
    EXPECT_EQ(can("read").status, kYes) << can("read");
    EXPECT_EQ(can("write").status, kNo) << can("write");
  }
  const Guest guest(container_.pid(), true);
  EXPECT_EQ(guest.tried(), "yy");
  const auto write = can("write");
  EXPECT_EQ(write.status, kYes) << write;
  EXPECT_THAT(write.out, HasSubstr("has it open for writing"));
}

TEST_P(AccessOfContainers, IsShownForAllOfThem) {
  start_with_grant("read", {kRead});
  RuntimeContainer other(GetParam());
  other.spec.mounts.push_back({"/host", "bind", "/sys/fs/bpf", {"bind"}});
  other.probe({"sleep 100"});
  ASSERT_THAT(other.create(), Succeeds());
  ASSERT_THAT(other.start(), Succeeds());
  const auto shown = pinscope({"who", kFlows});
  EXPECT_EQ(shown.status, 0) << shown;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("the host"), HasSubstr("test.yaml:"),
                               HasSubstr("\"/host/flows\" of the host's bpffs, 0:0 0600")));
  const auto text = pinscope({"who", "map:" + flows_id(), "-o", "json"});
  const auto json = JsonDocument::parse(text.out, "who", ErrorCode::kInternal);
  ASSERT_TRUE(json.has_value()) << text;
  std::vector<std::string> found;
  const auto who = json->root().find("who").value()->elements().value();
  for (const auto& one : who)
    found.push_back(one.string_or("container", one.string_or("kind", "").value()).value() + " " +
                    one.string_or("reads", "").value() + " " + one.string_or("writes", "").value());
  EXPECT_THAT(
      found, testing::ElementsAre("host yes yes", container_.id() + " yes no", "container yes yes"))
      << shown;
  (void)other.kill();
  other.wait_stopped();
  (void)other.remove();
}

PINSCOPE_EACH_RUNTIME(AccessOfContainers);

class Words : public testing::Test {
 protected:
  Words() {
    pins_.map("/sys/fs/bpf/a/whose", {.name = "one"});
    pins_.map("/sys/fs/bpf/b/whose", {.name = "two"});
    pins_.program("/sys/fs/bpf/guard");
  }
  [[nodiscard]] static CommandResult who(const std::string& word) {
    return run({kPinscope, "who", word});
  }
  HostPins pins_;
};

TEST_F(Words, NameOneObject) {
  EXPECT_THAT(who("/sys/fs/bpf/a/whose").out, HasSubstr("(one)"));
  EXPECT_THAT(who("two").out, HasSubstr("(two)"));
  EXPECT_THAT(who("guard").out, AllOf(HasSubstr("program "), HasSubstr("USE")));
  EXPECT_THAT(who("prog:" + std::to_string(program_id("/sys/fs/bpf/guard"))).out,
              HasSubstr("program "));
}

TEST_F(Words, ThatMayBeSeveralAreListed) {
  const auto result = who("whose");
  EXPECT_EQ(result.status, kFailed);
  const auto shown = [](const std::string& path) {
    return "map:" + std::to_string(map_id(path)) + " (" + path + ")";
  };
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("several are called that: "), HasSubstr(shown("/sys/fs/bpf/a/whose")),
            HasSubstr(shown("/sys/fs/bpf/b/whose")), HasSubstr("name one of these instead")));
}

TEST_F(Words, ThatNameNothingAreErrors) {
  EXPECT_THAT(who("/sys/fs/bpf/none").err, HasSubstr("No such file"));
  EXPECT_THAT(who("map:4000000").err, HasSubstr("there is none with this id"));
  const std::string id = std::to_string(map_id("/sys/fs/bpf/a/whose"));
  EXPECT_THAT(who("link:" + id).err, HasSubstr("a map has it: map:" + id));
  EXPECT_THAT(who("/sys/fs/bpf/a").err, HasSubstr("it is a directory"));
  EXPECT_THAT(who("/etc/passwd").err, HasSubstr("it is in no bpffs"));
  EXPECT_THAT(who("nobody").err, HasSubstr("there is none with this name"));
  const auto hostile = who("a\x1b[31m\n\xff");
  EXPECT_EQ(hostile.status, kFailed);
  EXPECT_THAT(hostile.err, Not(HasSubstr("\x1b")));
  const auto turned = run({kPinscope, "can", "/sys/fs/bpf/guard", "web"});
  EXPECT_EQ(turned.status, 2) << turned;
  EXPECT_THAT(turned.err, HasSubstr("CONTAINER comes first, then OBJECT"));
  EXPECT_EQ(run({kPinscope, "can", "1", "guard"}).status, kFailed) << "the host is no container";
}

}  // namespace
}  // namespace pinscope::test
