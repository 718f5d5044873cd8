// Who is on the other end of the runtime's socket. Needs root, to be somebody else.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/nri/transport.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::nri {
namespace {

using pinscope::test::check;

constexpr uid_t kNobody = 65534;

// A socket on which `owner` listens, as the runtime would.
Fd listen_as(uid_t owner, const std::string& path) {
  Fd socket(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  check(::bind(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address),
        "bind a socket");
  // The kernel keeps whoever calls listen(2) for SO_PEERCRED.
  const pid_t child = check(::fork(), "fork");
  if (child == 0) {
    if (::setresuid(owner, owner, owner) != 0) ::_exit(1);
    ::_exit(::listen(socket.get(), 1) == 0 ? 0 : 1);
  }
  int status = 0;
  check(::waitpid(child, &status, 0), "wait");
  EXPECT_EQ(status, 0);
  return socket;
}

TEST(Connection, IsMadeToRootOnly) {
  const pinscope::test::TempDirectory directory;
  const Fd roots = listen_as(0, directory.path("root"));
  EXPECT_TRUE(connect_to(directory.path("root")));
  const Fd nobodys = listen_as(kNobody, directory.path("nobody"));
  const auto refused = connect_to(directory.path("nobody"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sentence(),
            "cannot connect to \"" + directory.path("nobody") + "\": it is served by uid 65534");
}

}  // namespace
}  // namespace pinscope::nri
