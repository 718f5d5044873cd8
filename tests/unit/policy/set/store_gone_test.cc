// Policy files that are gone: a directory that is not there opens no machine whose policies were
// accepted once, and who means to have none can say so.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/machine/mounts.h"
#include "tests/unit/policy/set/store_fixture.h"

namespace pinscope::policy {
namespace {

using Refresh = PolicyStore::Refresh;
using std::filesystem::create_directory;
using std::filesystem::create_symlink;
using std::filesystem::rename;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHint =
    "; the policies that were read from it stay in force; pinscope compile --allow-empty gives "
    "them "
    "up";

class StoreGone : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    if (IsSkipped()) return;
    write_policy("a.yaml", "a");
    ASSERT_THAT(names(open()), ElementsAre("a"));
  }
  // The set stays in force and the reason is told: once as an event, then as long as it lasts.
  void expect_kept(const std::string& reason) const {
    const auto first = open();
    EXPECT_THAT(names(first), ElementsAre("a"));
    EXPECT_EQ(first.refresh(), Refresh::kRejected);
    EXPECT_EQ(first.rejected(), std::string(policies_) + ":1:1: error: " + reason + kHint);
    const auto next = open("/nonexistent");
    EXPECT_THAT(names(next), ElementsAre("a"));
    EXPECT_EQ(next.refresh(), Refresh::kNone);
    EXPECT_EQ(next.rejected(), first.rejected());
    const auto loaded = load_for_install(policies_, cache_);
    EXPECT_FALSE(loaded.ok());
  }
  [[nodiscard]] std::string cannot_read(const std::string& why) const {
    return "cannot read \"" + std::string(policies_) + "\": " + why;
  }
  [[nodiscard]] std::string is_another() const {
    return "\"" + std::string(policies_) +
           "\" holds no policy file, and is not the directory that the policies in force were read "
           "from";
  }
};

TEST_F(StoreGone, DirectoryThatIsMovedAwayKeepsItsPoliciesInForceUntilItIsBack) {
  rename(policies_, root() / "elsewhere");
  expect_kept(cannot_read("No such file or directory"));
  rename(root() / "elsewhere", policies_);
  settle();
  const auto back = open();
  EXPECT_THAT(names(back), ElementsAre("a"));
  EXPECT_EQ(back.rejected(), std::nullopt);
}

TEST_F(StoreGone, DirectoryBehindALinkThatDanglesKeepsItsPoliciesInForce) {
  rename(policies_, root() / "elsewhere");
  create_symlink("nowhere", policies_);
  expect_kept(cannot_read("No such file or directory"));
}

TEST_F(StoreGone, DirectoryBehindALinkToItselfKeepsItsPoliciesInForce) {
  rename(policies_, root() / "elsewhere");
  create_symlink("policy.d", policies_);
  expect_kept(cannot_read("Too many levels of symbolic links"));
}

TEST_F(StoreGone, DirectoryOnAFileSystemThatIsNotMountedKeepsItsPoliciesInForce) {
  {
    const auto mounted = test::Mounted::tmpfs(policies_);
    write_policy("b.yaml", "a");
    ASSERT_THAT(names(open()), ElementsAre("a"));
  }
  std::filesystem::remove(policies_ / "a.yaml");  // the mount point below it is empty
  settle();
  expect_kept(is_another());
}

TEST_F(StoreGone, EmptyFileSystemMountedOverTheDirectoryKeepsItsPoliciesInForce) {
  const auto mounted = test::Mounted::tmpfs(policies_);
  expect_kept(is_another());
}

TEST_F(StoreGone, EmptyDirectoryInTheOthersPlaceKeepsItsPoliciesInForce) {
  rename(policies_, root() / "elsewhere");
  create_directory(policies_);
  settle();
  expect_kept(is_another());
}

TEST_F(StoreGone, EmptyFileSystemMountedAgainKeepsItsPoliciesInForce) {
  std::filesystem::remove(policies_ / "a.yaml");
  struct stat before {};
  {
    const auto mounted = test::Mounted::tmpfs(policies_);
    write_policy("b.yaml", "a");
    ASSERT_THAT(names(open()), ElementsAre("a"));
    ASSERT_EQ(stat(std::string(policies_).c_str(), &before), 0);
  }
  const auto again = test::Mounted::tmpfs(policies_);
  struct stat status {};
  ASSERT_EQ(stat(std::string(policies_).c_str(), &status), 0);
  if (status.st_dev != before.st_dev || status.st_ino != before.st_ino)
    GTEST_SKIP() << "this kernel did not give the file system's number again";
  expect_kept(is_another());
}

TEST_F(StoreGone, EmptyDirectoryThatGotTheOthersNumberKeepsItsPoliciesInForce) {
  struct stat before {};
  ASSERT_EQ(stat(std::string(policies_).c_str(), &before), 0);
  std::filesystem::remove_all(policies_);
  create_directory(policies_);
  struct stat status {};
  ASSERT_EQ(stat(std::string(policies_).c_str(), &status), 0);
  if (status.st_ino != before.st_ino)
    GTEST_SKIP() << "this file system did not give the directory's number again";
  settle();
  expect_kept(is_another());
}

