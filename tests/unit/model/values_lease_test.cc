#include "plugin/model/values_lease.h"

#include <gtest/gtest.h>

#include <string>

namespace pinscope::model {
namespace {

ValuesLease sample() {
  ValuesLease lease;
  lease.container = "web-1";
  lease.secret = std::string(64, 'a');
  LeasedMap typed{"flows", 1000, 1001, 0440, {ValueForm::kText, 7, 1500}, 0, 1};
  LeasedMap untyped{"net/quota", 0, 0, 0444, {}, 2, std::nullopt};
  lease.maps = {typed, untyped};
  return lease;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(ValuesLease, ComesBackAsItWasWritten) {
  const auto read = values_lease_from_json(to_json(sample()), 3);
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(*read, sample());
}

TEST(ValuesLease, RefusesPositionsThatAreNoDescriptors) {
  const auto read = values_lease_from_json(to_json(sample()), 2);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().sentence(),
            "cannot read \"the description of a lease\": /maps/1: \"map\" is no descriptor of the "
            "lease");
  EXPECT_FALSE(values_lease_from_json(to_json(sample()), 1));
}

TEST(ValuesLease, RefusesWhatItDoesNotKnow) {
  const std::string good = to_json(sample());
  EXPECT_FALSE(values_lease_from_json(replaced(good, "\"format\":1", "\"format\":2"), 3));
  EXPECT_FALSE(values_lease_from_json(replaced(good, "\"text\"", "\"yaml\""), 3));
  EXPECT_FALSE(values_lease_from_json(replaced(good, "aaa", ""), 3));
  EXPECT_FALSE(values_lease_from_json("{}", 3));
}

TEST(ValuesLease, RefusesNamesThatAreEmptyOrTaken) {
  const std::string good = to_json(sample());
  EXPECT_FALSE(values_lease_from_json(replaced(good, "\"net/quota\"", "\"flows\""), 3));
  EXPECT_FALSE(values_lease_from_json(replaced(good, "\"net/quota\"", "\"\""), 3));
}

}  // namespace
}  // namespace pinscope::model
