// pinscoped as the service of values and as its holder, with a real file system of FUSE, and each
// of their processes killed: readers go on, and nothing is left behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "plugin/daemon/confine.h"
#include "plugin/inventory/values_service.h"
#include "plugin/model/values_lease.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kDaemon = PINSCOPE_BIN_DIR "/pinscoped";

// The words of a process, with spaces between them; empty if it has ended.
std::string words_of_process(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/cmdline");
  std::stringstream text;
  text << file.rdbuf();
  std::string words = text.str();
  std::ranges::replace(words, '\0', ' ');
  return words;
}

class ValuesKilled : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* part : {"--values --", "--values-worker", "--hold"}) end(part, SIGKILL);
  }

  // Starts a part of pinscoped with this state directory.
  void start(std::vector<std::string> words) {
    words.insert(words.begin(), kDaemon);
    words.insert(words.end(), {"--state-dir", state()});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = directory_.path("log");
    const pid_t child = check(::fork(), "fork");
    if (child != 0) return;
    (void)::setsid();
    const gid_t group = 4000;  // that nobody may keep
    (void)::setgroups(1, &group);
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)::dup2(file, STDERR_FILENO);
    ::execv(kDaemon, arguments.data());
    ::_exit(127);
  }

  [[nodiscard]] std::string state() const { return directory_.path("state"); }
  [[nodiscard]] std::string path() const { return hold::socket_path(state()); }

  // The processes of this installation with such a word in their command line.
  [[nodiscard]] std::vector<pid_t> processes(const std::string& word) const {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string words = words_of_process(name);
      if (words.find(state()) != std::string::npos && words.find(word) != std::string::npos)
        found.push_back(std::stoi(name));
    }
    return found;
  }

  // Ends one, and waits until it is gone.
  void end(const std::string& word, int signal) {
    for (const pid_t pid : processes(word)) {
      (void)::kill(pid, signal);
      EXPECT_TRUE(wait_until([&] {
        (void)::waitpid(pid, nullptr, WNOHANG);
        return words_of_process(std::to_string(pid)).empty();
      })) << word;
    }
  }

  [[nodiscard]] pid_t await(const std::string& word) const {
    EXPECT_TRUE(wait_until([&] { return processes(word).size() == 1; })) << word;
    const auto found = processes(word);
    return found.empty() ? 0 : found.front();
  }

  [[nodiscard]] inventory::ValuesService look() const {
    auto found = inventory::look_at_values(state());
    EXPECT_TRUE(found) << (found ? "" : found.error().sentence());
    return found ? *std::move(found) : inventory::ValuesService{};
  }
  // Until so many containers are served.
  void await_serving(size_t leases) const {
    EXPECT_TRUE(wait_until([&] {
      const auto found = look();
      return found.status && found.status->state == model::ValuesState::kServing &&
             found.status->leases.size() == leases;
    })) << log();
  }

  void await_holder() const {
    EXPECT_TRUE(wait_until([&] { return look().has_holder; })) << log();
  }

  // Puts a lease as the hook does, and keeps nothing but the mount.
  void put_lease(FuseSuperblock& file_system, const std::string& id = "web-1") const {
    model::ValuesLease lease{.container = id, .secret = std::string(64, 'a'), .maps = {}};
    const Fd text = description(to_json(lease));
    auto begun = hold::Put::begin(path(), id, kTimeout);
    ASSERT_TRUE(begun) << begun.error().sentence();
    ASSERT_TRUE(begun->add(std::vector<int>{file_system.device(), text.get()}));
    const auto kept = begun->finish();
    ASSERT_TRUE(kept) << kept.error().sentence();
    file_system.let_go();
  }

  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_.path("log"));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  static int read_of(const FuseSuperblock& file_system) {
    return end_of_reader(start_reader(file_system));
  }

  TempDirectory directory_;
};

TEST_F(ValuesKilled, ServesWithAHolderOfItsOwn) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  EXPECT_EQ(read_of(file_system), ENOENT) << log();
  await_serving(1);
  const auto status = look().status.value();
  EXPECT_EQ(status.leases.front().container, "web-1");
  EXPECT_GE(status.leases.front().requests, 1U);
}

