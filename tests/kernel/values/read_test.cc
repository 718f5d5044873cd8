// Reading the entries of real maps: look-ups, walks, what replaces batches, and what cannot be
// read.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "plugin/model/bpf_names.h"
#include "plugin/values/read/look_up.h"
#include "plugin/values/read/map_facts.h"
#include "plugin/values/read/reading.h"
#include "plugin/values/read/walk.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/map_of_type.h"
#include "tests/support/machine/check.h"

namespace pinscope::values {
namespace {

using test::check;

Fd made(bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries,
        uint32_t flags = 0) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  return Fd(check(bpf_map_create(type, "test_map", key_size, value_size, entries, &options),
                  "make a map"));
}

void fill(const Fd& map, uint32_t from, uint32_t to) {
  for (uint32_t key = from; key < to; ++key) {
    const uint64_t value = uint64_t{10} * key;
    check(bpf_map_update_elem(map.get(), &key, &value, BPF_ANY), "update");
  }
}

MapFacts facts_of(const Fd& map) {
  auto facts = map_facts(map.get());
  EXPECT_TRUE(facts) << facts.error().sentence();
  return facts.value_or(MapFacts{});
}

template <typename Number>
Number number(std::span<const std::byte> bytes) {
  Number value = 0;
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

// How often each key was seen.
struct Seen {
  std::map<uint32_t, int> times;
  bool cut_short = false;
  std::string error;
};

template <typename Between>
Seen walk_all(const Fd& map, WalkLimits limits, const Between& between) {
  Seen seen;
  Walk walk(map.get(), facts_of(map), limits);
  EntryBlock block;
  for (;;) {
    const auto count = walk.next(block);
    if (!count) {
      seen.error = count.error().sentence();
      break;
    }
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) {
      const auto key = number<uint32_t>(block.key(i));
      ++seen.times[key];
      if (block.value(i).size() == 8) {
        EXPECT_EQ(number<uint64_t>(block.value(i)), 10 * key);
      }
    }
    between();
  }
  seen.cut_short = walk.place().cut_short;
  return seen;
}

Seen walk_all(const Fd& map, WalkLimits limits = {}) {
  return walk_all(map, limits, [] {});
}

void expect_each_once(const Seen& seen, uint32_t from, uint32_t to) {
  EXPECT_EQ(seen.error, "");
  for (uint32_t key = from; key < to; ++key) {
    const auto found = seen.times.find(key);
    EXPECT_EQ(found == seen.times.end() ? 0 : found->second, 1) << "key " << key;
  }
}

// Refuses BPF_MAP_LOOKUP_BATCH to this thread, as a kernel without it does.
void refuse_batches() {
  constexpr uint32_t kLookUpBatch = 24;
  std::array<sock_filter, 6> filter = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kLookUpBatch, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
  check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

TEST(MapFacts, AreWhatTheKernelSays) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 100);
  const MapFacts facts = facts_of(map);
  EXPECT_EQ(facts.type, BPF_MAP_TYPE_HASH);
  EXPECT_EQ(facts.key_size, 4U);
  EXPECT_EQ(facts.value_size, 8U);
  EXPECT_EQ(facts.max_entries, 100U);
  EXPECT_EQ(facts.name, "test_map");
  EXPECT_EQ(value_bytes(facts), 8U);
  const auto again = open_map(facts.id);
  ASSERT_TRUE(again);
  EXPECT_EQ(facts_of(*again), facts);
  EXPECT_EQ(map_facts(-1).error().sentence(),
            "cannot ask what a map is: File descriptor in bad state");
}

TEST(LookUp, FindsOneValueAndSaysWhenThereIsNone) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 100);
  fill(map, 7, 8);
  uint32_t key = 7;
  std::array<std::byte, 8> value = {};
  const auto facts = facts_of(map);
  EXPECT_TRUE(look_up(map.get(), facts, std::as_bytes(std::span(&key, 1)), value).value());
  EXPECT_EQ(number<uint64_t>(value), 70U);
  key = 8;
  EXPECT_FALSE(look_up(map.get(), facts, std::as_bytes(std::span(&key, 1)), value).value());
}

TEST(Walk, SeesEachEntryOnceWhateverTheBatch) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 5000);
  fill(map, 0, 5000);
  for (const uint32_t batch : {1U, 7U, 1024U, 100000U}) {
    const Seen seen = walk_all(map, {.batch = batch});
    expect_each_once(seen, 0, 5000);
    EXPECT_EQ(seen.times.size(), 5000U);
  }
}

TEST(Walk, HoldsBoundedMemoryWhateverTheValues) {
  constexpr uint32_t kHuge = 1U << 20U;
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, kHuge, 8, BPF_F_NO_PREALLOC);
  std::vector<char> value(kHuge);
  for (uint32_t key = 0; key < 8; ++key)
    check(bpf_map_update_elem(map.get(), &key, value.data(), BPF_ANY), "update");
  Walk walk(map.get(), facts_of(map), {.max_bytes = size_t{2} * kHuge});
  EntryBlock block;
  size_t total = 0;
  for (;;) {
    const auto count = walk.next(block);
    ASSERT_TRUE(count) << count.error().sentence();
    if (*count == 0) break;
    EXPECT_LE(*count, 8U);
    total += *count;
  }
  EXPECT_EQ(total, 8U);
}

