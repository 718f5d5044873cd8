// `pinscope dump` on real maps.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <cstring>

#include "plugin/json/json.h"
#include "plugin/values/read/map_facts.h"
#include "tests/kernel/values/typed_map.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/map_of_type.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

uint32_t id_of(const Fd& map) {
  return values::map_facts(map.get()).value().id;
}
std::string word_of(const Fd& map) {
  return "id:" + std::to_string(id_of(map));
}

CommandResult dump(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {kPinscope, "dump"});
  return run(std::move(arguments));
}

// A flow with an IPv6 address, a port in network order and counters.
struct Flow {
  std::array<uint8_t, 16> saddr = {};
  uint16_t port = 0;
  uint8_t padding[2] = {};
  uint32_t protocol = 0;
};
struct Counters {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

class Dump : public testing::Test {
 protected:
  Fd flows(bpf_map_type type = BPF_MAP_TYPE_HASH) {
    const uint32_t address =
        types_.structure("in6_addr", 16, {{"in6_u", types_.array(types_.u8(), 16), 0}});
    const uint32_t key = types_.structure(
        "flow", sizeof(Flow),
        {{"saddr", address, 0},
         {"port", types_.alias("__be16", types_.u16()), 128},
         {"protocol", types_.enumeration("protocol", {{"TCP", 6}, {"UDP", 17}}), 160}});
    const uint32_t value = types_.structure(
        "counters", sizeof(Counters), {{"packets", types_.u64(), 0}, {"bytes", types_.u64(), 64}});
    return make_typed(types_, {.type = type,
                               .key_type = key,
                               .value_type = value,
                               .key_size = sizeof(Flow),
                               .value_size = sizeof(Counters),
                               .name = "flows"});
  }
  static Flow flow(uint8_t last, uint32_t protocol = 6) {
    Flow made;
    made.saddr = {0x20, 0x01, 0x0d, 0xb8};
    made.saddr[15] = last;
    made.port = __builtin_bswap16(443);
    made.protocol = protocol;
    return made;
  }

  TypeTable types_;
};

TEST_F(Dump, ShowsAMapWithIpv6KeysAsTextJsonAndCsv) {
  const Fd map = flows();
  const Flow key = flow(1);
  const Counters value{3, 180};
  set(map, &key, &value);
  const auto text = dump({word_of(map)});
  EXPECT_EQ(text.out, "{saddr=2001:db8::1 port=443 protocol=TCP}  {packets=3 bytes=180}\n");
  EXPECT_EQ(text.err, "");
  EXPECT_EQ(text.status, 0);
  EXPECT_EQ(dump({word_of(map), "--output", "json"}).out,
            R"({"key":{"saddr":"2001:db8::1","port":443,"protocol":"TCP"},)"
            R"("value":{"packets":3,"bytes":180}})"
            "\n");
  EXPECT_EQ(dump({word_of(map), "--output", "csv"}).out,
            "key.saddr,key.port,key.protocol,value.packets,value.bytes\n"
            "2001:db8::1,443,TCP,3,180\n");
}

TEST_F(Dump, FindsAMapByItsPinItsIdAndItsName) {
  HostPins pins;
  const Fd map = flows();
  pins.object(map, "/sys/fs/bpf/dir/flows6");
  const Flow key = flow(1);
  const Counters value{1, 2};
  set(map, &key, &value);
  const std::string expected = dump({word_of(map)}).out;
  ASSERT_THAT(expected, StartsWith("{saddr="));
  for (const std::string& word : {std::string("/sys/fs/bpf/dir/flows6"),
                                  "map:" + std::to_string(id_of(map)), std::string("flows6")})
    EXPECT_EQ(dump({word}).out, expected) << word;
}

TEST_F(Dump, RefusesWhatIsNoMapAndSaysWhatItIs) {
  HostPins pins;
  pins.program("/sys/fs/bpf/prog");
  const auto program = dump({"/sys/fs/bpf/prog"});
  EXPECT_EQ(program.status, 1);
  EXPECT_EQ(program.err,
            "pinscope: cannot show the entries of \"/sys/fs/bpf/prog\": it is a program, and only "
            "maps have entries\n");
  EXPECT_EQ(dump({"/sys/fs/bpf/none"}).status, 1);
  EXPECT_EQ(dump({"id:4294967295"}).status, 1);
}

TEST_F(Dump, ShowsOneKeyInEachSpelling) {
  const Fd map = flows();
  for (uint8_t last = 1; last < 5; ++last) {
    const Flow key = flow(last);
    const Counters value{last, 2};
    set(map, &key, &value);
  }
  const std::string expected = "{saddr=2001:db8::3 port=443 protocol=TCP}  {packets=3 bytes=2}\n";
  for (const char* key :
       {"2001:db8::3,443,TCP", "{saddr=2001:db8::3 port=443 protocol=TCP}",
        R"({"saddr":"2001:db8::3","port":443,"protocol":"TCP"})", "2001:db8::3,443,6",
        "hex:20010db800000000000000000000000301bb000006000000"})
    EXPECT_EQ(dump({word_of(map), "--key", key}).out, expected) << key;
  const auto none = dump({word_of(map), "--key", "2001:db8::9,443,TCP"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("there is none"));
  const auto bad = dump({word_of(map), "--key", "7"});
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.err, HasSubstr("(saddr, port, protocol)"));
}

// None of them shows the whole map, or goes on for ever without a pause.
TEST_F(Dump, RefusesNumbersAndKeysThatSayNothing) {
  const Fd map = make_map();
  for (const auto& [option, value, said] : std::initializer_list<std::array<const char*, 3>>{
           {"--key", "", "the key is empty"},
           {"--key", "1", "hexadecimal"},
           {"--limit", "0", "it would show nothing"},
           {"--watch", "0", "it takes 1 to 86400 seconds"},
           {"--watch", "86401", "it takes 1 to 86400 seconds"},
           {"--watch", "18446744073709551615", "it takes 1 to 86400 seconds"}}) {
    const auto result = dump({word_of(map), option, value});
    EXPECT_EQ(result.status, 2) << option << " " << value << result;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(said));
    EXPECT_THAT(result.err, testing::Not(HasSubstr("shown in hexadecimal")));
  }
}