TEST_F(ValuesKilled, LetsGoOfAContainerThatEnds) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  await_serving(1);
  file_system.end();
  await_serving(0);
}

TEST_F(ValuesKilled, ReadersGoOnWhenTheWorkerIsKilled) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_of(file_system), ENOENT) << log();
    end("--values-worker", SIGKILL);
  }
  EXPECT_EQ(read_of(file_system), ENOENT) << log();
}

TEST_F(ValuesKilled, ReadersWaitUntilTheServiceIsBack) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  await_serving(1);
  const pid_t worker = await("--values-worker");
  end("--values --", SIGKILL);
  // Without a parent there is no worker.
  EXPECT_TRUE(wait_until([&] { return words_of_process(std::to_string(worker)).empty(); }));
  const pid_t reader = start_reader(file_system);
  EXPECT_FALSE(look().status);
  EXPECT_TRUE(look().has_holder);
  start({"--values"});
  EXPECT_EQ(end_of_reader(reader), ENOENT) << log();
}

TEST_F(ValuesKilled, AReaderThatWaitsCanBeKilled) {
  start({"--hold"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  const pid_t reader = start_reader(file_system);
  (void)::kill(reader, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_TRUE(WIFSIGNALED(status));
}

// Two workers that end are enough, and other containers are served meanwhile and after.
class ValuesSetAside : public ValuesKilled {
 protected:
  // What of "web-1" is the end of a worker, and how.
  void start_with_a_mistake(const char* over, const char* how) {
    ::setenv("LD_PRELOAD", PINSCOPE_END_OVER, 1);
    ::setenv("PINSCOPE_END_OVER", over, 1);
    ::setenv("PINSCOPE_END_BY", how, 1);
    start({"--values", "--no-holder"});
    for (const char* name : {"LD_PRELOAD", "PINSCOPE_END_OVER", "PINSCOPE_END_BY"})
      ::unsetenv(name);
  }
  // That this is the one that is set aside, and no other.
  void expect_set_aside(const std::string& id) const {
    const auto set_aside = [&] {
      std::vector<std::string> ids;
      const auto found = look();
      if (!found.status) return ids;
      for (const auto& lease : found.status->leases)
        if (lease.set_aside) ids.push_back(lease.container);
      return ids;
    };
    EXPECT_TRUE(wait_until([&] { return !set_aside().empty(); }, 120)) << log();
    EXPECT_THAT(set_aside(), testing::ElementsAre(id));
    EXPECT_THAT(log(), HasSubstr("the values of container \"" + id + "\" are set aside"));
  }
};

TEST_F(ValuesSetAside, IsWhatEndsWorkersAsSoonAsTheyAreGivenIt) {
  start({"--hold"});
  await_holder();
  FuseSuperblock bad;
  FuseSuperblock good;
  put_lease(bad, "web-1");
  put_lease(good, "web-2");
  start_with_a_mistake("\"web-1\"", "abort");
  EXPECT_EQ(read_of(good), ENOENT) << log();
  EXPECT_EQ(read_of(bad), EIO) << log();
  expect_set_aside("web-1");
  // It stays so with the next worker, who is told before it is given anything.
  end("--values-worker", SIGKILL);
  EXPECT_EQ(read_of(bad), EIO) << log();
  EXPECT_EQ(read_of(good), ENOENT) << log();
}

TEST_F(ValuesSetAside, IsWhoseRequestsEndWorkers) {
  start({"--hold"});
  await_holder();
  FuseSuperblock bad;
  FuseSuperblock good;
  put_lease(bad, "web-1");
  put_lease(good, "web-2");
  start_with_a_mistake("evil", "abort");
  EXPECT_EQ(read_of(bad), ENOENT) << log();
  EXPECT_EQ(end_of_reader(start_reader(bad, "evil")), EIO) << log();
  expect_set_aside("web-1");
  EXPECT_EQ(read_of(bad), EIO) << log();
  EXPECT_EQ(read_of(good), ENOENT) << log();
}

TEST_F(ValuesSetAside, IsWhatWorkersHangOver) {
  start({"--hold"});
  await_holder();
  FuseSuperblock bad;
  put_lease(bad, "web-1");
  start_with_a_mistake("\"web-1\"", "hang");
  EXPECT_EQ(read_of(bad), EIO) << log();
  expect_set_aside("web-1");
}

// Who ends a worker that is busy with nobody blames nobody.
TEST_F(ValuesSetAside, IsNoOneWhenWorkersAreKilledFromOutside) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_of(file_system), ENOENT) << log();
    await_serving(1);
    end("--values-worker", SIGKILL);
  }
  await_serving(1);
  EXPECT_FALSE(look().status.value().leases.front().set_aside);
}

