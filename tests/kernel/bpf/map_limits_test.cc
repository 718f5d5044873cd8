// What narrows a map down, of maps of this kernel.
#include "plugin/kernel/bpf/map_limits.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "plugin/base/fd.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"

namespace pinscope::kernel {
namespace {

using model::Probe;
using test::check;

uint32_t id_of(const Fd& map) {
  struct bpf_map_info info {};
  union bpf_attr attributes {};
  attributes.info.bpf_fd = static_cast<uint32_t>(map.get());
  attributes.info.info_len = sizeof info;
  attributes.info.info = reinterpret_cast<uintptr_t>(&info);
  check(static_cast<int>(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof attributes)),
        "ask for a map");
  return info.id;
}

TEST(MapLimits, AreNoneOfAMapAsItIsMade) {
  const Fd map = test::make_map();
  EXPECT_EQ(limits_of_map(id_of(map)), (MapLimits{Probe::kNo, Probe::kNo}));
}

TEST(MapLimits, KnowAFrozenMap) {
  const Fd map = test::make_map({.type = test::MapSpec::Type::kArray});
  union bpf_attr attributes {};
  attributes.map_fd = static_cast<uint32_t>(map.get());
  check(static_cast<int>(syscall(SYS_bpf, BPF_MAP_FREEZE, &attributes, sizeof attributes)),
        "freeze a map");
  EXPECT_EQ(limits_of_map(id_of(map)), (MapLimits{Probe::kYes, Probe::kNo}));
}

TEST(MapLimits, AreNotKnownOfAMapThatIsGone) {
  uint32_t id = 0;
  {
    const Fd map = test::make_map();
    id = id_of(map);
  }
  ASSERT_TRUE(test::map_is_gone(id));
  EXPECT_EQ(limits_of_map(id), MapLimits{});
}

// Where the members are that the headers of the oldest distribution lack (include/uapi/linux/bpf.h,
// Linux 6.18).
TEST(MapLimits, KnowAMapThatIsExclusiveToOneProgram) {
  constexpr size_t kHashAt = 80;
  std::array<uint8_t, 128> attributes{};
  const std::array<uint8_t, 32> hash{1, 2, 3};
  const auto put = [&](size_t at, const auto& value) {
    std::memcpy(attributes.data() + at, &value, sizeof value);
  };
  put(0, uint32_t{BPF_MAP_TYPE_ARRAY});
  put(4, uint32_t{4});
  put(8, uint32_t{8});
  put(12, uint32_t{1});
  put(kHashAt, reinterpret_cast<uintptr_t>(hash.data()));
  put(kHashAt + 8, uint32_t{hash.size()});
  const Fd map(
      static_cast<int>(syscall(SYS_bpf, BPF_MAP_CREATE, attributes.data(), attributes.size())));
  if (!map.valid()) GTEST_SKIP() << "this kernel has no exclusive maps (Linux 6.18)";
  EXPECT_EQ(limits_of_map(id_of(map)).exclusive, Probe::kYes);
}

}  // namespace
}  // namespace pinscope::kernel
