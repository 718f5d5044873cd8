// The holder with real file systems of FUSE: what is put there is kept, given to a service, and let
// go when its file system ends.
#include "plugin/values/hold/holder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "plugin/values/fuse/request_buffer.h"
#include "plugin/values/hold/service.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using hold::Kind;
using hold::Message;
using testing::HasSubstr;
using testing::SizeIs;

// A service, which has its memory.
struct ServiceEnd {
  explicit ServiceEnd(const HolderThread& holder) : socket(holder.connect()) {
    say(socket, {.kind = Kind::kServe});
    auto answer = receive(socket);
    error = answer.message.error;
    if (error == 0)
      request = std::move(hold::SharedRequest::map(std::move(answer.descriptors.at(0)))).value();
  }
  // Takes the next request of a lease as a service does.
  std::string take(uint64_t lease, int device) {
    values::begin_request(request.bytes(), lease);
    struct pollfd one = {device, POLLIN, 0};
    check(::poll(&one, 1, 20'000) == 1 ? 0 : -1, "wait for a request");
    const auto room = values::request_bytes(request.bytes());
    const auto size = check(::read(device, room.data(), room.size()), "read a request");
    return {reinterpret_cast<const char*>(room.data()), static_cast<size_t>(size)};
  }
  void end() {
    socket.reset();
    request = hold::SharedRequest();
  }

  Fd socket;
  int error = 0;
  hold::SharedRequest request;
};

// Whether the kernel has a request for the next service; if not (before Linux 6.9), the reader was
// told that it failed.
bool is_asked_again(const FuseSuperblock& file_system, pid_t reader) {
  struct pollfd one = {file_system.device(), POLLIN, 0};
  const bool decided = wait_until([&] {
    siginfo_t end{};
    return ::poll(&one, 1, 0) == 1 ||
           (::waitid(P_PID, static_cast<id_t>(reader), &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            end.si_pid == reader);
  });
  EXPECT_TRUE(decided) << "nobody has seen to the request";
  return (one.revents & POLLIN) != 0;
}

TEST(Holder, GivesTheServiceWhatTheHookPut) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system, 3));
  const ServiceEnd service(holder);
  ASSERT_EQ(service.error, 0);
  const Given given = receive_lease(service.socket);
  EXPECT_EQ(given.id, "web-1");
  EXPECT_THAT(given.descriptors, SizeIs(5));
  EXPECT_EQ(given.init, "");
  struct stat device {};
  ASSERT_EQ(::fstat(given.descriptors[hold::kDevice].get(), &device), 0);
  EXPECT_TRUE(S_ISCHR(device.st_mode));
  EXPECT_EQ(header_of(read_request(given.descriptors[hold::kDevice].get())).opcode, FUSE_INIT);
}

TEST(Holder, GivesAlsoWhatComesLater) {
  const HolderThread holder;
  const ServiceEnd service(holder);
  const FuseSuperblock one;
  const FuseSuperblock two;
  ASSERT_TRUE(put(holder.path(), "one", one));
  ASSERT_TRUE(put(holder.path(), "two", two));
  EXPECT_EQ(receive_lease(service.socket).id, "one");
  EXPECT_EQ(receive_lease(service.socket).id, "two");
}

// For the descriptors of the holder and of the service, which both are in this process.
class HolderOfMany : public testing::Test {
 protected:
  void SetUp() override {
    check(::getrlimit(RLIMIT_NOFILE, &usual_), "getrlimit");
    constexpr rlim_t kNeeded = 2 * hold::kMaxDescriptors + 1024;
    if (usual_.rlim_max < kNeeded) GTEST_SKIP() << "this process may not have so much open";
    const rlimit more = {std::max(kNeeded, usual_.rlim_cur), usual_.rlim_max};
    check(::setrlimit(RLIMIT_NOFILE, &more), "setrlimit");
  }
  void TearDown() override { check(::setrlimit(RLIMIT_NOFILE, &usual_), "setrlimit"); }

