#include "plugin/pipeline/start/session.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "plugin/kernel/process/process.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/start/start.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

constexpr const char* kSessionStage = "run";

std::string id_of(pid_t pid) {
  return "session-" + std::to_string(pid);
}

// Those of this very process: one, or none.
Result<std::vector<record::Store::Found>> records_of(const record::Store& store,
                                                     const kernel::ContainerProcess& process) {
  PINSCOPE_TRY(auto of_id, store.find(id_of(process.pid())));
  std::erase_if(of_id.found, [&](const record::Store::Found& found) {
    return found.record.given.pid != process.pid() ||
           found.record.process_start != process.start_time();
  });
  return std::move(of_id.found);
}

bool has_record(const HookOptions& options, const kernel::ContainerProcess& process) {
  const auto store = record::Store::open(options.state_directory, false);
  const auto found = store ? records_of(*store, process) : std::unexpected(store.error());
  return found && !found->empty();
}

// What fails is left to whoever collects.
Status close_session(const HookOptions& options, const kernel::ContainerProcess& process) {
  using Outcome = model::AuditEvent::Outcome;
  PINSCOPE_TRY(const auto store, record::Store::open(options.state_directory, false));
  PINSCOPE_TRY(const auto records, records_of(store, process));
  RunLog log(options, kSessionStage);
  for (const auto& found : records) {
    PINSCOPE_CHECK(store.remove(found.held));
    log.event().given = found.record.given;
    const bool was_applied = found.record.state == model::Record::State::kApplied;
    PINSCOPE_CHECK(log.write(was_applied ? Outcome::kRemoved : Outcome::kCollected));
  }
  return {};
}

// Nobody waits for this process, and it holds nothing of the session's. What ends the session, such
// as systemd's SIGTERM to all of a unit, must not end it first.
[[noreturn]] void stay(const HookOptions& options, const kernel::ContainerProcess& process,
                       int given) {
  for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) ::signal(number, SIG_IGN);
  ::setsid();
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null.get(), standard);
  char byte = 0;
  const bool is_given = ::read(given, &byte, 1) == 1;
  // Who was making the view may have been killed at it, with the session.
  if (!is_given && !has_record(options, process)) ::_exit(0);
  pollfd ended{process.descriptor(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  (void)close_session(options, process);
  ::_exit(0);
}

}  // namespace

model::Container container_of(const Session& session, model::Engine engine) {
  model::Container container;
  container.id = id_of(session.pid);
  container.rootfs = "/";
  container.pid = session.pid;
  container.engine = engine;
  container.uid = session.uid;
  container.gid = session.gid;
  container.additional_gids = session.groups;
  if (session.uid == 0) container.capabilities = ~uint64_t{0};  // nothing takes them from root
  namespace_of(container, model::NamespaceKind::kMount).mode = model::Namespace::Mode::kPrivate;
  return container;
}

Fd watch_session(const HookOptions& options, pid_t pid) {
  // Held before there is a record: the session may be killed at any moment.
  const auto process = kernel::ContainerProcess::open(pid);
  int ends[2];
  if (!process || ::pipe2(ends, O_CLOEXEC) != 0) return {};
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(writing.get());
    stay(options, *process, reading.get());
  }
  return child > 0 ? std::move(writing) : Fd();
}

Result<bool> open_session(const HookOptions& options, const Session& session) {
  RunLog log(options, kSessionStage);
  PINSCOPE_TRY(const auto policies, open_policies(options.policy, log));
  Subject subject{.container = container_of(session, options.engine), .is_session = true};
  log.event().given.id = subject.container.id;
  log.event().given.pid = session.pid;
  log.event().given.uid = session.uid;
  auto given = give_view(options, policies.set(), std::move(subject), log);
  if (!given) log.refuse(given.error());
  return given;
}

}  // namespace pinscope
