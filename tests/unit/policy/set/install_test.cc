// Putting a set in force. Needs root: policy files and sets count only if root owns them.
#include "plugin/policy/set/install.h"

#include <sys/mount.h>

#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/unit/policy/set/store_fixture.h"

namespace pinscope::policy {
namespace {

using testing::ElementsAre;

class Install : public StoreFixture {};

TEST_F(Install, IsToldThatAReadOnlyCacheKeepsAnEditOut) {
  write_policy("a.yaml", "old");
  open();
  EXPECT_FALSE(not_taken_up(policies_, cache_).has_value());
  const test::TempDirectory place;
  const std::string cache = place.make_directory("cache");
  test::check(::mount(std::string(cache_).c_str(), cache.c_str(), "", MS_BIND, nullptr), "bind");
  test::check(::mount("", cache.c_str(), "", MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), "seal");
  EXPECT_FALSE(not_taken_up(policies_, cache).has_value()) << "nothing was changed";
  write_policy("a.yaml", "new");
  const auto loaded = load_for_install(policies_, cache);
  const auto why = not_taken_up(policies_, cache);
  const auto store = PolicyStore::open({policies_, cache, COMPILER});
  test::check(::umount2(cache.c_str(), MNT_DETACH), "unmount");
  ASSERT_TRUE(store);
  EXPECT_THAT(names(*store), ElementsAre("old"));
  EXPECT_TRUE(loaded.ok());
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(loaded.diagnostics.back().message, why->message);
  EXPECT_EQ(why->message, "these files are not in force: cannot write in \"" + cache +
                              "\": Read-only file system");
}

TEST_F(Install, LeavesNoTemporaryFiles) {
  write_policy("a.yaml", "a");
  ASSERT_TRUE(install(policies_, cache_));
  write(policies_ / "a.yaml", "kind: Polic\n");
  ASSERT_TRUE(install(policies_, cache_));
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(cache_))
    found.push_back(entry.path().filename());
  EXPECT_THAT(found, testing::UnorderedElementsAre(cache_name(policies_, kSetSuffix),
                                                   cache_name(policies_, kRejectedSuffix),
                                                   cache_name(policies_, kLockSuffix)));
}

TEST_F(Install, ReturnsWhatItLoaded) {
  write_policy("a.yaml", "a");
  const auto good = install(policies_, cache_);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->ok());
  EXPECT_EQ(good->policies.size(), 1U);
  write(policies_ / "a.yaml", "kind: Polic\n");
  const auto bad = install(policies_, cache_);
  ASSERT_TRUE(bad);
  EXPECT_FALSE(bad->ok());
}

}  // namespace
}  // namespace pinscope::policy