 private:
  rlimit usual_ = {};
};

TEST_F(HolderOfMany, TakesManyDescriptorsInPieces) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "many", file_system, hold::kMaxDescriptors - 2));
  const ServiceEnd service(holder);
  EXPECT_THAT(receive_lease(service.socket).descriptors, SizeIs(hold::kMaxDescriptors));
}

TEST_F(HolderOfMany, RefusesMoreDescriptorsThanALeaseHas) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  const auto refused = put(holder.path(), "many", file_system, hold::kMaxDescriptors - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kHolder);
  EXPECT_EQ(refused.error().sentence(),
            "hand the values' file system over: cannot have them kept: Argument list too long "
            "(`pinscoped --hold` keeps what containers need that read values; is it running?)");
}

TEST(Holder, KeepsALeaseWithoutTheHook) {
  const HolderThread holder;
  FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  file_system.let_go();
  const pid_t reader = start_reader(file_system);
  const ServiceEnd service(holder);
  const Given given = receive_lease(service.socket);
  const int device = given.descriptors[hold::kDevice].get();
  answer_init(device, read_request(device));
  answer_error(device, read_request(device), ENODATA);
  EXPECT_EQ(end_of_reader(reader), ENODATA);
}

TEST(Holder, LetsGoOfAFileSystemThatHasEndedByItself) {
  const HolderThread holder({.time_to_look = std::chrono::milliseconds(20)});
  FuseSuperblock file_system;
  Fd watched;
  {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    watched = Fd(ends[0]);
    const Fd end(ends[1]);
    const Fd text = description("{}");
    auto begun = hold::Put::begin(holder.path(), "web-1", kTimeout);
    ASSERT_TRUE(begun);
    ASSERT_TRUE(begun->add(std::vector<int>{file_system.device(), text.get(), end.get()}));
    ASSERT_TRUE(begun->finish());
  }
  struct pollfd one = {watched.get(), 0, 0};
  EXPECT_EQ(::poll(&one, 1, 100), 0) << "it was let go while its file system was there";
  file_system.end();
  EXPECT_EQ(::poll(&one, 1, 20'000), 1);
}

TEST(Holder, LetsGoWhenTheServiceSaysSoAndIsRight) {
  const HolderThread holder;
  FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  ServiceEnd service(holder);
  const uint64_t number = receive_lease(service.socket).number;
  say(service.socket, {.kind = Kind::kEnded, .lease = number});
  service.end();
  const ServiceEnd second(holder);
  EXPECT_EQ(receive_lease(second.socket).number, number) << "let go of what was still there";
  file_system.end();
  say(second.socket, {.kind = Kind::kEnded, .lease = number});
  say(second.socket, {.kind = Kind::kEnded, .lease = number + 1});
  const FuseSuperblock other;
  ASSERT_TRUE(put(holder.path(), "web-2", other));
  EXPECT_EQ(receive_lease(second.socket).id, "web-2");
}

TEST(Holder, RefusesADeviceWithoutAFileSystem) {
  const HolderThread holder;
  FuseSuperblock file_system;
  file_system.end();
  const auto refused = put(holder.path(), "web-1", file_system);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(), HasSubstr("Transport endpoint is not connected"));
}

TEST(Holder, RefusesWhatIsNoFuseDevice) {
  const HolderThread holder;
  const Fd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), "open"));
  auto begun = hold::Put::begin(holder.path(), "web-1", kTimeout);
  ASSERT_TRUE(begun);
  ASSERT_TRUE(begun->add(std::vector<int>{null.get(), null.get()}));
  const auto refused = begun->finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errnum(), EINVAL);
}

