// Sets of commands of bpf(2).
#include "plugin/model/bpf_commands.h"

#include <gtest/gtest.h>

namespace pinscope::model {
namespace {

TEST(BpfCommands, AreShownWithTheirNames) {
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
