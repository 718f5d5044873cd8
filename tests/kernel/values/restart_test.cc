// The server that dies, at any moment: who reads waits, or gets an error, and goes on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/kernel/values/values_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

// A process that does something, and ends with its outcome.
class Reader {
 public:
  template <typename Work>
  explicit Reader(Work work) : pid_(check(::fork(), "fork")) {
    if (pid_ == 0) ::_exit(work());
  }
  ~Reader() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  // What waitpid() says, once it has ended; -1: it has not after ten seconds.
  int ended() {
    int status = 0;
    if (!wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, 10)) return -1;
    pid_ = -1;
    return status;
  }
  [[nodiscard]] bool is_running() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_;
};

// Opens, reads and closes a file: 0, or an errno.
int read_once(const std::string& file) {
  const Fd open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!open_file.valid()) return errno;
  char text[256];
  const ssize_t size = read(open_file.get(), text, sizeof text);
  if (size < 0) return errno;
  return size > 0 ? 0 : ENODATA;
}

class ValuesRestart : public ValuesTest {
 protected:
  void SetUp() override {
    ValuesTest::SetUp();
    if (!IsSkipped()) set(array_, 1, 7);
  }
  std::string file() const { return path("counts/keys/1"); }
  void kill_at_each_step();
  void serve_counts() { serve({{.name = "counts", .map = array_.get()}}); }
};

TEST_F(ValuesRestart, ReadersWaitForTheNextServerAndGoOn) {
  serve_counts();
  EXPECT_EQ(read_once(file()), 0);
  served_.kill();
  Reader waiting([&] { return read_once(file()); });
  Reader impatient([&] { return read_once(file()); });
  impatient.signal(SIGTERM);
  EXPECT_EQ(impatient.ended(), SIGTERM);
  EXPECT_TRUE(waiting.is_running());
  served_.start();
  EXPECT_EQ(waiting.ended(), 0);
  EXPECT_EQ(output({"cat", file()}), value_line(7));
}

TEST_F(ValuesRestart, NumbersOfFilesStayTheSame) {
  serve_counts();
  struct stat before {
  }, after{};
  ASSERT_EQ(stat(file().c_str(), &before), 0);
  served_.kill();
  served_.start();
  ASSERT_EQ(stat(file().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(ValuesRestart, WhatWasOpenIsStaleAndOpensAgain) {
  serve_counts();
  const Fd value(open(file().c_str(), O_RDONLY | O_CLOEXEC));
  const Fd stream(open(path("counts/entries").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd known(open(file().c_str(), O_PATH | O_CLOEXEC));
  served_.kill();
  served_.start();
  // What the next server opens has numbers of its own.
  const Fd others[] = {Fd(open(path("counts/keys/2").c_str(), O_RDONLY | O_CLOEXEC)),
                       Fd(open(path("counts/entries").c_str(), O_RDONLY | O_CLOEXEC))};
  char text[256];
  EXPECT_EQ(read(value.get(), text, sizeof text), -1);
  EXPECT_EQ(errno, ESTALE);
  EXPECT_EQ(read(stream.get(), text, sizeof text), -1);
  EXPECT_EQ(errno, ESTALE);
  EXPECT_EQ(read_once(file()), 0);
  EXPECT_EQ(read_once("/proc/self/fd/" + std::to_string(known.get())), 0);
  EXPECT_EQ(read_once(path("counts/entries")), 0);
}

TEST_F(ValuesRestart, TheFirstRequestSurvivesAServerThatNeverAnsweredIt) {
  served_.mount(mount_, {{.name = "counts", .map = array_.get()}});
  Reader waiting([&] { return read_once(file()); });
  EXPECT_TRUE(waiting.is_running());
  served_.start();
  EXPECT_EQ(waiting.ended(), 0);
}

// Lets the server run to its `steps`th stop at a system call, entered or left, and kills it there.
// False: nothing came for a second, so there is no such step.
bool run_to_step_and_kill(pid_t server, int steps) {
  int status = 0;
  for (int step = 0; step < steps; ++step) {
    const bool stopped = wait_until(
        [&] { return ::waitpid(server, &status, WNOHANG) == server && WIFSTOPPED(status); }, 1);
    if (!stopped) return false;
    check(::ptrace(PTRACE_SYSCALL, server, nullptr, nullptr), "go on to the next call");
  }
  return wait_until([&] { return ::waitpid(server, &status, WNOHANG) == server; }, 1);
}

// Each step of opening, reading and closing one file, and of what comes before.
void ValuesRestart::kill_at_each_step() {
  serve_counts();
  int errors = 0;
  for (int step = 1; step < 80; ++step) {
    const pid_t server = served_.server();
    check(::ptrace(PTRACE_SEIZE, server, nullptr, PTRACE_O_TRACESYSGOOD), "seize the server");
    check(::ptrace(PTRACE_INTERRUPT, server, nullptr, nullptr), "stop the server");
    Reader reader([&] { return read_once(file()); });
    const bool there = run_to_step_and_kill(server, step);
    ::kill(server, SIGKILL);
    ASSERT_TRUE(wait_until([&] { return ::waitpid(server, nullptr, WNOHANG) < 0; }));
    served_.release();
    served_.start();
    const int ended = reader.ended();
    ASSERT_NE(ended, -1) << "waits for ever after step " << step;
    // It may be told to ask again, never something wrong.
    const int error = WEXITSTATUS(ended);
    EXPECT_TRUE(error == 0 || error == EIO || error == ESTALE) << step << ": " << strerror(error);
    errors += error == 0 ? 0 : 1;
    ASSERT_EQ(read_once(file()), 0) << step;
    if (!there) break;
  }
  RecordProperty("errors", errors);
}

TEST_F(ValuesRestart, KilledAtEachStepItLeavesNobodyWaiting) {
  kill_at_each_step();
}

// Linux 6.1 cannot put a request back into its queue.
TEST_F(ValuesRestart, KilledAtEachStepItLeavesNobodyWaitingOnOldKernels) {
  served_.refuse_instead_of_resending();
  kill_at_each_step();
}

TEST_F(ValuesRestart, KilledAtRandomMomentsItLeavesNobodyWaiting) {
  serve_counts();
  // The readers are processes: what can be read here tells them that it is over.
  int pipe[2];
  check(::pipe2(pipe, O_CLOEXEC), "pipe");
  const Fd over(pipe[0]), tell(pipe[1]);
  const auto read_until_over = [&](const std::string& name) {
    struct pollfd end = {over.get(), POLLIN, 0};
    while (::poll(&end, 1, 0) == 0)
      if (const int error = read_once(name); error != 0 && error != EIO && error != ESTALE)
        return error;
    return 0;
  };
  Reader readers[] = {Reader([&] { return read_until_over(file()); }),
                      Reader([&] { return read_until_over(path("counts/entries")); })};
  for (int i = 0; i < 60; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 137 * i));
    served_.kill();
    served_.start();
  }
  check(::write(tell.get(), "", 1), "write");
  for (Reader& reader : readers) EXPECT_EQ(reader.ended(), 0);
  EXPECT_EQ(read_once(file()), 0);
}

}  // namespace
}  // namespace pinscope::test
