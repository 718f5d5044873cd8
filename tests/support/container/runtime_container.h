// One container of a real runtime, runc or crun, for one test: a bundle below /run, a root file
// system with the probe in it, and a state directory of its own. Whatever the test does, the
// container is gone when this is.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/container/bundle.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

// What tests call runtimes: "runc" is the one that is installed, "runc_forky" the one of that
// suite, which ./dev unpacks.
std::vector<std::string> runtimes_and_newest();
// How the one of that name is started.
std::string runtime_program(const std::string& name);

class RuntimeContainer {
 public:
  // A runtime's name, as above. The root file system is there at once; config.json is written from
  // `spec` when the container is run or created.
  explicit RuntimeContainer(const std::string& runtime)
      : RuntimeContainer(std::vector<std::string>{runtime_program(runtime)}) {}
  // The same through another program, with arguments in front of the runtime's.
  explicit RuntimeContainer(std::vector<std::string> runtime);
  ~RuntimeContainer();
  RuntimeContainer(const RuntimeContainer&) = delete;
  RuntimeContainer& operator=(const RuntimeContainer&) = delete;

  BundleSpec spec;

  // The process is the probe with these commands ("get-rw /sys/fs/bpf/flows").
  RuntimeContainer& probe(std::vector<std::string> commands);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const TempDirectory& directory() const { return directory_; }
  [[nodiscard]] std::string bundle() const { return directory_.path("bundle"); }
  // The image: what a test puts there, the container sees. With an overlay this is its lower layer.
  [[nodiscard]] std::string image() const;

  // Starts the container, waits for its end, and removes it.
  CommandResult run();

  // The steps one by one. Output of the container's process is in output(), also after create().
  CommandResult create();
  CommandResult start();
  CommandResult kill(const std::string& signal = "KILL");
  CommandResult remove(bool force = false);
  CommandResult state();
  [[nodiscard]] std::string output() const;
  // Process id of the container's init, as this machine sees it; 0 if there is none.
  pid_t pid();
  // Waits until the container's process has ended; false after `seconds`.
  bool wait_stopped(int seconds = 20);

  // config.json and the root file system, which run() and create() make themselves.
  void write_bundle();

 private:
  CommandResult call(std::vector<std::string> arguments, Command** kept = nullptr);

  std::vector<std::string> runtime_;
  TempDirectory directory_;
  std::string id_;
  std::unique_ptr<Command> creation_;
  bool overlay_mounted_ = false;
};

// The lines that the probe printed, without the ones of others.
std::vector<std::string> lines(std::string_view text);
// What the probe said to a command: "EROFS" for "get-rw /x: EROFS"; "no answer" if it did not say.
std::string answer(const CommandResult& result, std::string_view command);

}  // namespace pinscope::test
