// What a glob finds on the host, and what somebody who may make names below its literal part can do
// to whoever starts containers: nothing but to be left out.
#include "plugin/kernel/bpf/pin_list.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "plugin/pipeline/host_view.h"
#include "plugin/policy/glob.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using kernel::ListLimits;
using kernel::NamePattern;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PinLists : public testing::Test {
 protected:
  TempDirectory directory_;
  Mounted bpf_ = Mounted::bpf(directory_.make_directory("bpf"));
  HostPins pins_;

  [[nodiscard]] std::string at(const std::string& name) const { return bpf_.path(name); }

  model::MatchingPins matching(const std::string& glob) const {
    auto found = pins_matching(at(glob));
    if (!found) ADD_FAILURE() << found.error().sentence();
    return found ? *std::move(found) : model::MatchingPins{};
  }
  // The paths below the bpffs.
  std::vector<std::string> names(const model::MatchingPins& found) const {
    std::vector<std::string> names;
    for (const auto& pin : found.pins) names.push_back(pin.substr(bpf_.path().size() + 1));
    return names;
  }
  // Without what kernels with BPF_PRELOAD put into the root of each bpffs.
  static std::vector<std::string> without_debug_files(std::vector<std::string> pins) {
    std::erase_if(pins, [](const std::string& pin) { return pin.ends_with(".debug"); });
    return pins;
  }
  static NamePattern any() {
    return {NamePattern::Kind::kMatching, "*", [](std::string_view) { return true; }};
  }
  static NamePattern any_depth() { return {NamePattern::Kind::kAnyDepth, "**", {}}; }
  static NamePattern exactly(std::string name) {
    return {NamePattern::Kind::kExactly, std::move(name), {}};
  }
  // Everything below app/, within `limits`.
  model::MatchingPins limited(const std::vector<NamePattern>& patterns,
                              const ListLimits& limits) const {
    auto found = kernel::list_pins(at("app"), patterns, limits);
    EXPECT_TRUE(found);
    return found ? *std::move(found) : model::MatchingPins{};
  }
  // Directories, one in the other, as somebody makes them who is in each: no path is too long.
  static void nest(const std::string& top, size_t depth, const std::string& name) {
    Fd here(check(open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open " + top));
    for (size_t i = 0; i < depth; ++i) {
      check(mkdirat(here.get(), name.c_str(), 0755), "make a directory");
      here = Fd(check(openat(here.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                      "open a directory"));
    }
  }
};

TEST_F(PinLists, HoldWhatTheGlobMatchesAtItsOwnDepth) {
  for (const char* pin : {"app/a", "app/b", "app/x/a", "app/x/y/a", "other/a"}) pins_.map(at(pin));
  EXPECT_THAT(names(matching("app/*")), ElementsAre("app/a", "app/b"));
  EXPECT_THAT(names(matching("app/*/a")), ElementsAre("app/x/a"));
  EXPECT_THAT(names(matching("app/*/*/[a-c]")), ElementsAre("app/x/y/a"));
  EXPECT_THAT(names(matching("app/**")), ElementsAre("app/a", "app/b", "app/x/a", "app/x/y/a"));
  EXPECT_THAT(names(matching("app/**/y/*")), ElementsAre("app/x/y/a"));
  EXPECT_THAT(names(matching("*/a")), ElementsAre("app/a", "other/a"));
  EXPECT_THAT(names(matching("app/x/?/none")), IsEmpty());
  EXPECT_THAT(names(matching("nothing/here/*")), IsEmpty());
  EXPECT_THAT(matching("app/**").left_out, IsEmpty());
}

// The walk and the match of whole paths are two pieces of code.
TEST_F(PinLists, HoldWhatTheWholePathMatches) {
  std::mt19937 random(7);
  const std::vector<std::string> words = {"a", "b", "ab"};
  const std::vector<std::string> globs = {"a", "*", "a*", "?", "[ab]", "**", "*b"};
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  std::vector<std::string> all;
  for (int i = 0; i < 60; ++i) {
    std::string path = "t";
    for (size_t depth = random() % 4; depth > 0; --depth) path += "/d" + pick(words);
    path += "/" + pick(words);
    if (std::ranges::find(all, path) != all.end()) continue;
    pins_.map(at(path));
    all.push_back(path);
  }
  std::ranges::sort(all);
  for (int i = 0; i < 200; ++i) {
    std::string glob = "t";
    for (size_t depth = 1 + random() % 4; depth > 0; --depth)
      glob += "/" + (random() % 2 == 0 ? pick(globs) : "d" + pick(globs));
    if (glob.find("d**") != std::string::npos || !policy::is_glob(glob)) continue;
    std::vector<std::string> expected;
    for (const auto& path : all)
      if (policy::glob_matches(glob, path)) expected.push_back(path);
    EXPECT_EQ(names(matching(glob)), expected) << glob;
  }
}

TEST_F(PinLists, LeaveOutLinksAndDirectories) {
  pins_.map(at("app/deep/c"));
  pins_.map(at("app/a"));
  check(symlink("a", at("app/link").c_str()), "link");
  check(symlink("deep", at("app/link_to_directory").c_str()), "link");
  EXPECT_THAT(names(matching("app/**")), ElementsAre("app/a", "app/deep/c"));
  EXPECT_THAT(names(matching("app/*/c")), ElementsAre("app/deep/c"));
  EXPECT_THAT(names(matching("*/link")), IsEmpty());
  EXPECT_THAT(names(matching("app/[l]ink_to_directory/c")), IsEmpty());
}

TEST_F(PinLists, AreRefusedThroughALinkAboveThem) {
  pins_.map(at("secret/flows"));
  check(symlink("secret", at("app").c_str()), "link");
  const auto found = pins_matching(at("app/*"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kSourceMismatch);
  EXPECT_EQ(found.error().sentence(), "cannot list pins in \"" + at("app") +
                                          "\": it is a symbolic link, or below one (write the path "
                                          "without links)");
}

// One bpffs for each device or tenant, below a directory: of the same superblock or of another.
TEST_F(PinLists, GoIntoEveryBpffsThatIsMountedBelow) {
  const std::string devices = directory_.make_directory("devices");
  const auto first = Mounted::bpf(directory_.make_directory("devices/eth0"));
  const auto second = Mounted::bind(bpf_.path(), directory_.make_directory("devices/eth1"));
  directory_.make_directory("devices/eth2");
  HostPins inner;
  inner.map(first.path("xsks_map"));
  inner.map(bpf_.path("xsks_map"));
  const auto found = pins_matching(devices + "/*/xsks_map");
  ASSERT_TRUE(found) << found.error().sentence();
  EXPECT_THAT(found->pins, ElementsAre(devices + "/eth0/xsks_map", devices + "/eth1/xsks_map"));
  EXPECT_THAT(found->left_out, IsEmpty());
  const auto inside = Mounted::bpf((mkdir(first.path("in").c_str(), 0755), first.path("in")));
  inner.map(inside.path("a"));
  EXPECT_THAT(pins_matching(devices + "/**/a")->pins, ElementsAre(devices + "/eth0/in/a"));
}

// A tmpfs for each tenant, as in /run, and in it the tenant's bpffs.
TEST_F(PinLists, GoThroughALocalFileSystemToTheBpffsInIt) {
  const std::string tenants = directory_.make_directory("tenants");
  const auto first = Mounted::tmpfs(directory_.make_directory("tenants/first"));
  const auto second = Mounted::tmpfs(directory_.make_directory("tenants/second"));
  const auto empty = Mounted::tmpfs(directory_.make_directory("tenants/third"));
  const auto bpf_of = [](const Mounted& tenant) {
    check(mkdir(tenant.path("bpf").c_str(), 0755), "make a directory");
    return Mounted::bpf(tenant.path("bpf"));
  };
  const auto bpf_of_first = bpf_of(first);
  const auto bpf_of_second = bpf_of(second);
  HostPins inner;
  inner.map(bpf_of_first.path("flows"));
  inner.map(bpf_of_second.path("flows"));
  write_file(first.path("flows"), "no pin");
  const std::vector<std::string> both = {tenants + "/first/bpf/flows",
                                         tenants + "/second/bpf/flows"};
  for (const char* glob : {"/*/bpf/flows", "/**", "/**/flows", "/[f-s]*/*/flow?"}) {
    const auto found = pins_matching(tenants + glob);
    ASSERT_TRUE(found) << found.error().sentence();
    EXPECT_EQ(without_debug_files(found->pins), both) << glob;
    EXPECT_THAT(found->left_out, IsEmpty()) << "a mount without a bpffs below is nobody's question";
  }
}

// Whoever may write a directory may have mounted there what never answers.
TEST_F(PinLists, GoThroughNoDirectoryThatOthersThanRootMayWrite) {
  const std::string tenants = directory_.make_directory("tenants");
  const auto tenant = Mounted::tmpfs(directory_.make_directory("tenants/first"));
  check(mkdir(tenant.path("bpf").c_str(), 0755), "make a directory");
  const auto bpf = Mounted::bpf(tenant.path("bpf"));
  HostPins inner;
  inner.map(bpf.path("flows"));
  EXPECT_THAT(pins_matching(tenants + "/*/*/flows")->pins, SizeIs(1));
  const auto expect_left_out = [&](const std::string& name) {
    const auto found = pins_matching(tenants + "/*/*/flows");
    EXPECT_THAT(found->pins, IsEmpty());
    EXPECT_THAT(found->left_out, ElementsAre("left out \"" + tenants + "/" + name +
                                             "\": others than root may mount something there"));
  };
  check(chmod(tenant.path().c_str(), 01777), "open the directory");
  expect_left_out("first");
  check(chmod(tenant.path().c_str(), 0755), "close the directory");
  check(chown(tenant.path().c_str(), 1000, 0), "give the directory away");
  expect_left_out("first");
}

// Directories without a bpffs below them take none of what the others may read.
TEST_F(PinLists, ReadOnlyDirectoriesOnTheWayToABpffs) {
  const std::string tenants = directory_.make_directory("tenants");
  for (int i = 0; i < 50; ++i) directory_.make_directory("tenants/d" + std::to_string(i));
  const auto bpf = Mounted::bpf(directory_.make_directory("tenants/z"));
  HostPins inner;
  inner.map(bpf.path("flows"));
  const auto found = kernel::list_pins(tenants, {any_depth()}, {.directories = 2});
  ASSERT_TRUE(found);
  EXPECT_THAT(without_debug_files(found->pins), ElementsAre(tenants + "/z/flows"));
  EXPECT_THAT(found->left_out, IsEmpty());
}

TEST_F(PinLists, GoIntoNoOtherMountAndSayIt) {
  pins_.map(at("app/a"));
  pins_.directory(at("app/mounted"));
  const auto other = Mounted::tmpfs(at("app/mounted"));
  write_file(other.path("b"), "no pin");
  for (const std::string glob : {"app/**", "app/*/b", "app/m*/b"}) {
    const auto found = matching(glob);
    EXPECT_THAT(names(found), testing::Not(testing::Contains("app/mounted/b")));
    EXPECT_THAT(found.left_out,
                ElementsAre("left out \"" + at("app/mounted") +
                            "\": another file system than a bpffs is mounted there"));
    EXPECT_FALSE(found.is_cut_short);
  }
}

TEST_F(PinLists, HoldNoFileOfAnotherFileSystem) {
  const std::string plain = directory_.make_directory("plain");
  write_file(plain + "/a", "no pin");
  EXPECT_THAT(pins_matching(plain + "/*")->pins, IsEmpty());
}

TEST_F(PinLists, AreNotStoppedByDirectoriesDeeperThanTheGlob) {
  pins_.map(at("app/a"));
  nest(at("app"), 60, "d");
  const auto found = matching("app/*");
  EXPECT_THAT(names(found), ElementsAre("app/a"));
  EXPECT_THAT(found.left_out, IsEmpty());
}

TEST_F(PinLists, LeaveOutWhatIsNestedTooDeeplyAndSayIt) {
  pins_.map(at("app/a"));
  nest(at("app"), 60, "d");
  const auto found = matching("app/**");
  EXPECT_THAT(names(found), ElementsAre("app/a"));
  EXPECT_TRUE(found.is_cut_short);
  EXPECT_THAT(found.left_out, ElementsAre(HasSubstr("\": it is nested too deeply")));
}

TEST_F(PinLists, LeaveOutWhatHasNoPathThatCouldBeOpened) {
  pins_.map(at("app/a"));
  nest(at("app"), 20, std::string(250, 'n'));
  const auto found = matching("app/**");
  EXPECT_THAT(names(found), ElementsAre("app/a"));
  ASSERT_THAT(found.left_out, SizeIs(1));
  EXPECT_THAT(found.left_out[0], HasSubstr("...\": a path below it is too long"));
  EXPECT_LT(found.left_out[0].size(), 300U);
}

TEST_F(PinLists, OpenOnlyDirectoriesInWhichSomethingCanMatch) {
  pins_.map(at("app/a"));
  pins_.map(at("app/right/flows"));
  for (int i = 0; i < 100; ++i) pins_.directory(at("app/d" + std::to_string(i)));
  EXPECT_THAT(limited({any()}, {.directories = 1}).left_out, IsEmpty());
  EXPECT_THAT(limited({exactly("right"), any()}, {.directories = 2, .entries = 1}).left_out,
              IsEmpty());
  const NamePattern r{NamePattern::Kind::kMatching, "r*",
                      [](std::string_view name) { return name.starts_with('r'); }};
  EXPECT_THAT(limited({r, any()}, {.directories = 2}).left_out, IsEmpty());
}

TEST_F(PinLists, LookUpANameWithoutReadingTheDirectory) {
  pins_.map(at("app/tenant/flows"));
  for (int i = 0; i < 100; ++i) pins_.map(at("app/tenant/p" + std::to_string(i)));
  const auto found = limited({any(), exactly("flows")}, {.entries = 1});
  EXPECT_THAT(names(found), ElementsAre("app/tenant/flows"));
  EXPECT_THAT(found.left_out, IsEmpty());
}

TEST_F(PinLists, TakeABoundedAmountOfWorkAndSayWhatWasLeftOut) {
  for (int i = 0; i < 20; ++i) {
    pins_.map(at("app/p" + std::to_string(i)));
    pins_.directory(at("app/x" + std::to_string(i)));
  }
  const auto too_many_pins = limited({any()}, {.pins = 5});
  EXPECT_THAT(too_many_pins.pins, SizeIs(5));
  EXPECT_TRUE(too_many_pins.is_cut_short);
  ASSERT_THAT(too_many_pins.left_out, SizeIs(9));
  EXPECT_THAT(too_many_pins.left_out[0], HasSubstr("\": more than 5 pins match"));
  EXPECT_EQ(too_many_pins.left_out[8], "and left out 7 more");
  const auto too_many_names = limited({any()}, {.entries = 10});
  EXPECT_THAT(too_many_names.left_out, ElementsAre(HasSubstr("more than 10 names were read")));
  EXPECT_TRUE(too_many_names.is_cut_short);
  const auto too_many_directories = limited({any_depth()}, {.directories = 10});
  EXPECT_THAT(too_many_directories.pins, SizeIs(20));
  ASSERT_THAT(too_many_directories.left_out, SizeIs(9));
  EXPECT_THAT(too_many_directories.left_out[0], HasSubstr("more than 10 directories were read"));
}

// A tenant whose name comes first, and who fills their own directory.
class PinListsOfTenants : public PinLists {
 protected:
  void SetUp() override {
    pins_.map(at("app/bob/maps/flows"));
    pins_.map(at("app/carol/flows"));
    pins_.directory(at("app/a"));
  }
};

TEST_F(PinListsOfTenants, LeaveOutNobodysPinsForAnotherOnesDirectories) {
  for (int i = 0; i < 50; ++i) pins_.directory(at("app/a/d" + std::to_string(i)));
  const auto found = limited({any_depth(), exactly("flows")}, {.directories = 20});
  EXPECT_THAT(names(found), ElementsAre("app/bob/maps/flows", "app/carol/flows"));
  EXPECT_TRUE(found.is_cut_short);
}

TEST_F(PinListsOfTenants, LeaveOutNobodysPinsForAnotherOnesNestedDirectories) {
  for (int i = 0; i < 10; ++i) nest(at("app/a"), 5, "d" + std::to_string(i));
  const auto found = limited({any_depth(), exactly("flows")}, {.directories = 20});
  EXPECT_THAT(names(found), ElementsAre("app/bob/maps/flows", "app/carol/flows"));
  EXPECT_TRUE(found.is_cut_short);
}

TEST_F(PinListsOfTenants, LeaveOutNobodysPinsForAnotherOnesNames) {
  pins_.directory(at("app/a/maps"));
  for (int i = 0; i < 50; ++i) pins_.directory(at("app/a/maps/n" + std::to_string(i)));
  const auto found =
      limited({any(), exactly("maps"), any()}, {.entries = 40, .entries_of_directory = 10});
  EXPECT_THAT(names(found), ElementsAre("app/bob/maps/flows"));
  EXPECT_THAT(found.left_out,
              ElementsAre("left out \"" + at("app/a/maps") + "\": more than 10 names were read"));
}

// Several who fill theirs to the limit of one directory have together all of the names.
TEST_F(PinListsOfTenants, LeaveOutNobodysPinsForTheNamesOfMany) {
  for (const char* tenant : {"app/a1", "app/a2", "app/a3", "app/a4", "app/a5"}) {
    pins_.directory(at(tenant));
    for (int i = 0; i < 400; ++i)
      check(symlink("nowhere", at(std::string(tenant) + "/n" + std::to_string(i)).c_str()), "link");
  }
  const auto found = limited({any(), any()}, {.entries = 1600, .entries_of_directory = 400});
  EXPECT_THAT(names(found), ElementsAre("app/carol/flows"));
  EXPECT_TRUE(found.is_cut_short);
}

TEST_F(PinListsOfTenants, HoldWhatIsInALargeDirectory) {
  for (int i = 0; i < 1500; ++i)
    check(symlink("nowhere", at("app/a/n" + std::to_string(i)).c_str()), "link");
  pins_.map(at("app/a/z"));
  EXPECT_THAT(names(limited({any(), any()}, {})), ElementsAre("app/a/z", "app/carol/flows"));
}

TEST_F(PinListsOfTenants, LeaveOutNobodysPinsForAnotherOnesPins) {
  for (int i = 0; i < 50; ++i) pins_.map(at("app/a/p" + std::to_string(i)));
  const auto found = limited({any_depth()}, {.pins = 10});
  EXPECT_THAT(found.pins, SizeIs(10));
  EXPECT_THAT(names(found), testing::IsSupersetOf({"app/bob/maps/flows", "app/carol/flows"}));
  EXPECT_TRUE(found.is_cut_short);
}

}  // namespace
}  // namespace pinscope::test