TEST_F(StoreGone, DirectoryThatWasEmptiedHasNoPolicies) {
  std::filesystem::remove(policies_ / "a.yaml");
  settle();
  const auto emptied = open();
  EXPECT_TRUE(emptied.empty());
  EXPECT_EQ(emptied.refresh(), Refresh::kAccepted);
  EXPECT_FALSE(std::filesystem::exists(kept(kSetSuffix)));
  std::filesystem::remove(policies_);
  EXPECT_TRUE(open("/nonexistent").empty());
}

TEST_F(StoreGone, DirectoryWithOtherFilesInItsPlaceIsAnEdit) {
  rename(policies_, root() / "elsewhere");
  create_directory(policies_);
  write_policy("b.yaml", "b");
  const auto store = open();
  EXPECT_THAT(names(store), ElementsAre("b"));
  EXPECT_EQ(store.refresh(), Refresh::kAccepted);
}

TEST_F(StoreGone, FileWithoutADocumentSaysThatThereAreNone) {
  rename(policies_, root() / "elsewhere");
  create_directory(policies_);
  write(policies_ / "none.yaml", "# no policies on this machine\n");
  settle();
  EXPECT_TRUE(open().empty());
  EXPECT_TRUE(open("/nonexistent").empty());
}

TEST_F(StoreGone, WhoMeansItCanGiveUpThePolicies) {
  const auto give_up = [&] {
    const auto loaded = install(policies_, cache_, Empty::kIsMeant);
    ASSERT_TRUE(loaded && loaded->ok());
    EXPECT_FALSE(std::filesystem::exists(kept(kSetSuffix)));
    EXPECT_TRUE(open("/nonexistent").empty());
  };
  rename(policies_, root() / "elsewhere");
  open();  // leaves the note of a refusal
  give_up();
  create_directory(policies_);
  write_policy("a.yaml", "a");
  EXPECT_THAT(names(open()), ElementsAre("a"));
  rename(policies_, root() / "elsewhere2");
  create_directory(policies_);
  settle();
  EXPECT_THAT(names(open()), ElementsAre("a"));
  give_up();
}

TEST_F(StoreGone, GivingUpTakesNoFilesAway) {
  ASSERT_TRUE(install(policies_, cache_, Empty::kIsMeant));
  EXPECT_THAT(names(open("/nonexistent")), ElementsAre("a"));
}

TEST_F(StoreGone, OneFileInsteadOfADirectoryIsKept) {
  const std::string file = policies_ / "a.yaml";
  const auto open_file = [&](const std::string& compiler) {
    return PolicyStore::open({file, cache_, compiler});
  };
  ASSERT_THAT(names(*open_file(COMPILER)), ElementsAre("a"));
  rename(file, root() / "elsewhere");
  const auto store = open_file(COMPILER);
  ASSERT_TRUE(store) << store.error().sentence();
  EXPECT_THAT(names(*store), ElementsAre("a"));
  EXPECT_THAT(store->rejected().value_or(""), HasSubstr("No such file or directory"));
  ASSERT_TRUE(install(file, cache_, Empty::kIsMeant));
  EXPECT_TRUE(open_file("/nonexistent")->empty());
}

TEST_F(StoreGone, SetThatCannotBeReadIsNoReasonToOpenTheMachine) {
  rename(policies_, root() / "elsewhere");
  for (const bool is_empty : {false, true}) {
    if (is_empty) create_directory(policies_);
    write(kept(kSetSuffix), "garbage");
    settle();
    const auto store = try_open();
    ASSERT_FALSE(store) << is_empty;
    EXPECT_EQ(store.error().code(), ErrorCode::kPolicyUnavailable);
    EXPECT_THAT(store.error().sentence(), HasSubstr("pinscope compile --allow-empty"));
  }
}

TEST_F(StoreGone, DirectoryThatWasNeverThereIsNoReasonToStopTheMachine) {
  const auto store = PolicyStore::open({root() / "never.d", cache_, COMPILER});
  ASSERT_TRUE(store) << store.error().sentence();
  EXPECT_TRUE(store->empty());
  EXPECT_EQ(store->refresh(), Refresh::kNone);
}

TEST_F(StoreGone, FileThatIsTakenForADirectoryIsNoReasonToOpenTheMachine) {
  for (const std::string path : {"a.yaml/", "a.yaml/b.yaml"}) {
    const auto store = PolicyStore::open({policies_ / path, cache_, COMPILER});
    EXPECT_FALSE(store) << path;
  }
}

TEST_F(StoreGone, HooksThatFindTheDirectoryEmptiedAtOnceAgree) {
  std::filesystem::remove(policies_ / "a.yaml");
  settle();
  std::vector<std::thread> hooks;
  std::vector<char> empty(8, 0);
  hooks.reserve(empty.size());
  for (char& found : empty) hooks.emplace_back([&] { found = static_cast<char>(open().empty()); });
  for (auto& hook : hooks) hook.join();
  EXPECT_THAT(empty, testing::Each(1));
}

}  // namespace
}  // namespace pinscope::policy
