#include "tests/engines/systemd_machine.h"

#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "plugin/base/text.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSystemd = "/lib/systemd/systemd";
constexpr const char* kLog = "systemd";

// As soon as it has been put into the cgroup that is all of the hierarchy that systemd sees.
// A hierarchy of version 2 is what it gets, whatever else this machine has.
constexpr const char* kStart = R"(
until grep -q "^0::.*/$1$" /proc/self/cgroup; do sleep 0.01; done
exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc --uts --ipc --cgroup sh -ec '
  umount --lazy /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  export container=pinscope-test SYSTEMD_UNIT_PATH=/opt/units
  exec /lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=no'
)";

// Those that units of this tree name, which come with systemd: without what they bring along.
constexpr const char* kTargets[] = {"test",       "basic",   "sysinit", "shutdown",
                                    "multi-user", "sockets", "timers",  "paths"};

std::string first_line(const std::string& text) {
  return std::string(trimmed(split(text, '\n').front()));
}

bool remove_group(const fs::path& group) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(group, error))
    if (entry.is_directory(error)) remove_group(entry.path());
  return ::rmdir(group.c_str()) == 0;
}

}  // namespace

std::string SystemdMachine::why_not() {
  if (!fs::exists(kSystemd)) return "systemd is not installed";
  return "";
}

SystemdMachine::SystemdMachine() {
  for (const auto& entry : fs::directory_iterator(PINSCOPE_SOURCE_DIR "/config/systemd"))
    machine_.write(std::string(kUnits) + "/" + entry.path().filename().string(),
                   read_file(entry.path()));
  for (const std::string target : kTargets)
    machine_.write(std::string(kUnits) + "/" + target + ".target",
                   "[Unit]\nDefaultDependencies=no\n");
  server_ = machine_.start(kLog, {"sh", "-ec", kStart, "sh", groups_.name()});
  write_proc_file(groups_.empty() + "/cgroup.procs", std::to_string(server_));
  const std::string children =
      "/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) + "/children";
  const auto takes_orders = [&] {
    pid_ = first_line(read_file(children));
    return parse_unsigned(pid_) && systemctl({"show", "--property=Version"}).status == 0;
  };
  if (!wait_until(takes_orders, 30))
    throw std::runtime_error("systemd does not start: " + machine_.log(kLog));
}

SystemdMachine::~SystemdMachine() {
  machine_.kill(server_);
  EXPECT_TRUE(wait_until([&] { return remove_group(groups_.empty()); }));
}

CommandResult SystemdMachine::run(std::vector<std::string> argv) const {
  const std::vector<std::string> enter = {"nsenter", "--target", pid_,    "--mount",
                                          "--pid",   "--cgroup", "--uts", "--ipc"};
  argv.insert(argv.begin(), enter.begin(), enter.end());
  return machine_.run(std::move(argv));
}

CommandResult SystemdMachine::systemctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"systemctl", "--no-pager"});
  return run(std::move(arguments));
}

std::string SystemdMachine::property(const std::string& unit, const std::string& name) const {
  return first_line(systemctl({"show", "--value", "--property=" + name, unit}).out);
}

void SystemdMachine::configure(const std::string& unit, std::string_view settings) const {
  machine_.write(std::string(kUnits) + "/" + unit + ".d/test.conf", settings);
  EXPECT_THAT(systemctl({"daemon-reload"}), Succeeds());
}

}  // namespace pinscope::test
