#include "tests/support/programs/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <ostream>

#include "plugin/base/text.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

Fd anonymous_file(const char* name) {
  return Fd(check(memfd_create(name, MFD_CLOEXEC), "memfd_create"));
}

std::string content_of(const Fd& file) {
  std::string text;
  char buffer[65536];
  ssize_t size = 0;
  while ((size = pread(file.get(), buffer, sizeof(buffer), static_cast<off_t>(text.size()))) > 0)
    text.append(buffer, static_cast<size_t>(size));
  return text;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Between fork and exec: no allocation.
[[noreturn]] void become(const std::vector<char*>& argv, const std::vector<char*>* environment,
                         const std::string& directory, int in, int out, int err,
                         const std::function<void()>& before_exec) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!directory.empty() && chdir(directory.c_str()) < 0) _exit(126);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
  if (before_exec) before_exec();
  if (environment) {
    execvpe(argv[0], argv.data(), environment->data());
  } else {
    execvp(argv[0], argv.data());
  }
  _exit(127);
}

bool ends_within(pid_t child, int seconds) {
  const Fd process(static_cast<int>(check(syscall(SYS_pidfd_open, child, 0), "pidfd_open")));
  pollfd wanted = {process.get(), POLLIN, 0};
  return poll(&wanted, 1, seconds * 1000) == 1;
}

}  // namespace

Command::Command(std::vector<std::string> argv) : argv_(std::move(argv)) {
}

Command& Command::input(std::string text) {
  input_ = std::move(text);
  return *this;
}

Command& Command::environment(std::vector<std::string> variables) {
  environment_ = std::move(variables);
  own_environment_ = true;
  return *this;
}

Command& Command::directory(std::string path) {
  directory_ = std::move(path);
  return *this;
}

Command& Command::timeout(int seconds) {
  timeout_ = seconds;
  return *this;
}

Command& Command::before_exec(std::function<void()> work) {
  before_exec_ = std::move(work);
  return *this;
}

Command& Command::while_running(std::function<void(pid_t)> work) {
  while_running_ = std::move(work);
  return *this;
}

CommandResult Command::run() {
  const Fd in = anonymous_file("stdin");
  check(pwrite(in.get(), input_.data(), input_.size(), 0), "write the input");
  out_ = anonymous_file("stdout");
  err_ = anonymous_file("stderr");
  const auto argv = pointers(argv_);
  const auto environment = pointers(environment_);

  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    become(argv, own_environment_ ? &environment : nullptr, directory_, in.get(), out_.get(),
           err_.get(), before_exec_);
  }
  if (while_running_) while_running_(child);
  CommandResult result;
  result.timed_out = !ends_within(child, timeout_);
  if (result.timed_out) kill(child, SIGKILL);
  int status = 0;
  check(waitpid(child, &status, 0), "waitpid");
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = out();
  result.err = err();
  return result;
}

std::string Command::out() const {
  return content_of(out_);
}
std::string Command::err() const {
  return content_of(err_);
}

std::ostream& operator<<(std::ostream& stream, const CommandResult& result) {
  stream << "status " << result.status << (result.timed_out ? " (timed out)" : "");
  if (!result.out.empty()) stream << "\nstdout:\n" << result.out;
  if (!result.err.empty()) stream << "\nstderr:\n" << result.err;
  return stream;
}

bool has_program(const std::string& name) {
  if (name.starts_with('/')) return access(name.c_str(), X_OK) == 0;
  const char* path = getenv("PATH");
  for (const auto directory : split(path ? path : "", ':')) {
    if (access((std::string(directory) + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace pinscope::test
