#include "tests/support/machine/engine_machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "plugin/base/text.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuites = PINSCOPE_ENGINES_DIR;
// Where engines keep images and layers: ordinary directories, because no overlay goes on an
// overlay.
constexpr const char* kStores[] = {"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"};
constexpr const char* kOverlaid[] = {"/etc", "/usr", "/var", "/opt"};
// What engines leave in the hierarchies of this machine, which have no namespace that hides them.
constexpr const char* kControlGroups[] = {"docker", "libpod_parent", "default", "k8s.io",
                                          "pinscope-test"};

void set_loopback_up() {
  const Fd socket(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::string("lo").copy(request.ifr_name, IFNAMSIZ);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  check(ioctl(socket.get(), SIOCSIFFLAGS, &request), "bring up the loopback device");
}

void overlay(const TempDirectory& directory, const std::string& path, const std::string& lower) {
  const std::string upper = directory.make_directory("upper" + path);
  const std::string work = directory.make_directory("work" + path);
  const std::string options = "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work;
  check(mount("overlay", path.c_str(), "overlay", 0, options.c_str()), "overlay " + path);
}

void bind_mount(const std::string& from, const std::string& to) {
  fs::create_directories(to);
  check(mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind " + to);
}

// In the machine's namespaces.
void furnish(const TempDirectory& directory, const std::string& suite) {
  check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  set_loopback_up();
  for (const std::string path : kOverlaid) {
    std::string lower = path;
    if (!suite.empty() && path != "/var" && path != "/opt" &&
        fs::is_directory(std::string(kSuites) + "/" + suite + path))
      lower = std::string(kSuites) + "/" + suite + path + ":" + path;
    overlay(directory, path, lower);
  }
  for (const std::string path : kStores) bind_mount(directory.make_directory("store" + path), path);
  // This machine's programs, where a package would put them.
  for (const auto& entry : fs::directory_iterator(PINSCOPE_BIN_DIR)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("pinscope") && !name.starts_with("pam_")) continue;
    fs::copy(entry.path(), "/usr/bin/" + name,
             fs::copy_options::overwrite_existing | fs::copy_options::copy_symlinks);
  }
  for (const std::string file : {"image.tar", "rootfs.tar"}) {
    fs::create_directories("/opt/pinscope-test");
    fs::copy(std::string(PINSCOPE_IMAGE_DIR) + "/" + file, "/opt/pinscope-test/" + file);
  }
  // Nothing of a Pinscope that this machine itself has.
  for (const char* path : {"/etc/pinscope", "/var/log/pinscope", "/var/lib/pinscope"})
    fs::remove_all(path);
  fs::create_directories("/etc/pinscope/policy.d");
  bind_mount(directory.make_directory("run"), "/run");
}

void remove_control_group(const fs::path& group) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(group, error))
    if (entry.is_directory(error)) remove_control_group(entry.path());
  ::rmdir(group.c_str());
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> result;
  for (const auto& entry : fs::directory_iterator("/proc"))
    if (const auto number = parse_unsigned(entry.path().filename().string()))
      result.push_back(static_cast<pid_t>(*number));
  return result;
}

std::string link_of(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

}  // namespace

// A process that only waits, and its namespaces, which hold as long as it lives.
struct EngineMachine::Namespaces {
  pid_t holder = -1;
  Fd mount;
  Fd network;

  [[nodiscard]] std::string proc() const { return "/proc/" + std::to_string(holder); }

  // Between fork and exec: system calls only.
  void enter() const {
    if (setns(mount.get(), CLONE_NEWNS) < 0 || setns(network.get(), CLONE_NEWNET) < 0) _exit(126);
    if (chdir("/") < 0) _exit(126);
  }
};

std::string why_no_suite(const std::string& suite) {
  if (fs::exists(std::string(kSuites) + "/" + suite + "/.unpacked")) return "";
  return "the engines of " + suite +
         " are not unpacked here: this machine's mirror has no such suite";
}

std::string suite_directory(const std::string& suite) {
  return std::string(kSuites) + "/" + suite;
}

