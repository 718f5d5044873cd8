#include "plugin/nri/runtime_info.h"

#include <gtest/gtest.h>

namespace pinscope::nri {
namespace {

Version version_in(const char* name, const char* version, const char* told = "") {
  return nri_version_of({.name = name, .version = version, .config = "", .nri_version = told});
}

TEST(RuntimeInfo, ReadsVersionsAsDistributionsWriteThem) {
  EXPECT_EQ(parse_version("v2.1.9"), (Version{2, 1, 9}));
  EXPECT_EQ(parse_version("2.1.9+unknown"), (Version{2, 1, 9}));
  EXPECT_EQ(parse_version("1.7.24~ds1"), (Version{1, 7, 24}));
  EXPECT_EQ(parse_version("v0.12.0-rc.1"), (Version{0, 12, 0}));
  EXPECT_EQ(parse_version("1.34"), (Version{1, 34, 0}));
  EXPECT_EQ(parse_version("1.34-dev"), (Version{1, 34, 0}));
  for (const char* none : {"", "v", "1", "1.", "x1.2", "v.1", "99999999999999999999.1"})
    EXPECT_EQ(parse_version(none), std::nullopt) << none;
}

TEST(RuntimeInfo, KnowsTheVersionOfNriInEachRelease) {
  EXPECT_EQ(version_in("containerd", "v1.7.0"), (Version{0, 3, 0}));
  EXPECT_EQ(version_in("containerd", "1.7.24~ds1"), (Version{0, 6, 1}));
  EXPECT_EQ(version_in("containerd", "v1.7.27"), (Version{0, 8, 0}));
  EXPECT_EQ(version_in("containerd", "2.1.9+unknown"), (Version{0, 8, 0}));
  EXPECT_EQ(version_in("containerd", "v2.2.0"), (Version{0, 10, 0}));
  EXPECT_EQ(version_in("containerd", "v2.2.1"), (Version{0, 11, 0}));
  EXPECT_EQ(version_in("containerd", "v2.4.0"), (Version{0, 12, 0}));
  EXPECT_EQ(version_in("cri-o", "1.26.0"), (Version{0, 3, 0}));
  EXPECT_EQ(version_in("cri-o", "1.33.4"), (Version{0, 9, 0}));
  EXPECT_EQ(version_in("cri-o", "1.34.0"), (Version{0, 10, 0}));
}

TEST(RuntimeInfo, BelievesARuntimeThatTellsItsVersionOfNri) {
  EXPECT_EQ(version_in("containerd", "v1.7.0", "v0.12.2"), (Version{0, 12, 2}));
  EXPECT_EQ(version_in("new", "", "v0.13.0"), (Version{0, 13, 0}));
}

TEST(RuntimeInfo, TakesARuntimeThatNobodyKnowsForTheOldest) {
  EXPECT_EQ(version_in("another", "v9.9.9"), (Version{0, 2, 0}));
  EXPECT_EQ(version_in("containerd", "unknown"), (Version{0, 2, 0}));
}

// A runtime refuses a plugin that asks for an event which it does not know.
TEST(RuntimeInfo, OlderRuntimesKnowElevenEventsAndNewerOnesFourteen) {
  EXPECT_EQ(events_known_to({0, 2, 0}), 0x7FFU);
  EXPECT_EQ(events_known_to({0, 9, 0}), 0x7FFU);
  EXPECT_EQ(events_known_to({0, 10, 0}), 0x3FFFU);
  EXPECT_EQ(events_known_to({0, 12, 2}), 0x3FFFU);
}

TEST(RuntimeInfo, MasksAreThoseOfTheSpecification) {
  EXPECT_EQ(mask_of(Event::kRunPodSandbox), 0x1U);
  EXPECT_EQ(mask_of(Event::kCreateContainer), 0x8U);
  EXPECT_EQ(mask_of(Event::kStartContainer), 0x20U);
  EXPECT_EQ(mask_of(Event::kRemoveContainer), 0x400U);
  EXPECT_EQ(mask_of(Event::kCreateContainer, Event::kRemoveContainer), 0x408U);
  EXPECT_EQ(mask_of(Event::kValidateContainerAdjustment), 0x2000U);
}

}  // namespace
}  // namespace pinscope::nri
