// What the type of a program says, and what no policy may delegate.
#include "plugin/policy/decide/program_types.h"

#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

TEST(ProgramTypes, ThatReachTheWholeMachineAreDangerous) {
  for (const char* name :
       {"kprobe", "tracepoint", "perf_event", "raw_tracepoint", "raw_tracepoint_writable",
        "tracing", "struct_ops", "ext", "lsm", "syscall", "lirc_mode2"})
    EXPECT_NE(danger_of(model::TokenRight::kProgram, *model::kProgramTypes.number_of(name)),
              nullptr)
        << name;
  for (const char* name : {"socket_filter", "xdp", "cgroup_skb", "netfilter"})
    EXPECT_EQ(danger_of(model::TokenRight::kProgram, *model::kProgramTypes.number_of(name)),
              nullptr)
        << name;
  EXPECT_NE(danger_of(model::TokenRight::kMap, *model::kMapTypes.number_of("struct_ops")), nullptr);
  EXPECT_EQ(danger_of(model::TokenRight::kMap, *model::kMapTypes.number_of("hash")), nullptr);
}

// What a newer kernel brings must be judged before it is delegated.
TEST(ProgramTypes, WithoutANameAreDangerous) {
  EXPECT_NE(danger_of(model::TokenRight::kProgram, 63), nullptr);
  EXPECT_NE(danger_of(model::TokenRight::kAttach, 63), nullptr);
  EXPECT_EQ(scope_of(63), model::Scope::kNetwork);
}

TEST(ProgramTypes, AttachToWhatTheirScopeSays) {
  EXPECT_EQ(scope_of(kSocketFilter), model::Scope::kSocket);
  for (const char* name :
       {"xdp", "sched_cls", "sched_act", "flow_dissector", "sk_lookup", "lwt_in", "netfilter"})
    EXPECT_EQ(scope_of(*model::kProgramTypes.number_of(name)), model::Scope::kNetwork) << name;
  for (const char* name : {"cgroup_skb", "cgroup_sock", "cgroup_sock_addr", "cgroup_sockopt",
                           "cgroup_sysctl", "cgroup_device", "sock_ops"})
    EXPECT_EQ(scope_of(*model::kProgramTypes.number_of(name)), model::Scope::kCgroup) << name;
}

}  // namespace
}  // namespace pinscope::policy
