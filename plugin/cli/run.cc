// `pinscope run`: a command of the host in a mount namespace of its own, with the view that the
// policies grant its user. This process itself becomes the command, so that exit status, signals
// and terminal are the command's, as with env(1) or setpriv(1). A child that stays in the host's
// mount namespace builds the view; a child of that stays until the session has ended, and removes
// its record.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/host/users.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/process/session.h"
#include "plugin/pipeline/start/session.h"

namespace pinscope::cli {
namespace {

// As env(1): what stands between the shell and the command must not be taken for the command's.
constexpr auto kExitNoView = static_cast<ExitStatus>(125);
// With --attach only: no policy selects the session.
constexpr auto kExitNotSelected = static_cast<ExitStatus>(3);
constexpr auto kExitCannotExecute = static_cast<ExitStatus>(126);
constexpr auto kExitNotFound = static_cast<ExitStatus>(127);

struct RunOptions {
  std::string user;
  std::string login;
  size_t attach = 0;  // process id; 0: none
  std::vector<std::string> command;
};

Error no_user(const std::string& name) {
  return Error(ErrorCode::kUsage, "run as user " + quoted(name)).reason("there is no such user");
}

User own_user() {
  User user{::geteuid(), ::getegid(), {}};
  user.groups.resize(static_cast<size_t>(::getgroups(0, nullptr)));
  user.groups.resize(
      static_cast<size_t>(::getgroups(static_cast<int>(user.groups.size()), user.groups.data())));
  return user;
}

Result<User> find_login(const std::string& name) {
  auto user = user_called(name);
  if (!user) return std::unexpected(no_user(name));
  return *std::move(user);
}

// Need not be anybody's.
Result<User> find_number(const std::string& word, std::string_view digits) {
  const auto number = parse_unsigned(digits);
  if (!number || *number >= UINT32_MAX) return std::unexpected(no_user(word));
  return user_of(static_cast<uint32_t>(*number));
}

// A name; a number; a number behind "+", which is never a name (as chown(1) takes it).
Result<User> find_user(const std::string& word) {
  if (word.empty()) return own_user();
  if (word.starts_with('+')) return find_number(word, std::string_view(word).substr(1));
  if (!parse_unsigned(word)) return find_login(word);
  const auto named = find_login(word);
  auto numbered = find_number(word, word);
  if (named && (!numbered || named->uid != numbered->uid))
    return std::unexpected(
        Error(ErrorCode::kUsage, "run as user " + quoted(word))
            .reason("it is the name of user " + std::to_string(named->uid))
            .hint("say --login " + word + " for the name, --user +" + word + " for the number"));
  return numbered;
}

Result<User> find_user(const RunOptions& options) {
  if (options.login.empty()) return find_user(options.user);
  if (options.user.empty()) return find_login(options.login);
  return std::unexpected(Error(ErrorCode::kUsage, "run as user " + quoted(options.user))
                             .reason("--login names another way to say it"));
}

// To be called in the host's mount namespace, once the session has left it; changes this process
// for good. False if no policy selects the session.
Result<bool> build_view(const Settings& settings, const Session& session) {
  HookOptions options = settings.hook;
  options.policy.compiler = "/proc/self/exe";
  options.engine = model::Engine::kHost;
  PINSCOPE_CHECK(kernel::restrict_to_view_building());
  const Fd watcher = watch_session(options, session.pid);
  auto given = open_session(options, session);
  ::signal(SIGPIPE, SIG_IGN);
  if (given && *given && watcher.valid()) (void)!::write(watcher.get(), "+", 1);
  return given;
}

// The child of a session: waits until that has left the host's mount namespace.
[[noreturn]] void build_view_in_child(const Settings& settings, const Session& session, int left) {
  char byte = 0;
  if (::read(left, &byte, 1) != 1) ::_exit(kExitNoView);
  const auto given = build_view(settings, session);
  if (!given) {
    report(given.error());
  } else if (!*given) {
    report(Error(ErrorCode::kUsage, "give user " + std::to_string(session.uid) + " a view")
               .reason("no policy selects this user on the host")
               .hint("a policy does with select: {engine: host, user: {uid: " +
                     std::to_string(session.uid) + "}}"));
  }
  std::fflush(nullptr);
  ::_exit(given && *given ? kExitOk : kExitNoView);
}

// True if the view is in place; the child has said why if it is not.
Result<bool> enter_view(const Settings& settings, const User& user) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Error::system("make a pipe", errno));
  const Fd reading(ends[0]);
  const Fd writing(ends[1]);
  const Session session{::getpid(), user.uid, user.gid, user.groups};
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    ::close(writing.get());
    build_view_in_child(settings, session, reading.get());
  }
  // On an error the child finds the pipe closed and ends.
  PINSCOPE_CHECK(kernel::leave_mount_namespace());
  if (::write(writing.get(), "+", 1) != 1)
    return std::unexpected(Error::system("wake the child", errno));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return std::unexpected(Error::system("wait for the child", errno));
  if (WIFSIGNALED(status))
    return std::unexpected(
        Error(ErrorCode::kSystem, "give user " + std::to_string(user.uid) + " a view")
            .reason("the process that was to do it was ended by signal " +
                    std::to_string(WTERMSIG(status))));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Result<ExitStatus> become_command(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::signal(SIGXFSZ, SIG_DFL);
  ::execvp(argv[0], argv.data());
  const int errnum = errno;
  report(Error::system("run " + quoted(command.front()), errnum));
  return errnum == ENOENT ? kExitNotFound : kExitCannotExecute;
}

