#include "plugin/values/names/key_name.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "plugin/values/names/digest.h"

namespace pinscope::values {
namespace {

using Key = std::vector<std::byte>;

Key key_of_text(std::string_view text) {
  Key key;
  for (const char byte : text) key.push_back(static_cast<std::byte>(byte));
  return key;
}

template <typename Number>
Key key_of_number(Number number) {
  Key key(sizeof number);
  std::memcpy(key.data(), &number, sizeof number);
  return key;
}

KeyLeaf leaf(uint32_t offset, uint32_t size, LeafKind kind) {
  return {.offset = offset,
          .size = size,
          .kind = kind,
          .is_signed = kind == LeafKind::kSigned,
          .name = "leaf"};
}

// 2001:db8::1, of whose sixteen bytes eleven are zero.
const Key kAddress = {std::byte{0x20}, std::byte{0x01}, std::byte{0x0d}, std::byte{0xb8},
                      std::byte{0},    std::byte{0},    std::byte{0},    std::byte{0},
                      std::byte{0},    std::byte{0},    std::byte{0},    std::byte{0},
                      std::byte{0},    std::byte{0},    std::byte{0},    std::byte{1}};

void expect_there_and_back(const KeyLeaves& leaves, const Key& key, const std::string& name) {
  EXPECT_EQ(name_of(leaves, key), name);
  EXPECT_EQ(key_of(leaves, key.size(), name), key) << name;
}

// What is true of every name.
void expect_usable(const std::string& name) {
  EXPECT_FALSE(name.empty());
  EXPECT_NE(name, ".");
  EXPECT_NE(name, "..");
  EXPECT_LE(name.size(), kMaxName);
  EXPECT_TRUE(std::ranges::all_of(name, [](char byte) {
    return byte >= ' ' && byte <= '~' && byte != '/';
  })) << name;
}

TEST(KeyName, HoldsAnAddressWithZeroBytes) {
  expect_there_and_back({leaf(0, 16, LeafKind::kIpv6)}, kAddress, "2001:db8::1");
  expect_there_and_back({}, kAddress, "%%%20%01%0D%B8%00%00%00%00%00%00%00%00%00%00%00%01");
}

TEST(KeyName, WritesLeavesAsPeopleDo) {
  expect_there_and_back({leaf(0, 4, LeafKind::kUnsigned)}, key_of_number(uint32_t{7}), "7");
  expect_there_and_back({leaf(0, 8, LeafKind::kUnsigned)}, key_of_number(~uint64_t{0}),
                        "18446744073709551615");
  expect_there_and_back({leaf(0, 4, LeafKind::kSigned)}, key_of_number(int32_t{-1}), "-1");
  expect_there_and_back({leaf(0, 1, LeafKind::kBool)}, key_of_number(uint8_t{1}), "1");
  expect_there_and_back({leaf(0, 2, LeafKind::kBigEndian)}, key_of_text({"\x01\xbb", 2}), "443");
  expect_there_and_back({leaf(0, 4, LeafKind::kIpv4)}, key_of_text({"\x0a\x00\x00\x01", 4}),
                        "10.0.0.1");
  expect_there_and_back({leaf(0, 6, LeafKind::kMac)}, key_of_text({"\x02\x42\x00\x00\x00\xff", 6}),
                        "02:42:00:00:00:ff");
  expect_there_and_back({leaf(0, 8, LeafKind::kText)}, key_of_text({"eth0\0\0\0\0", 8}), "eth0");
}

TEST(KeyName, JoinsLeavesByCommas) {
  const KeyLeaves flow = {leaf(0, 4, LeafKind::kIpv4), leaf(4, 4, LeafKind::kIpv4),
                          leaf(8, 2, LeafKind::kBigEndian)};
  const Key key = key_of_text({"\x0a\0\0\x01\x0a\0\0\x02\0\x50\0\0", 12});
  expect_there_and_back(flow, key, "10.0.0.1,10.0.0.2,80");
}

TEST(KeyName, EscapesWhatATextMayHoldAndANameMayNot) {
  const KeyLeaves text = {leaf(0, 8, LeafKind::kText)};
  expect_there_and_back(text, key_of_text({"a/b%c,d\n", 8}), "a%2Fb%25c%2Cd%0A");
  expect_there_and_back(text, key_of_text({"..\0\0\0\0\0\0", 8}), "%2E.");
  expect_there_and_back(text, key_of_text({"\xc3\xa4\0\0\0\0\0\0", 8}), "%C3%A4");
}

TEST(KeyName, ShowsAsBytesWhatLeavesDoNotSay) {
  // Something in the padding, behind the end of a text, and a bool that is neither.
  const KeyLeaves padded = {leaf(0, 1, LeafKind::kUnsigned), leaf(2, 2, LeafKind::kUnsigned)};
  expect_there_and_back(padded, key_of_text({"\x01\x07\x02\0", 4}), "%%%01%07%02%00");
  expect_there_and_back({leaf(0, 4, LeafKind::kText)}, key_of_text({"a\0b\0", 4}), "%%a%00b%00");
  expect_there_and_back({leaf(0, 1, LeafKind::kBool)}, key_of_number(uint8_t{2}), "%%%02");
  // A text without a character would be no name.
  expect_there_and_back({leaf(0, 2, LeafKind::kText)}, key_of_text({"\0\0", 2}), "%%%00%00");
}

TEST(KeyName, KnowsOneSpellingOfEachKey) {
  const KeyLeaves number = {leaf(0, 4, LeafKind::kUnsigned)};
  for (const char* other : {"007", "+7", " 7", "7 ", "7,", ",7", "0x7", "", "%37", "4294967296",
                            "-7", "%%%07%00%00%00", "%%", "%%%07", "%%%0"})
    EXPECT_FALSE(key_of(number, 4, other)) << other;
  EXPECT_FALSE(key_of({leaf(0, 16, LeafKind::kIpv6)}, 16, "2001:DB8::1"));
  EXPECT_FALSE(key_of({leaf(0, 16, LeafKind::kIpv6)}, 16, "2001:db8:0::1"));
  EXPECT_FALSE(key_of({leaf(0, 4, LeafKind::kText)}, 4, "%61"));
  EXPECT_FALSE(key_of({leaf(0, 4, LeafKind::kText)}, 4, "a%00"));
  EXPECT_FALSE(key_of({leaf(0, 4, LeafKind::kText)}, 4, "abcde"));
  EXPECT_FALSE(key_of({}, 1, "%%%41"));
  EXPECT_FALSE(key_of({}, 1, "%%%0a"));
}

TEST(KeyName, NamesLongKeysByTheirDigest) {
  const Key key(512, std::byte{0xff});
  const std::string name = name_of({}, key);
  EXPECT_EQ(name, "%~" + digest_of(key));
  EXPECT_TRUE(is_digest_name(name));
  EXPECT_FALSE(key_of({}, key.size(), name));
  EXPECT_FALSE(is_digest_name("%~" + std::string(63, 'a')));
  EXPECT_FALSE(is_digest_name("%~" + std::string(64, 'A')));
  EXPECT_FALSE(is_digest_name(std::string(66, 'a')));
  // 84 bytes of which each is escaped are the longest that fit.
  EXPECT_EQ(name_of({}, Key(84, std::byte{0})).size(), 254U);
  EXPECT_TRUE(is_digest_name(name_of({}, Key(85, std::byte{0}))));
  EXPECT_EQ(name_of({}, Key(253, std::byte{'a'})).size(), kMaxName);
  EXPECT_TRUE(is_digest_name(name_of({}, Key(254, std::byte{'a'}))));
}

TEST(KeyName, HasTheDigestThatOthersComputeToo) {
  EXPECT_EQ(digest_of(key_of_text("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Random leaves, in order, some with padding between them, over a key of `size` bytes.
KeyLeaves random_leaves(std::mt19937& random, uint32_t size) {
  const LeafKind kinds[] = {LeafKind::kUnsigned, LeafKind::kSigned,    LeafKind::kBool,
                            LeafKind::kEnum,     LeafKind::kBigEndian, LeafKind::kIpv4,
                            LeafKind::kIpv6,     LeafKind::kMac,       LeafKind::kText};
  KeyLeaves leaves;
  uint32_t at = 0;
  while (at < size && leaves.size() < 32 && random() % 8 != 0) {
    at += static_cast<uint32_t>(random() % 3);
    const LeafKind kind = kinds[random() % std::size(kinds)];
    uint32_t bytes = 1U << random() % 4;
    if (kind == LeafKind::kIpv4) bytes = 4;
    if (kind == LeafKind::kIpv6) bytes = 16;
    if (kind == LeafKind::kMac) bytes = 6;
    if (kind == LeafKind::kText) bytes = static_cast<uint32_t>(1 + random() % 40);
    if (at + bytes > size) break;
    leaves.push_back(leaf(at, bytes, kind));
    at += bytes;
  }
  return leaves;
}

// Bytes of one of several kinds: anything, few different ones, mostly zeros, printable.
Key random_key(std::mt19937& random, size_t size) {
  Key key(size);
  const auto kind = random() % 4;
  for (std::byte& byte : key) {
    auto value = static_cast<uint32_t>(random());
    if (kind == 1) value = static_cast<unsigned char>("a/%,.\0\n~"[value % 8]);
    if (kind == 2 && value % 8 != 0) value = 0;
    if (kind == 3) value = ' ' + value % 95;
    byte = static_cast<std::byte>(value);
  }
  return key;
}

TEST(KeyName, BringsEveryKeyBackAndGivesNoTwoOneName) {
  std::mt19937 random(1);  // NOLINT: the same keys each time
  for (int shape = 0; shape < 2000; ++shape) {
    const auto size = static_cast<uint32_t>(1 + random() % 512);
    const KeyLeaves leaves = shape % 3 == 0 ? KeyLeaves{} : random_leaves(random, size);
    std::map<std::string, Key> named;
    for (int i = 0; i < 40; ++i) {
      const Key key = random_key(random, size);
      const std::string name = name_of(leaves, key);
      expect_usable(name);
      const auto [where, is_new] = named.emplace(name, key);
      EXPECT_TRUE(is_new || where->second == key) << name;
      if (is_digest_name(name)) {
        EXPECT_EQ(name, "%~" + digest_of(key));
      } else {
        EXPECT_EQ(key_of(leaves, size, name), key) << name;
      }
    }
  }
}

TEST(KeyName, BringsEveryKeyOfOneAndTwoBytesBack) {
  for (uint32_t value = 0; value < 65536; ++value) {
    const Key key = key_of_number(static_cast<uint16_t>(value));
    for (const LeafKind kind : {LeafKind::kUnsigned, LeafKind::kSigned, LeafKind::kBigEndian,
                                LeafKind::kText, LeafKind::kBool}) {
      const KeyLeaves leaves = {leaf(0, 2, kind)};
      const std::string name = name_of(leaves, key);
      expect_usable(name);
      ASSERT_EQ(key_of(leaves, 2, name), key) << name;
    }
  }
}

// Whatever a name is, the key that comes out of it has that name.
TEST(KeyName, TakesNoNameThatIsNotItsKeys) {
  std::mt19937 random(2);  // NOLINT: the same names each time
  const char letters[] = "0123456789abcdefABCDEF%%%%,,.:-~ /";
  for (int i = 0; i < 200000; ++i) {
    const auto size = static_cast<uint32_t>(1 + random() % 24);
    const KeyLeaves leaves = i % 3 == 0 ? KeyLeaves{} : random_leaves(random, size);
    std::string name = i % 2 == 0 ? "%%" : "";
    for (auto length = random() % 20; length > 0; --length)
      name += letters[random() % (sizeof letters - 1)];
    if (const auto key = key_of(leaves, size, name)) {
      EXPECT_EQ(key->size(), size);
      EXPECT_EQ(name_of(leaves, *key), name);
    }
  }
}

TEST(KeyName, DoesNotTrustLeavesThatAreNoneOfThisKey) {
  const Key key(4);
  EXPECT_EQ(name_of({leaf(2, 4, LeafKind::kUnsigned)}, key), "%%%00%00%00%00");
  EXPECT_EQ(name_of({leaf(0, 4, LeafKind::kUnsigned), leaf(0, 4, LeafKind::kUnsigned)}, key),
            "%%%00%00%00%00");
  EXPECT_EQ(name_of({leaf(0, 3, LeafKind::kUnsigned)}, key), "%%%00%00%00%00");
  EXPECT_FALSE(key_of({leaf(2, 4, LeafKind::kUnsigned)}, 4, "1"));
}

}  // namespace
}  // namespace pinscope::values
