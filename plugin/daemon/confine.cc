#include "plugin/daemon/confine.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/values/hold/protocol.h"

namespace pinscope::daemon {
namespace {

constexpr mode_t kEmptyMode = 0555;
constexpr mode_t kRootAlone = 0700;

std::unexpected<Error> failed(const char* what) {
  return std::unexpected(Error::system(what, errno));
}

Status limit(decltype(RLIMIT_CORE) resource) {
  const struct rlimit none = {0, 0};
  if (::setrlimit(resource, &none) != 0) return failed("limit this process");
  return {};
}

// Without CAP_SETPCAP the set stays, of which no_new_privs lets nobody use anything.
void empty_bounding_set() {
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

}  // namespace

Status confine(uid_t user, const std::string& root) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("set no_new_privs");
  PINSCOPE_CHECK(limit(RLIMIT_CORE));
  PINSCOPE_CHECK(limit(RLIMIT_NPROC));
  PINSCOPE_CHECK(kernel::enter_root(root));
  empty_bounding_set();
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
      ::setresuid(user, user, user) != 0)
    return failed("become a user without rights");
  PINSCOPE_CHECK(kernel::drop_all_capabilities());
  return kernel::stay_concealed();
}

Result<std::string> make_empty_root(const std::string& state_directory) {
  const std::string values = state_directory + "/" + hold::kDirectoryName;
  PINSCOPE_TRY([[maybe_unused]] const Fd parent, make_directory(values, kRootAlone));
  // Before anything is made in it: it may be a link that somebody else has put there.
  PINSCOPE_TRY([[maybe_unused]] const Fd trusted,
               open_trusted_directory(values, ErrorCode::kHolder));
  const std::string path = values + "/empty";
  PINSCOPE_TRY([[maybe_unused]] const Fd empty, make_directory(path, kEmptyMode));
  return path;
}

}  // namespace pinscope::daemon
