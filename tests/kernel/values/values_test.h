// A mount of values for each test, on a directory of its own, with an array of four elements.
#pragma once

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugin/values/names/key_name.h"
#include "tests/kernel/values/served_values.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

class ValuesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = ServedValues::why_not(); !why.empty()) GTEST_SKIP() << why;
    mount_ = directory_.make_directory("values");
  }

  // Mounts and serves.
  void serve(std::vector<ValuesOfMap> maps, bool read_only = true) {
    served_.mount(mount_, std::move(maps), read_only);
    served_.start();
  }
  std::string path() const { return mount_; }
  std::string path(const std::string& name) const { return mount_ + "/" + name; }

  // What a program prints; it must succeed without an error.
  static std::string output(std::vector<std::string> argv) {
    const CommandResult result = run(std::move(argv));
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(result.err, "");
    return result.out;
  }

  static void set(const Fd& map, uint32_t key, uint64_t value) {
    ASSERT_EQ(bpf_map_update_elem(map.get(), &key, &value, BPF_ANY), 0);
  }
  static void unset(const Fd& map, uint32_t key) {
    ASSERT_EQ(bpf_map_delete_elem(map.get(), &key), 0);
  }
  // A value and an element of the array, as they are shown without types.
  static std::string value_line(uint64_t value) { return "\"" + hex(value) + "\"\n"; }
  static std::string entry_line(uint32_t key, uint64_t value) {
    return "{\"key\":" + std::to_string(key) + ",\"value\":\"" + hex(value) + "\"}\n";
  }
  static std::string hex(uint64_t value) {
    std::string text = "hex:";
    char digits[3];
    for (const std::byte byte : std::as_bytes(std::span(&value, 1))) {
      std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(byte));
      text += digits;
    }
    return text;
  }

  TempDirectory directory_{0711};
  std::string mount_;
  Fd array_ = make_map({.type = MapSpec::Type::kArray, .max_entries = 4});
  ServedValues served_;
};

}  // namespace pinscope::test
