// The users of this machine, as its user database has them (passwd(5), nsswitch.conf(5)). Not for
// static programs: the C library loads what answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pinscope {

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// Nothing if there is none of this name.
std::optional<User> user_called(const std::string& name);
// A number need not be anybody's: then its group has the same one.
User user_of(uint32_t uid);

}  // namespace pinscope
