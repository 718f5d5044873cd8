// The commands of bpf(2): their numbers are the kernel's.
#include "plugin/model/bpf_commands.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

namespace pinscope::model {
namespace {

TEST(BpfCommands, HaveTheNumbersOfTheKernel) {
  EXPECT_EQ(static_cast<int>(BpfCommand::kObjPin), BPF_OBJ_PIN);
  EXPECT_EQ(static_cast<int>(BpfCommand::kObjGet), BPF_OBJ_GET);
  EXPECT_EQ(static_cast<int>(BpfCommand::kProgAttach), BPF_PROG_ATTACH);
  EXPECT_EQ(static_cast<int>(BpfCommand::kProgTestRun), BPF_PROG_TEST_RUN);
  EXPECT_EQ(static_cast<int>(BpfCommand::kObjGetInfoByFd), BPF_OBJ_GET_INFO_BY_FD);
  EXPECT_EQ(static_cast<int>(BpfCommand::kMapLookupAndDeleteElem), BPF_MAP_LOOKUP_AND_DELETE_ELEM);
  EXPECT_EQ(static_cast<int>(BpfCommand::kMapFreeze), BPF_MAP_FREEZE);
  EXPECT_EQ(static_cast<int>(BpfCommand::kMapLookupBatch), BPF_MAP_LOOKUP_BATCH);
  EXPECT_EQ(static_cast<int>(BpfCommand::kMapDeleteBatch), BPF_MAP_DELETE_BATCH);
  EXPECT_EQ(static_cast<int>(BpfCommand::kLinkCreate), BPF_LINK_CREATE);
  EXPECT_EQ(static_cast<int>(BpfCommand::kLinkUpdate), BPF_LINK_UPDATE);
  EXPECT_EQ(static_cast<int>(BpfCommand::kLinkDetach), BPF_LINK_DETACH);
}

TEST(BpfCommands, HaveNames) {
  EXPECT_EQ(bpf_command_name(BPF_MAP_CREATE), "BPF_MAP_CREATE");
  EXPECT_EQ(bpf_command_name(BPF_LINK_DETACH), "BPF_LINK_DETACH");
  EXPECT_EQ(bpf_command_name(BPF_PROG_BIND_MAP), "BPF_PROG_BIND_MAP");
  EXPECT_EQ(bpf_command_name(63), "command 63");
  EXPECT_EQ(to_string(BpfCommands{BpfCommand::kObjGetInfoByFd, BpfCommand::kObjGet}),
            "BPF_OBJ_GET (7), BPF_OBJ_GET_INFO_BY_FD (15)");
}

TEST(BpfCommands, AreASet) {
  const BpfCommands two = {BpfCommand::kObjGet, BpfCommand::kObjPin};
  EXPECT_TRUE(two.contains(7));
  EXPECT_FALSE(two.contains(8));
  EXPECT_FALSE(BpfCommands::all().contains(64));
  EXPECT_EQ((two - BpfCommands{BpfCommand::kObjPin}).list(), std::vector<uint32_t>{7});
  EXPECT_TRUE((two - BpfCommands::all()).empty());
  EXPECT_EQ((BpfCommands{BpfCommand::kObjGet} | BpfCommands{BpfCommand::kObjPin}), two);
}

}  // namespace
}  // namespace pinscope::model
