// The journal, as its own socket would see it: a real datagram socket, read by a reader of the
// native protocol.
#include "plugin/record/journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "plugin/record/audit.h"
#include "plugin/record/audit_line.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using Fields = std::map<std::string, std::string>;

// Reads an entry as systemd.io/JOURNAL_NATIVE_PROTOCOL describes it; fails the test on what a
// journal would drop.
Fields parse_entry(std::string_view entry) {
  Fields fields;
  while (!entry.empty()) {
    const size_t end = entry.find_first_of("=\n");
    if (end == std::string_view::npos) {
      ADD_FAILURE() << "a field without a value: " << entry;
      break;
    }
    const std::string name(entry.substr(0, end));
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), std::string::npos)
        << name;
    const bool by_length = entry[end] == '\n';
    entry.remove_prefix(end + 1);
    size_t length = entry.find('\n');
    if (by_length) {
      uint64_t written = 0;
      std::memcpy(&written, entry.data(), sizeof written);
      length = le64toh(written);
      entry.remove_prefix(sizeof written);
    }
    if (length >= entry.size() || entry[length] != '\n') {
      ADD_FAILURE() << "the value of " << name << " does not end with a newline";
      break;
    }
    EXPECT_FALSE(fields.contains(name)) << name;
    fields[name] = entry.substr(0, length);
    entry.remove_prefix(length + 1);
  }
  return fields;
}

