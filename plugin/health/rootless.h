// What a user without privileges can have here, with a rootless engine or without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/process/own_namespace.h"
#include "plugin/model/finding.h"

namespace pinscope::health {

// What was found, before it is judged.
struct RootlessFacts {
  std::string user;  // name, or number
  kernel::OwnNamespace own_namespace;
  // What the machine says of user namespaces: "user.max_user_namespaces is 0". Only what refuses.
  std::vector<std::string> refusals;
  bool has_newuidmap = false;
  uint64_t uids = 0;  // subordinate ids
  uint64_t gids = 0;
  int pins_errnum = 0;  // why the host's bpffs cannot be looked at
  size_t pins = 0;      // below it, as far as the user may look
  size_t readable = 0;
  size_t writable = 0;
  std::vector<std::string> pin_directories;  // in which the user may pin
  std::string view;                          // where this session has one; empty: nowhere
};

// Nothing for root.
model::Findings check_rootless();
model::Findings judge_rootless(const RootlessFacts& facts);

// Subordinate ids of a user in the text of /etc/subuid or /etc/subgid.
uint64_t count_subordinate_ids(std::string_view text, std::string_view user, uint32_t uid);

// Where a mount table shows a view; empty: nowhere.
std::string find_view(const std::vector<kernel::Mount>& mounts);

}  // namespace pinscope::health