TEST(Walk, GoesOnFromAPlace) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 1000);
  fill(map, 0, 1000);
  Seen seen;
  Place place;
  for (bool more = true; more;) {
    Walk walk(map.get(), facts_of(map), {.batch = 64});
    walk.resume(place);
    EntryBlock block;
    const auto count = walk.next(block);
    ASSERT_TRUE(count) << count.error().sentence();
    for (size_t i = 0; i < *count; ++i) ++seen.times[number<uint32_t>(block.key(i))];
    more = *count > 0;
    place = walk.place();
  }
  expect_each_once(seen, 0, 1000);
  EXPECT_EQ(place.state, Place::State::kEnd);
  EXPECT_EQ(place.seen, 1000U);
}

TEST(Walk, IsEmptyForAnEmptyMap) {
  EXPECT_TRUE(walk_all(made(BPF_MAP_TYPE_HASH, 4, 8, 10)).times.empty());
  EXPECT_TRUE(walk_all(made(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 10, BPF_F_NO_PREALLOC)).times.empty());
}

TEST(Walk, ReadsKeyByKeyWhereThereAreNoBatches) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 3000);
  fill(map, 0, 3000);
  std::thread([&] {
    refuse_batches();
    const Seen seen = walk_all(map, {.batch = 100});
    expect_each_once(seen, 0, 3000);
    EXPECT_EQ(seen.times.size(), 3000U);
  }).join();
}

// Whoever deletes the keys that were just read makes the kernel begin anew.
TEST(Walk, EndsKeyByKeyWhileKeysAreDeleted) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 3000);
  fill(map, 0, 3000);
  std::thread([&] {
    refuse_batches();
    uint32_t next = 0;
    const Seen seen = walk_all(map, {.batch = 50}, [&] {
      for (uint32_t i = 0; i < 100 && next < 2000; ++i, ++next)
        bpf_map_delete_elem(map.get(), &next);
    });
    EXPECT_EQ(seen.error, "");
    for (uint32_t key = 2000; key < 3000; ++key) EXPECT_TRUE(seen.times.contains(key)) << key;
  }).join();
}

// Every key that was read is replaced by a new one: the end never comes.
TEST(Walk, IsCutShortWhereNewKeysComeForEver) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 200);
  fill(map, 0, 100);
  std::thread([&] {
    refuse_batches();
    uint32_t next = 100;
    const Seen seen = walk_all(map, {.batch = 20}, [&] {
      for (uint32_t key = next < 100 ? 0 : next - 100; key < next; ++key)
        bpf_map_delete_elem(map.get(), &key);
      fill(map, next, next + 100);
      next += 100;
    });
    EXPECT_TRUE(seen.cut_short);
    EXPECT_LE(seen.times.size(), 4U * 200U);
  }).join();
}

TEST(Walk, EndsKeyByKeyWhileKeysComeAndGo) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 200);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint32_t key = 0; !stop; ++key) {
      const uint64_t value = uint64_t{10} * key;
      bpf_map_update_elem(map.get(), &key, &value, BPF_ANY);
      const uint32_t old = key - 100;
      bpf_map_delete_elem(map.get(), &old);
    }
  });
  std::thread([&] {
    refuse_batches();
    for (int round = 0; round < 20; ++round) EXPECT_EQ(walk_all(map, {.batch = 16}).error, "");
  }).join();
  stop = true;
  writer.join();
}

TEST(Walk, SeesWhatStaysExactlyOnceWhileOthersComeAndGo) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 6000);
  fill(map, 0, 3000);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint32_t round = 0; !stop; ++round) {
      const uint32_t key = 3000 + round % 2500;
      const uint64_t value = uint64_t{10} * key;
      bpf_map_update_elem(map.get(), &key, &value, BPF_ANY);
      const uint32_t other = 3000 + (round * 7) % 2500;
      bpf_map_delete_elem(map.get(), &other);
    }
  });
  for (int round = 0; round < 30; ++round) expect_each_once(walk_all(map, {.batch = 128}), 0, 3000);
  stop = true;
  writer.join();
}

// A map for one program alone refuses iterators; nothing here is one.
TEST(Walk, ReadsQueuesAndStacksByTheirHead) {
  for (const auto type : {BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK}) {
    const Fd map = made(type, 0, 8, 4);
    EntryBlock block;
    EXPECT_EQ(Walk(map.get(), facts_of(map)).next(block).value(), 0U);
    for (const uint64_t value : {11U, 22U})
      check(bpf_map_update_elem(map.get(), nullptr, &value, 0), "push");
    for (int round = 0; round < 2; ++round) {  // looking takes nothing
      Walk walk(map.get(), facts_of(map));
      ASSERT_EQ(walk.next(block).value(), 1U);
      EXPECT_EQ(block.key(0).size(), 0U);
      EXPECT_EQ(number<uint64_t>(block.value(0)), type == BPF_MAP_TYPE_QUEUE ? 11U : 22U);
      EXPECT_EQ(walk.next(block).value(), 0U);
    }
  }
}

