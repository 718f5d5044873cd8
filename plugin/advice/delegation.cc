#include "plugin/advice/delegation.h"

#include <linux/capability.h>

#include "plugin/policy/decide/configured.h"

namespace pinscope::advice {
namespace {

using Kind = Remark::Kind;
using model::TokenRight;
using policy::has;

// kernel/bpf/syscall.c: is_net_admin_prog_type.
bool needs_net_admin(const model::TokenRights& rights) {
  for (uint32_t number = 0; number < 64; ++number) {
    const std::string name = model::token_right_name(TokenRight::kProgram, number);
    const bool is_free = name == "socket_filter" || name == "cgroup_skb" || name == "sk_reuseport";
    if (rights.has(TokenRight::kProgram, number) && !is_free) return true;
  }
  return false;
}

}  // namespace

std::vector<Remark> remarks_on_delegation(const model::Container& container,
                                          const model::Decision& decision) {
  std::vector<Remark> remarks;
  if (!decision.delegation) return remarks;
  const auto& rights = decision.delegation->rights;
  // kernel/bpf/token.c: bpf_token_create. CAP_SYS_ADMIN does not do here.
  if (!has(container, CAP_BPF))
    remarks.push_back(
        {Kind::kUnreachable, "token",
         "without CAP_BPF in its user namespace, the container cannot make a token",
         "add CAP_BPF to the container: in a user namespace it allows nothing without a token"});
  if (!has(container, CAP_NET_ADMIN) && needs_net_admin(rights))
    remarks.push_back({Kind::kNote, "token-net-admin",
                       "some of the delegated types of program need CAP_NET_ADMIN to load, which "
                       "the container does not have",
                       ""});
  if (rights.has(model::BpfCommand::kProgLoad))
    remarks.push_back(
        {Kind::kNote, "token-memory",
         "the compiled code of its programs is in a pool of the whole machine, which no cgroup "
         "counts; when the pool is full, filters and programs of others are refused",
         "give the container a memory limit well below net.core.bpf_jit_limit: the "
         "instructions of its programs are counted"});
  remarks.push_back({Kind::kNote, "token-kept",
                     "a token keeps what it allows until its last descriptor is closed, even after "
                     "the policy has changed",
                     ""});
  return remarks;
}

}  // namespace pinscope::advice