TEST_F(Dump, FindsThePairOfNumbersOfAHashThatLooksLikeAPrefix) {
  const uint32_t pair =
      types_.structure("pair", 8, {{"a", types_.u32(), 0}, {"b", types_.u32(), 32}});
  const Fd map = make_typed(types_, {.key_type = pair, .value_type = types_.u64(), .key_size = 8});
  const std::array<uint32_t, 2> key = {1, 2};
  const uint64_t value = 5;
  set(map, key.data(), &value);
  for (const char* each : {"1,2", "{a=1 b=2}", R"({"b":2,"a":1})"})
    EXPECT_EQ(dump({word_of(map), "--key", each}).out, "{a=1 b=2}  5\n") << each;
  const auto other = dump({word_of(map), "--key", R"({"a":1,"c":2})"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("\"c\""));
}

TEST_F(Dump, LimitsWhatItShows) {
  const Fd map = make_map({.max_entries = 1000});
  for (uint32_t key = 0; key < 1000; ++key) {
    const uint64_t value = key;
    set(map, &key, &value);
  }
  const auto ten = dump({word_of(map), "--limit", "10"});
  EXPECT_EQ(std::ranges::count(ten.out, '\n'), 10);
  const auto all = dump({word_of(map)});
  EXPECT_EQ(std::ranges::count(all.out, '\n'), 1000);
  EXPECT_THAT(all.err, HasSubstr("shown in hexadecimal: the map was made without types (BTF)"));
}

TEST_F(Dump, ShowsEachCpuAndTheSum) {
  const uint32_t value_type = types_.structure("counter", 4, {{"n", types_.u32(), 0}});
  const Fd map = make_typed(types_, {.type = BPF_MAP_TYPE_PERCPU_ARRAY,
                                     .key_type = types_.u32(),
                                     .value_type = value_type,
                                     .value_size = 4,
                                     .entries = 1});
  const uint32_t cpus = values::possible_cpus();
  std::vector<uint64_t> values(cpus);
  std::string each;
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    values[cpu] = UINT32_MAX - cpu;
    sum += values[cpu];
    each += (cpu > 0 ? "," : "") + ("{\"n\":" + std::to_string(values[cpu])) + "}";
  }
  const uint32_t key = 0;
  set(map, &key, values.data());
  EXPECT_EQ(dump({word_of(map), "-o", "json"}).out, "{\"key\":0,\"value\":{\"cpus\":[" + each +
                                                        "],\"sum\":{\"n\":" + std::to_string(sum) +
                                                        "}}}\n");
}

