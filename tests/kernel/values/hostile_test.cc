// Readers that ask for as much as they can: what it costs others, and the server.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/kernel/values/values_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// A hash of `count` elements, filled in batches.
Fd make_filled(uint32_t count) {
  Fd map = make_map({.max_entries = count});
  std::vector<uint32_t> keys(count);
  std::vector<uint64_t> values(count);
  for (uint32_t i = 0; i < count; ++i) values[i] = keys[i] = i;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  check(bpf_map_update_batch(map.get(), keys.data(), values.data(), &count, &options),
        "fill a map");
  return map;
}

// The key of "%%%05%00%00%00".
uint32_t key_of_name(const std::string& name) {
  const auto key = values::key_of({}, 4, name);
  uint32_t number = ~0U;
  if (key) std::memcpy(&number, key->data(), sizeof number);
  return number;
}

// Names of a directory, by getdents64 with so small a buffer.
std::vector<std::string> list_with(const std::string& directory, size_t buffer,
                                   const std::function<void()>& between) {
  const Fd open_directory(
      check(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open"));
  std::vector<std::string> names;
  std::vector<char> bytes(buffer);
  for (;;) {
    const long size =
        check(syscall(SYS_getdents64, open_directory.get(), bytes.data(), buffer), "getdents64");
    if (size == 0) return names;
    for (long at = 0; at < size;) {
      // struct linux_dirent64: inode, position, size, type, name.
      uint16_t entry = 0;
      std::memcpy(&entry, bytes.data() + at + 16, sizeof entry);
      names.emplace_back(bytes.data() + at + 19);
      at += entry;
    }
    between();
  }
}

class ValuesUnderLoad : public ValuesTest {};

TEST_F(ValuesUnderLoad, ListEveryKeyOnceWhileOthersComeAndGo) {
  const Fd map = make_filled(5000);
  for (uint32_t key = 4000; key < 5000; ++key) unset(map, key);
  serve({{.name = "flows", .map = map.get(), .values = {.list = 100'000}}});
  for (const size_t buffer : {size_t{64}, size_t{512}, size_t{32768}}) {
    std::mt19937 random(1);  // NOLINT: the same changes each time
    std::multiset<uint32_t> seen;
    const auto change = [&] {
      const uint32_t key = 3000 + static_cast<uint32_t>(random() % 2000);
      if (random() % 2 == 0) {
        bpf_map_delete_elem(map.get(), &key);
      } else {
        set(map, key, 1);
      }
    };
    for (const std::string& name : list_with(path("flows/keys"), buffer, change))
      if (name[0] != '.') seen.insert(key_of_name(name));
    for (uint32_t key = 0; key < 3000; ++key)
      ASSERT_EQ(seen.count(key), 1U) << key << " " << buffer;
  }
}

TEST_F(ValuesUnderLoad, ManyListingsAtOnceMissNoKey) {
  // More blocks than are kept: each has to be read again and again.
  const Fd map = make_filled(20'000);
  serve({{.name = "flows", .map = map.get(), .values = {.list = 100'000}}});
  std::vector<DIR*> open_directories;
  std::vector<std::multiset<uint32_t>> seen(60);
  for (size_t i = 0; i < seen.size(); ++i)
    open_directories.push_back(opendir(path("flows/keys").c_str()));
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < seen.size(); ++i) {
      for (int n = 0; n < 700; ++n) {
        const dirent* entry = readdir(open_directories[i]);
        if (entry == nullptr) break;
        more = true;
        if (entry->d_name[0] != '.') seen[i].insert(key_of_name(entry->d_name));
      }
    }
  }
  for (DIR* directory : open_directories) closedir(directory);
  for (const auto& keys : seen) {
    EXPECT_EQ(keys.size(), 20'000U);
    EXPECT_EQ(std::set<uint32_t>(keys.begin(), keys.end()).size(), 20'000U);
  }
}

TEST_F(ValuesUnderLoad, GoOnInADirectoryOnlyWhereTheyWere) {
  const Fd map = make_filled(20'000);
  serve({{.name = "flows", .map = map.get(), .values = {.list = 100'000}}});
  DIR* directory = opendir(path("flows/keys").c_str());
  std::vector<std::string> names;
  long position = 0;
  for (int i = 0; i < 5000; ++i) names.emplace_back(readdir(directory)->d_name);
  position = telldir(directory);
  const std::string next = readdir(directory)->d_name;
  seekdir(directory, position);
  EXPECT_EQ(readdir(directory)->d_name, next);
  rewinddir(directory);
  for (int i = 0; i < 5000; ++i)
    EXPECT_EQ(readdir(directory)->d_name, names[static_cast<size_t>(i)]);
  seekdir(directory, 15'000);
  errno = 0;
  EXPECT_EQ(readdir(directory), nullptr);
  EXPECT_EQ(errno, EINVAL);
  closedir(directory);
}

TEST_F(ValuesUnderLoad, OpenNoMoreThanTheirShare) {
  serve({{.name = "counts", .map = array_.get()}});
  const auto most = values::ServerLimits{}.handles;
  std::vector<Fd> open_files;
  int error = 0;
  while (error == 0 && open_files.size() <= most) {
    Fd file(open(path("counts/keys/1").c_str(), O_RDONLY | O_CLOEXEC));
    error = file.valid() ? 0 : errno;
    if (error == 0) open_files.push_back(std::move(file));
  }
  EXPECT_EQ(error, ENFILE);
  EXPECT_EQ(open_files.size(), most);
  open_files.pop_back();
  EXPECT_TRUE(Fd(open(path("counts/entries").c_str(), O_RDONLY | O_CLOEXEC)).valid());
}

TEST_F(ValuesUnderLoad, KeepTheServerSmall) {
  const Fd map = make_filled(1'000'000);
  serve({{.name = "flows", .map = map.get()}});
  EXPECT_EQ(output({"cat", path("flows/schema")}).empty(), false);
  const size_t idle = served_.memory();
  constexpr size_t kMaxGrowth = size_t{8} << 20U;
  EXPECT_EQ(output({"wc", "-l", path("flows/entries")}), "1000000 " + path("flows/entries") + "\n");
  EXPECT_LT(served_.memory(), idle + kMaxGrowth);
  // Many who stop in the middle, and many names that are not there.
  std::vector<Fd> stopped;
  char text[4096];
  for (int i = 0; i < 200; ++i) {
    stopped.emplace_back(open(path("flows/entries").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_GT(read(stopped.back().get(), text, sizeof text), 0);
  }
  for (int i = 0; i < 20'000; ++i)
    EXPECT_NE(access(path("flows/keys/none" + std::to_string(i)).c_str(), F_OK), 0);
  for (uint32_t i = 0; i < 20'000; ++i) {
    const std::string name = values::name_of({}, std::as_bytes(std::span(&i, 1)));
    EXPECT_EQ(access(path("flows/keys/" + name).c_str(), F_OK), 0);
  }
  EXPECT_LT(served_.memory(), idle + kMaxGrowth);
}

// Read or not, they would fill the memory of all containers' server.
TEST_F(ValuesUnderLoad, RefuseElementsThatAreTooLarge) {
  const Fd huge =
      make_map({.type = MapSpec::Type::kArray, .value_size = 64U << 20U, .max_entries = 1});
  std::vector<ValuesOfMap> maps = {{.name = "counts", .map = array_.get()}};
  for (int i = 0; i < 8; ++i)
    maps.push_back({.name = "huge" + std::to_string(i), .map = huge.get()});
  serve(std::move(maps));
  EXPECT_EQ(output({"ls", path("huge0")}), "schema\n");
  EXPECT_EQ(output({"cat", path("huge0/schema")}),
            "cannot be shown: one element has 67108868 bytes, and up to 1048576 are shown as a "
            "file; `pinscope dump` on the host shows all\n");
  EXPECT_EQ(output({"cat", path("counts/keys/1")}), value_line(0));
  EXPECT_LT(served_.memory(), size_t{48} << 20U);
}

// Files that many others were looked up after: their numbers are forgotten, and found again.
TEST_F(ValuesUnderLoad, FindFilesAgainWhoseNumbersWereForgotten) {
  const Fd map = make_filled(5000);
  serve({{.name = "flows", .map = map.get()}});
  const uint32_t first = 0;
  const std::string file =
      path("flows/keys/" + values::name_of({}, std::as_bytes(std::span(&first, 1))));
  const Fd known(open(file.c_str(), O_PATH | O_CLOEXEC));
  for (uint32_t i = 1; i < 5000; ++i)
    (void)access(path("flows/keys/" + values::name_of({}, std::as_bytes(std::span(&i, 1)))).c_str(),
                 F_OK);
  EXPECT_EQ(output({"cat", file}), value_line(0));
  struct stat status {};
  EXPECT_EQ(fstat(known.get(), &status), 0);
}

// Two containers that never stop asking, one of which does `work` in eight processes: that with
// small requests gets more of them.
class ValuesShared : public ValuesTest {
 protected:
  void share(const Fd& map, const std::function<void(int process)>& work) {
    const std::string victim = directory_.make_directory("victim");
    served_.mount(mount_, {{.name = "flows", .map = map.get()}});
    served_.mount(victim, {{.name = "counts", .map = array_.get()}});
    served_.start();
    std::vector<pid_t> hostile;
    for (int i = 0; i < 8; ++i) {
      hostile.push_back(check(fork(), "fork"));
      while (hostile.back() == 0) work(i);
    }
    while (served_.served(1) < 100) usleep(1000);
    const uint64_t hostile_before = served_.served(1), victim_before = served_.served(2);
    constexpr uint64_t kReads = 100;
    for (uint64_t i = 0; i < kReads; ++i) {
      const Fd file(open((victim + "/counts/keys/1").c_str(), O_RDONLY | O_CLOEXEC));
      char text[64];
      EXPECT_GT(read(file.get(), text, sizeof text), 0);
    }
    const uint64_t for_hostile = served_.served(1) - hostile_before;
    const uint64_t for_victim = served_.served(2) - victim_before;
    for (const pid_t pid : hostile) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    EXPECT_GE(for_victim, 4 * kReads);
    // Between two requests of the victim there is one of the other, or a few while it is not
    // asking.
    EXPECT_LT(for_hostile, 4 * for_victim);
  }
  void read_entries() const {
    char text[1 << 17];
    const Fd stream(open(path("flows/entries").c_str(), O_RDONLY | O_CLOEXEC));
    while (read(stream.get(), text, sizeof text) > 0) continue;
  }
};

TEST_F(ValuesShared, WithOneThatReadsAllThereIs) {
  share(make_filled(200'000), [&](int process) {
    read_entries();
    (void)access(path("flows/keys/none" + std::to_string(process)).c_str(), F_OK);
  });
}

TEST_F(ValuesShared, WithOneThatAsksForDigestsThatAreNone) {
  const Fd map = make_map({.key_size = 512, .max_entries = 20'000});
  std::array<uint32_t, 128> key{};
  const uint64_t value = 0;
  for (key[0] = 0; key[0] < 20'000; ++key[0])
    check(bpf_map_update_elem(map.get(), key.data(), &value, BPF_ANY), "update");
  uint64_t asked = 0;
  share(map, [&](int process) {
    char name[80];
    std::snprintf(name, sizeof name, "%%~%048d%016lx", process, ++asked);
    (void)access(path(std::string("flows/keys/") + name).c_str(), F_OK);
  });
}

TEST_F(ValuesShared, WithOneThatReadsAnArrayWhoseMillionPlacesAreEmpty) {
  const Fd map(check(bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "calls", 4, 4, 1'000'000, nullptr),
                     "make a map"));
  share(map, [&](int) { read_entries(); });
}

// In turns, and its reader never notices.
TEST_F(ValuesUnderLoad, FindWhatIsBehindManyEmptyPlaces) {
  constexpr uint32_t kPlaces = 12'000;
  const Fd map(check(bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "calls", 4, 4, kPlaces, nullptr),
                     "make a map"));
  const Fd program = make_program();
  const uint32_t last = kPlaces - 1;
  const int fd = program.get();
  check(bpf_map_update_elem(map.get(), &last, &fd, BPF_ANY), "update");
  served_.end_turns_at_once();
  serve({{.name = "calls", .map = map.get()}});
  EXPECT_EQ(output({"wc", "-l", path("calls/entries")}), "1 " + path("calls/entries") + "\n");
  EXPECT_EQ(output({"ls", path("calls/keys")}), std::to_string(last) + "\n");
  // A turn passes over 512 of them.
  EXPECT_GT(served_.served(1), 2 * kPlaces / 512);
}

// A map whose keys are short has no names by digests: none of it is read for one.
TEST_F(ValuesUnderLoad, SearchForNoDigestWhereNoneCanBe) {
  serve({{.name = "flows", .map = make_filled(100'000).get()}});
  errno = 0;
  EXPECT_NE(access(path("flows/keys/%~" + std::string(64, '0')).c_str(), F_OK), 0);
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace pinscope::test
