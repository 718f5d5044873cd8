#include "plugin/inventory/access/permission.h"

#include <linux/capability.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pinscope::inventory {
namespace {

using kernel::Credentials;

Answer holds(const Credentials& credentials, unsigned capability) {
  if ((credentials.permitted >> capability & 1U) != 0) return Answer::kYes;
  return (credentials.attainable >> capability & 1U) != 0 ? Answer::kMay : Answer::kNo;
}

bool is_mapped(const model::IdMap& map, uint32_t id) {
  return std::ranges::any_of(map, [&](const model::IdMapping& range) {
    return id >= range.host && id - range.host < range.size;
  });
}

// include/linux/capability.h: capable_wrt_inode_uidgid.
Answer holds_over(const Credentials& credentials, uint32_t uid, uint32_t gid, unsigned capability) {
  const bool counts = credentials.hosts_user_namespace ||
                      (is_mapped(credentials.uid_map, uid) && is_mapped(credentials.gid_map, gid));
  return counts ? holds(credentials, capability) : Answer::kNo;
}

bool has(const std::vector<uint32_t>& ids, uint32_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

// Whether it may take an id that it does not have: each that is mapped by the capability, or by a
// file with the set-user-ID bit, which may be anywhere.
Answer may_take(const Credentials& credentials, const model::IdMap& map, uint32_t id,
                unsigned capability) {
  if (!credentials.hosts_user_namespace && !is_mapped(map, id)) return Answer::kNo;
  return std::max(holds(credentials, capability),
                  credentials.has_no_new_privileges ? Answer::kNo : Answer::kMay);
}

Answer is_user(const Credentials& credentials, uint32_t uid) {
  if (credentials.uid == uid || has(credentials.uids, uid)) return Answer::kYes;
  return may_take(credentials, credentials.uid_map, uid, CAP_SETUID);
}

Answer is_in_group(const Credentials& credentials, uint32_t gid) {
  if (credentials.gid == gid || has(credentials.gids, gid) || has(credentials.groups, gid))
    return Answer::kYes;
  return may_take(credentials, credentials.gid_map, gid, CAP_SETGID);
}

// As what it is, or as what it can make of itself.
Answer by_mode(uint32_t mode, uint32_t uid, uint32_t gid, const Credentials& credentials,
               uint32_t wanted) {
  const auto allows = [&](unsigned shift) { return (mode >> shift & wanted) == wanted; };
  const bool is_owner = credentials.uid == uid;
  const bool is_member = credentials.gid == gid || has(credentials.groups, gid);
  if (allows(is_owner ? 6 : is_member ? 3 : 0)) return Answer::kYes;
  Answer answer = allows(0) ? Answer::kMay : Answer::kNo;
  if (allows(6)) answer = std::max(answer, is_user(credentials, uid));
  if (allows(3))
    answer = std::max(
        answer, std::min(is_in_group(credentials, gid), is_owner ? Answer::kMay : Answer::kYes));
  return answer;
}

// A number among the options of a superblock: "mode=700", "uid=1000".
uint32_t option_of(std::string_view options, std::string_view name, int base, uint32_t otherwise) {
  while (!options.empty()) {
    const auto one = options.substr(0, options.find(','));
    options.remove_prefix(std::min(one.size() + 1, options.size()));
    if (!one.starts_with(name)) continue;
    uint32_t value = 0;
    const auto number = one.substr(name.size());
    if (std::from_chars(number.data(), number.data() + number.size(), value, base).ec ==
        std::errc{})
      return value;
  }
  return otherwise;
}

}  // namespace

const char* name_of(Answer answer) {
  switch (answer) {
    case Answer::kNo:
      return "no";
    case Answer::kMay:
      return "may";
    case Answer::kYes:
      return "yes";
  }
  return "";
}

Answer has_capability(const Credentials& credentials, unsigned capability) {
  return credentials.hosts_user_namespace ? holds(credentials, capability) : Answer::kNo;
}

Answer may_open(const kernel::WalkedPin& pin, const Credentials& credentials, Right right) {
  const auto over = [&](unsigned capability) {
    return holds_over(credentials, pin.uid, pin.gid, capability);
  };
  Answer answer = by_mode(pin.mode, pin.uid, pin.gid, credentials, static_cast<uint32_t>(right));
  answer = std::max(answer, over(CAP_DAC_OVERRIDE));
  if (right == Right::kRead) answer = std::max(answer, over(CAP_DAC_READ_SEARCH));
  return answer;
}

Answer owns(const kernel::WalkedPin& pin, const Credentials& credentials) {
  return std::max({is_user(credentials, pin.uid),
                   holds_over(credentials, pin.uid, pin.gid, CAP_FOWNER),
                   holds_over(credentials, pin.uid, pin.gid, CAP_CHOWN)});
}

Answer may_pin(const Instance& instance, const Credentials& credentials) {
  constexpr uint32_t kKernelsMode = 01777;  // kernel/bpf/inode.c: bpf_fill_super
  constexpr uint32_t kWriteAndSearch = 3;
  const uint32_t mode = option_of(instance.options, "mode=", 8, kKernelsMode);
  const uint32_t uid = option_of(instance.options, "uid=", 10, 0);
  const uint32_t gid = option_of(instance.options, "gid=", 10, 0);
  // Directories below the root, and what became of its mode since, are not known.
  return std::max({Answer::kMay, by_mode(mode, uid, gid, credentials, kWriteAndSearch),
                   holds_over(credentials, uid, gid, CAP_DAC_OVERRIDE)});
}

std::string taken_ids(const Credentials& credentials) {
  const bool by_capability = holds(credentials, CAP_SETUID) != Answer::kNo ||
                             holds(credentials, CAP_SETGID) != Answer::kNo;
  return by_capability
             ? "CAP_SETUID or CAP_SETGID gives it other ids"
             : "no_new_privs is off, so a file with the set-user-ID bit gives it other ids";
}

Credentials without_other_ids(Credentials credentials) {
  constexpr uint64_t kTaking = uint64_t{1} << CAP_SETUID | uint64_t{1} << CAP_SETGID;
  credentials.has_no_new_privileges = true;
  credentials.permitted &= ~kTaking;
  credentials.attainable &= ~kTaking;
  return credentials;
}

}  // namespace pinscope::inventory
