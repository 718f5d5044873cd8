// What `pinscope inventory` sees on newer kernels only: the attributes of pins.
#include <sys/xattr.h>

#include <cerrno>
#include <filesystem>

#include "tests/engines/whole_machine.h"

namespace pinscope::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Beside a real container with two grants: one in a sealed instance, one in a writable one.
class InventoryOfAttributes : public InventoryOfContainers {
 protected:
  void SetUp() override {
    InventoryOfContainers::SetUp();
    if (IsSkipped()) return;
    start(kTwoGrants);
    if (attribute_of("flows", "container").empty() && errno == EOPNOTSUPP)
      GTEST_SKIP() << "this kernel keeps no attributes of pins (Linux 7.2 does)";
  }
  // As root of the machine sees it in the container.
  [[nodiscard]] std::string attribute_of(const std::string& pin, const std::string& name) {
    const std::string path =
        "/proc/" + std::to_string(container_.pid()) + "/root/sys/fs/bpf/" + pin;
    char value[512];
    const ssize_t size =
        getxattr(path.c_str(), ("trusted.pinscope." + name).c_str(), value, sizeof value);
    return size < 0 ? "" : std::string(value, static_cast<size_t>(size));
  }
  void lose_records() const {
    std::filesystem::remove_all(installation_.state_directory());
    std::filesystem::create_directories(installation_.state_directory());
  }
};

TEST_P(InventoryOfAttributes, SayWhoseAPinIsAndByWhichRule) {
  for (const std::string pin : {"flows", "_rw/counters"}) {
    EXPECT_EQ(attribute_of(pin, "container"), container_.id()) << pin;
    EXPECT_THAT(attribute_of(pin, "rule"), HasSubstr("policy \"test\" at ")) << pin;
  }
  EXPECT_EQ(attribute_of("flows", "source"), "/sys/fs/bpf/flows");
}

TEST_P(InventoryOfAttributes, ExplainAViewWhoseRecordIsGone) {
  EXPECT_THAT(Taken(installation_).notices(), Not(Contains(testing::StartsWith("unrecorded"))));
  lose_records();
  const Taken taken(installation_);
  EXPECT_THAT(taken.notices(), Contains("unrecorded: " + subject() + ": its view is mounted at " +
                                        "\"/sys/fs/bpf\" and its record is gone"));
  EXPECT_THAT(taken.notices(), Not(Contains(HasSubstr("has a bpffs of its own"))));
  const auto pins = take_inventory(installation_, {"pins"});
  EXPECT_THAT(pins.out, testing::ContainsRegex("view/flows .* no record +policy \"test\" at "));
}

PINSCOPE_EACH_RUNTIME(InventoryOfAttributes);

}  // namespace
}  // namespace pinscope::test
