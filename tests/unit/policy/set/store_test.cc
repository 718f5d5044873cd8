// Needs root: policy files and sets count only if root owns them.
#include "plugin/policy/set/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "plugin/host/file.h"
#include "tests/unit/policy/set/store_fixture.h"

namespace pinscope::policy {
namespace {

using Refresh = PolicyStore::Refresh;
using testing::ElementsAre;
using testing::HasSubstr;

class Store : public StoreFixture {};

TEST_F(Store, AbsentDirectoryIsTheEmptySetAndTouchesNothing) {
  std::filesystem::remove(policies_);
  const auto store = open("/nonexistent");
  EXPECT_TRUE(store.empty());
  EXPECT_EQ(store.set().policy_count(), 0U);
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

TEST_F(Store, EmptyDirectoryIsTheEmptySetWithoutACompiler) {
  write(policies_ / "README", "not a policy");
  write(policies_ / ".hidden.yaml", "nor this");
  const auto store = open("/nonexistent");
  EXPECT_TRUE(store.empty());
  EXPECT_EQ(store.refresh(), Refresh::kNone);
  EXPECT_EQ(store.rejected(), std::nullopt);
}

TEST_F(Store, NewPolicyIsCompiledOnceAndThenInForce) {
  write_policy("a.yaml", "first");
  const auto fresh = open();
  EXPECT_EQ(fresh.refresh(), Refresh::kAccepted);
  EXPECT_THAT(names(fresh), ElementsAre("first"));
  const auto next = open("/nonexistent");
  EXPECT_EQ(next.refresh(), Refresh::kNone);
  EXPECT_EQ(next.rejected(), std::nullopt);
  EXPECT_THAT(names(next), ElementsAre("first"));
}

TEST_F(Store, EveryKindOfEditIsNoticed) {
  write_policy("a.yaml", "a1");
  open();
  write_policy("a.yaml", "a2");  // in place, of the same size
  EXPECT_THAT(names(open()), ElementsAre("a2"));
  write_policy("b.yml", "b");  // another file
  EXPECT_THAT(names(open()), ElementsAre("a2", "b"));
  write(root() / "new", policy_text("a3"));
  std::filesystem::rename(root() / "new", policies_ / "a.yaml");  // replaced, as editors do
  EXPECT_THAT(names(open()), ElementsAre("a3", "b"));
  std::filesystem::remove(policies_ / "a.yaml");
  EXPECT_THAT(names(open()), ElementsAre("b"));
  std::filesystem::rename(policies_ / "b.yml", policies_ / "b.off");
  const auto store = open();
  EXPECT_TRUE(store.empty());
  EXPECT_EQ(store.refresh(), Refresh::kAccepted);
  EXPECT_TRUE(open("/nonexistent").empty());
}

TEST_F(Store, SaysWhatAnEditHasChanged) {
  write_policy("a.yaml", "a");
  write_policy("b.yaml", "b");
  const auto first = open();
  ASSERT_TRUE(first.accepted());
  EXPECT_THAT(first.accepted()->added, ElementsAre("a", "b"));
  EXPECT_FALSE(open("/nonexistent").accepted());
  std::filesystem::remove(policies_ / "a.yaml");
  write(policies_ / "b.yaml", "# moves everything\n" + policy_text("b"));
  write_policy("c.yaml", "c");
  const auto second = open();
  ASSERT_TRUE(second.accepted());
  EXPECT_THAT(second.accepted()->names, ElementsAre("b", "c"));
  EXPECT_THAT(second.accepted()->added, ElementsAre("c"));
  EXPECT_THAT(second.accepted()->removed, ElementsAre("a"));
  EXPECT_THAT(second.accepted()->changed, ElementsAre("b"));
}

TEST_F(Store, EditInTheSameTickIsNoticed) {
  write_policy("a.yaml", "a1");
  open();
  // The stamps of an edit that was read in the tick in which it was made.
  struct stat before {};
  const std::string file = policies_ / "a.yaml";
  ASSERT_EQ(::stat(file.c_str(), &before), 0);
  Origin origin{policies_, 0, boot_id(), {stamp_of("a.yaml", before)}, 0};
  const uint64_t edited_at = origin.files[0].ctime_ns;
  const auto is_same = [&](uint64_t read_at, Racy racy) {
    origin.read_at_ns = read_at;
    return unchanged(origin, racy);
  };
  EXPECT_TRUE(is_same(edited_at + kRacyNs + 1, Racy::kCountsAsChanged));
  EXPECT_FALSE(is_same(edited_at + kRacyNs, Racy::kCountsAsChanged));
  EXPECT_FALSE(is_same(edited_at - 1, Racy::kCountsAsChanged));
  EXPECT_TRUE(is_same(edited_at, Racy::kIsIgnored));
}

TEST_F(Store, SetThatWasInstalledRightAfterAnEditIsNotDoubted) {
  write(policies_ / "a.yaml", policy_text("a"));
  ASSERT_TRUE(install(policies_, cache_));
  const auto store = open("/nonexistent");
  EXPECT_EQ(store.rejected(), std::nullopt);
  EXPECT_THAT(names(store), ElementsAre("a"));
}

TEST_F(Store, BadEditKeepsTheOldSetInForceAndIsNotTriedAgain) {
  write_policy("a.yaml", "good");
  open();
  write(policies_ / "a.yaml", "kind: Polic\n");
  settle();
  const auto first = open();
  EXPECT_EQ(first.refresh(), Refresh::kRejected);
  EXPECT_THAT(names(first), ElementsAre("good"));
  ASSERT_TRUE(first.rejected());
  EXPECT_THAT(first.rejected().value_or(""), HasSubstr("a.yaml:1:"));
  EXPECT_THAT(first.rejected().value_or(""), testing::Not(HasSubstr("\n")));
  const auto second = open("/nonexistent");
  EXPECT_EQ(second.refresh(), Refresh::kNone);
  EXPECT_EQ(second.rejected(), first.rejected());
  EXPECT_THAT(names(second), ElementsAre("good"));
}

TEST_F(Store, RepairedEditIsAcceptedAndClearsTheRefusal) {
  write_policy("a.yaml", "good");
  open();
  write(policies_ / "a.yaml", "kind: Polic\n");
  settle();
  open();
  ASSERT_TRUE(std::filesystem::exists(kept(kRejectedSuffix)));
  write_policy("a.yaml", "better");
  const auto store = open();
  EXPECT_EQ(store.refresh(), Refresh::kAccepted);
  EXPECT_EQ(store.rejected(), std::nullopt);
  EXPECT_THAT(names(store), ElementsAre("better"));
  EXPECT_FALSE(std::filesystem::exists(kept(kRejectedSuffix)));
}

TEST_F(Store, FirstPolicyThatIsBadIsAnErrorEachTime) {
  write(policies_ / "a.yaml", "kind: Polic\n");
  settle();
  for (const std::string compiler : {COMPILER, "/nonexistent"}) {
    const auto store = try_open(compiler);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code(), ErrorCode::kPolicyUnavailable);
    EXPECT_THAT(store.error().sentence(), HasSubstr("cannot use the policies in \"" +
                                                    std::string(policies_) + "\": a.yaml:1:"));
    EXPECT_THAT(store.error().sentence(),
                HasSubstr("(none was ever accepted; run `pinscope check`)"));
  }
}

TEST_F(Store, FileThatOthersMayWriteIsRefusedUntilItIsRepaired) {
  write_policy("a.yaml", "a");
  std::filesystem::permissions(policies_ / "a.yaml", std::filesystem::perms(0666));
  settle();
  auto store = try_open();
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().sentence(), HasSubstr("others may write it (mode 0666)"));
  std::filesystem::permissions(policies_ / "a.yaml", std::filesystem::perms(0644));
  settle();
  EXPECT_THAT(names(open()), ElementsAre("a"));
}

TEST_F(Store, CompilerThatIsMissingKeepsTheOldSet) {
  write_policy("a.yaml", "old");
  open();
  write_policy("a.yaml", "new");
  const auto store = open("/nonexistent");
  EXPECT_EQ(store.refresh(), Refresh::kRejected);
  EXPECT_EQ(store.rejected(), "cannot run \"/nonexistent\": No such file or directory");
  EXPECT_THAT(names(store), ElementsAre("old"));
}

TEST_F(Store, CompilerThatFailsWithoutAWordIsReported) {
  write_policy("a.yaml", "old");
  open();
  write_policy("a.yaml", "new");
  const auto cannot = "cannot compile the policies with \"" + (root() / "script").string() + "\": ";
  EXPECT_EQ(open(script("exit 7")).rejected(), cannot + "it ended with status 7");
  EXPECT_EQ(open(script("kill -9 $$")).rejected(), cannot + "it was ended by signal 9");
  EXPECT_EQ(open(script("exit 0")).rejected(), "the policy compiler changed nothing");
  EXPECT_THAT(open("").rejected().value_or(""),
              HasSubstr("/pinscope\": No such file or directory"));  // beside this test
}

TEST_F(Store, WithoutACompilerAndASetPoliciesAreUnavailable) {
  write_policy("a.yaml", "a");
  const auto store = try_open("/nonexistent");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), ErrorCode::kPolicyUnavailable);
  EXPECT_EQ(store.error().sentence(),
            "cannot use the policies in \"" + std::string(policies_) +
                "\": cannot run \"/nonexistent\": No such file or directory (none was ever "
                "accepted; run `pinscope check`)");
}

