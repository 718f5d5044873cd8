#include "plugin/daemon/spawn.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "plugin/kernel/sys.h"

namespace pinscope::daemon {
namespace {

constexpr const char* kSelf = "/proc/self/exe";
constexpr int kThird = 3;

struct Attributes {
  Attributes() { ::posix_spawnattr_init(&value); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value{};
};

struct Actions {
  Actions() { ::posix_spawn_file_actions_init(&value); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { ::posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value{};
};

}  // namespace

Result<Spawned> spawn_self(const std::vector<std::string>& words, int third, bool apart) {
  std::vector<char*> arguments = {const_cast<char*>("pinscoped")};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  Attributes attributes;
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes.value, &none);
  const int session = apart ? POSIX_SPAWN_SETSID : 0;
  ::posix_spawnattr_setflags(&attributes.value,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | session));
  Actions actions;
  // The same number on both sides loses its close-on-exec.
  if (third >= 0) ::posix_spawn_file_actions_adddup2(&actions.value, third, kThird);
  Spawned spawned;
  const int errnum = ::posix_spawn(&spawned.pid, kSelf, &actions.value, &attributes.value,
                                   arguments.data(), environ);
  if (errnum != 0) return std::unexpected(Error::system("start this program once more", errnum));
  PINSCOPE_TRY(spawned.pidfd, kernel::open_pidfd(spawned.pid));
  return spawned;
}

bool has_ended(const Spawned& process) {
  struct pollfd one = {process.pidfd.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

bool reap(const Spawned& process, std::string& how) {
  int status = 0;
  if (::waitpid(process.pid, &status, WNOHANG) != process.pid) return false;
  how = WIFSIGNALED(status) ? std::string("killed by ") + ::strsignal(WTERMSIG(status))
                            : "exit status " + std::to_string(WEXITSTATUS(status));
  return true;
}

}  // namespace pinscope::daemon
