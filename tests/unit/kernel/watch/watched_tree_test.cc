#include "plugin/kernel/watch/watched_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::kernel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

NamePattern exactly(std::string name) {
  return {NamePattern::Kind::kExactly, std::move(name), {}};
}
NamePattern any_name() {
  return {NamePattern::Kind::kMatching, "*", [](std::string_view) { return true; }};
}
NamePattern any_depth() {
  return {NamePattern::Kind::kAnyDepth, "**", {}};
}

class WatchedTrees : public testing::Test {
 protected:
  WatchedTree tree_{WatchedTree::Limits{.found_of_glob = 3, .found = 5, .longest_path = 100}};

  std::vector<std::string> paths(const WatchedTree::Keys& keys) {
    std::vector<std::string> paths;
    for (const uint64_t key : keys) paths.push_back(tree_.by_key(key)->path);
    return paths;
  }
  WatchedPlace& place(const std::string& path) {
    for (const uint64_t key : tree_.keys())
      if (tree_.by_key(key)->path == path) return *tree_.by_key(key);
    throw std::runtime_error("no place " + path);
  }
  WatchedPlace* find(const std::string& directory, std::string_view name) {
    return tree_.find(place(directory), name);
  }
};

TEST_F(WatchedTrees, HaveEachDirectoryOnTheWayOnce) {
  EXPECT_THAT(paths(tree_.add({1, "/bpf/app/flows"})), ElementsAre("/bpf", "/bpf/app"));
  EXPECT_THAT(paths(tree_.add({2, "/bpf/app/counters"})), ElementsAre("/bpf/app"));
  EXPECT_THAT(paths(tree_.add({3, "/bpf/flows"})), ElementsAre("/bpf"));
  EXPECT_THAT(WatchedTree::concerned(place("/bpf/app"), "flows"), ElementsAre(1));
  EXPECT_THAT(WatchedTree::concerned(place("/bpf"), "flows"), ElementsAre(3));
  EXPECT_THAT(WatchedTree::concerned(place("/bpf"), "app"), IsEmpty());
  EXPECT_THAT(WatchedTree::all_in(place("/bpf/app")), UnorderedElementsAre(1, 2));
}

TEST_F(WatchedTrees, TakeAwayWhatMattersToNobodyAnyMore) {
  tree_.add({1, "/bpf/app/deep/flows"});
  tree_.add({2, "/bpf/app/counters"});
  EXPECT_THAT(tree_.remove(1), SizeIs(1));
  EXPECT_THAT(paths(tree_.keys()), ElementsAre("/", "/bpf", "/bpf/app"));
  EXPECT_THAT(tree_.remove(2), SizeIs(2));
  EXPECT_THAT(tree_.remove(2), IsEmpty());
  EXPECT_THAT(paths(tree_.keys()), ElementsAre("/"));
}

TEST_F(WatchedTrees, HaveASourceOnlyWhereItWasAddedLast) {
  tree_.add({1, "/bpf/old/flows"});
  tree_.add({1, "/bpf/new/flows"});
  EXPECT_THAT(paths(tree_.keys()), ElementsAre("/", "/bpf", "/bpf/new"));
  EXPECT_EQ(tree_.sources(), 1U);
}

TEST_F(WatchedTrees, KnowTheNamesThatAGlobMatches) {
  tree_.add({1, "/bpf", {exactly("app"), any_name()}});
  EXPECT_EQ(find("/bpf", "other"), nullptr);
  WatchedPlace* app = find("/bpf", "app");
  ASSERT_NE(app, nullptr);
  EXPECT_EQ(app->path, "/bpf/app");
  EXPECT_THAT(WatchedTree::concerned(*app, "flows"), ElementsAre(1));
  EXPECT_THAT(WatchedTree::concerned(place("/bpf"), "app"), IsEmpty());
  EXPECT_FALSE(app->is_only_found() && !app->globs.at(1).is_found);
  EXPECT_TRUE(app->is_only_found());
  EXPECT_FALSE(place("/bpf").is_only_found());
}

TEST_F(WatchedTrees, ForgetWhatAGlobFoundAndNotWhereItBegins) {
  tree_.add({1, "/bpf", {any_depth(), exactly("flows")}});
  tree_.add({2, "/bpf/a/kept/counters"});
  find("/bpf", "a");
  find("/bpf/a", "b");
  EXPECT_THAT(tree_.lose(place("/bpf/a")), SizeIs(1));
  EXPECT_THAT(paths(tree_.keys()), ElementsAre("/", "/bpf", "/bpf/a", "/bpf/a/kept"));
  EXPECT_THAT(place("/bpf/a").globs, IsEmpty());
  EXPECT_THAT(tree_.lose(place("/bpf")), IsEmpty());
  EXPECT_THAT(place("/bpf").globs, SizeIs(1));
  EXPECT_THAT(tree_.remove(1), IsEmpty());
  EXPECT_THAT(tree_.remove(2), SizeIs(3));
}

TEST_F(WatchedTrees, RemoveAGlobFromEverythingThatItFound) {
  tree_.add({1, "/bpf", {any_depth()}});
  find("/bpf", "a");
  find("/bpf/a", "b");
  EXPECT_THAT(tree_.remove(1), SizeIs(3));
  EXPECT_THAT(paths(tree_.keys()), ElementsAre("/"));
}

TEST_F(WatchedTrees, LetAGlobFindABoundedNumberOfDirectories) {
  tree_.add({1, "/bpf", {any_depth()}});
  tree_.add({2, "/bpf/z", {any_name(), any_name()}});
  for (const char* name : {"a", "b", "c"}) EXPECT_NE(find("/bpf", name), nullptr);
  EXPECT_THAT(tree_.cut(), IsEmpty());
  EXPECT_EQ(find("/bpf", "d"), nullptr);
  EXPECT_THAT(tree_.cut(), ElementsAre(1));
  // Others have theirs, up to the bound of all.
  EXPECT_NE(find("/bpf/z", "a"), nullptr);
  EXPECT_NE(find("/bpf/z", "b"), nullptr);
  EXPECT_EQ(find("/bpf/z", "c"), nullptr);
  EXPECT_THAT(tree_.cut(), ElementsAre(1, 2));
  // What goes makes room.
  tree_.forget_cuts();
  tree_.lose(place("/bpf/a"));
  EXPECT_NE(find("/bpf", "d"), nullptr);
  EXPECT_THAT(tree_.cut(), IsEmpty());
}

TEST_F(WatchedTrees, DoNotFollowPathsThatAreTooLong) {
  tree_.add({1, "/bpf", {any_depth()}});
  EXPECT_EQ(find("/bpf", std::string(200, 'x')), nullptr);
  EXPECT_THAT(tree_.cut(), ElementsAre(1));
}

}  // namespace
}  // namespace pinscope::kernel