TEST_F(ValuesKilled, ANewHolderIsGivenEverything) {
  start({"--values"});
  await_holder();
  FuseSuperblock one;
  FuseSuperblock two;
  put_lease(one, "web-1");
  put_lease(two, "web-2");
  await_serving(2);
  EXPECT_EQ(read_of(one), ENOENT);
  end("--hold", SIGKILL);
  await_holder();
  await_serving(2);
  // That it has them shows when the worker has not.
  end("--values-worker", SIGKILL);
  EXPECT_EQ(read_of(one), ENOENT) << log();
  EXPECT_EQ(read_of(two), ENOENT) << log();
}

TEST_F(ValuesKilled, WithoutBothReadersGetAnError) {
  start({"--values"});
  await_holder();
  FuseSuperblock file_system;
  put_lease(file_system);
  await_serving(1);
  (void)::kill(await("--hold"), SIGSTOP);  // it starts no other one, and takes nothing over
  end("--values --", SIGKILL);
  EXPECT_TRUE(wait_until([&] { return processes("--values-worker").empty(); }));
  end("--hold", SIGKILL);
  EXPECT_EQ(read_of(file_system), ENOTCONN);
}

// As root of the host can, and nobody else: the connection's file is the mounter's.
void abort_connection(const FuseSuperblock& file_system) {
  const Fd context(
      static_cast<int>(check(::syscall(SYS_fsopen, "fusectl", FSOPEN_CLOEXEC), "fsopen fusectl")));
  check(::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
        "fsconfig");
  const Fd control(static_cast<int>(
      check(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0), "fsmount fusectl")));
  struct statx status {};
  check(::statx(file_system.mount(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status), "statx");
  const std::string name = std::to_string(status.stx_dev_minor) + "/abort";
  struct stat file {};
  check(::fstatat(control.get(), name.c_str(), &file, 0), "stat abort");
  EXPECT_EQ(file.st_uid, 0U);
  EXPECT_EQ(file.st_mode & 0777U, 0200U);
  const Fd abort(check(::openat(control.get(), name.c_str(), O_WRONLY | O_CLOEXEC), "open abort"));
  check(::write(abort.get(), "1", 1), "abort");
}

TEST_F(ValuesKilled, AConnectionThatRootAbortsEndsAlone) {
  start({"--values"});
  await_holder();
  FuseSuperblock one;
  FuseSuperblock two;
  put_lease(one, "web-1");
  put_lease(two, "web-2");
  await_serving(2);
  EXPECT_EQ(read_of(one), ENOENT);
  abort_connection(one);
  EXPECT_THAT(read_of(one), testing::AnyOf(ENOTCONN, ECONNABORTED));
  await_serving(1);
  EXPECT_EQ(read_of(two), ENOENT) << log();
}

TEST_F(ValuesKilled, NothingIsLeftWhenAllAreToldToEnd) {
  start({"--values"});
  await_holder();
  await_serving(0);
  end("--values --", SIGTERM);
  EXPECT_THAT(processes("--values-worker"), IsEmpty());
  EXPECT_THAT(processes("--hold"), SizeIs(1));
  end("--hold", SIGTERM);
  EXPECT_THAT(processes(""), IsEmpty());
}

TEST_F(ValuesKilled, ThereIsOneServiceAndOneHolder) {
  start({"--values"});
  await_serving(0);
  const auto holder = Command({kDaemon, "--hold", "--state-dir", state()}).run();
  EXPECT_EQ(holder.status, 1);
  EXPECT_THAT(holder.err, HasSubstr("another holder is there"));
  const auto service = Command({kDaemon, "--values", "--state-dir", state()}).run();
  EXPECT_EQ(service.status, 1);
  EXPECT_THAT(service.err, HasSubstr("another process does"));
}

