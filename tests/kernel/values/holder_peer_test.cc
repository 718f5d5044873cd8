// Peers of the holder that do what they should not, or go away in the middle.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "tests/support/machine/held.h"
#include "tests/support/machine/unprivileged.h"

namespace pinscope::test {
namespace {

using hold::Kind;
using hold::Message;

// What the holder answers to a peer that says this, before it closes the connection; -1: nothing.
int answer_to(const HolderThread& holder, const std::function<void(const Fd&)>& speak) {
  const Fd peer = holder.connect();
  speak(peer);
  auto answer = hold::receive_until(peer.get(), soon());
  if (!answer) return answer.error().errnum() == ETIMEDOUT ? ETIMEDOUT : -1;
  EXPECT_EQ(answer->message.kind, Kind::kAnswer);
  const auto end = hold::receive_until(peer.get(), soon());
  EXPECT_FALSE(end);
  return answer->message.error;
}

// That it goes on as if nothing had been, and has kept nothing but this.
void expect_well(const HolderThread& holder) {
  const FuseSuperblock file_system;
  const auto kept = put(holder.path(), "after", file_system);
  EXPECT_TRUE(kept) << (kept ? "" : kept.error().sentence());
  const Fd service = holder.connect();
  say(service, {.kind = Kind::kServe});
  EXPECT_EQ(receive(service).message.error, 0);
  EXPECT_EQ(receive_lease(service).id, "after");
}

TEST(HolderPeer, IsRefusedWithAMessageOfAnotherSize) {
  const HolderThread holder;
  for (const size_t size : {size_t{1}, sizeof(Message) - 1, sizeof(Message) + 1, size_t{60'000}}) {
    const std::string bytes(size, '\1');
    EXPECT_EQ(answer_to(holder,
                        [&](const Fd& peer) {
                          check(::send(peer.get(), bytes.data(), bytes.size(), 0), "send");
                        }),
              EPROTO)
        << size;
  }
  expect_well(holder);
}

TEST(HolderPeer, IsRefusedWithAnotherVersionOrALengthThatIsNone) {
  const HolderThread holder;
  EXPECT_EQ(answer_to(holder,
                      [](const Fd& peer) {
                        say(peer, {.version = hold::kVersion + 1, .kind = Kind::kBegin});
                      }),
            EPROTO);
  EXPECT_EQ(answer_to(holder,
                      [](const Fd& peer) {
                        say(peer, {.kind = Kind::kBegin, .size = hold::kTextSize + 1});
                      }),
            EPROTO);
  EXPECT_EQ(answer_to(holder, [](const Fd& peer) { say(peer, {.kind = static_cast<Kind>(77)}); }),
            EPROTO);
  expect_well(holder);
}

TEST(HolderPeer, IsRefusedWithWhatIsNotItsTurn) {
  const HolderThread holder;
  for (const Kind kind : {Kind::kDescriptors, Kind::kInit, Kind::kDone, Kind::kAnswer, Kind::kLease,
                          Kind::kLeaseDone, Kind::kEnded})
    EXPECT_EQ(answer_to(holder, [&](const Fd& peer) { say(peer, {.kind = kind}); }), EPROTO)
        << static_cast<uint32_t>(kind);
  EXPECT_EQ(
      answer_to(holder, [](const Fd& peer) { say(peer, {.kind = Kind::kBegin, .lease = 5}); }),
      EPROTO);
  for (const Kind kind : {Kind::kBegin, Kind::kInit, Kind::kServe, Kind::kEnded})
    EXPECT_EQ(answer_to(holder,
                        [&](const Fd& peer) {
                          say(peer, {.kind = Kind::kBegin});
                          say(peer, {.kind = kind});
                        }),
              EPROTO)
        << static_cast<uint32_t>(kind);
  expect_well(holder);
}

TEST(HolderPeer, IsRefusedWithDescriptorsWhereNoneBelong) {
  const HolderThread holder;
  const Fd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open"));
  for (const Kind kind : {Kind::kBegin, Kind::kServe, Kind::kDone})
    EXPECT_EQ(answer_to(holder, [&](const Fd& peer) { say(peer, {.kind = kind}, {null.get()}); }),
              EPROTO);
  expect_well(holder);
}

TEST(HolderPeer, IsRefusedWithMoreDescriptorsThanAMessageHas) {
  const HolderThread holder;
  const Fd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open"));
  constexpr size_t kMany = hold::kMaxPiece + 1;
  EXPECT_EQ(answer_to(holder,
                      [&](const Fd& peer) {
                        say(peer, {.kind = Kind::kBegin});
                        Message message{.kind = Kind::kDescriptors};
                        struct iovec data = {&message, sizeof message};
                        alignas(cmsghdr) char control[CMSG_SPACE(kMany * sizeof(int))] = {};
                        msghdr header{};
                        header.msg_iov = &data;
                        header.msg_iovlen = 1;
                        header.msg_control = control;
                        header.msg_controllen = sizeof control;
                        cmsghdr* part = CMSG_FIRSTHDR(&header);
                        part->cmsg_level = SOL_SOCKET;
                        part->cmsg_type = SCM_RIGHTS;
                        part->cmsg_len = CMSG_LEN(kMany * sizeof(int));
                        const std::vector<int> many(kMany, null.get());
                        std::memcpy(CMSG_DATA(part), many.data(), kMany * sizeof(int));
                        check(::sendmsg(peer.get(), &header, 0), "sendmsg");
                      }),
            EMFILE);
  expect_well(holder);
}

TEST(HolderPeer, IsRefusedWithAnotherCount) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  const Fd text = description("{}");
  EXPECT_EQ(answer_to(holder,
                      [&](const Fd& peer) {
                        say(peer, {.kind = Kind::kBegin});
                        say(peer, {.kind = Kind::kDescriptors}, {file_system.device(), text.get()});
                        say(peer, {.kind = Kind::kDone, .count = 3});
                      }),
            EPROTO);
  expect_well(holder);
}

TEST(HolderPeer, LeavesNothingIfItGoesInTheMiddle) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  const Fd text = description("{}");
  for (int steps = 0; steps < 4; ++steps) {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    const Fd watched(ends[0]);
    {
      const Fd end(ends[1]);
      const Fd peer = holder.connect();
      if (steps > 0) say(peer, {.kind = Kind::kBegin});
      if (steps > 1)
        say(peer, {.kind = Kind::kDescriptors}, {file_system.device(), text.get(), end.get()});
      if (steps > 2) say(peer, {.kind = Kind::kDescriptors}, {text.get()});
    }
    struct pollfd one = {watched.get(), 0, 0};
    EXPECT_EQ(::poll(&one, 1, 20'000), 1) << "descriptors were kept after step " << steps;
  }
  expect_well(holder);
}

TEST(HolderPeer, ThatSaysNothingMoreIsLetGo) {
  const HolderThread holder({.time_to_put = std::chrono::milliseconds(30)});
  const Fd silent = holder.connect();
  const Fd half = holder.connect();
  say(half, {.kind = Kind::kBegin});
  EXPECT_FALSE(hold::receive_until(silent.get(), soon()));
  EXPECT_FALSE(hold::receive_until(half.get(), soon()));
}

TEST(HolderPeer, CannotTakeTheRoomOfOthersForLong) {
  const HolderThread holder({.time_to_put = std::chrono::milliseconds(30), .max_connections = 2});
  const Fd one = holder.connect();
  const Fd two = holder.connect();
  expect_well(holder);
}

TEST(HolderPeer, OfAnotherUserIsNotHeard) {
  const HolderThread holder({.peer = kPlainUser});
  const Fd peer = holder.connect();  // as root, who is the other one here
  say(peer, {.kind = Kind::kServe});
  const auto answer = hold::receive_until(peer.get(), soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().errnum(), ECONNRESET);
}

TEST(HolderPeer, ThatEndsAsAServiceInTheMiddleOfALeaseIsForgotten) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system, 500));
  for (int taken = 0; taken < 5; ++taken) {
    const Fd service = holder.connect();
    say(service, {.kind = Kind::kServe});
    for (int i = 0; i <= taken; ++i) (void)receive(service);
  }
  const Fd service = holder.connect();
  say(service, {.kind = Kind::kServe});
  EXPECT_EQ(receive(service).message.error, 0);
  EXPECT_EQ(receive_lease(service).descriptors.size(), 502U);
}

TEST(HolderPeer, FarAwayOfAPutWaitsNoLongerThanItsTime) {
  const TempDirectory directory;
  const std::string path = hold::socket_path(directory.path());
  const auto place = hold::take_place(path);  // and nobody accepts
  ASSERT_TRUE(place);
  const FuseSuperblock file_system;
  const Fd text = description("{}");
  auto begun = hold::Put::begin(path, "web-1", std::chrono::milliseconds(50));
  ASSERT_TRUE(begun);
  ASSERT_TRUE(begun->add(std::vector<int>{file_system.device(), text.get()}));
  const auto late = begun->finish();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().errnum(), ETIMEDOUT);
  // The queue of those that wait to be accepted is full.
  std::vector<hold::Put> waiting;
  for (;;) {
    auto next = hold::Put::begin(path, "web-1", std::chrono::milliseconds(50));
    if (!next) {
      EXPECT_EQ(next.error().errnum(), EAGAIN);
      break;
    }
    waiting.push_back(*std::move(next));
    ASSERT_LT(waiting.size(), 1000U);
  }
}

