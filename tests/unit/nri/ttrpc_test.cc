#include "plugin/nri/ttrpc.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/nri/wire.h"

namespace pinscope::nri {
namespace {

using namespace test;

class Collector {
 public:
  Status receive(MessageReader& reader, std::string_view bytes) {
    return reader.receive(bytes, [this](Message message) -> Status {
      messages.push_back(std::move(message));
      return {};
    });
  }
  std::vector<Message> messages;
};

TEST(Ttrpc, WritesAMessageAsTheSpecificationHasIt) {
  EXPECT_EQ(encode(Message{1, Message::kRequest, 0, "data"}),
            "\x00\x00\x00\x04"  // length of the data
            "\x00\x00\x00\x01"  // stream
            "\x01"              // request
            "\x00"              // flags
            "data"s);
}

TEST(Ttrpc, ReadsMessagesWhereverTheyAreCut) {
  const std::string bytes = message(1, 1, "first") + message(3, 2, "") + message(5, 1, "last");
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    MessageReader reader;
    Collector got;
    ASSERT_TRUE(got.receive(reader, bytes.substr(0, cut)));
    ASSERT_TRUE(got.receive(reader, bytes.substr(cut)));
    ASSERT_EQ(got.messages.size(), 3U) << cut;
    EXPECT_EQ(got.messages[0].data, "first");
    EXPECT_EQ(got.messages[1].stream, 3U);
    EXPECT_EQ(got.messages[1].type, Message::kResponse);
    EXPECT_EQ(got.messages[2].data, "last");
    EXPECT_FALSE(reader.inside_message());
  }
}

TEST(Ttrpc, ReadsTheLongestMessageAndRefusesALongerOne) {
  MessageReader reader;
  Collector got;
  const std::string longest(kMaxData, 'x');
  ASSERT_TRUE(got.receive(reader, message(1, 1, longest)));
  ASSERT_EQ(got.messages.size(), 1U);
  EXPECT_EQ(got.messages[0].data.size(), kMaxData);
  const auto done = got.receive(reader, u32(kMaxData + 1) + u32(3) + "\x01\x00"s);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot read a ttrpc message: it claims 4194305 bytes of data, at most 4194304 are "
            "allowed");
}

TEST(Ttrpc, WritesARequestAsTheSpecificationHasIt) {
  Request request;
  request.service = "S";
  request.method = "M";
  request.payload = "P";
  request.timeout_ns = 300;
  EXPECT_EQ(encode(request), "\x0a\x01S\x12\x01M\x1a\x01P\x20\xac\x02"s);
}

TEST(Ttrpc, ReadsARequestAndSkipsWhatItDoesNotKnow) {
  // metadata is field 5
  const auto request = parse_request(field(1, "S") + field(2, "M") + field(5, field(1, "k")) +
                                     field(4, 7) + field(99, "new"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->service, "S");
  EXPECT_EQ(request->method, "M");
  EXPECT_EQ(request->payload, "");
  EXPECT_EQ(request->timeout_ns, 7);
}

TEST(Ttrpc, AnAnswerWithoutDataIsAGoodOne) {
  EXPECT_EQ(encode(Response{}), "");
  const auto response = parse_response("");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->code, RpcCode::kOk);
}

TEST(Ttrpc, WritesAnErrorAsTheSpecificationHasIt) {
  // Response.status = 1, Status.code = 1 (12: unimplemented), Status.message = 2
  EXPECT_EQ(encode(Response{RpcCode::kUnimplemented, "no", ""}), "\x0a\x06\x08\x0c\x12\x02no"s);
  const auto response = parse_response("\x0a\x06\x08\x0c\x12\x02no"s);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->code, RpcCode::kUnimplemented);
  EXPECT_EQ(response->message, "no");
}

// The other side would refuse the whole answer.
TEST(Ttrpc, NeverSendsAnErrorThatIsNoUtf8) {
  const auto response = parse_response(encode(Response{RpcCode::kUnknown, "\xff", ""}));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->message, "an error that is no text");
}

TEST(Ttrpc, RefusesWhatIsNoProtobuf) {
  EXPECT_EQ(parse_request("\x0a\xff").error().sentence(),
            "cannot read a ttrpc request: it is not a protobuf message of that kind");
  EXPECT_EQ(parse_response("\x0a\xff").error().sentence(),
            "cannot read a ttrpc response: it is not a protobuf message of that kind");
}

}  // namespace
}  // namespace pinscope::nri