EngineMachine::EngineMachine(const std::string& suite)
    : directory_(0711), namespaces_(std::make_unique<Namespaces>()) {
  int ready[2];
  check(pipe2(ready, O_CLOEXEC), "pipe");
  const Fd reading(ready[0]);
  Fd writing(ready[1]);
  const pid_t holder = check(fork(), "fork");
  if (holder == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      check(unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare");
      furnish(directory_, suite);
      check(::write(writing.get(), "+", 1), "write");
    } catch (const std::exception& error) {
      (void)!::write(writing.get(), error.what(), std::string_view(error.what()).size());
      _exit(1);
    }
    for (;;) pause();
  }
  namespaces_->holder = holder;
  writing.reset();
  char said[512] = {};
  const ssize_t size = ::read(reading.get(), said, sizeof(said) - 1);
  if (size <= 0 || said[0] != '+')
    throw std::runtime_error("cannot make a machine for engines: " + std::string(said));
  namespaces_->mount =
      Fd(check(open((namespaces_->proc() + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC),
               "open the mount namespace"));
  namespaces_->network = Fd(check(
      open((namespaces_->proc() + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC), "open the network"));
}

EngineMachine::~EngineMachine() {
  while (!servers_.empty()) stop(servers_.back());
  end_processes();
  ::kill(namespaces_->holder, SIGKILL);
  waitpid(namespaces_->holder, nullptr, 0);
  namespaces_.reset();
  std::error_code error;
  for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", error)) {
    for (const char* name : kControlGroups) remove_control_group(hierarchy.path() / name);
  }
  for (const char* name : kControlGroups) remove_control_group(fs::path("/sys/fs/cgroup") / name);
}

// Shims and containers of a server that has ended: whoever lives in one of the machine's
// namespaces.
void EngineMachine::end_processes() const {
  const std::string network = link_of(namespaces_->proc() + "/ns/net");
  const std::string mount = link_of(namespaces_->proc() + "/ns/mnt");
  const auto left = [&] {
    std::vector<pid_t> result;
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    for (const pid_t pid : all_processes()) {
      const std::string proc = "/proc/" + std::to_string(pid);
      if (pid != namespaces_->holder && pid != getpid() &&
          (link_of(proc + "/ns/mnt") == mount || link_of(proc + "/ns/net") == network))
        result.push_back(pid);
    }
    return result;
  };
  (void)wait_until([&] {
    const auto pids = left();
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    return pids.empty();
  });
}

Command EngineMachine::command(std::vector<std::string> argv) const {
  Command command(std::move(argv));
  command.environment({"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"});
  command.before_exec([namespaces = namespaces_.get()] { namespaces->enter(); });
  return command;
}

pid_t EngineMachine::start(const std::string& name, std::vector<std::string> argv) {
  const Fd out(check(open(outside("/var/log/" + name + ".log").c_str(),
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
                     "open the log of " + name));
  std::vector<char*> arguments;
  for (auto& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t server = check(fork(), "fork");
  if (server == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    namespaces_->enter();
    if (dup2(out.get(), 1) < 0 || dup2(out.get(), 2) < 0) _exit(126);
    clearenv();
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  servers_.push_back(server);
  return server;
}

void EngineMachine::stop(pid_t server) {
  ::kill(server, SIGTERM);
  const auto ended = [&] { return waitpid(server, nullptr, WNOHANG) != 0; };
  if (!wait_until(ended, 20)) {
    ADD_FAILURE() << "a server does not end when it is asked to";
    ::kill(server, SIGKILL);
    waitpid(server, nullptr, 0);
  }
  std::erase(servers_, server);
}

void EngineMachine::kill(pid_t server) {
  ::kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  std::erase(servers_, server);
}

std::string EngineMachine::log(const std::string& name) const {
  const std::string path = "/var/log/" + name + ".log";
  if (!exists(path)) return "(no log)";
  const std::string text = read(path);
  constexpr size_t kMaxBytes = 6000;
  return text.size() <= kMaxBytes ? text : "…" + text.substr(text.size() - kMaxBytes);
}

std::string EngineMachine::outside(std::string_view inside) const {
  return namespaces_->proc() + "/root" + std::string(inside);
}

void EngineMachine::write(std::string_view inside, std::string_view content, mode_t mode) const {
  const std::string path = outside(inside);
  fs::create_directories(fs::path(path).parent_path());
  write_file(path, content, mode);
}

std::string EngineMachine::read(std::string_view inside) const {
  return read_file(outside(inside));
}

bool EngineMachine::exists(std::string_view inside) const {
  std::error_code error;
  return fs::exists(fs::symlink_status(outside(inside), error));
}

}  // namespace pinscope::test
