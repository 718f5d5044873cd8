// Requests as the kernel sends them, and as it never would.
#include "plugin/values/fuse/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "plugin/values/fuse/request_buffer.h"
#include "plugin/values/fuse/request_check.h"
#include "tests/unit/values/fuse/numbered_source.h"

namespace pinscope::values {
namespace {

using test::NumberedSource;

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string request_of(uint32_t opcode, uint64_t node, const std::string& body,
                       uint64_t unique = 2) {
  fuse_in_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = unique;
  header.nodeid = node;
  return bytes_of(header) + body;
}

std::string init_request(uint32_t minor = FUSE_KERNEL_MINOR_VERSION, uint64_t unique = 2) {
  fuse_init_in init{};
  init.major = FUSE_KERNEL_VERSION;
  init.minor = minor;
  init.flags = FUSE_MAX_PAGES | FUSE_PARALLEL_DIROPS | FUSE_ASYNC_READ | FUSE_WRITEBACK_CACHE |
               FUSE_DO_READDIRPLUS;
  return request_of(FUSE_INIT, 0, bytes_of(init), unique);
}

class Requests : public testing::Test {
 protected:
  void SetUp() override { connection_ = connect(5); }

  // To a file system with so many keys, behind so many empty places.
  std::unique_ptr<Connection> connect(uint64_t keys, uint64_t empty = 0) {
    std::vector<ShownMap> maps;
    auto source = std::make_unique<NumberedSource>(keys);
    source->empty = empty;
    maps.push_back({.tree = {.name = "flows", .mode = 0444},
                    .list_limit = 10,
                    .max_age_ms = 0,
                    .source = std::move(source)});
    auto files = FileSystem::of(std::move(maps), *Numbers::from_secret(std::string(64, '7')), 1,
                                cache_, {.turn_ns = 0});
    return std::make_unique<Connection>(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)),
                                        std::make_unique<FileSystem>(std::move(*files)), sessions_,
                                        [this](std::span<const iovec> parts) {
                                          ++answers_;
                                          answer_.clear();
                                          for (const iovec& part : parts)
                                            answer_.append(static_cast<const char*>(part.iov_base),
                                                           part.iov_len);
                                        });
  }

  // The errno of the answer; -1 if there was none. body_ is what follows its header.
  int ask(const std::string& request) {
    answer_.clear();
    std::vector<std::byte> buffer(request.size() + kRoomBehindRequest, std::byte{0xff});
    std::memcpy(buffer.data(), request.data(), request.size());
    sent_ = connection_->process(std::span(buffer).first(request.size()));
    fuse_out_header header{};
    if (answer_.size() < sizeof header) return -1;
    std::memcpy(&header, answer_.data(), sizeof header);
    EXPECT_EQ(header.len, answer_.size());
    body_ = answer_.substr(sizeof header);
    EXPECT_EQ(sent_.error, -header.error);
    unique_ = header.unique;
    return -header.error;
  }
  template <typename T>
  T body() const {
    T value{};
    std::memcpy(&value, body_.data(), std::min(body_.size(), sizeof value));
    return value;
  }
  uint64_t look_up(uint64_t parent, const char* name) {
    EXPECT_EQ(ask(request_of(FUSE_LOOKUP, parent, std::string(name) + '\0')), 0) << name;
    return body<fuse_entry_out>().nodeid;
  }

  BlockCache cache_{1 << 16};
  Sessions sessions_;
  std::unique_ptr<Connection> connection_;
  std::string answer_, body_;
  AnswerSent sent_;
  uint64_t unique_ = 0;  // of the answer
  int answers_ = 0;
};

TEST_F(Requests, BeginWithTheTerms) {
  EXPECT_FALSE(connection_->is_ready());
  EXPECT_EQ(ask(request_of(FUSE_STATFS, 1, "")), EIO);
  EXPECT_EQ(ask(init_request()), 0);
  EXPECT_TRUE(connection_->is_ready());
  const auto terms = body<fuse_init_out>();
  EXPECT_EQ(terms.max_write, kMaxRead);
  EXPECT_EQ(terms.max_pages * 4096U, kMaxRead);
  EXPECT_EQ(terms.flags & (FUSE_WRITEBACK_CACHE | FUSE_DO_READDIRPLUS | FUSE_SPLICE_READ), 0U);
  // Not twice.
  EXPECT_EQ(ask(init_request()), EIO);
}

