#include "plugin/engine/wiring/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/installed.h"
#include "plugin/host/process_stat.h"

namespace pinscope::engine {
namespace {

constexpr std::array kDockerDirectories = {"/snap/docker/current/bin"};
constexpr size_t kLongestCommand = size_t{1} << 20;

struct Program {
  const char* name;
  const char* unit;
  std::vector<std::string_view> service = {};  // the subcommand that serves
  std::vector<std::string_view> flags = {};    // options that take no word behind them
};

Program program_of(model::Engine engine) {
  switch (engine) {
    case model::Engine::kPodman:
      return {"podman",
              "podman.service",
              {"system", "service"},
              {"help", "h", "noout", "remote", "r", "syslog", "trace", "transient-store", "version",
               "v"}};
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

bool contains(const std::vector<std::string_view>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word.starts_with('-') && word != "--";
}

// As pflag and Go's flag read them: "--name value" or "--name=value".
void take_options(const Program& program, const std::vector<std::string>& words,
                  DaemonCommand& command) {
  size_t depth = 0;
  size_t i = 1;
  for (; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!is_option(word)) {
      if (depth == program.service.size() || word != program.service[depth]) break;
      ++depth;
      continue;
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const size_t equals = word.find('=');
    std::string name(word.substr(0, equals));
    std::string value;
    if (equals != std::string_view::npos)
      value = word.substr(equals + 1);
    else if (!contains(program.flags, name) && i + 1 < words.size() && !is_option(words[i + 1]))
      value = words[++i];
    command.options.emplace_back(std::move(name), std::move(value));
  }
  command.serves =
      depth == program.service.size() && (!program.service.empty() || i == words.size());
}

// Of this process on the machine itself, of its first one below another root: those who see that.
std::string reference_process(const Tree& tree) {
  return tree.is_host() ? "self" : "1";
}

bool shares_namespace(const Fd& proc, const std::string& reference, const Fd& process,
                      const char* name) {
  struct stat theirs {};
  struct stat ours {};
  return ::fstatat(proc.get(), (reference + "/ns/" + name).c_str(), &ours, 0) == 0 &&
         ::fstatat(process.get(), (std::string("ns/") + name).c_str(), &theirs, 0) == 0 &&
         is_same_file(ours, theirs);
}

// "Uid:\t0\t0\t0\t0" of proc_pid_status(5): real, effective, saved, file system's, as our user
// namespace sees them.
bool is_roots(const Fd& process) {
  const auto file = open_at(process.get(), "status", O_RDONLY);
  const auto text =
      file ? read_all(file->get(), kLongestCommand, "status") : Result<std::string>(std::string());
  if (!text) return false;
  for (const auto line : split(*text, '\n'))
    if (line.starts_with("Uid:")) return line == "Uid:\t0\t0\t0\t0";
  return false;
}

// After an upgrade the file that a process runs has no name any more.
bool runs(const Fd& process, const std::string& program, const struct stat& file) {
  struct stat status {};
  if (::fstatat(process.get(), "exe", &status, 0) != 0) return false;
  if (is_same_file(status, file)) return true;
  std::array<char, PATH_MAX> text{};
  const ssize_t length = ::readlinkat(process.get(), "exe", text.data(), text.size());
  return length > 0 &&
         std::string_view(text.data(), static_cast<size_t>(length)) == program + " (deleted)";
}

// proc_pid_stat(5) counts ticks since the machine was booted.
std::chrono::nanoseconds start_of(const Fd& process) {
  const auto file = open_at(process.get(), "stat", O_RDONLY);
  if (!file) return std::chrono::nanoseconds(0);
  const auto text = read_all(file->get(), kLongestCommand, "stat");
  constexpr int kStartTime = 22;
  const auto ticks = text ? parse_unsigned(stat_field(*text, kStartTime)) : std::nullopt;
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
  std::vector<const char*> directories(kInstallDirectories.begin(), kInstallDirectories.end());
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

std::vector<std::string> DaemonCommand::values_of(
    std::initializer_list<std::string_view> names) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : options)
    if (std::find(names.begin(), names.end(), name) != names.end()) values.push_back(value);
  return values;
}

std::vector<DaemonCommand> running_daemons(const Tree& tree, model::Engine engine) {
  std::vector<DaemonCommand> found;
  const std::string path = engine_program(tree, engine);
  if (path.empty()) return found;
  const Program program = program_of(engine);
  const auto file = tree.status(path);
  const auto proc =
      open_at(AT_FDCWD, (tree.is_host() ? "" : tree.root()) + "/proc", O_RDONLY | O_DIRECTORY);
  const auto names = proc ? names_in(proc->get(), "/proc") : Result<std::vector<std::string>>();
  if (!file || !names) return found;
  const std::string reference = reference_process(tree);
  for (const auto& name : *names) {
    const auto number = parse_unsigned(name);
    if (!number) continue;
    const auto process = open_at(proc->get(), name, O_PATH | O_DIRECTORY);
    if (!process) continue;
    // The owner first: what a process of root's runs after that is root's choice.
    const auto is_the_engine = [&] {
      return is_roots(*process) && shares_namespace(*proc, reference, *process, "user") &&
             shares_namespace(*proc, reference, *process, "mnt") && runs(*process, path, *file);
    };
    if (!is_the_engine()) continue;
    const auto command = open_at(process->get(), "cmdline", O_RDONLY);
    const auto text = command ? read_all(command->get(), kLongestCommand, "cmdline")
                              : Result<std::string>(std::string());
    if (!text || text->empty() || !is_the_engine()) continue;
    std::vector<std::string> words;
    for (const auto word : split(*text, '\0')) words.emplace_back(word);
    words.pop_back();  // the last one ends with a NUL as well
    // One file can be many programs: that of k3s is kubectl, too, and dockerd unpacks layers.
    if (words.empty() || base_name(words.front()) != program.name) continue;
    DaemonCommand daemon;
    take_options(program, words, daemon);
    if (!daemon.serves) continue;
    daemon.process = static_cast<pid_t>(*number);
    daemon.where = "process " + name;
    daemon.started = start_of(*process);
    found.push_back(std::move(daemon));
  }
  return found;
}

std::vector<DaemonCommand> daemon_commands(const Tree& tree, model::Engine engine) {
  auto commands = running_daemons(tree, engine);
  const Program program = program_of(engine);
  auto unit = unit_command(tree, program.unit);
  if (unit.words.empty()) return commands;
  DaemonCommand command;
  command.where = program.unit;
  command.environment = std::move(unit.environment);
  if (base_name(unit.words.front()) == program.name) take_options(program, unit.words, command);
  commands.insert(commands.begin(), std::move(command));
  return commands;
}

std::vector<std::string> unit_doubts(const Tree& tree, model::Engine engine) {
  const Program program = program_of(engine);
  auto unit = unit_command(tree, program.unit);
  if (!unit.words.empty() && base_name(unit.words.front()) != program.name)
    unit.doubts.push_back(std::string(program.unit) + " starts " + one_line(unit.words.front()));
  return unit.doubts;
}

}  // namespace pinscope::engine