TEST_F(Dump, ShowsPrefixesOfATrie) {
  const uint32_t key_type = types_.structure(
      "key", 8, {{"prefixlen", types_.u32(), 0}, {"data", types_.array(types_.u8(), 4), 32}});
  const Fd map = make_typed(types_, {.type = BPF_MAP_TYPE_LPM_TRIE,
                                     .key_type = key_type,
                                     .value_type = types_.u64(),
                                     .key_size = 8,
                                     .flags = BPF_F_NO_PREALLOC});
  const std::array<uint8_t, 8> key = {8, 0, 0, 0, 10, 0, 0, 0};
  const uint64_t value = 5;
  set(map, key.data(), &value);
  EXPECT_EQ(dump({word_of(map)}).out, "10.0.0.0/8  5\n");
  EXPECT_EQ(dump({word_of(map), "--key", "10.0.0.0/8"}).out, "10.0.0.0/8  5\n");
  // As the kernel looks up: the longest prefix that has the address.
  EXPECT_EQ(dump({word_of(map), "--key", "10.1.2.3/32"}).out, "10.1.2.3/32  5\n");
}

TEST_F(Dump, ShowsMapsInAMapWithTheirEntries) {
  const Fd inner = make_map({.type = MapSpec::Type::kArray, .max_entries = 2, .name = "inner"});
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.inner_map_fd = static_cast<uint32_t>(inner.get());
  const Fd map(check(bpf_map_create(BPF_MAP_TYPE_HASH_OF_MAPS, "outer", 4, 4, 4, &options), "map"));
  const uint32_t key = 0x0000000a;
  const int value = inner.get();
  set(map, &key, &value);
  const std::string id = std::to_string(id_of(inner));
  EXPECT_EQ(dump({word_of(map)}).out, "hex:0a000000  {map_id=" + id + "}\n");
  EXPECT_EQ(dump({word_of(map), "--inner"}).out,
            "hex:0a000000  {map_id=" + id +
                "}\n    0  hex:0000000000000000\n    1  hex:0000000000000000\n");
  EXPECT_EQ(dump({word_of(map), "--inner", "-o", "json"}).out,
            R"({"key":"hex:0a000000","value":{"map_id":)" + id +
                R"(,"entries":[{"key":0,"value":"hex:0000000000000000"},)"
                R"({"key":1,"value":"hex:0000000000000000"}]}})"
                "\n");
  EXPECT_THAT(dump({word_of(inner), "--inner"}).err, HasSubstr("is no map of maps"));
}

TEST_F(Dump, NeverAnswersWithNothing) {
  const Fd empty = make_map();
  const auto none = dump({word_of(empty)});
  EXPECT_EQ(none.status, 0);
  EXPECT_THAT(none.err, HasSubstr("has no entries"));
}

// Every type of map is shown, or the reason is.
class DumpEveryType : public testing::TestWithParam<uint32_t> {};

