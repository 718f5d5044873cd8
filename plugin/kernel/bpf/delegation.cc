#include "plugin/kernel/bpf/delegation.h"

#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <functional>

#include "plugin/base/text.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/kernel/process/file_ids.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

using model::kTokenRights;
using model::TokenRight;
using model::TokenRights;

constexpr const char* kNobodysCommand = "pinscope_probe";
constexpr int kTimeout = 5000;  // milliseconds, for three system calls of the child
constexpr const char* kRootMode = "0755";

std::string hexadecimal(uint64_t mask) {
  char text[24];
  char* end = std::to_chars(text + 2, text + sizeof text, mask, 16).ptr;
  text[0] = '0';
  text[1] = 'x';
  return {text, end};
}

Error unsupported(std::string reason) {
  return Error(ErrorCode::kKernelUnsupported, "delegate BPF to a container")
      .reason(std::move(reason))
      .hint("tokens need Linux 6.9 or later; pinscope doctor says what this kernel has");
}

// A kernel that knows the option refuses a value that makes no sense. One that does not takes
// anything: bpffs ignores options that it does not know.
Result<bool> understands_delegation(int context) {
  const auto nonsense =
      set_option(context, model::option_of(TokenRight::kCommand), kNobodysCommand);
  if (nonsense) return false;
  if (nonsense.error().errnum() != EINVAL) return std::unexpected(nonsense.error());
  return set_option(context, model::option_of(TokenRight::kCommand), "0x1").has_value();
}

Status check_names(int context, const TokenRights& rights, TokenRight right) {
  const auto names = model::names_in(rights, right);
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ":") + name;
  if (all.empty() || set_option(context, model::option_of(right), all.c_str())) return {};
  for (const auto& name : names)
    if (!set_option(context, model::option_of(right), name.c_str()))
      return std::unexpected(
          Error(ErrorCode::kKernelUnsupported,
                std::string("delegate ") + model::noun_of(right) + " " + quoted(name))
              .reason("this kernel has none of that name"));
  return {};
}

// What the child has to tell: a descriptor, or which call failed with which errno.
struct Answer {
  enum Step : int32_t { kEnter, kOpen, kSend } step = kEnter;
  int32_t errnum = 0;
};

void send_answer(int socket, const Answer& answer, int fd) {
  iovec data = {const_cast<Answer*>(&answer), sizeof answer};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  (void)::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Of the hook's descriptors the child keeps its end of the socket and, if there is one, `needed`:
// root of the container's user namespace may look into a process of it that is about to end.
bool close_all_but(int socket, int needed) {
  const auto low = static_cast<unsigned>(needed < 0 ? socket : std::min(socket, needed));
  const auto high = static_cast<unsigned>(needed < 0 ? socket : std::max(socket, needed));
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  const auto close = [](unsigned first, unsigned last) {
    return first > last || ::syscall(SYS_close_range, first, last, 0U) == 0;
  };
  return close(kFirst, low - 1) && close(low + 1, high - 1) && close(high + 1, ~0U);
}

struct Entrance {
  std::function<int()> enter;  // moves the child; gives an errno or 0
  int needed = -1;             // a descriptor
};

// The child is of the container from `enter` on as far as the kernel is concerned, so nobody in it
// may look into its memory or its descriptors.
[[noreturn]] void run_child(int socket, const DelegatedRoot& root, const Entrance& entrance) {
  Answer answer;
  Fd context;
  if (!close_all_but(socket, entrance.needed) || !stay_concealed()) {
    answer.errnum = EPERM;
  } else {
    const FileIds ids(root.uid, root.gid);  // who opens it owns its root
    answer.errnum = ids.taken() ? entrance.enter() : EPERM;
    if (answer.errnum == 0 && !stay_concealed()) answer.errnum = EPERM;
    if (answer.errnum == 0) {
      answer.step = Answer::kOpen;
      context = Fd(static_cast<int>(::syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC)));
      if (!context.valid()) answer.errnum = errno;
    }
  }
  send_answer(socket, answer, context.get());
  ::_exit(0);
}

Error failed_step(const Answer& answer) {
  switch (answer.step) {
    case Answer::kEnter:
      if (answer.errnum == ESRCH)
        return Error::system("enter the container's user namespace", ESRCH,
                             ErrorCode::kProcessGone);
      return Error::system("enter the container's user and mount namespaces", answer.errnum);
    case Answer::kOpen:
      return Error::system("open a bpffs in the container's user namespace", answer.errnum)
          .hint("its mount namespace must belong to its user namespace");
    case Answer::kSend:
      break;
  }
  return Error::system("open a bpffs in the container's user namespace", answer.errnum)
      .hint("the process that was to do it gave no answer");
}

Result<Fd> receive_context(int socket) {
  Answer answer{Answer::kSend, ETIMEDOUT};
  pollfd ready{socket, POLLIN, 0};
  if (::poll(&ready, 1, kTimeout) <= 0) return std::unexpected(failed_step(answer));
  Answer received;
  iovec data = {&received, sizeof received};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  Fd context;
  const cmsghdr* header = size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    context = Fd(fd);
  }
  if (size != static_cast<ssize_t>(sizeof received)) {
    answer.errnum = size < 0 ? errno : EPIPE;
    return std::unexpected(failed_step(answer));
  }
  if (received.errnum != 0) return std::unexpected(failed_step(received));
  if (!context.valid()) {
    answer.errnum = EPIPE;
    return std::unexpected(failed_step(answer));
  }
  return context;
}