TEST_F(Store, CompilerGetsNothingOfOurs) {
  write_policy("a.yaml", "a");
  ASSERT_EQ(::setenv("PINSCOPE_SECRET", "x", 1), 0);
  constexpr int kLeaked = 100;  // without O_CLOEXEC, as a runtime may leave one
  ASSERT_EQ(::dup2(STDERR_FILENO, kLeaked), kLeaked);
  const auto report = (root() / "report").string();
  (void)try_open(
      script("{ echo args $1 $2 $3 $4 $5; echo dir $(pwd); echo fds /proc/$$/fd/*; "
             "echo env; tr '\\0' ' ' < /proc/$$/environ; } > " +
             report));
  ::close(kLeaked);
  ::unsetenv("PINSCOPE_SECRET");
  std::ifstream file(report);
  const std::string seen{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(seen, HasSubstr("args compile --policy " + std::string(policies_) + " --cache-dir " +
                              std::string(cache_)));
  EXPECT_THAT(seen, HasSubstr("dir /\n"));
  EXPECT_THAT(seen, testing::Not(HasSubstr("/fd/" + std::to_string(kLeaked))));
  EXPECT_THAT(seen, testing::Not(HasSubstr("SECRET")));
}

TEST_F(Store, PolicyPathMayBeOneFile) {
  write_policy("a.yaml", "one");
  const auto open_file = [&](const std::string& compiler) {
    return PolicyStore::open({policies_ / "a.yaml", cache_, compiler});
  };
  EXPECT_THAT(names(*open_file(COMPILER)), ElementsAre("one"));
  EXPECT_THAT(names(*open_file("/nonexistent")), ElementsAre("one"));
  write_policy("a.yaml", "two");
  EXPECT_THAT(names(*open_file(COMPILER)), ElementsAre("two"));
}

TEST_F(Store, HooksThatStartAtOnceCompileOnce) {
  write_policy("a.yaml", "a");
  const auto runs = root() / "runs";
  const auto compiler =
      script("echo run >> " + runs.string() + "; sleep 0.1; exec " COMPILER " \"$@\"\n");
  std::vector<std::thread> hooks;
  std::vector<Refresh> outcomes(8, Refresh::kRejected);
  hooks.reserve(outcomes.size());
  for (auto& outcome : outcomes) hooks.emplace_back([&] { outcome = open(compiler).refresh(); });
  for (auto& hook : hooks) hook.join();
  EXPECT_EQ(std::ranges::count(outcomes, Refresh::kAccepted), 1);
  EXPECT_EQ(std::ranges::count(outcomes, Refresh::kNone), 7);
  std::ifstream file(runs);
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(file), {}, '\n'), 1);
}

