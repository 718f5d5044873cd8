#include "plugin/values/fuse/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/values/fuse/numbered_source.h"

namespace pinscope::values {
namespace {

using test::NumberedSource;
using testing::ElementsAre;

constexpr uint64_t kSince = 5'000'000'000;

// 0, or the errno.
template <typename T>
int error_in(const Answer<T>& answer) {
  return answer ? 0 : answer.error();
}

// A file system of one map, "flows", unless a test adds others before it asks anything.
class Files : public testing::Test {
 protected:
  NumberedSource& add(const std::string& name, uint64_t count, uint64_t limit = 1000) {
    auto source = std::make_unique<NumberedSource>(count);
    NumberedSource& made = *source;
    maps_.push_back({.tree = {.name = name, .mode = 0440, .uid = 5, .gid = 6},
                     .list_limit = limit,
                     .max_age_ms = 1500,
                     .source = std::move(source)});
    return made;
  }
  Status build() {
    files_.reset();
    cache_.emplace(cache_bytes_);
    auto made = FileSystem::of(std::move(maps_), *Numbers::from_secret(std::string(64, '7')),
                               kSince, *cache_, limits_);
    if (!made) return std::unexpected(made.error());
    files_ = std::make_unique<FileSystem>(std::move(*made));
    return {};
  }
  // By a path below the root.
  Answer<Attributes> at(const std::string& path) {
    auto found = files_->attributes(kRootNumber);
    for (const std::string_view name : split(path, '/'))
      if (found && !name.empty()) found = files_->look_up(found->number, name);
    return found;
  }
  uint64_t number(const std::string& path) { return at(path)->number; }
  int error(const std::string& path) { return error_in(at(path)); }
  // Names from a position on, at most so many.
  Answer<std::vector<std::string>> list(const std::string& path, uint64_t handle, uint64_t position,
                                        size_t most = 1000) {
    std::vector<std::string> names;
    const auto take = [&](const ListedFile& file) {
      if (names.size() == most) return false;
      names.emplace_back(file.name);
      next_ = file.next;
      return true;
    };
    const auto listed = files_->list(number(path), handle, position, take);
    if (!listed) return std::unexpected(listed.error());
    return names;
  }
  std::string read_all(uint64_t handle, size_t piece) {
    std::string all;
    for (;;) {
      const auto read = files_->read(handle, all.size(), piece);
      EXPECT_TRUE(read) << strerror(error_in(read));
      if (!read || read->empty()) return all;
      EXPECT_LE(read->size(), piece);
      all += *read;
    }
  }