TEST(Holder, LetsTheNextServiceAnswerWhatOneLeft) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  ServiceEnd service(holder);
  const Given given = receive_lease(service.socket);
  answer_init(file_system.device(), read_request(file_system.device()));
  const pid_t reader = start_reader(file_system);
  (void)service.take(given.number, given.descriptors[hold::kDevice].get());
  service.end();
  if (!is_asked_again(file_system, reader)) {
    EXPECT_EQ(end_of_reader(reader), EIO);
    return;
  }
  ServiceEnd second(holder);
  const std::string again = second.take(given.number, file_system.device());
  EXPECT_EQ(header_of(again).opcode, FUSE_LOOKUP);
  answer_error(file_system.device(), again, ENODATA);
  EXPECT_EQ(end_of_reader(reader), ENODATA);
}

// Otherwise a container could end every service there will be.
TEST(Holder, RefusesARequestThatEndedTwoServices) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  answer_init(file_system.device(), read_request(file_system.device()));
  const pid_t reader = start_reader(file_system);
  do {
    ServiceEnd service(holder);
    const uint64_t number = receive_lease(service.socket).number;
    (void)service.take(number, file_system.device());
  } while (is_asked_again(file_system, reader));
  EXPECT_EQ(end_of_reader(reader), EIO);
}

TEST(Holder, LetsGoOfARequestThatWasAnsweredAlready) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  answer_init(file_system.device(), read_request(file_system.device()));
  ServiceEnd service(holder);
  const uint64_t number = receive_lease(service.socket).number;
  const pid_t reader = start_reader(file_system);
  answer_error(file_system.device(), service.take(number, file_system.device()), ENODATA);
  EXPECT_EQ(end_of_reader(reader), ENODATA);
  service.end();
  const ServiceEnd second(holder);
  EXPECT_EQ(receive_lease(second.socket).number, number);
  const pid_t next = start_reader(file_system);
  answer_error(file_system.device(), read_request(file_system.device()), ENODATA);
  EXPECT_EQ(end_of_reader(next), ENODATA);
}

TEST(Holder, KeepsTheInitThatAServiceLeftForTheNext) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  ServiceEnd service(holder);
  const Given given = receive_lease(service.socket);
  const std::string init = service.take(given.number, file_system.device());
  service.end();
  const ServiceEnd second(holder);
  const Given again = receive_lease(second.socket);
  EXPECT_EQ(again.init, init);
  // It was not answered: the file system works.
  answer_init(file_system.device(), again.init);
  const pid_t reader = start_reader(file_system);
  answer_error(file_system.device(), read_request(file_system.device()), ENODATA);
  EXPECT_EQ(end_of_reader(reader), ENODATA);
}

TEST(Holder, KeepsTheInitThatAServiceSaysAlsoIfItEndsAtOnce) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ASSERT_TRUE(put(holder.path(), "web-1", file_system));
  ServiceEnd service(holder);
  const uint64_t number = receive_lease(service.socket).number;
  Message init{.kind = Kind::kInit, .lease = number};
  init.set_text(std::string_view("an init\0with a zero", 19));
  say(service.socket, init);
  service.end();
  const ServiceEnd second(holder);
  EXPECT_EQ(receive_lease(second.socket).init, init.view());
}

TEST(Holder, ServesOneServiceAtATime) {
  const HolderThread holder;
  ServiceEnd first(holder);
  EXPECT_EQ(ServiceEnd(holder).error, EBUSY);
  first.end();
  EXPECT_EQ(ServiceEnd(holder).error, 0);
}

TEST(Holder, TakesTheLeasesOfAnEarlierHolder) {
  const HolderThread holder;
  const FuseSuperblock file_system;
  ServiceEnd service(holder);
  const Fd text = description("{}");
  Message message{.kind = Kind::kBegin, .lease = 5};
  message.set_text("web-1");
  say(service.socket, message);
  say(service.socket, {.kind = Kind::kDescriptors}, {file_system.device(), text.get()});
  message.kind = Kind::kInit;
  message.set_text("init");
  say(service.socket, message);
  say(service.socket, {.kind = Kind::kDone, .count = 2});
  const auto answer = receive(service.socket);
  EXPECT_EQ(answer.message.kind, Kind::kAnswer);
  EXPECT_EQ(answer.message.error, 0);
  EXPECT_EQ(answer.message.lease, 5U);
  // The service has it already; the next one is given it.
  const FuseSuperblock other;
  ASSERT_TRUE(put(holder.path(), "web-2", other));
  EXPECT_EQ(receive_lease(service.socket).id, "web-2");
  service.end();
  const ServiceEnd second(holder);
  const Given given = receive_lease(second.socket);
  EXPECT_EQ(given.id, "web-1");
  EXPECT_EQ(given.number, answer.message.lease);
  EXPECT_EQ(given.init, "init");
}

