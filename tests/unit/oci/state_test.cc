// The state JSON: what runc, crun and youki write, what nobody should, and the text of each error.
#include "plugin/oci/state.h"

#include <gtest/gtest.h>

namespace pinscope::oci {
namespace {

std::string error_of(std::string json) {
  const auto state = parse_state(std::move(json));
  if (state) return "no error";
  EXPECT_EQ(state.error().code(), ErrorCode::kStateInvalid);
  return state.error().sentence();
}

std::string with_id(const std::string& id) {
  return R"({"id": ")" + id + R"(", "bundle": "/b"})";
}

TEST(State, ReadsWhatRuncWrites) {
  const auto state = parse_state(R"({"ociVersion":"1.0.2-dev","id":"web-1","status":"creating",
      "pid":4711,"bundle":"/run/containers/web-1","annotations":{"team":"net","a/b":""}})");
  ASSERT_TRUE(state) << state.error().sentence();
  EXPECT_EQ(state->id, "web-1");
  EXPECT_EQ(state->pid, 4711);
  EXPECT_EQ(state->bundle, "/run/containers/web-1");
}

TEST(State, ReadsWhatCrunWritesWhereItHasLostTheBundle) {
  const auto state = parse_state(
      R"({"ociVersion":"1.0","id":"c1","pid":0,"root":"/srv/c1/rootfs","bundle":"/","status":"created"})");
  ASSERT_TRUE(state) << state.error().sentence();
  EXPECT_EQ(state->bundle, "/");
  EXPECT_EQ(state->pid, 0);
}

TEST(State, NeedsNoMoreThanAnIdAndABundle) {
  const auto state = parse_state(R"({"id":"a","bundle":"/b","annotations":null,"pid":null})");
  ASSERT_TRUE(state) << state.error().sentence();
  EXPECT_EQ(state->pid, 0);
}

TEST(State, IgnoresFieldsThatItDoesNotKnow) {
  EXPECT_TRUE(parse_state(R"({"id":"a","bundle":"/b","owner":"root","created":{"x":[1,2,null]}})"));
}

TEST(State, TakesEveryIdThatIsASafeFileName) {
  for (const std::string id : {"a", "0", "_x", "+x", "a.b", "a-b_c+d.E9", ".hidden", "-rf", "a,b",
                               "a b", "a:b", "a%b", "\u00e4"}) {
    const auto state = parse_state(with_id(id));
    ASSERT_TRUE(state) << id;
    EXPECT_EQ(state->id, id);
  }
  EXPECT_TRUE(parse_state(with_id(std::string(250, 'a'))));
}

TEST(State, RefusesEveryOtherId) {
  const std::string expected =
      "cannot read \"the container's state\": /id: not an id of a container (1 to 250 bytes "
      "without a "
      "slash or a control character, not \".\" or \"..\")";
  for (const std::string id : {"", ".", "..", "a/b", "../../etc/x", "/", "a\\n", "a\\u001b[2J"})
    EXPECT_EQ(error_of(with_id(id)), expected) << id;
  EXPECT_EQ(error_of(with_id(std::string(251, 'a'))), expected);
}

TEST(State, RefusesANulInTheIdBeforeItCouldShortenIt) {
  EXPECT_EQ(error_of(with_id("a\\u0000b")),
            "cannot read \"the container's state\": /id: the string contains a NUL");
}

TEST(State, NamesWhatIsMissingOrOfTheWrongType) {
  EXPECT_EQ(error_of(R"({"bundle":"/b"})"),
            "cannot read \"the container's state\": /: the id is missing");
  EXPECT_EQ(error_of(R"({"id":7,"bundle":"/b"})"),
            "cannot read \"the container's state\": /id: expected a string");
  EXPECT_EQ(error_of(R"({"id":"a"})"),
            "cannot read \"the container's state\": /: the bundle is not an absolute path");
  EXPECT_EQ(error_of(R"({"id":"a","bundle":"b"})"),
            "cannot read \"the container's state\": /: the bundle is not an absolute path");
  EXPECT_EQ(error_of(R"({"id":"a","bundle":["/b"]})"),
            "cannot read \"the container's state\": /bundle: expected a string");
  EXPECT_EQ(error_of("[]"), "cannot read \"the container's state\": /: expected an object");
}

TEST(State, RefusesAPidThatIsNone) {
  const auto with_pid = [](const std::string& pid) {
    return error_of(R"({"id":"a","bundle":"/b","pid":)" + pid + "}");
  };
  const std::string not_a_number =
      "cannot read \"the container's state\": /pid: expected a whole number that is not negative";
  EXPECT_EQ(with_pid("-1"), not_a_number);
  EXPECT_EQ(with_pid("1.5"), not_a_number);
  EXPECT_EQ(with_pid("\"1\""), not_a_number);
  EXPECT_EQ(with_pid("1e3"), not_a_number);
  EXPECT_EQ(with_pid("2147483648"),
            "cannot read \"the container's state\": /pid: too large for a process id");
  EXPECT_EQ(parse_state(R"({"id":"a","bundle":"/b","pid":2147483647})")->pid, 2147483647);
}

TEST(State, RefusesTextThatIsCutOffAtAnyByte) {
  const std::string whole =
      R"({"ociVersion":"1.0","id":"a","status":"creating","pid":7,"bundle":"/b","annotations":{"k":"v"}})";
  ASSERT_TRUE(parse_state(whole));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_state(whole.substr(0, length))) << length;
  EXPECT_EQ(error_of(""), "cannot read \"the container's state\": 1:1: The document is empty");
  EXPECT_EQ(
      error_of(whole + "x"),
      "cannot read \"the container's state\": 1:96: The document root must not be followed by "
      "other values");
}

TEST(State, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(error_of(R"({"id":"a","bundle":"/b","id":"b"})"),
            "cannot read \"the container's state\": /: the key \"id\" appears twice");
}

TEST(State, ReadsPastAMebibyteOfAnnotations) {
  std::string json = R"({"id":"a","bundle":"/b","annotations":{"first":"1")";
  size_t count = 1;
  while (json.size() < (size_t{1} << 20))
    json += R"(,"key-)" + std::to_string(count++) + R"(":"v")";
  json += "}}";
  const auto state = parse_state(json);
  ASSERT_TRUE(state) << state.error().sentence();
  EXPECT_EQ(state->bundle, "/b");
}

}  // namespace
}  // namespace pinscope::oci