TEST_P(DumpEveryType, IsShownOrRefusedWithAReason) {
  const auto map = make_map_of_type(GetParam());
  if (!map) GTEST_SKIP() << "this kernel makes no such map: " << std::strerror(errno);
  for (const char* format : {"text", "json", "csv"}) {
    const auto result = dump({word_of(*map), "-o", format});
    EXPECT_TRUE(result.status == 0 || result.status == 1) << result;
    EXPECT_FALSE(result.out.empty() && result.err.empty());
    if (result.status == 1) {
      EXPECT_THAT(result.err, HasSubstr("a map of type "));
      EXPECT_THAT(result.err, testing::Not(HasSubstr("shown in hexadecimal")));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, DumpEveryType, testing::Range(1U, 36U));

TEST_F(Dump, WatchesWhatIsAddedChangedAndRemoved) {
  const Fd map = flows();
  const Flow stays = flow(1), goes = flow(2), comes = flow(3);
  const Counters one{1, 1}, two{2, 2};
  set(map, &stays, &one);
  set(map, &goes, &one);
  Command command({kPinscope, "dump", word_of(map), "--watch", "1"});
  std::string out;
  command.while_running([&](pid_t child) {
    EXPECT_TRUE(wait_until(
        [&] { return command.err().find("watching 2 entries") != std::string::npos; }, 20));
    set(map, &stays, &two);
    bpf_map_delete_elem(map.get(), &goes);
    set(map, &comes, &one);
    EXPECT_TRUE(wait_until([&] { return std::ranges::count(command.out(), '\n') >= 3; }, 20));
    kill(child, SIGINT);
  });
  const auto result = command.run();
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(result.out, HasSubstr("~ {saddr=2001:db8::1 port=443 protocol=TCP}  {packets=1 "
                                    "bytes=1} -> {packets=2 bytes=2}\n"));
  EXPECT_THAT(result.out, HasSubstr("- {saddr=2001:db8::2 "));
  EXPECT_THAT(result.out, HasSubstr("+ {saddr=2001:db8::3 "));
}

// Whoever reads has gone: no message, no failure.
TEST_F(Dump, EndsQuietlyWhenItsReaderDoes) {
  const Fd map = make_map({.max_entries = 100000});
  for (uint32_t key = 0; key < 100000; ++key) {
    const uint64_t value = key;
    set(map, &key, &value);
  }
  const auto result = run({"/bin/bash", "-c",
                           std::string("set -o pipefail; ") + kPinscope + " dump " + word_of(map) +
                               " 2>/dev/null | head -n 1"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, StartsWith("hex:"));
}

TEST_F(Dump, SaysHowMuchItShowedWhenItIsInterrupted) {
  const Fd map = make_map({.max_entries = 200000});
  for (uint32_t key = 0; key < 200000; ++key) {
    const uint64_t value = key;
    set(map, &key, &value);
  }
  // The reader waits until the program has been interrupted in the middle.
  const auto result = run(
      {"/bin/bash", "-c",
       "mkfifo /tmp/dump.fifo; " + std::string(kPinscope) + " dump " + word_of(map) +
           " > /tmp/dump.fifo 2> /tmp/dump.err & exec 3< /tmp/dump.fifo; head -c 1 <&3 > /dev/null;"
           " kill -INT $!; cat <&3 > /tmp/dump.out; wait $!; status=$?; tail -n 1 /tmp/dump.err; "
           "tail -c 1 /tmp/dump.out | od -An -tx1; rm -f /tmp/dump.*; exit $status"});
  EXPECT_EQ(result.status, 130) << result;
  EXPECT_THAT(result.out, HasSubstr("interrupted after "));
  EXPECT_THAT(result.out, HasSubstr(" 0a"));
}

TEST_F(Dump, SurvivesAMapThatChangesAllTheTime) {
  const Fd map = make_map({.max_entries = 5000});
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint32_t key = 0; !stop; ++key) {
      const uint64_t value = key;
      bpf_map_update_elem(map.get(), &key, &value, BPF_ANY);
      const uint32_t old = key - 3000;
      bpf_map_delete_elem(map.get(), &old);
    }
  });
  for (int round = 0; round < 10; ++round) EXPECT_THAT(dump({word_of(map)}), Succeeds());
  stop = true;
  writer.join();
}

TEST_F(Dump, ShowsHostileTextAsValidJson) {
  const uint32_t text = types_.array(types_.character(), 16);
  const Fd map =
      make_typed(types_, {.key_type = types_.u32(), .value_type = text, .value_size = 16});
  const uint32_t key = 1;
  const char value[16] = "\x1b]0;x\a\"\\\n\xff\xe2\x80\xae";
  set(map, &key, value);
  const auto json = dump({word_of(map), "-o", "json"});
  EXPECT_TRUE(JsonDocument::parse(json.out, "dump", ErrorCode::kInternal));
  const auto plain = dump({word_of(map)});
  for (const std::string& out : {json.out, plain.out})
    for (const char character : out.substr(0, out.size() - 1))
      EXPECT_GE(static_cast<unsigned char>(character), 0x20) << out;
}

}  // namespace
}  // namespace pinscope::test
