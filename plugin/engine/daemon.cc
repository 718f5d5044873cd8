#include "plugin/engine/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <ctime>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/unit.h"
#include "plugin/host/file.h"

namespace pinscope::engine {
namespace {

constexpr std::array kUsualDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin"};
constexpr std::array kDockerDirectories = {"/snap/docker/current/bin"};
constexpr size_t kLongestCommand = size_t{1} << 20;

struct Program {
  const char* name;
  const char* unit;
};

Program program_of(model::Engine engine) {
  switch (engine) {
    case model::Engine::kPodman:
      return {"podman", "podman.service"};
    case model::Engine::kCrio:
      return {"crio", "crio.service"};
    case model::Engine::kContainerd:
      return {"containerd", "containerd.service"};
    case model::Engine::kDocker:
      return {"dockerd", "docker.service"};
    case model::Engine::kUnknown:
    case model::Engine::kHost:
      break;
  }
  return {"", ""};
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Whether a process runs `program`. After an upgrade the file that it runs has no name any more:
// then it counts if it lives among our mounts.
bool runs(const Fd& process, const std::string& program, const struct stat& file) {
  struct stat status {};
  if (::fstatat(process.get(), "exe", &status, 0) != 0) return false;
  if (same_file(status, file)) return true;
  std::array<char, PATH_MAX> text{};
  const ssize_t length = ::readlinkat(process.get(), "exe", text.data(), text.size());
  if (length <= 0 ||
      std::string_view(text.data(), static_cast<size_t>(length)) != program + " (deleted)")
    return false;
  struct stat ours {};
  return ::stat("/proc/self/ns/mnt", &ours) == 0 &&
         ::fstatat(process.get(), "ns/mnt", &status, 0) == 0 && same_file(status, ours);
}

// Field 22 of proc_pid_stat(5) counts ticks since the machine was booted.
std::chrono::nanoseconds start_of(const Fd& process) {
  const auto file = open_at(process.get(), "stat", O_RDONLY);
  if (!file) return std::chrono::nanoseconds(0);
  const auto text = read_all(file->get(), kLongestCommand, "stat");
  const size_t name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return std::chrono::nanoseconds(0);
  const auto fields = split(std::string_view(*text).substr(name_end + 1), ' ');
  constexpr size_t kStartTime = 20;  // field 3 is the first behind the name and a blank
  const auto ticks = fields.size() > kStartTime ? parse_unsigned(fields[kStartTime]) : std::nullopt;
  if (!ticks) return std::chrono::nanoseconds(0);
  const auto now = [](clockid_t clock) {
    struct timespec time {};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto since_boot =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(
          static_cast<double>(*ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK))));
  return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME) + since_boot;
}

}  // namespace

std::string engine_program(const Tree& tree, model::Engine engine) {
  std::vector<const char*> directories(kUsualDirectories.begin(), kUsualDirectories.end());
  if (engine == model::Engine::kContainerd)
    directories.insert(directories.end(), kDistributions.begin(), kDistributions.end());
  if (engine == model::Engine::kDocker)
    directories.insert(directories.end(), kDockerDirectories.begin(), kDockerDirectories.end());
  for (const char* directory : directories) {
    std::string path = join(directory, program_of(engine).name);
    if (tree.exists(path)) return path;
  }
  return "";
}

std::vector<std::string> DaemonCommand::values_of(std::string_view option) const {
  std::vector<std::string> values;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with(option)) continue;
    if (argument.size() == option.size() && i + 1 < arguments.size())
      values.push_back(arguments[i + 1]);
    else if (argument.substr(option.size()).starts_with('='))
      values.emplace_back(argument.substr(option.size() + 1));
  }
  return values;
}

std::vector<std::string> DaemonCommand::without(std::string_view option) const {
  std::vector<std::string> left;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == option)
      ++i;
    else if (!argument.starts_with(std::string(option) + "="))
      left.push_back(arguments[i]);
  }
  return left;
}

std::vector<DaemonCommand> running_daemons(const Tree& tree, model::Engine engine) {
  std::vector<DaemonCommand> found;
  const std::string program = engine_program(tree, engine);
  if (program.empty()) return found;
  const auto file = tree.status(program);
  const auto proc =
      open_at(AT_FDCWD, (tree.is_host() ? "" : tree.root()) + "/proc", O_RDONLY | O_DIRECTORY);
  const auto names = proc ? names_in(proc->get(), "/proc") : Result<std::vector<std::string>>();
  if (!file || !names) return found;
  for (const auto& name : *names) {
    const auto number = parse_unsigned(name);
    if (!number) continue;
    const auto process = open_at(proc->get(), name, O_PATH | O_DIRECTORY);
    if (!process || !runs(*process, program, *file)) continue;
    const auto command = open_at(process->get(), "cmdline", O_RDONLY);
    const auto text = command ? read_all(command->get(), kLongestCommand, "cmdline")
                              : Result<std::string>(std::string());
    if (!text || text->empty()) continue;
    auto& daemon = found.emplace_back();
    const auto words = split(*text, '\0');  // the last one ends with a NUL as well
    for (size_t i = 1; i + 1 < words.size(); ++i) daemon.arguments.emplace_back(words[i]);
    daemon.process = static_cast<pid_t>(*number);
    daemon.where = "process " + name;
    daemon.started = start_of(*process);
  }
  return found;
}

std::vector<DaemonCommand> daemon_commands(const Tree& tree, model::Engine engine) {
  auto commands = running_daemons(tree, engine);
  const std::string unit = program_of(engine).unit;
  auto words = unit_command(tree, unit);
  if (words.empty()) return commands;
  words.erase(words.begin());
  commands.insert(commands.begin(), DaemonCommand{.arguments = std::move(words), .where = unit});
  return commands;
}

}  // namespace pinscope::engine
