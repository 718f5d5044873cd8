#include "plugin/inventory/access/permission.h"

#include <linux/capability.h>

#include <algorithm>
#include <charconv>
#include <string_view>

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

Answer by_mode(uint32_t mode, uint32_t uid, uint32_t gid, const Credentials& credentials,
               uint32_t wanted) {
  unsigned shift = 0;
  if (credentials.uid == uid)
    shift = 6;
  else if (credentials.gid == gid ||
           std::ranges::find(credentials.groups, gid) != credentials.groups.end())
    shift = 3;
  return (mode >> shift & wanted) == wanted ? Answer::kYes : Answer::kNo;
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
  if (credentials.uid == pin.uid) return Answer::kYes;
  return holds_over(credentials, pin.uid, pin.gid, CAP_FOWNER);
}

Answer may_pin(const Instance& instance, const Credentials& credentials) {
  constexpr uint32_t kKernelsMode = 01777;  // kernel/bpf/inode.c: bpf_fill_super
  constexpr uint32_t kWriteAndSearch = 3;
  const uint32_t mode = option_of(instance.options, "mode=", 8, kKernelsMode);
  const uint32_t uid = option_of(instance.options, "uid=", 10, 0);
  const uint32_t gid = option_of(instance.options, "gid=", 10, 0);
  return std::max(by_mode(mode, uid, gid, credentials, kWriteAndSearch),
                  holds_over(credentials, uid, gid, CAP_DAC_OVERRIDE));
}

}  // namespace pinscope::inventory
