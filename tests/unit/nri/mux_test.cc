#include "plugin/nri/mux.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/nri/wire.h"

namespace pinscope::nri {
namespace {

using namespace test;

class Collector {
 public:
  Status receive(Mux& mux, std::string_view bytes) {
    return mux.receive(bytes, [this](uint32_t connection, std::string_view piece) -> Status {
      streams[connection] += piece;
      return {};
    });
  }
  std::map<uint32_t, std::string> streams;
};

TEST(Mux, ReadsAFrameAsTheSpecificationHasIt) {
  Mux mux;
  Collector got;
  // connection 1, three bytes
  ASSERT_TRUE(got.receive(mux, "\x00\x00\x00\x01\x00\x00\x00\x03"s + "abc"));
  EXPECT_EQ(got.streams[1], "abc");
  EXPECT_FALSE(mux.inside_frame());
}

TEST(Mux, PutsAStreamTogetherWhereverItIsCut) {
  const std::string bytes =
      frame(1, "one") + frame(2, "other") + frame(1, "") + frame(1, "two") + frame(9, "nobody's");
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Mux mux;
    Collector got;
    ASSERT_TRUE(got.receive(mux, bytes.substr(0, cut)));
    ASSERT_TRUE(got.receive(mux, bytes.substr(cut)));
    EXPECT_EQ(got.streams[1], "onetwo") << cut;
    EXPECT_EQ(got.streams[2], "other") << cut;
    EXPECT_EQ(got.streams.size(), 2U) << cut;
    EXPECT_FALSE(mux.inside_frame());
  }
}

TEST(Mux, TakesOneByteAtATime) {
  Mux mux;
  Collector got;
  for (const char byte : frame(2, "abc")) ASSERT_TRUE(got.receive(mux, {&byte, 1}));
  EXPECT_EQ(got.streams[2], "abc");
}

TEST(Mux, KnowsWhenMoreMustFollow) {
  const std::string bytes = frame(1, "abc");
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    Mux mux;
    Collector got;
    ASSERT_TRUE(got.receive(mux, bytes.substr(0, cut)));
    EXPECT_TRUE(mux.inside_frame()) << cut;
  }
}

TEST(Mux, RefusesAFrameThatIsLongerThanAnyMessage) {
  Mux mux;
  Collector got;
  const auto done = got.receive(mux, u32(1) + u32(Mux::kMaxIncoming + 1));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot read a frame of the NRI socket: it claims 4194315 bytes, at most 4194314 are "
            "allowed");
  EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
}

TEST(Mux, PassesOnAnErrorOfWhoeverTakesThePieces) {
  Mux mux;
  const auto done = mux.receive(frame(1, "a") + frame(1, "b"), [](uint32_t, std::string_view) {
    return Status(std::unexpected(Error(ErrorCode::kProtocol, "go on")));
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(), "cannot go on");
}

TEST(Mux, WritesAFrameAsTheSpecificationHasIt) {
  Mux mux;
  mux.send(2, "hi");
  EXPECT_EQ(mux.outgoing(), "\x00\x00\x00\x02\x00\x00\x00\x02hi"s);
}

// A frame over 4096 bytes makes the runtime's side give up the socket.
TEST(Mux, CutsWhatItSendsIntoFramesOfAtMost4096Bytes) {
  Mux mux;
  const std::string payload(2 * 4096 + 1, 'x');
  mux.send(1, payload);
  const std::string_view bytes = mux.outgoing();
  ASSERT_EQ(bytes.size(), payload.size() + std::size_t{3} * 8);
  EXPECT_EQ(number_at(bytes, 4), 4096U);
  EXPECT_EQ(number_at(bytes, 8 + 4096 + 4), 4096U);
  EXPECT_EQ(number_at(bytes, std::size_t{2} * (8 + 4096) + 4), 1U);
}

TEST(Mux, KeepsWhatTheSocketDidNotTake) {
  Mux mux;
  mux.send(1, "abc");
  mux.sent(9);
  EXPECT_EQ(mux.outgoing(), "bc");
  mux.send(2, "d");
  EXPECT_EQ(mux.outgoing(), "bc"s + frame(2, "d"));
  mux.sent(mux.outgoing().size());
  EXPECT_EQ(mux.outgoing(), "");
}

}  // namespace
}  // namespace pinscope::nri