TEST_F(Requests, ReadAValue) {
  ask(init_request());
  const uint64_t keys = look_up(look_up(FUSE_ROOT_ID, "flows"), "keys");
  const uint64_t file = look_up(keys, "3");
  EXPECT_EQ(body<fuse_entry_out>().attr.size, 8U);
  EXPECT_EQ(body<fuse_entry_out>().entry_valid, 0U);
  fuse_open_in open{};
  ASSERT_EQ(ask(request_of(FUSE_OPEN, file, bytes_of(open))), 0);
  const auto opened = body<fuse_open_out>();
  EXPECT_EQ(opened.open_flags & FOPEN_DIRECT_IO, unsigned{FOPEN_DIRECT_IO});
  EXPECT_EQ(opened.open_flags & FOPEN_KEEP_CACHE, 0U);
  fuse_read_in read{};
  read.fh = opened.fh;
  read.size = 4096;
  read.lock_owner = 1;
  ASSERT_EQ(ask(request_of(FUSE_READ, file, bytes_of(read))), 0);
  EXPECT_EQ(body_, "value 3\n");
  EXPECT_EQ(sent_.bytes, sizeof(fuse_out_header) + 8);
  fuse_release_in release{};
  release.fh = opened.fh;
  EXPECT_EQ(ask(request_of(FUSE_RELEASE, file, bytes_of(release))), 0);
  EXPECT_EQ(ask(request_of(FUSE_READ, file, bytes_of(read))), ESTALE);
  EXPECT_EQ(connection_->files().open_handles(), 0U);
}

TEST_F(Requests, ThatNeedAnotherTurnAreNotAnswered) {
  connection_ = connect(5, 16);
  ask(init_request());
  const uint64_t entries = look_up(look_up(FUSE_ROOT_ID, "flows"), "entries");
  ASSERT_EQ(ask(request_of(FUSE_OPEN, entries, bytes_of(fuse_open_in{}))), 0);
  fuse_read_in read{};
  read.fh = body<fuse_open_out>().fh;
  read.size = 4096;
  read.lock_owner = 1;
  for (const uint64_t unique : {10U, 12U}) {
    EXPECT_EQ(ask(request_of(FUSE_READ, entries, bytes_of(read), unique)), -1);
    EXPECT_EQ(sent_.later, unique);
  }
  EXPECT_EQ(ask(request_of(FUSE_READ, entries, bytes_of(read))), 0);
  EXPECT_EQ(sent_.later, 0U);
  EXPECT_TRUE(body_.starts_with("value 0\n"));
}

TEST_F(Requests, ThatOpenForWritingAreRefused) {
  ask(init_request());
  const uint64_t entries = look_up(look_up(FUSE_ROOT_ID, "flows"), "entries");
  for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC}) {
    fuse_open_in open{};
    open.flags = static_cast<uint32_t>(flags);
    EXPECT_EQ(ask(request_of(FUSE_OPEN, entries, bytes_of(open))), EROFS);
  }
}

TEST_F(Requests, ThatChangeAnythingAreRefused) {
  ask(init_request());
  const std::string much(200, '\0');
  for (const uint32_t opcode :
       {FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME,
        FUSE_RENAME2, FUSE_LINK, FUSE_WRITE, FUSE_CREATE, FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE})
    EXPECT_EQ(ask(request_of(opcode, FUSE_ROOT_ID, much)), EROFS) << opcode;
  for (const uint32_t opcode :
       {FUSE_SETXATTR, FUSE_GETXATTR, FUSE_LISTXATTR, FUSE_REMOVEXATTR, FUSE_IOCTL, FUSE_INTERRUPT,
        FUSE_READDIRPLUS, FUSE_SETLK, FUSE_POLL})
    EXPECT_EQ(ask(request_of(opcode, FUSE_ROOT_ID, much)), ENOSYS) << opcode;
}

TEST_F(Requests, ThatNobodyWaitsForAreNotAnswered) {
  ask(init_request());
  EXPECT_EQ(ask(request_of(FUSE_FORGET, 1, std::string(8, '\0'))), -1);
  EXPECT_EQ(ask(request_of(FUSE_BATCH_FORGET, 0, std::string(8, '\xff'))), -1);
  EXPECT_EQ(ask(request_of(FUSE_STATFS, 1, "", 0)), -1);
  EXPECT_EQ(ask("short"), -1);
}

TEST_F(Requests, ThatAreNotWholeAreRefused) {
  ask(init_request());
  EXPECT_EQ(ask(request_of(FUSE_LOOKUP, 1, "")), EIO);
  EXPECT_EQ(ask(request_of(FUSE_LOOKUP, 1, "no end")), EIO);
  EXPECT_EQ(ask(request_of(FUSE_READ, 1, std::string(39, '\0'))), EIO);
  EXPECT_EQ(ask(request_of(FUSE_OPEN, 1, "1234567")), EIO);
  std::string wrong = request_of(FUSE_STATFS, 1, "");
  wrong[0] = 99;
  EXPECT_EQ(ask(wrong), EIO);
}

TEST_F(Requests, OfEveryKindAndAnyContentAreAnsweredOnceOrNotAtAll) {
  ask(init_request());
  const uint64_t keys = look_up(look_up(FUSE_ROOT_ID, "flows"), "keys");
  for (uint32_t opcode = 0; opcode < 70; ++opcode)
    for (const size_t size : {0U, 1U, 8U, 16U, 24U, 40U, 64U, 128U})
      for (const char fill : {'\0', '\1', '\xff'})
        for (const uint64_t node : {uint64_t{0}, uint64_t{FUSE_ROOT_ID}, keys, ~uint64_t{0}}) {
          answers_ = 0;
          ask(request_of(opcode, node, std::string(size, fill)));
          EXPECT_LE(answers_, 1) << opcode;
        }
}

