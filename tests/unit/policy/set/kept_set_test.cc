// The compiled set that is kept from one start to the next: what is damaged, another's or for
// another path is not used. Needs root: sets count only if root owns them.
#include <unistd.h>

#include <iterator>

#include "tests/unit/policy/set/store_fixture.h"

namespace pinscope::policy {
namespace {

using Refresh = PolicyStore::Refresh;
using testing::ElementsAre;
using testing::HasSubstr;

class KeptSet : public StoreFixture {};

TEST_F(KeptSet, IsNotUsedIfOthersMayWriteIt) {
  write_policy("a.yaml", "a");
  open();
  std::filesystem::permissions(kept(kSetSuffix), std::filesystem::perms(0666));
  const auto store = try_open("/nonexistent");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), ErrorCode::kPolicyUntrusted);
  EXPECT_THAT(store.error().sentence(), HasSubstr("others may write it (mode 0666)"));
  // Making it again is the cure.
  EXPECT_THAT(names(open()), ElementsAre("a"));
  EXPECT_THAT(names(open("/nonexistent")), ElementsAre("a"));
}

TEST_F(KeptSet, IsNotUsedIfAnotherUserOwnsIt) {
  write_policy("a.yaml", "a");
  open();
  ASSERT_EQ(::chown(kept(kSetSuffix).c_str(), 1000, 0), 0);
  EXPECT_EQ(try_open("/nonexistent").error().code(), ErrorCode::kPolicyUntrusted);
}

TEST_F(KeptSet, IsNotALinkToAnother) {
  write_policy("a.yaml", "a");
  open();
  std::filesystem::rename(kept(kSetSuffix), root() / "elsewhere");
  std::filesystem::create_symlink(root() / "elsewhere", kept(kSetSuffix));
  EXPECT_FALSE(try_open("/nonexistent"));
  EXPECT_THAT(names(open()), ElementsAre("a"));
}

TEST_F(KeptSet, IsMadeAgainWhenItIsDamaged) {
  write_policy("a.yaml", "a");
  open();
  for (const std::string content : {"", "garbage", "xxxxPSCPxxxxxxxxxxxxxxxxxx"}) {
    write(kept(kSetSuffix), content);
    EXPECT_EQ(try_open("/nonexistent").error().code(), ErrorCode::kPolicyUnavailable);
    const auto store = open();
    EXPECT_EQ(store.refresh(), Refresh::kAccepted);
    EXPECT_THAT(names(store), ElementsAre("a"));
  }
}

// The hook does not read all of a set; who looks at it in full sees every bit.
TEST_F(KeptSet, ShowsEachBitThatItLost) {
  write_policy("a.yaml", "a");
  write_policy("b.yaml", "b");
  open();
  const auto policies = load_path(policies_).policies;
  const auto before = CachedSet::open(cache_, policies_, kSetSuffix);
  ASSERT_TRUE(before && *before && (*before)->holds(policies));
  const auto origin = (*before)->set().origin();
  // What it says of the files and of their reading is compared with them, as far as it counts.
  const std::string of_origin = compile({}, *origin);
  const auto passes = [&] {
    const auto set = CachedSet::open(cache_, policies_, kSetSuffix);
    return set && *set && (*set)->holds(policies) &&
           compile({}, *(*set)->set().origin()) == of_origin;
  };
  EXPECT_TRUE(passes());
  std::ifstream file(kept(kSetSuffix), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    write(kept(kSetSuffix), damaged);
    ASSERT_FALSE(passes()) << at;
  }
}

TEST_F(KeptSet, IsNotUsedForAnotherPath) {
  write_policy("a.yaml", "a");
  open();
  const std::filesystem::path other = root() / "other.d";
  std::filesystem::create_directory(other);
  write(other / "b.yaml", policy_text("b"));
  settle();
  std::filesystem::copy_file(kept(kSetSuffix),
                             std::filesystem::path(cache_) / cache_name(other, kSetSuffix));
  const auto store = PolicyStore::open({other, cache_, COMPILER});
  ASSERT_TRUE(store);
  EXPECT_THAT(names(*store), ElementsAre("b"));
}

}  // namespace
}  // namespace pinscope::policy