TEST_F(ValuesKilled, StartsNoHolderWhereItMustNot) {
  start({"--values", "--no-holder"});
  EXPECT_TRUE(wait_until([&] { return look().status.has_value(); })) << log();
  (void)await("--values-worker");
  EXPECT_TRUE(wait_until([&] { return log().find("holder.sock") != std::string::npos; }));
  EXPECT_THAT(processes("--hold"), IsEmpty());
  start({"--hold"});
  await_serving(0);
}

// What /proc says of a process.
std::string status_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_powerless(pid_t pid, uid_t user) {
  const std::string all = std::to_string(user);
  const std::string none = ":\t0000000000000000";
  EXPECT_THAT(
      status_of(pid),
      AllOf(HasSubstr("Uid:\t" + all + "\t" + all + "\t" + all + "\t" + all),
            HasSubstr("Gid:\t" + all + "\t" + all + "\t" + all + "\t" + all),
            HasSubstr("Groups:\t \n"), HasSubstr("NoNewPrivs:\t1"), HasSubstr("CapInh" + none),
            HasSubstr("CapPrm" + none), HasSubstr("CapEff" + none), HasSubstr("CapBnd" + none),
            HasSubstr("CapAmb" + none)));
  const std::string proc = "/proc/" + std::to_string(pid);
  // Not dumpable: what is in /proc of it is root's.
  struct stat status {};
  ASSERT_EQ(::stat((proc + "/fd").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_THAT(std::filesystem::read_symlink(proc + "/root").string(), HasSubstr("/values/empty"));
  std::ifstream limits(proc + "/limits");
  std::stringstream text;
  text << limits.rdbuf();
  EXPECT_THAT(text.str(), AllOf(HasSubstr("Max processes             0                    0"),
                                HasSubstr("Max core file size        0                    0")));
}

TEST_F(ValuesKilled, HolderAndWorkerHaveNoRights) {
  start({"--values"});
  await_serving(0);
  expect_powerless(await("--hold"), daemon::kHolderUser);
  expect_powerless(await("--values-worker"), daemon::kWorkerUser);
}

// As systemd does with Type=notify and WatchdogSec=.
TEST_F(ValuesKilled, ServiceManagerIsToldThatBothAreReadyAndWell) {
  for (const char* part : {"--hold", "--values"}) {
    const std::string name = directory_.path(std::string("notify") + part);
    const Fd manager(check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(name.copy(address.sun_path, sizeof address.sun_path - 1), 100U);
    check(::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind");
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "100000", 1);
    start({part});
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    std::set<std::string> told;
    EXPECT_TRUE(wait_until([&] {
      char text[256];
      const ssize_t count = ::recv(manager.get(), text, sizeof text, MSG_DONTWAIT);
      if (count > 0) told.emplace(text, static_cast<size_t>(count));
      return told.contains("READY=1") && told.contains("WATCHDOG=1");
    })) << part
        << log();
  }
}

TEST_F(ValuesKilled, WorkerThatHangsIsStartedAgain) {
  start({"--values"});
  await_serving(0);
  const pid_t worker = await("--values-worker");
  (void)::kill(worker, SIGSTOP);
  // A busy machine may not answer in time.
  EXPECT_TRUE(wait_until([&] {
    const auto status = look().status;
    return status && status->state == model::ValuesState::kStarting;
  })) << log();
  EXPECT_TRUE(wait_until([&] { return processes("--values-worker") != std::vector{worker}; }, 60))
      << log();
  await_serving(0);
}

// Nothing is made before it is known whose directory it is.
TEST_F(ValuesKilled, MakesNothingBehindALinkInPlaceOfItsDirectory) {
  const std::string elsewhere = directory_.make_directory("elsewhere");
  check(::chmod(elsewhere.c_str(), 0777), "chmod");
  check(::mkdir(state().c_str(), 0755), "mkdir");
  check(::symlink(elsewhere.c_str(), (state() + "/values").c_str()), "symlink");
  const std::vector<std::vector<std::string>> parts = {{"--hold"}, {"--values", "--no-holder"}};
  for (auto part : parts) {
    part.insert(part.begin(), kDaemon);
    part.insert(part.end(), {"--state-dir", state()});
    EXPECT_EQ(run(std::move(part)).status, 1);
  }
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
}

}  // namespace
}  // namespace pinscope::test