// libfuse makes a thousand sessions of a process at most, so connections have one together.
TEST_F(Requests, OfManyConnectionsAreServedByOneSession) {
  constexpr uint64_t kConnections = 1500;
  std::vector<std::unique_ptr<Connection>> others;
  ASSERT_EQ(ask(init_request()), 0);
  const std::string terms = body_;
  for (uint64_t i = 0; i < kConnections; ++i) {
    connection_.swap(others.emplace_back(connect(i % 7 + 1)));
    ASSERT_EQ(ask(init_request(FUSE_KERNEL_MINOR_VERSION, 2 * i + 4)), 0);
    ASSERT_EQ(unique_, 2 * i + 4);
    ASSERT_EQ(body_, terms);
    connection_.swap(others.back());
  }
  EXPECT_EQ(sessions_.size(), 1U);
  // Each has its own files.
  for (uint64_t i = 0; i < kConnections; ++i) {
    connection_.swap(others[i]);
    const uint64_t keys = look_up(look_up(FUSE_ROOT_ID, "flows"), "keys");
    look_up(keys, std::to_string(i % 7).c_str());
    EXPECT_EQ(ask(request_of(FUSE_LOOKUP, keys, std::to_string(i % 7 + 1) + '\0')), ENOENT);
    connection_.swap(others[i]);
  }
  // The last one goes on when the first is gone.
  connection_ = std::move(others.back());
  others.clear();
  EXPECT_EQ(ask(request_of(FUSE_STATFS, 1, "")), 0);
  connection_.reset();
  EXPECT_EQ(sessions_.size(), 0U);
}

TEST_F(Requests, OfAnotherKernelHaveASessionOfTheirOwn) {
  ASSERT_EQ(ask(init_request()), 0);
  const std::string terms = body_;
  auto first = std::exchange(connection_, connect(2));
  ASSERT_EQ(ask(init_request(22)), 0);
  EXPECT_NE(body_, terms);
  EXPECT_EQ(sessions_.size(), 2U);
  // What does not begin leaves none behind.
  auto second = std::exchange(connection_, connect(2));
  fuse_init_in init{};
  init.major = 6;
  EXPECT_EQ(ask(request_of(FUSE_INIT, 0, bytes_of(init))), EPROTO);
  EXPECT_FALSE(connection_->is_ready());
  EXPECT_EQ(sessions_.size(), 2U);
  EXPECT_EQ(ask(init_request()), 0);
  EXPECT_TRUE(connection_->is_ready());
  second.reset();
  EXPECT_EQ(sessions_.size(), 1U);
}

// --- What is left of a request whose server died -------------------------------------------------

class RequestBuffer : public testing::Test {
 protected:
  void put(const std::string& request) {
    std::memcpy(request_bytes(bytes()).data(), request.data(), request.size());
  }
  std::span<std::byte> bytes() { return buffer_; }
  alignas(8) std::array<std::byte, kRequestBufferBytes> buffer_{};
};

TEST_F(RequestBuffer, HasNothingBeforeARequestCame) {
  EXPECT_FALSE(abandoned_request(bytes()));
  begin_request(bytes(), 7);
  EXPECT_FALSE(abandoned_request(bytes()));
}

TEST_F(RequestBuffer, SaysWhoseRequestIsLeft) {
  begin_request(bytes(), 7);
  put(request_of(FUSE_LOOKUP, 1, "name", 12));
  const auto left = abandoned_request(bytes());
  ASSERT_TRUE(left);
  EXPECT_EQ(left->lease, 7U);
  EXPECT_EQ(left->unique, 12U);
  EXPECT_FALSE(left->is_init);
  EXPECT_EQ(left->bytes.size(), sizeof(fuse_in_header) + 4);
  end_request(bytes());
  EXPECT_FALSE(abandoned_request(bytes()));
  // The next one does not find the last one's.
  begin_request(bytes(), 8);
  EXPECT_FALSE(abandoned_request(bytes()));
}

TEST_F(RequestBuffer, KeepsWhatAConnectionBeginsWith) {
  begin_request(bytes(), 7);
  put(init_request());
  ASSERT_TRUE(abandoned_request(bytes()));
  EXPECT_TRUE(abandoned_request(bytes())->is_init);
}

TEST_F(RequestBuffer, LeavesOutWhatNobodyWaitsFor) {
  for (const std::string& request :
       {request_of(FUSE_FORGET, 1, "", 4), request_of(FUSE_BATCH_FORGET, 1, "", 4),
        request_of(FUSE_INTERRUPT, 1, "", 5), request_of(FUSE_LOOKUP, 1, "", 0)}) {
    begin_request(bytes(), 7);
    put(request);
    EXPECT_FALSE(abandoned_request(bytes()));
  }
}

TEST_F(RequestBuffer, BelievesNoLengthThatIsTooLarge) {
  begin_request(bytes(), 7);
  std::string request = request_of(FUSE_LOOKUP, 1, "");
  std::fill_n(request.begin(), 4, '\xff');
  put(request);
  EXPECT_EQ(abandoned_request(bytes())->bytes.size(), request_bytes(bytes()).size());
}

}  // namespace
}  // namespace pinscope::values