Status need_root() {
  if (::geteuid() == 0) return {};
  return std::unexpected(Error::system("give a view", EPERM).hint("needs root"));
}

// For pam_pinscope: the session is another process, which has left the host's mount namespace.
Result<ExitStatus> attach(const Settings& settings, const RunOptions& options) {
  PINSCOPE_CHECK(need_root());
  PINSCOPE_TRY(const User user, find_user(options));
  const Session session{static_cast<pid_t>(options.attach), user.uid, user.gid, user.groups};
  PINSCOPE_TRY(const bool given, build_view(settings, session));
  return given ? kExitOk : kExitNotSelected;
}

Result<ExitStatus> run_command(const Settings& settings, const RunOptions& options) {
  if (options.attach != 0) return attach(settings, options);
  if (options.command.empty())
    return std::unexpected(
        Error(ErrorCode::kUsage, "run a command").reason("none is given").hint("put it behind --"));
  const auto prepared = [&]() -> Result<bool> {
    PINSCOPE_CHECK(need_root());
    PINSCOPE_TRY(const User user, find_user(options));
    PINSCOPE_TRY(const bool entered, enter_view(settings, user));
    if (!entered) return false;
    if (!options.user.empty() || !options.login.empty())
      PINSCOPE_CHECK(kernel::become_user(user.uid, user.gid, user.groups));
    return true;
  }();
  if (!prepared) report(prepared.error());
  if (!prepared || !*prepared) return kExitNoView;
  return become_command(options.command);
}

}  // namespace

void add_run(CLI::App& root, Program& program) {
  auto options = std::make_shared<RunOptions>();
  Command command =
      add_command(root, program, "run", "Run a command on this host with the view of a user",
                  [&program, options] { return run_command(program.settings, *options); });
  command
      .option("--user", options->user, "USER",
              "Run the command as this user: a name, a number, or a number after \"+\". Default: "
              "the current user")
      .option("--login", options->login, "NAME", "The same by a name, which is never a number")
      .number("--attach", options->attach, "PID",
              "Give the view to this process, which has its own mount namespace, and exit")
      .shared_options(program.settings)
      .command_line("COMMAND", options->command, "The command and its arguments, behind --");
  command.footer(
      "The command runs in its own mount namespace, with the view that the policies grant its "
      "user: those that select `engine: host` or no engine. Use --user, because root can open "
      "every object by its id.\n--attach is for pam_pinscope(8); its exit status is 3 if no "
      "policy selects the user.\nExit status: the command's; 125 no view; 126 the command cannot "
      "be run; 127 it does not exist.");
}

}  // namespace pinscope::cli
