// The same maps shown by bpftool: field by field, where both show a field by its type.
#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>

#include "plugin/json/json.h"
#include "plugin/values/read/map_facts.h"
#include "tests/kernel/values/typed_map.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {
namespace {

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

// Bit fields of bpftool's and pointers of ours are in hexadecimal.
bool is_in_hexadecimal(const JsonView& word, const JsonView& other) {
  const auto text = word.as_string();
  const auto number = other.as_unsigned();
  return text && number && text->starts_with("0x") &&
         std::strtoull(std::string(*text).c_str(), nullptr, 16) == *number;
}

// Where they differ; empty if nowhere.
std::string difference(const JsonView& ours, const JsonView& theirs, const std::string& place) {
  if (ours.is_object() && theirs.is_object()) {
    const auto members = ours.members().value();
    if (members.size() != theirs.members().value().size()) return place + ": other members";
    for (const auto& [name, member] : members) {
      const auto other = theirs.find(name).value();
      if (!other) return place + "/" + std::string(name) + " is not there";
      if (auto found = difference(member, *other, place + "/" + std::string(name)); !found.empty())
        return found;
    }
    return "";
  }
  if (ours.is_array() && theirs.is_array()) {
    const auto left = ours.elements().value();
    const auto right = theirs.elements().value();
    if (left.size() != right.size()) return place + ": other length";
    for (size_t i = 0; i < left.size(); ++i)
      if (auto found = difference(left[i], right[i], place + "/" + std::to_string(i));
          !found.empty())
        return found;
    return "";
  }
  const auto same = [&](auto convert) {
    const auto left = convert(ours), right = convert(theirs);
    return left && right && *left == *right;
  };
  if (same([](auto& view) { return view.as_string(); }) ||
      same([](auto& view) { return view.as_unsigned(); }) ||
      same([](auto& view) { return view.as_signed(); }) ||
      same([](auto& view) { return view.as_bool(); }) || is_in_hexadecimal(theirs, ours) ||
      is_in_hexadecimal(ours, theirs))
    return "";
  return place + " is another value";
}

// Bytes of the struct `everything`, and where its enum is.
constexpr size_t kEverything = 64;
constexpr size_t kColorAt = 56;

class Bpftool : public testing::Test {
 protected:
  void SetUp() override {
    if (run({"bpftool", "version"}).status != 0) GTEST_SKIP() << "bpftool is not installed";
  }

  void compare(const Fd& map) {
    const std::string id = std::to_string(values::map_facts(map.get()).value().id);
    const auto ours = run({kPinscope, "dump", "id:" + id, "-o", "json"});
    const auto theirs = run({"bpftool", "-j", "map", "dump", "id", id});
    ASSERT_EQ(ours.status, 0) << ours;
    ASSERT_EQ(theirs.status, 0) << theirs;
    std::string joined = "[" + ours.out;
    std::ranges::replace(joined, '\n', ',');
    joined.back() = ']';
    const auto left = JsonDocument::parse(joined, "ours", ErrorCode::kInternal).value();
    const auto right = JsonDocument::parse(theirs.out, "theirs", ErrorCode::kInternal).value();
    const auto entries = left.root().elements().value();
    const auto others = right.root().elements().value();
    ASSERT_EQ(entries.size(), others.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      const auto formatted = others[i].find("formatted").value();
      ASSERT_TRUE(formatted) << theirs.out;
      ASSERT_EQ(compare_entry(entries[i], *formatted), "");
    }
  }

 private:
  static std::string compare_entry(const JsonView& ours, const JsonView& theirs) {
    const auto key = theirs.find("key").value();
    if (auto found = difference(*ours.find("key").value(), *key, "key"); !found.empty())
      return found;
    const auto value = *ours.find("value").value();
    if (const auto other = theirs.find("value").value()) return difference(value, *other, "value");
    const auto cpus = value.find("cpus").value()->elements().value();
    const auto others = theirs.find("values").value()->elements().value();
    if (cpus.size() != others.size()) return "other CPUs";
    for (size_t cpu = 0; cpu < cpus.size(); ++cpu)
      if (auto found = difference(cpus[cpu], *others[cpu].find("value").value(), "cpu");
          !found.empty())
        return found;
    return "";
  }

 protected:
  // Random bytes at keys 0 to 99. An enum beyond its names has a small number: bpftool shows all
  // of them signed, whatever the type says.
  static void fill(const Fd& map, size_t value_bytes) {
    std::mt19937 random(3);
    std::vector<uint8_t> value(value_bytes);
    for (uint32_t key = 0; key < 100; ++key) {
      for (uint8_t& byte : value) byte = static_cast<uint8_t>(random());
      for (size_t color = kColorAt; color + 4 <= value_bytes; color += kEverything) {
        const uint32_t number = random() % 4;
        std::memcpy(value.data() + color, &number, sizeof number);
      }
      set(map, &key, value.data());
    }
  }
  uint32_t everything() {
    const uint32_t point = types_.structure(
        "point", 8, {{"x", types_.integer("int", 4, BTF_INT_SIGNED), 0}, {"y", types_.u32(), 32}});
    const uint32_t color = types_.enumeration("color", {{"RED", 1}, {"GREEN", 2}});
    return types_.structure("everything", 64,
                            {{"a", types_.u64(), 0},
                             {"b", types_.integer("long", 8, BTF_INT_SIGNED), 64},
                             {"points", types_.array(point, 2), 128},
                             {"bits", types_.u32(), 256, 3},
                             {"more", types_.u32(), 259, 13},
                             {"low", types_.integer("int", 4, BTF_INT_SIGNED), 288},
                             {"pointer", types_.pointer(point), 320},
                             {"list", types_.array(types_.u16(), 4), 384},
                             {"color", color, 448},
                             {"bytes", types_.array(types_.u8(), 4), 480}});
  }
  TypeTable types_;
};

TEST_F(Bpftool, ShowsTheSameOfAHash) {
  const uint32_t value = everything();
  const Fd map = make_typed(
      types_, {.key_type = types_.u32(), .value_type = value, .value_size = 64, .entries = 100});
  fill(map, 64);
  compare(map);
}

TEST_F(Bpftool, ShowsTheSameOfAnArray) {
  const uint32_t value = everything();
  const Fd map = make_typed(types_, {.type = BPF_MAP_TYPE_ARRAY,
                                     .key_type = types_.u32(),
                                     .value_type = value,
                                     .value_size = 64,
                                     .entries = 100});
  fill(map, 64);
  compare(map);
}

TEST_F(Bpftool, ShowsTheSameOfEachCpu) {
  const uint32_t value = everything();
  const Fd map = make_typed(types_, {.type = BPF_MAP_TYPE_PERCPU_HASH,
                                     .key_type = types_.u32(),
                                     .value_type = value,
                                     .value_size = 64,
                                     .entries = 100});
  fill(map, size_t{64} * values::possible_cpus());
  compare(map);
}

TEST_F(Bpftool, ShowsTheSameOfAnLruHash) {
  const uint32_t value = types_.u64();
  const Fd map = make_typed(types_, {.type = BPF_MAP_TYPE_LRU_HASH,
                                     .key_type = types_.u32(),
                                     .value_type = value,
                                     .value_size = 8,
                                     .entries = 1000});
  fill(map, 8);
  compare(map);
}

}  // namespace
}  // namespace pinscope::test