TEST(Walk, GivesTheValueOfEachCpu) {
  const Fd map = made(BPF_MAP_TYPE_PERCPU_HASH, 4, 4, 10);
  const uint32_t cpus = possible_cpus();
  std::vector<uint64_t> values(cpus);
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) values[cpu] = 100 + cpu;
  const uint32_t key = 3;
  check(bpf_map_update_elem(map.get(), &key, values.data(), BPF_ANY), "update");
  EntryBlock block;
  Walk walk(map.get(), facts_of(map));
  ASSERT_EQ(walk.next(block).value(), 1U);
  ASSERT_EQ(block.value(0).size(), size_t{8} * cpus);
  for (uint32_t cpu = 0; cpu < cpus; ++cpu)
    EXPECT_EQ(number<uint32_t>(block.value(0).subspan(cpu * size_t{8}, 4)), 100 + cpu);
}

TEST(Walk, PassesOverEmptyPlacesOfAMapOfMaps) {
  const Fd inner = test::make_map();
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.inner_map_fd = static_cast<uint32_t>(inner.get());
  const Fd map(check(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer", 4, 4, 2000, &options),
                     "make a map of maps"));
  for (const uint32_t key : {0U, 1000U, 1999U}) {
    const int fd = inner.get();
    check(bpf_map_update_elem(map.get(), &key, &fd, BPF_ANY), "update");
  }
  const Seen seen = walk_all(map);
  EXPECT_EQ(seen.error, "");
  EXPECT_THAT(seen.times, testing::ElementsAre(testing::Pair(0U, 1), testing::Pair(1000U, 1),
                                               testing::Pair(1999U, 1)));
}

TEST(Walk, PassesOverSoManyEmptyPlacesInACall) {
  const Fd map = made(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1000);
  const Fd program = test::make_program();
  for (const uint32_t key : {0U, 450U, 999U}) {
    const int fd = program.get();
    check(bpf_map_update_elem(map.get(), &key, &fd, BPF_ANY), "update");
  }
  std::vector<uint32_t> found;
  EntryBlock block;
  Place place;
  int calls = 0;
  for (; place.state != Place::State::kEnd; ++calls) {
    ASSERT_LE(calls, 20);
    Walk walk(map.get(), facts_of(map), {.empty_places = 100});
    walk.resume(place);
    const auto count = walk.next(block);
    ASSERT_TRUE(count) << count.error().sentence();
    for (size_t i = 0; i < *count; ++i) found.push_back(number<uint32_t>(block.key(i)));
    place = walk.place();
    EXPECT_EQ(walk.at_end(), place.state == Place::State::kEnd);
  }
  EXPECT_THAT(found, testing::ElementsAre(0, 450, 999));
  EXPECT_EQ(calls, 10);
}

TEST(Walk, SaysThatAMapMayNotBeRead) {
  const Fd map = made(BPF_MAP_TYPE_HASH, 4, 8, 10, BPF_F_WRONLY);
  EntryBlock block;
  const MapFacts facts = facts_of(map);
  EXPECT_EQ(
      Walk(map.get(), facts).next(block).error().sentence(),
      "cannot read the entries of map " + std::to_string(facts.id) +
          ": Operation not permitted (the map was made, or its descriptor opened, without the "
          "right to read it)");
}

// Every type of map that this kernel makes is read, or refused with the reason that it gives.
class EveryType : public testing::TestWithParam<uint32_t> {};

TEST_P(EveryType, IsReadOrRefusedWithAReason) {
  const uint32_t type = GetParam();
  const auto map = test::make_map_of_type(type);
  if (!map) GTEST_SKIP() << "this kernel makes no such map: " << std::strerror(errno);
  const MapFacts facts = facts_of(*map);
  ASSERT_EQ(facts.type, type);
  const Reading reading = reading_of(facts);
  EntryBlock block;
  const auto count = Walk(map->get(), facts).next(block);
  if (reading.way == ReadWay::kRefused) {
    ASSERT_FALSE(count);
    EXPECT_EQ(count.error().code(), ErrorCode::kAccessUnsupported);
    EXPECT_THAT(count.error().sentence(),
                testing::HasSubstr("a map of type " + model::map_type_name(type)));
    // The kernel says the same: no key is listed, or none has a value.
    std::vector<std::byte> key(std::max<size_t>(8, facts.key_size));
    std::vector<std::byte> value(std::max<size_t>(8, value_bytes(facts)));
    EXPECT_NE(bpf_map_lookup_elem(map->get(), key.data(), value.data()), 0);
  } else {
    ASSERT_TRUE(count) << count.error().sentence();
  }
}

INSTANTIATE_TEST_SUITE_P(Types, EveryType,
                         testing::Range(1U,
                                        static_cast<uint32_t>(model::names::kMapTypes.size()) + 1),
                         [](const auto& instance) { return model::map_type_name(instance.param); });

}  // namespace
}  // namespace pinscope::values
