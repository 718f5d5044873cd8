// Addresses as people write them, and where a number is no address.
#include <gtest/gtest.h>

#include "plugin/values/types/classify.h"
#include "tests/unit/values/types/shapes.h"

namespace pinscope::values::test {
namespace {

const Memory kFour = bytes_of(uint8_t{10}, uint8_t{0}, uint8_t{0}, uint8_t{1});
const Memory kSixteen = bytes_of(uint64_t{0xb80d0120}, uint64_t{0x0100000000000000});

TEST(Addresses, AreStructsOfTheKernelWhateverTheirNames) {
  TypeTable types;
  const uint32_t ipv4 = types.structure("in_addr", 4, {{"s_addr", types.u32(), 0}});
  const uint32_t bytes = types.array(types.u8(), 16);
  const uint32_t ipv6 = types.structure("in6_addr", 16, {{"in6_u", bytes, 0}});
  EXPECT_EQ(json_of(shape_of_value(types, ipv4, 4), kFour), R"("10.0.0.1")");
  EXPECT_EQ(json_of(shape_of_value(types, ipv6, 16), kSixteen), R"("2001:db8::1")");
  EXPECT_EQ(text_of(shape_of_value(types, ipv6, 16), kSixteen), "2001:db8::1");
}

TEST(Addresses, AreBigEndianFieldsWithANameOfOne) {
  TypeTable types;
  const uint32_t be32 = types.alias("__be32", types.u32());
  const uint32_t be16 = types.alias("__be16", types.u16());
  const uint32_t flow = types.structure(
      "flow", 12,
      {{"saddr", be32, 0}, {"sequence", be32, 32}, {"port", be16, 64}, {"plain", types.u16(), 80}});
  Memory value = kFour;
  const Memory rest = bytes_of(uint32_t{0x01000000}, uint16_t{0x5000}, uint16_t{0x5000});
  value.insert(value.end(), rest.begin(), rest.end());
  EXPECT_EQ(json_of(shape_of_value(types, flow, 12), value),
            R"({"saddr":"10.0.0.1","sequence":1,"port":80,"plain":20480})");
}

TEST(Addresses, AreNoNumbersInTheOrderOfTheMachine) {
  TypeTable types;
  const uint32_t flow = types.structure("flow", 4, {{"saddr", types.u32(), 0}});
  EXPECT_EQ(json_of(shape_of_value(types, flow, 4), bytes_of(7U)), R"({"saddr":7})");
}

TEST(Addresses, AreArraysWithANameOfOne) {
  TypeTable types;
  const uint32_t all = types.structure("all", 42,
                                       {{"src_ip6", types.array(types.u8(), 16), 0},
                                        {"digest", types.array(types.u8(), 4), 128},
                                        {"eth_src", types.array(types.u8(), 6), 160},
                                        {"daddr", types.array(types.u32(), 4), 208}});
  Memory value = kSixteen;
  const Memory middle = bytes_of(uint32_t{0x04030201}, uint32_t{0xac4202}, uint16_t{0x0200});
  value.insert(value.end(), middle.begin(), middle.end());
  value.insert(value.end(), kSixteen.begin(), kSixteen.end());
  EXPECT_EQ(json_of(shape_of_value(types, all, 42), value),
            R"({"src_ip6":"2001:db8::1","digest":[1,2,3,4],"eth_src":"02:42:ac:00:00:02",)"
            R"("daddr":"2001:db8::1"})");
}

TEST(Addresses, ArePrefixesInTries) {
  TypeTable types;
  const uint32_t ipv4 = types.structure(
      "key", 8, {{"prefixlen", types.u32(), 0}, {"data", types.array(types.u8(), 4), 32}});
  Memory key = bytes_of(8U);
  key.insert(key.end(), kFour.begin(), kFour.end());
  EXPECT_EQ(key_json_of(shape_of_key(types, ipv4, 8, kLpmTrie), key), R"("10.0.0.1/8")");
  EXPECT_EQ(key_json_of(shape_of_key(types, ipv4, 8), key), R"({"prefixlen":8,"data":[10,0,0,1]})");
  const uint32_t three = types.structure(
      "key", 12,
      {{"prefixlen", types.u32(), 0}, {"ifindex", types.u32(), 32}, {"ip", types.u32(), 64}});
  EXPECT_EQ(key_json_of(shape_of_key(types, three, 12, kLpmTrie), bytes_of(1U, 2U, 3U)),
            R"({"prefixlen":1,"ifindex":2,"ip":3})");
}

TEST(Addresses, HaveNamesOfWholeWords) {
  for (const char* name :
       {"addr", "saddr", "src_ip", "remote_ip4", "ip6", "dst", "IP", "ipv6_addr"})
    EXPECT_TRUE(names_address(name)) << name;
  for (const char* name : {"", "ship", "padding", "script", "zip", "address_count_x", "trip"})
    EXPECT_EQ(names_address(name), std::string_view(name).starts_with("address_")) << name;
  for (const char* name : {"mac", "src_mac", "eth_dst", "h_dest", "h_source"})
    EXPECT_TRUE(names_mac(name)) << name;
  EXPECT_FALSE(names_mac("machine"));
}

}  // namespace
}  // namespace pinscope::values::test
