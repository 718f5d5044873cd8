// A user of this machine without privileges, and the same user as root of a user namespace of their
// own, which is what every program of a rootless engine is. For Command::before_exec(): system
// calls only.
#pragma once

#include <sys/types.h>

namespace pinscope::test {

constexpr uid_t kPlainUser = 4001;

// Becomes this user, with the group of the same number and no other.
void become_plain_user(uid_t user);

// The same, then user and mount namespaces of their own in which the user is root: "0 USER 1".
void become_namespace_root(uid_t user);

// Stays root, in user and mount namespaces of its own that map every id to itself, as systemd's
// PrivateUsers=full makes them. To be called by root.
void enter_identity_namespace();

}  // namespace pinscope::test