// What a service does with the messages above.
TEST(Holder, TakesOverFromAnotherOneThroughAService) {
  const FuseSuperblock one;
  const FuseSuperblock two;
  std::vector<hold::GivenLease> had;
  {
    const HolderThread first;
    ASSERT_TRUE(put(first.path(), "one", one, 100));
    ASSERT_TRUE(put(first.path(), "two", two));
    auto service = hold::Service::begin(first.connect());
    ASSERT_TRUE(service) << service.error().sentence();
    EXPECT_TRUE(wait_until([&] {
      auto next = service->next();
      EXPECT_TRUE(next);
      if (next && *next) had.push_back(std::move(**next));
      return had.size() == 2;
    }));
  }
  had[1].init = "init";
  const HolderThread second;
  {
    const FuseSuperblock meanwhile;
    ASSERT_TRUE(put(second.path(), "meanwhile", meanwhile));
    auto service = hold::Service::begin(second.connect());
    ASSERT_TRUE(service) << service.error().sentence();
    for (const auto& lease : had) EXPECT_EQ(service->adopt(lease), 0);
    EXPECT_EQ(service->adopt(had[0]), EEXIST);
    std::vector<std::string> given;
    EXPECT_TRUE(wait_until([&] {
      auto next = service->next();
      if (next && *next) given.push_back((*next)->id);
      return !given.empty();
    }));
    EXPECT_EQ(given, std::vector<std::string>{"meanwhile"});
  }
  const ServiceEnd next(second);
  const Given again = receive_lease(next.socket);
  EXPECT_EQ(again.id, "one");
  EXPECT_EQ(again.number, had[0].number);
  EXPECT_THAT(again.descriptors, SizeIs(102));
  EXPECT_EQ(receive_lease(next.socket).init, "init");
}

TEST(Holder, GivesNobodyMemoryThatCanShrink) {
  const HolderThread holder;
  const ServiceEnd service(holder);
  EXPECT_EQ(::ftruncate(service.request.fd(), 0), -1);
  EXPECT_EQ(::ftruncate(service.request.fd(), 1 << 20), -1);
}

TEST(Holder, ServiceTakesNoMemoryThatCanShrink) {
  Fd memory = description("{}");
  check(::ftruncate(memory.get(), values::kRequestBufferBytes), "ftruncate");
  EXPECT_FALSE(hold::SharedRequest::map(std::move(memory)));
}

TEST(Holder, HasADirectoryOfRootsAlone) {
  const TempDirectory directory;
  directory.make_directory("values", 0755);
  const auto place = hold::take_place(hold::socket_path(directory.path()));
  ASSERT_TRUE(place);
  struct stat status {};
  ASSERT_EQ(::stat(directory.path("values").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  ASSERT_EQ(::stat(directory.path("values/holder.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST(Holder, IsAloneInItsPlace) {
  const TempDirectory directory;
  const std::string path = hold::socket_path(directory.path());
  auto place = hold::take_place(path);
  ASSERT_TRUE(place);
  auto second = hold::take_place(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().sentence(), "cannot hold values at \"" + path +
                                           "\": Device or resource busy (another holder is there)");
  // Also where the first has its lock alone, as between its start and its socket.
  place->listener.reset();
  EXPECT_FALSE(hold::take_place(path));
  place->lock.reset();
  EXPECT_TRUE(hold::take_place(path));
}

}  // namespace
}  // namespace pinscope::test
