// A machine of its own for the engines under test, as a new user would have it: the programs of
// this tree are installed in /usr/bin, an engine's release in /usr, and every path is the default
// one. What the engine, `pinscope engine install` and the test write below /etc, /usr, /var, /opt
// and /run goes to overlays that nobody else sees; the network is a loopback device. When the
// machine is gone, so is everything that ran or was mounted in it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/machine/temp_directory.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

// One unpacked release of engines: "bookworm", "trixie", "forky". Empty if it is there, else why
// not:
// `./dev test` unpacks them.
std::string why_no_suite(const std::string& suite);

// Where its files are: "/usr/bin/dockerd" of the suite is that below this directory.
std::string suite_directory(const std::string& suite);

class EngineMachine {
 public:
  // `suite`: the release whose files stand over this machine's own /usr; "" for none.
  explicit EngineMachine(const std::string& suite = "");
  ~EngineMachine();
  EngineMachine(const EngineMachine&) = delete;
  EngineMachine& operator=(const EngineMachine&) = delete;

  // Runs a program in the machine, with the environment of a root shell. argv[0] is looked up
  // there.
  CommandResult run(std::vector<std::string> argv) const { return command(std::move(argv)).run(); }
  [[nodiscard]] Command command(std::vector<std::string> argv) const;

  // Starts a server; its output goes to /var/log/NAME.log of the machine. It ends with the machine,
  // or by stop(), which asks with SIGTERM and, after a while, kills.
  pid_t start(const std::string& name, std::vector<std::string> argv);
  void stop(pid_t server);
  void kill(pid_t server);  // SIGKILL
  // The end of a server's log, for the message of a failed test.
  [[nodiscard]] std::string log(const std::string& name) const;

  // Where this process finds a path of the machine. It is a link through /proc, so that sockets
  // and files alike can be opened by it.
  [[nodiscard]] std::string outside(std::string_view inside) const;
  void write(std::string_view inside, std::string_view content, mode_t mode = 0644) const;
  [[nodiscard]] std::string read(std::string_view inside) const;
  [[nodiscard]] bool exists(std::string_view inside) const;

  // The image of tests, which every engine can import: an OCI archive, and its one layer.
  static constexpr const char* kImageArchive = "/opt/pinscope-test/image.tar";
  static constexpr const char* kImageRootfs = "/opt/pinscope-test/rootfs.tar";
  static constexpr const char* kImage = "pinscope.test/probe:1";

 private:
  struct Namespaces;
  void end_processes() const;

  TempDirectory directory_;
  std::unique_ptr<Namespaces> namespaces_;
  std::vector<pid_t> servers_;
};

}  // namespace pinscope::test