  size_t cache_bytes_ = size_t{64} << 10U;
  std::optional<BlockCache> cache_;
  FileSystemLimits limits_{.first_lines = 0};  // every map is a large one
  std::vector<ShownMap> maps_;
  std::unique_ptr<FileSystem> files_;
  uint64_t next_ = 0;
};

TEST_F(Files, HaveADirectoryForEachMap) {
  add("flows", 3);
  add("team/b/counts", 1);
  add("team/a", 1);
  ASSERT_TRUE(build());
  EXPECT_THAT(*list("", 0, 0), ElementsAre(".", "..", "flows", "team"));
  EXPECT_THAT(*list("team", 0, 0), ElementsAre(".", "..", "a", "b"));
  EXPECT_THAT(*list("flows", 0, 0), ElementsAre(".", "..", "entries", "keys", "schema"));
  EXPECT_THAT(*list("flows", 0, 3), ElementsAre("keys", "schema"));
  EXPECT_EQ(error("other"), ENOENT);
  EXPECT_EQ(error("team/a/keys/0/x"), ENOTDIR);
  EXPECT_EQ(error("team/a/keys/1"), ENOENT);
}

TEST_F(Files, HaveOwnersModesSizesAndLinks) {
  add("team/flows", 3);
  ASSERT_TRUE(build());
  const auto root = *at(""), team = *at("team"), map = *at("team/flows"),
             keys = *at("team/flows/keys");
  EXPECT_EQ(root.mode, S_IFDIR | 0555U);
  EXPECT_EQ(team.uid, 0U);
  EXPECT_EQ(map.mode, S_IFDIR | 0550U);
  EXPECT_EQ(map.uid, 5U);
  EXPECT_EQ(map.gid, 6U);
  EXPECT_EQ(keys.mode, S_IFDIR | 0550U);
  EXPECT_EQ(root.links, 3U);
  EXPECT_EQ(map.links, 3U);
  EXPECT_EQ(keys.links, 2U);
  EXPECT_EQ(map.time_ns, kSince);
  EXPECT_EQ(at("team/flows/entries")->size, 4096U);
  EXPECT_EQ(at("team/flows/schema")->size, 8U);
  const auto value = *at("team/flows/keys/2");
  EXPECT_EQ(value.mode, S_IFREG | 0440U);
  EXPECT_EQ(value.uid, 5U);
  EXPECT_EQ(value.size, 8U);
  EXPECT_EQ(value.timeout_s, 1.5);
}

TEST_F(Files, ShowOnlyWhatATypeOfMapHas) {
  add("queue", 1).keys = false;
  NumberedSource& ring = add("ring", 0);
  ring.keys = ring.entries = false;
  ASSERT_TRUE(build());
  EXPECT_THAT(*list("queue", 0, 0), ElementsAre(".", "..", "entries", "schema"));
  EXPECT_THAT(*list("ring", 0, 0), ElementsAre(".", "..", "schema"));
}

TEST_F(Files, RefuseNamesThatAreNoTree) {
  for (const char* name : {"", "/a", "a/", "a//b", ".", "a/../b"}) {
    maps_.clear();
    add(name, 0);
    EXPECT_FALSE(build()) << name;
  }
  const auto refused = [&](const char* one, const char* other) {
    maps_.clear();
    add(one, 0);
    add(other, 0);
    const auto built = build();
    return built ? "" : built.error().sentence();
  };
  EXPECT_EQ(refused("a", "a"), "cannot show values as \"a\": there is another of that name");
  EXPECT_EQ(refused("a/b", "a"), "cannot show values as \"a\": there is another of that name");
  EXPECT_EQ(refused("a", "a/b"),
            "cannot show values as \"a/b\": it is within another map's directory");
}

TEST_F(Files, LookUpANameWithoutListing) {
  NumberedSource& source = add("flows", 100);
  ASSERT_TRUE(build());
  EXPECT_TRUE(at("flows/keys/99"));
  EXPECT_EQ(error("flows/keys/100"), ENOENT);
  EXPECT_EQ(error("flows/keys/007"), ENOENT);
  EXPECT_EQ(source.walks, 0);
}

TEST_F(Files, ShowOneValueToAReaderAndTheNextToTheNext) {
  NumberedSource& source = add("flows", 3);
  ASSERT_TRUE(build());
  const uint64_t number = this->number("flows/keys/1");
  const auto before = files_->open_file(number);
  source.elements[1] = "changed";
  EXPECT_EQ(read_all(before->handle, 2), "value 1\n");
  EXPECT_EQ(read_all(files_->open_file(number)->handle, 100), "changed\n");
  EXPECT_EQ(files_->attributes(number)->size, 8U);
  source.elements.erase(1);
  EXPECT_EQ(error_in(files_->attributes(number)), ENOENT);
  EXPECT_EQ(error_in(files_->open_file(number)), ENOENT);
  EXPECT_EQ(error("flows/keys/1"), ENOENT);
}

TEST_F(Files, HaveTheTimeOfTheLastDifference) {
  NumberedSource& source = add("flows", 3);
  ASSERT_TRUE(build());
  const auto first = *at("flows/keys/1");
  EXPECT_EQ(at("flows/keys/1")->time_ns, first.time_ns);
  source.elements[1] = "changed";
  EXPECT_GT(at("flows/keys/1")->time_ns, first.time_ns);
}

TEST_F(Files, ForgetOldNumbersAndTellSo) {
  limits_.keys = 4;
  add("flows", 10);
  ASSERT_TRUE(build());
  const uint64_t first = number("flows/keys/0");
  for (int i = 1; i < 5; ++i) number("flows/keys/" + std::to_string(i));
  EXPECT_EQ(error_in(files_->attributes(first)), ESTALE);
  EXPECT_EQ(error_in(files_->open_file(first)), ESTALE);
  EXPECT_EQ(number("flows/keys/0"), first);
  // Names that are not there drive nothing out.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(error("flows/keys/" + std::to_string(100 + i)), ENOENT);
  EXPECT_TRUE(files_->attributes(first));
}

TEST_F(Files, OpenNoMoreThanTheLimits) {
  limits_.handles = 3;
  limits_.snapshot_bytes = 100;
  NumberedSource& source = add("flows", 10);
  source.elements[0] = std::string(200, 'x');
  ASSERT_TRUE(build());
  // One content fits whatever its size; the next does not.
  const auto large = files_->open_file(number("flows/keys/0"));
  ASSERT_TRUE(large);
  EXPECT_EQ(error_in(files_->open_file(number("flows/keys/0"))), ENFILE);
  files_->close(large->handle);
  std::vector<uint64_t> open_handles;
  for (int i = 0; i < 3; ++i)
    open_handles.push_back(files_->open_file(number("flows/entries"))->handle);
  EXPECT_EQ(error_in(files_->open_file(number("flows/keys/1"))), ENFILE);
  EXPECT_EQ(error_in(files_->open_file(number("flows/entries"))), ENFILE);
  EXPECT_EQ(error_in(files_->open_directory(number("flows/keys"))), ENFILE);
  EXPECT_TRUE(files_->open_directory(number("flows")));
  EXPECT_EQ(files_->refused(), 4U);
  files_->close(open_handles[1]);
  EXPECT_TRUE(files_->open_file(number("flows/keys/1")));
}

TEST_F(Files, StreamEveryLineOnceInPiecesOfAnySize) {
  NumberedSource& source = add("flows", 50);
  source.elements[7] = std::string(300, 'x');
  source.elements[20] = std::string(9000, 'y');  // longer than what a handle keeps of a line
  std::string all;
  for (const auto& [number, value] : source.elements) all += value + "\n";
  ASSERT_TRUE(build());
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100}, size_t{4096}, size_t{100'000}})
    EXPECT_EQ(read_all(files_->open_file(number("flows/entries"))->handle, piece), all) << piece;
}

TEST_F(Files, StreamWholeLinesWhileOthersTakeTheBlocks) {
  add("flows", 50);
  cache_bytes_ = 1;
  ASSERT_TRUE(build());
  std::string all;
  for (int i = 0; i < 50; ++i) all += "value " + std::to_string(i) + "\n";
  const uint64_t one = files_->open_file(number("flows/entries"))->handle;
  const uint64_t other = files_->open_file(number("flows/entries"))->handle;
  std::string first, second;
  for (;;) {
    const auto part = *files_->read(one, first.size(), 20);
    if (part.empty()) break;
    EXPECT_TRUE(part.ends_with('\n'));
    first += part;
    second += *files_->read(other, second.size(), 20);
  }
  EXPECT_EQ(first, all);
  EXPECT_EQ(second, all);
}

TEST_F(Files, ReportALineThatChangedUnderItsReader) {
  NumberedSource& source = add("flows", 2);
  source.elements[0] = std::string(10'000, 'a');
  cache_bytes_ = 1;
  ASSERT_TRUE(build());
  const uint64_t one = files_->open_file(number("flows/entries"))->handle;
  const uint64_t other = files_->open_file(number("flows/entries"))->handle;
  EXPECT_EQ(files_->read(one, 0, 10)->size(), 10U);
  source.elements[0] = std::string(10'000, 'b');
  EXPECT_EQ(files_->read(other, 0, 10)->size(), 10U);  // takes the block away
  EXPECT_EQ(error_in(files_->read(one, 10, 10)), EIO);
}

TEST_F(Files, GoNowhereInAStreamButOn) {
  limits_.first_lines = 100;
  add("flows", 30);
  ASSERT_TRUE(build());
  const uint64_t stream = files_->open_file(number("flows/entries"))->handle;
  EXPECT_EQ(*files_->read(stream, 0, 30), "value 0\nvalue 1\nvalue 2\n");
  EXPECT_EQ(error_in(files_->read(stream, 8, 8)), ESPIPE);
  EXPECT_EQ(error_in(files_->read(stream, 0, 8)), ESPIPE);
  EXPECT_EQ(error_in(files_->read(stream, 600'000, 8)), ESPIPE);
  EXPECT_EQ(*files_->read(stream, 24, 8), "value 3\n");
}

TEST_F(Files, HaveAllEntriesInAFileWhereTheyAreFew) {
  limits_.first_lines = 80;
  NumberedSource& source = add("flows", 10);
  ASSERT_TRUE(build());
  EXPECT_EQ(at("flows/entries")->size, 80U);
  EXPECT_EQ(at("flows/entries")->timeout_s, 1.5);
  const auto few = files_->open_file(number("flows/entries"));
  EXPECT_FALSE(few->is_stream);
  EXPECT_EQ(files_->read(few->handle, 72, 100), "value 9\n");
  source.elements[10] = "x";
  EXPECT_EQ(*files_->read(few->handle, 8, 8), "value 1\n") << "one reader sees one content";
  EXPECT_EQ(at("flows/entries")->size, 4096U);
  EXPECT_TRUE(files_->open_file(number("flows/entries"))->is_stream);
  source.elements.clear();
  EXPECT_EQ(at("flows/entries")->size, 0U);
}

TEST_F(Files, HaveTheTimeWhenEntriesWereSeenToDiffer) {
  limits_.first_lines = 4096;
  NumberedSource& source = add("flows", 10);
  ASSERT_TRUE(build());
  EXPECT_EQ(at("flows/entries")->time_ns, kSince);
  EXPECT_EQ(at("flows/entries")->time_ns, kSince);
  source.elements[0] = "valuf 0";
  const uint64_t changed = at("flows/entries")->time_ns;
  EXPECT_GT(changed, kSince);
  EXPECT_EQ(at("flows/entries")->time_ns, changed);
}

// A page that the kernel keeps has the size that it was told of the file.
TEST_F(Files, FillNoPageThatWouldNotShowAll) {
  constexpr auto kPage = FileSystem::For::kPage;
  limits_.first_lines = 4096;
  NumberedSource& source = add("flows", 10);
  ASSERT_TRUE(build());
  const uint64_t key = number("flows/keys/1");
  const uint64_t before = files_->open_file(key)->handle;
  EXPECT_EQ(*files_->read(before, 0, 4096, kPage), "value 1\n");
  source.elements[1] = "longer value";
  const uint64_t after = files_->open_file(key)->handle;
  EXPECT_EQ(error_in(files_->read(after, 0, 4096, kPage)), EINVAL);
  EXPECT_EQ(*files_->read(after, 0, 4096), "longer value\n");
  EXPECT_TRUE(files_->attributes(key));
  EXPECT_EQ(*files_->read(after, 0, 4096, kPage), "longer value\n");
  EXPECT_EQ(error_in(files_->read(before, 0, 4096, kPage)), EINVAL);
  const uint64_t entries = number("flows/entries");
  const uint64_t few = files_->open_file(entries)->handle;
  EXPECT_TRUE(files_->read(few, 0, 4096, kPage));
  source.elements[11] = "x";
  EXPECT_EQ(error_in(files_->read(files_->open_file(entries)->handle, 0, 4096, kPage)), EINVAL);
  const uint64_t schema = files_->open_file(number("flows/schema"))->handle;
  EXPECT_EQ(*files_->read(schema, 0, 4096, kPage), "numbers\n");
  for (uint64_t i = 100; i < 200; ++i) source.elements[i] = std::string(10'000, 'x');
  const auto stream = files_->open_file(number("flows/entries"));
  EXPECT_TRUE(stream->is_stream);
  EXPECT_EQ(error_in(files_->read(stream->handle, 0, 4096, kPage)), EINVAL);
}

TEST_F(Files, ListUpToTheLimit) {
  NumberedSource& source = add("flows", 100, 20);
  ASSERT_TRUE(build());
  const uint64_t handle = files_->open_directory(number("flows/keys"))->handle;
  std::vector<std::string> names;
  for (next_ = 0;;) {
    const auto some = *list("flows/keys", handle, next_, 3);
    if (some.empty()) break;
    names.insert(names.end(), some.begin(), some.end());
  }
  EXPECT_EQ(names.size(), 22U);
  EXPECT_EQ(names.back(), "19");
  EXPECT_TRUE(at("flows/keys/99"));
  EXPECT_LE(source.walks, 4);
}

TEST_F(Files, ListFromWhereTheyWereAndFromTheStartOnly) {
  add("flows", 100);
  ASSERT_TRUE(build());
  const uint64_t handle = files_->open_directory(number("flows/keys"))->handle;
  EXPECT_THAT(*list("flows/keys", handle, 0, 3), ElementsAre(".", "..", "0"));
  EXPECT_THAT(*list("flows/keys", handle, 3, 2), ElementsAre("1", "2"));
  // The last reply's start, again.
  EXPECT_THAT(*list("flows/keys", handle, 3, 2), ElementsAre("1", "2"));
  EXPECT_THAT(*list("flows/keys", handle, 10, 2), ElementsAre("8", "9"));
  EXPECT_EQ(error_in(list("flows/keys", handle, 9, 2)), EINVAL);
  EXPECT_EQ(error_in(list("flows/keys", handle, 90, 2)), EINVAL);
  EXPECT_THAT(*list("flows/keys", handle, 2, 2), ElementsAre("0", "1"));
  EXPECT_EQ(error_in(list("flows/keys", 12345, 2, 2)), ESTALE);
}

// A block that was dropped is read again. If it changed meanwhile, it is shown from its start: what
// was there all the time is never left out.
TEST_F(Files, ListNoKeyLessWhenABlockChangedMeanwhile) {
  NumberedSource& source = add("flows", 16);
  cache_bytes_ = 1;
  ASSERT_TRUE(build());
  const uint64_t handle = files_->open_directory(number("flows/keys"))->handle;
  const uint64_t other = files_->open_directory(number("flows/keys"))->handle;
  EXPECT_THAT(*list("flows/keys", handle, 2, 4), ElementsAre("0", "1", "2", "3"));
  source.elements.erase(1);
  EXPECT_TRUE(list("flows/keys", other, 2, 1));
  EXPECT_THAT(*list("flows/keys", handle, 6, 3), ElementsAre("0", "2", "3"));
  EXPECT_THAT(*list("flows/keys", handle, 9), ElementsAre("4", "5", "6", "7", "8"));
}

TEST_F(Files, SayThatAMapCannotBeRead) {
  NumberedSource& source = add("flows", 16);
  ASSERT_TRUE(build());
  const uint64_t number = this->number("flows/keys/1");
  const uint64_t stream = files_->open_file(this->number("flows/entries"))->handle;
  const uint64_t keys = files_->open_directory(this->number("flows/keys"))->handle;
  source.error = EPERM;
  EXPECT_EQ(error("flows/keys/1"), EIO);
  EXPECT_EQ(error_in(files_->attributes(number)), EIO);
  EXPECT_EQ(error_in(files_->open_file(number)), EIO);
  EXPECT_EQ(error_in(files_->read(stream, 0, 100)), EIO);
  EXPECT_EQ(error_in(list("flows/keys", keys, 2)), EIO);
  source.error = EAGAIN;
  EXPECT_EQ(error("flows/keys/1"), EAGAIN);
}

TEST(Numbers, FollowFromTheSecretAndAreNeverOneAnothers) {
  const auto numbers = *Numbers::from_secret(std::string(64, 'a'));
  const auto others = *Numbers::from_secret(std::string(63, 'a') + "b");
  const auto different = *Numbers::from_secret("b" + std::string(63, 'a'));
  EXPECT_EQ(numbers.of_path("/flows"), others.of_path("/flows"));  // the second half is not used
  EXPECT_NE(numbers.of_path("/flows"), different.of_path("/flows"));
  const std::byte key[4] = {};
  EXPECT_NE(numbers.of_key(1, key), numbers.of_key(2, key));
  EXPECT_TRUE(Numbers::is_of_key(numbers.of_key(1, key)));
  EXPECT_FALSE(Numbers::is_of_key(numbers.of_path("/flows")));
  EXPECT_FALSE(Numbers::from_secret("abc"));
  EXPECT_FALSE(Numbers::from_secret(std::string(64, 'x')));
}

// The vector of the authors' paper, appendix A.
TEST(SipHash, IsTheOneThatIsPublished) {
  std::string text;
  for (char i = 0; i < 15; ++i) text += i;
  EXPECT_EQ(siphash({0x0706050403020100U, 0x0f0e0d0c0b0a0908U}, text), 0xa129ca6149be45e5U);
}

// --- Turns: an answer takes a few milliseconds, whatever was found ------------------------------

class FilesInTurns : public Files {
 protected:
  // Each turn is over at once, so it is one walk.
  void SetUp() override { limits_.turn_ns = 0; }
  // Asks again for as long as it is told to; counts how often.
  template <typename Ask>
  auto ask(Ask once) {
    auto answer = once();
    for (later_ = 0; error_in(answer) == kLater; ++later_) answer = once();
    return answer;
  }
  int later_ = 0;
};

TEST_F(FilesInTurns, EndWithWhatWasFound) {
  NumberedSource& source = add("flows", 100);
  ASSERT_TRUE(build());
  const uint64_t entries = files_->open_file(number("flows/entries"))->handle;
  source.walks = 0;
  const auto first = files_->read(entries, 0, size_t{1} << 17U);
  ASSERT_TRUE(first);
  EXPECT_EQ(source.walks, 1);
  const std::string all = read_all(files_->open_file(number("flows/entries"))->handle, 1 << 17U);
  EXPECT_TRUE(all.ends_with("value 99\n"));
}

TEST_F(FilesInTurns, PassOverPlacesWhereNothingIs) {
  NumberedSource& source = add("flows", 20);
  source.empty = 80;
  ASSERT_TRUE(build());
  const uint64_t entries = files_->open_file(number("flows/entries"))->handle;
  source.walks = 0;
  const auto read = ask([&] { return files_->read(entries, 0, 4096); });
  EXPECT_EQ(later_, 10);
  EXPECT_EQ(source.walks, 11);
  EXPECT_TRUE(read->starts_with("value 0\n")) << *read;
  const uint64_t keys = files_->open_directory(number("flows/keys"))->handle;
  source.walks = 0;
  const auto names = ask([&] { return list("flows/keys", keys, 2); });
  EXPECT_EQ(later_, 10);
  EXPECT_EQ(source.walks, 11);
  EXPECT_THAT(*names, testing::Contains("0"));
}

TEST_F(FilesInTurns, AreOneWhereThereIsTime) {
  limits_.turn_ns = uint64_t{3600} * 1'000'000'000;
  NumberedSource& source = add("flows", 20);
  source.empty = 80;
  ASSERT_TRUE(build());
  const uint64_t entries = files_->open_file(number("flows/entries"))->handle;
  EXPECT_TRUE(files_->read(entries, 0, 4096)->ends_with("value 19\n"));
}

TEST_F(FilesInTurns, AreSoManyAndNoMore) {
  limits_.turns = 4;
  add("flows", 1).empty = 80;
  ASSERT_TRUE(build());
  const uint64_t entries = files_->open_file(number("flows/entries"))->handle;
  for (const int turns : {3, 3}) {
    EXPECT_EQ(error_in(ask([&] { return files_->read(entries, 0, 4096); })), EINTR);
    EXPECT_EQ(later_, turns);
  }
  // What was passed is not passed again.
  EXPECT_EQ(*ask([&] { return files_->read(entries, 0, 4096); }), "value 0\n");
}

}  // namespace
}  // namespace pinscope::values
