#include "plugin/host/users.h"

#include <grp.h>
#include <pwd.h>

namespace pinscope {
namespace {

User user_of(const struct passwd* entry) {
  User user{entry->pw_uid, entry->pw_gid, {}};
  int count = 64;
  user.groups.resize(static_cast<size_t>(count));
  while (::getgrouplist(entry->pw_name, user.gid, user.groups.data(), &count) < 0)
    user.groups.resize(static_cast<size_t>(count));
  user.groups.resize(static_cast<size_t>(count));
  return user;
}

}  // namespace

std::optional<User> user_called(const std::string& name) {
  const struct passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return user_of(entry);
}

User user_of(uint32_t uid) {
  const struct passwd* entry = ::getpwuid(uid);
  return entry != nullptr ? user_of(entry) : User{uid, uid, {}};
}

}  // namespace pinscope
