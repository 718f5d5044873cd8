#include "plugin/kernel/process/concealment.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace pinscope::kernel {
namespace {

// Any but root's. "nogroup" of most distributions, and nothing depends on who that is.
constexpr gid_t kSetApart = 65534;
constexpr gid_t kKeep = static_cast<gid_t>(-1);

// The leak checker of the sanitizers attaches to its own process as a debugger does.
#if defined(__SANITIZE_ADDRESS__)
#define PINSCOPE_LOOKS_AT_ITSELF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINSCOPE_LOOKS_AT_ITSELF 1
#endif
#endif

#ifdef PINSCOPE_LOOKS_AT_ITSELF
constexpr bool kConceal = false;
#else
constexpr bool kConceal = true;
#endif

Status set_apart() {
  if (::setresgid(kKeep, kKeep, kSetApart) == 0) return {};
  // Without CAP_SETGID; in a user namespace that has no such id.
  if (errno == EPERM || errno == EINVAL) return {};
  return std::unexpected(Error::system("change the saved group of this process", errno));
}

}  // namespace

Status conceal_process() {
  // Nothing of a user's own program is out of reach of its user.
  if (!kConceal || ::geteuid() != 0) return {};
  PINSCOPE_CHECK(stay_concealed());
  return set_apart();
}

Status stay_concealed() {
  if (!kConceal || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return {};
  return std::unexpected(Error::system("make this process undumpable", errno));
}

bool is_set_apart() {
  if (!kConceal || ::geteuid() != 0) return true;
  gid_t real = 0;
  gid_t effective = 0;
  gid_t saved = 0;
  return ::getresgid(&real, &effective, &saved) == 0 && saved != effective;
}

}  // namespace pinscope::kernel