Result<Fd> context_from_child(const DelegatedRoot& root, const Entrance& entrance) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return std::unexpected(Error::system("make a pair of sockets", errno));
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) run_child(theirs.get(), root, entrance);
  theirs.reset();  // so that the child's end is seen
  auto context = receive_context(ours.get());
  if (!context) ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return context;
}

Status configure(int context, const TokenRights& rights) {
  for (const TokenRight right : kTokenRights)
    PINSCOPE_CHECK(
        set_option(context, model::option_of(right), hexadecimal(rights[right]).c_str()));
  return set_option(context, "mode", kRootMode);
}

Status create(int context, const DelegatedRoot& root) {
  // The kernel's own debug files, where it makes some, get the same owner as the root.
  FileIds ids(root.uid, root.gid);
  PINSCOPE_CHECK(ids.taken());
  const long created = ::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  const int errnum = errno;
  PINSCOPE_CHECK(ids.give_back());
  if (created == 0) return {};
  if (errnum != EPERM) return std::unexpected(Error::system("create the delegating bpffs", errnum));
  return std::unexpected(
      Error::system("create the delegating bpffs", EPERM, ErrorCode::kKernelUnsupported)
          .hint("Ubuntu's 6.8 takes the options and then refuses this: run 6.9 or later; it also "
                "needs CAP_SYS_ADMIN in the initial user namespace"));
}

Result<uint64_t> parse_mask(TokenRight right, std::string_view value) {
  uint64_t mask = 0;
  for (const auto word : split(value, ':')) {
    if (word == "any") {
      mask = ~uint64_t{0};
    } else if (word.starts_with("0x")) {
      uint64_t bits = 0;
      const auto [end, error] =
          std::from_chars(word.data() + 2, word.data() + word.size(), bits, 16);
      if (error != std::errc{} || end != word.data() + word.size())
        return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(value)));
      mask |= bits;
    } else if (const auto number = model::token_right_from_name(right, word)) {
      mask |= uint64_t{1} << *number;
    } else {
      return std::unexpected(Error(ErrorCode::kSystem, "read the rights that the kernel delegates")
                                 .reason(quoted(word) + " is not known"));
    }
  }
  return mask;
}

}  // namespace

Status check_delegable(const TokenRights& rights) {
  PINSCOPE_TRY(const Fd scratch, open_filesystem("bpf"));
  PINSCOPE_TRY(const bool understood, understands_delegation(scratch.get()));
  // A kernel that has them takes the options from nobody else, as if it had none.
  if (!understood && !in_initial_user_namespace())
    return std::unexpected(where_rights_end(Error::system("delegate BPF to a container", EPERM)));
  if (!understood) return std::unexpected(unsupported("this kernel has no BPF tokens"));
  // Without BTF of its own a kernel knows no names, and takes numbers all the same.
  if (!set_option(scratch.get(), model::option_of(TokenRight::kCommand), "map_create")) return {};
  for (const TokenRight right : kTokenRights)
    PINSCOPE_CHECK(check_names(scratch.get(), rights, right));
  return {};
}

Result<Fd> create_delegated_bpffs(const ContainerProcess& process, const TokenRights& rights,
                                  const DelegatedRoot& root) {
  PINSCOPE_CHECK(check_delegable(rights));
  const Entrance entrance{[&process] {
                            const auto entered = process.enter_user_and_mount_namespaces();
                            return entered ? 0 : entered.error().errnum();
                          },
                          process.descriptor()};
  PINSCOPE_TRY(Fd context, context_from_child(root, entrance));
  PINSCOPE_CHECK(configure(context.get(), rights));
  PINSCOPE_CHECK(create(context.get(), root));
  return context;
}

Status check_root(int mount, const DelegatedRoot& root) {
  struct stat status {};
  if (::fstat(mount, &status) != 0)
    return std::unexpected(Error::system("stat the delegating bpffs", errno));
  constexpr mode_t kMode = 01755;
  if (status.st_uid == root.uid && status.st_gid == root.gid && (status.st_mode & 07777U) == kMode)
    return {};
  return std::unexpected(
      Error(ErrorCode::kDelegation, "delegate BPF").reason("the root has another owner or mode"));
}

Result<TokenRights> parse_delegation(std::string_view options) {
  TokenRights rights;
  for (const auto option : split(options, ',')) {
    const size_t equals = option.find('=');
    if (equals == std::string_view::npos) continue;
    for (const TokenRight right : kTokenRights)
      if (option.substr(0, equals) == model::option_of(right)) {
        PINSCOPE_TRY(rights[right], parse_mask(right, option.substr(equals + 1)));
      }
  }
  return rights;
}

Result<TokenRights> delegated_rights(int mountinfo, int mount) {
  PINSCOPE_TRY(const std::string options, superblock_options(mountinfo, mount));
  return parse_delegation(options);
}

DelegationProbe probe_delegation() {
  using model::Probe;
  TokenRights rights;
  rights.add(model::BpfCommand::kMapCreate);
  const auto answer = [](const Error& error) {
    const bool no = error.code() == ErrorCode::kKernelUnsupported;
    return DelegationProbe{no ? Probe::kNo : Probe::kUnknown, error.sentence()};
  };
  if (const auto known = check_delegable(rights); !known) return answer(known.error());
  auto context = context_from_child(
      {}, {[] { return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno; }});
  if (!context) return answer(context.error());
  if (auto done = configure(context->get(), rights); !done) return answer(done.error());
  if (auto done = create(context->get(), {}); !done) return answer(done.error());
  return {Probe::kYes, ""};
}

}  // namespace pinscope::kernel