TEST(HolderPeer, WithoutAHolderIsToldWhatToDo) {
  const TempDirectory directory;
  directory.make_directory("values");
  const std::string path = hold::socket_path(directory.path());
  const auto refused = hold::Put::begin(path, "web-1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kHolder);
  EXPECT_EQ(refused.error().sentence(),
            "hand the values' file system over: cannot connect to \"" + path +
                "\": No such file or directory (`pinscoped --hold` keeps what containers need "
                "that read values; is it running?)");
}

TEST(HolderPeer, DoesNotHandOverToAHolderOfAnotherUser) {
  TempDirectory directory(0711);
  const std::string path = directory.path("socket");
  check(::chmod(directory.path().c_str(), 0777), "chmod");
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe");
  const Fd ready(ends[0]);
  const pid_t other = check(::fork(), "fork");
  if (other == 0) {
    become_plain_user(kPlainUser);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    (void)::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    (void)::listen(socket, 4);
    (void)::write(ends[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready.get(), &byte, 1), 1);
  const auto refused = hold::Put::begin(path, "web-1");
  EXPECT_EQ(refused ? 0 : refused.error().errnum(), EPERM);
  (void)::kill(other, SIGKILL);
  (void)::waitpid(other, nullptr, 0);
}

}  // namespace
}  // namespace pinscope::test