TEST_F(Store, WaitsForAnotherProcessOnlyALittleWhereASetIsInForce) {
  write_policy("a.yaml", "good");
  open();
  write_policy("a.yaml", "newer");
  for (const char* suffix : {kRefreshSuffix, kLockSuffix}) {
    SCOPED_TRACE(suffix);
    const auto held = open_at(AT_FDCWD, kept(suffix), O_RDWR | O_CREAT, 0600);
    ASSERT_TRUE(held);
    ASSERT_EQ(::flock(held->get(), LOCK_EX), 0);
    StoreOptions options{policies_, cache_, script("exec sleep 600\n")};
    options.longest_refresh = std::chrono::hours(1);
    options.longest_wait = std::chrono::milliseconds(10);
    const auto store = PolicyStore::open(options);
    ASSERT_TRUE(store);
    EXPECT_THAT(names(*store), ElementsAre("good"));
    EXPECT_THAT(store->rejected().value_or(""), HasSubstr("another process has been at the"));
  }
  EXPECT_THAT(names(open()), ElementsAre("newer")) << "when nobody holds them any more";
}

TEST_F(Store, PathIsOneHoweverItIsSpelled) {
  const std::string path = policies_;
  write_policy("a.yaml", "a");
  open();
  for (const std::string& spelling : {path + "/", path + "//", path + "/.", "/." + path,
                                      "//run//" + path.substr(std::string("/run/").size())}) {
    const auto store = PolicyStore::open({spelling, cache_, "/nonexistent"});
    ASSERT_TRUE(store) << spelling << ": " << store.error().sentence();
    EXPECT_EQ(store->refresh(), Refresh::kNone);
    EXPECT_EQ(cache_name(spelling, kSetSuffix), cache_name(path, kSetSuffix));
  }
  ASSERT_TRUE(install(path + "/", cache_));
  EXPECT_EQ(open("/nonexistent").refresh(), Refresh::kNone);
  EXPECT_EQ(one_spelling("/"), "/");
  EXPECT_EQ(one_spelling("."), ".");
  EXPECT_EQ(one_spelling("a/./b/"), "a/b");
  EXPECT_EQ(one_spelling("/a/../b"), "/a/../b");
}

}  // namespace
}  // namespace pinscope::policy
