// The pages of docs that have commands, tried as a new user would: each is run on the engine that
// the page is about, and prints what the page says.
#include <csignal>

#include "tests/engines/engine_test.h"
#include "tests/engines/page.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

constexpr const char* kPodmanConf =
    "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\nruntime = \"runc\"\n";
constexpr const char* kDockerConf =
    "{\n  \"storage-driver\": \"vfs\",\n  \"iptables\": false,\n  \"ip6tables\": false,\n"
    "  \"bridge\": \"none\"\n}\n";

// What each page's engine needs on a machine without a network and without systemd.
class Pages : public PageTest {
 protected:
  static void walk_with_podman(const std::string& page) {
    if (!has_program("podman")) GTEST_SKIP() << "podman is not installed";
    const EngineMachine machine;
    machine.write("/etc/containers/containers.conf", kPodmanConf);
    Page(machine, page).walk();
    machine.run({"podman", "rm", "-fa", "-t", "0"});
  }
};

TEST_F(Pages, Podman) {
  walk_with_podman("engines/podman.md");
}

// Has every line of the page for application developers: C with libbpf, Python, bpftool, strace.
TEST_F(Pages, CannotOpenPin) {
  for (const char* program : {"bpftool", "cc", "python3", "strace"})
    if (!has_program(program)) GTEST_SKIP() << program << " is not installed";
  walk_with_podman("cannot-open-pin.md");
}

TEST_F(Pages, Migration) {
  walk_with_podman("migration.md");
}

TEST_F(Pages, Inventory) {
  if (!has_program("bpftool")) GTEST_SKIP() << "bpftool is not installed";
  walk_with_podman("inventory.md");
}

// What is changed in containers that run, and pinscoped --follow as its unit starts it.
TEST_F(Pages, Operating) {
  for (const char* program : {"bpftool", "podman", "clang", "jq"})
    if (!has_program(program)) GTEST_SKIP() << program << " is not installed";
  EngineMachine machine;
  machine.write("/etc/containers/containers.conf", kPodmanConf);
  Page(machine, "operating.md").walk([&](const std::string& command) {
    if (command != "systemctl enable --now pinscope-follow") return false;
    machine.start("follow", {"pinscoped", "--follow"});
    EXPECT_TRUE(wait_until([&] { return machine.exists("/run/pinscope/follow/status.sock"); }))
        << machine.log("follow");
    return true;
  });
  machine.run({"podman", "rm", "-fa", "-t", "0"});
}

TEST_F(Pages, Exceptions) {
  if (!has_program("bpftool")) GTEST_SKIP() << "bpftool is not installed";
  walk_with_podman("exceptions.md");
}

// pinscoped, as its two units start it.
TEST_F(Pages, Values) {
  for (const char* program : {"bpftool", "podman", "clang"})
    if (!has_program(program)) GTEST_SKIP() << program << " is not installed";
  EngineMachine machine;
  machine.write("/etc/containers/containers.conf", kPodmanConf);
  Page(machine, "values.md").walk([&](const std::string& command) {
    if (command != "systemctl enable --now pinscope-values-holder pinscope-values") return false;
    machine.start("holder", {"pinscoped", "--hold"});
    machine.start("values", {"pinscoped", "--values", "--no-holder"});
    EXPECT_TRUE(wait_until([&] { return machine.exists("/run/pinscope/values/status.sock"); }))
        << machine.log("holder") << machine.log("values");
    return true;
  });
  machine.run({"podman", "rm", "-fa", "-t", "0"});
}

TEST_F(Pages, PolicyTests) {
  const EngineMachine machine;
  Page(machine, "policy-tests.md").walk();
}

TEST_F(Pages, Cdi) {
  walk_with_podman("engines/cdi.md");
}

// dockerd, and what its unit does at these commands of a reader.
class Dockerd {
 public:
  explicit Dockerd(EngineMachine& machine) : machine_(machine) { start(); }

  bool interpret(const std::string& command) {
    if (command == "systemctl restart docker") {
      machine_.stop(server_);
      start();
      return true;
    }
    if (command != "systemctl reload docker") return false;
    ::kill(server_, SIGHUP);
    EXPECT_TRUE(wait_until([&] { return info().find("pinscope") != std::string::npos; }));
    return true;
  }

 private:
  [[nodiscard]] std::string info() const {
    return machine_.run({"docker", "info", "--format", "{{json .Runtimes}}"}).out;
  }

  void start() {
    server_ = machine_.start("dockerd", {"dockerd"});
    EXPECT_TRUE(wait_until([&] { return info().find("runc") != std::string::npos; }))
        << machine_.log("dockerd");
  }

  EngineMachine& machine_;
  pid_t server_ = -1;
};

TEST_F(Pages, Docker) {
  if (const auto reason = why_no_suite("forky"); !reason.empty()) GTEST_SKIP() << reason;
  EngineMachine machine("forky");
  machine.write("/etc/docker/daemon.json", kDockerConf);
  Dockerd dockerd(machine);
  Page(machine, "engines/docker.md").walk([&](const std::string& command) {
    return dockerd.interpret(command);
  });
}

}  // namespace
}  // namespace pinscope::test
