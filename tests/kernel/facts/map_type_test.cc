// What a descriptor for reading gives of a map of each type, and to whom: what the table of
// plugin/policy/decide/map_types.cc rests on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "plugin/model/bpf_names.h"
#include "plugin/policy/decide/map_types.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/map_of_type.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kNobody = "keep-caps 0";
constexpr const char* kDefaultCapabilities = "keep-caps a80425fb";

// A map of the type in a sealed instance, as a read grant is.
class MapTypes : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    type_ = model::kMapTypes.number_of(GetParam()).value();
    const auto map = make_map_of_type(type_);
    if (!map)
      GTEST_SKIP() << "this kernel makes no " << std::string(GetParam()) << ": "
                   << std::strerror(errno);
    pins_.object(*map, pin_);
    instance_.change(MS_REMOUNT | MS_RDONLY);
  }
  void TearDown() override { instance_.change(MS_REMOUNT); }

  // What the kernel says to a process with these capabilities.
  static std::string ask_as(const char* capabilities, const std::string& command) {
    return ask_all({capabilities, command}).back();
  }

  TempDirectory directory_;
  Mounted instance_ = Mounted::bpf(directory_.make_directory("instance"));
  Mounted other_ = Mounted::bpf(directory_.make_directory("other"));
  HostPins pins_;
  std::string pin_ = instance_.path("map");
  uint32_t type_ = 0;
};

TEST_P(MapTypes, AreNotChangedThroughADescriptorForReading) {
  for (const char* who : {kNobody, kDefaultCapabilities}) {
    const std::string answers = ask_as(who, "map-writes " + pin_);
    for (const char* change :
         {"update", "delete", "take", "update-batch", "delete-batch", "take-batch"})
      EXPECT_THAT(answers, HasSubstr(std::string(change) + "=EPERM")) << who;
    EXPECT_THAT(answers, AnyOf(HasSubstr("freeze=EPERM"), HasSubstr("freeze=524"))) << who;
    EXPECT_THAT(answers, Not(HasSubstr("=ok"))) << who;
  }
}

// Elements are shown, or there are none yet: the kernel has looked.
TEST_P(MapTypes, ShowAReaderWhatTheTableSays) {
  const std::string answers = ask_as(kNobody, "map-reads " + pin_);
  const bool shown = testing::Matches(AnyOf(HasSubstr("lookup=ok"), HasSubstr("lookup=ENOENT"),
                                            HasSubstr("lookup=EBADF")))(answers);  // no cgroup2
  const policy::MapType& type = *policy::map_type(type_);
  if (type.read != nullptr) {
    EXPECT_EQ(shown, std::string(type.read).find("shows no elements") == std::string::npos)
        << answers;
  }
  EXPECT_FALSE(shown && type.read_commands.empty()) << answers;
}

// Commands that take a map's descriptor and do not ask what it was opened for.
TEST_P(MapTypes, ActThroughADescriptorForReadingOnlyIfTheTableRefusesIt) {
  const std::string verdict = other_.path("verdict");
  pins_.object(make_stream_verdict(), verdict);
  const std::string linked = ask_as(kNobody, "map-link " + pin_);
  const std::string attached = ask_as(kNobody, "map-attach " + pin_ + " " + verdict);
  EXPECT_EQ(linked == "ok", GetParam() == "struct_ops") << linked;
  EXPECT_EQ(attached == "ok", GetParam() == "sockmap" || GetParam() == "sockhash") << attached;
  const bool acts = linked == "ok" || attached == "ok";
  EXPECT_FALSE(acts && policy::map_type(type_)->read_refused == nullptr);
}

// Whoever writes the outer one, the inner one is there whatever it was opened for.
TEST_P(MapTypes, TakeAMapThatWasOpenedForReadingIfTheTableSaysThatTheyHoldMaps) {
  pins_.map(other_.path("inner"));
  instance_.change(MS_REMOUNT);
  const std::string put = ask_as(kNobody, "put-inner " + pin_ + " " + other_.path("inner"));
  EXPECT_EQ(put == "ok holds it", policy::map_type(type_)->holds_maps) << put;
}

INSTANTIATE_TEST_SUITE_P(All, MapTypes,
                         testing::ValuesIn(model::kMapTypes.names.begin(),
                                           model::kMapTypes.names.end()),
                         [](const auto& type) { return std::string(type.param); });

}  // namespace
}  // namespace pinscope::test