class Journal : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/pinscope-journal.XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path_.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] AuditTrail trail(const std::string& file = "") const {
    return AuditTrail::open({.path = file, .journal_socket = path_});
  }

  // The next entry, out of the datagram or out of the sealed file that it carries.
  Fields receive() {
    std::string data(size_t{1} << 20, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec part{.iov_base = data.data(), .iov_len = data.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (size < 0) {
      ADD_FAILURE() << "nothing was sent";
      return {};
    }
    data.resize(static_cast<size_t>(size));
    came_as_file_ = false;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
      EXPECT_EQ(size, 0);
      came_as_file_ = true;
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
      const Fd file(descriptor);
      EXPECT_EQ(::fcntl(file.get(), F_GET_SEALS),
                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
      struct stat status {};
      EXPECT_EQ(::fstat(file.get(), &status), 0);
      data.resize(static_cast<size_t>(status.st_size));
      EXPECT_EQ(::pread(file.get(), data.data(), data.size(), 0), status.st_size);
    }
    return parse_entry(data);
  }
  bool nothing_more() {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

  std::string directory_;
  std::string path_;
  Fd socket_;
  bool came_as_file_ = false;
};

TEST_F(Journal, GetsAnEntryWithFieldsToSearchBy) {
  ASSERT_TRUE(trail().write(a_full_event()));
  EXPECT_EQ(receive(), (Fields{{"MESSAGE", "granted 5 pins to container \"web-1\", 1 denied"},
                               {"PRIORITY", "6"},
                               {"SYSLOG_IDENTIFIER", "pinscope"},
                               {"PINSCOPE_OUTCOME", "granted"},
                               {"PINSCOPE_STAGE", "createRuntime"},
                               {"PINSCOPE_CONTAINER_ID", "web-1"},
                               {"PINSCOPE_BUNDLE", "/run/containers/web-1"},
                               {"PINSCOPE_PID", "4711"},
                               {"PINSCOPE_ENGINE", "containerd"},
                               {"PINSCOPE_KUBERNETES_NAMESPACE", "web"},
                               {"PINSCOPE_KUBERNETES_POD", "web-7d9f"},
                               {"PINSCOPE_KUBERNETES_CONTAINER", "app"},
                               {"PINSCOPE_IMAGE", "registry.example/app:1"},
                               {"PINSCOPE_VOID", "cap-sys-admin host-bpffs"},
                               {"PINSCOPE_PINS", "5"},
                               {"PINSCOPE_EVENT", to_json_line(a_full_event())}}));
  EXPECT_TRUE(nothing_more());
}

TEST_F(Journal, SaysOfARefusalWhatWentWrong) {
  ASSERT_TRUE(trail().write(a_refusal()));
  const Fields fields = receive();
  EXPECT_EQ(fields.at("MESSAGE"),
            "refused container \"web-1\": cannot open pin \"/sys/fs/bpf/flows\": No such file or "
            "directory");
  EXPECT_EQ(fields.at("PRIORITY"), "3");
  EXPECT_EQ(fields.at("PINSCOPE_CODE"), "source-missing");
  EXPECT_EQ(fields.at("PINSCOPE_ERROR"), a_refusal().error);
}

TEST_F(Journal, HasASentenceForEveryOutcome) {
  using enum model::AuditEvent::Outcome;
  const AuditTrail audit = trail();
  const auto message_of = [&](model::AuditEvent::Outcome outcome) {
    model::AuditEvent event;
    event.outcome = outcome;
    event.given.id = "web-1";
    event.error = "cannot read\nit";
    event.given.pins.resize(1);
    EXPECT_TRUE(audit.write(event));
    const Fields fields = receive();
    return fields.at("PRIORITY") + " " + fields.at("MESSAGE");
  };
  EXPECT_EQ(message_of(kGranted), "6 granted 1 pin to container \"web-1\"");
  EXPECT_EQ(message_of(kRefused), "3 refused container \"web-1\": cannot read\\nit");
  EXPECT_EQ(message_of(kRemoved), "6 removed the view of container \"web-1\"");
  EXPECT_EQ(message_of(kPolicyRejected),
            "4 rejected the policies, the last good ones stay in force: cannot read\\nit");
  EXPECT_EQ(message_of(kPolicyAccepted), "5 accepted the policies");
  EXPECT_EQ(message_of(kCollected), "5 collected what container \"web-1\" left behind");
  EXPECT_EQ(message_of(kNotChanged),
            "3 did not change the view of container \"web-1\": cannot read\\nit");
}

TEST_F(Journal, CannotBeGivenAFieldByAValueWithANewline) {
  model::AuditEvent event = a_refusal();
  event.error = "first\nPRIORITY=0\n\nMESSAGE\n";
  event.given.bundle = "/b\nPINSCOPE_OUTCOME=granted";
  ASSERT_TRUE(trail().write(event));
  const Fields fields = receive();
  EXPECT_EQ(fields.at("PRIORITY"), "3");
  EXPECT_EQ(fields.at("PINSCOPE_OUTCOME"), "refused");
  EXPECT_EQ(fields.at("PINSCOPE_ERROR"), event.error);
  EXPECT_EQ(fields.at("PINSCOPE_BUNDLE"), event.given.bundle);
}

TEST_F(Journal, GetsWhatIsTooLargeForADatagramAsASealedFile) {
  const auto event = a_huge_event(5000);
  ASSERT_TRUE(trail().write(event));
  const Fields fields = receive();
  EXPECT_TRUE(came_as_file_);
  EXPECT_EQ(fields.at("PINSCOPE_PINS"), "5005");
  EXPECT_EQ(fields.at("PINSCOPE_EVENT"), to_json_line(event));
}

TEST_F(Journal, GetsNoDetailsThatTheFileHasIfTheyAreLarge) {
  const auto event = a_huge_event(5000);
  ASSERT_TRUE(trail(directory_ + "/audit.jsonl").write(event));
  const Fields fields = receive();
  EXPECT_FALSE(came_as_file_);
  EXPECT_EQ(fields.at("PINSCOPE_PINS"), "5005");
  EXPECT_FALSE(fields.contains("PINSCOPE_EVENT"));
}

TEST_F(Journal, IsEnoughWithoutAFile) {
  const auto audit = trail(directory_);  // a directory: no file
  ASSERT_TRUE(audit.write(a_refusal()));
  EXPECT_EQ(receive().at("PINSCOPE_OUTCOME"), "refused");
}

TEST_F(Journal, ThatIsBusyHoldsNobodyUp) {
  const AuditTrail audit = trail();
  int written = 0;
  Status status;
  while (written < 100000 && (status = audit.write(a_refusal()))) ++written;
  ASSERT_FALSE(status) << "the queue of a socket that nobody reads never filled";
  EXPECT_EQ(status.error().sentence(),
            "cannot write the audit line: cannot send to the journal: Resource temporarily "
            "unavailable");
}

TEST_F(Journal, ThatGoesAwayIsAnErrorOnlyIfThereIsNoFile) {
  const AuditTrail alone = trail();
  const AuditTrail with_file = trail(directory_ + "/audit.jsonl");
  socket_.reset();
  const auto status = alone.write(a_refusal());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().sentence(),
            "cannot write the audit line: cannot send to the journal: Connection refused");
  EXPECT_TRUE(with_file.write(a_refusal()));
}

TEST_F(Journal, WithAPathThatFitsNoAddressIsNamed) {
  const std::string path = "/" + std::string(200, 'j');
  const auto audit = AuditTrail::open({.path = "", .journal_socket = path});
  const auto status = audit.write(a_refusal());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().sentence(),
            "cannot write the audit line: cannot connect to the journal at \"" + path +
                "\": File name too long");
}

}  // namespace
}  // namespace pinscope::record
