// Real systemd with the units of this tree and no others, as process 1 of namespaces of its own on
// a machine as EngineMachine makes it. When it is gone, so is everything that it has started.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/bpf/programs.h"
#include "tests/support/machine/engine_machine.h"

namespace pinscope::test {

class SystemdMachine {
 public:
  // Empty if it can be one here, else why not.
  static std::string why_not();

  // Starts systemd and waits until it takes orders; throws if it does not.
  SystemdMachine();
  ~SystemdMachine();
  SystemdMachine(const SystemdMachine&) = delete;
  SystemdMachine& operator=(const SystemdMachine&) = delete;

  // Beside systemd's services, in its namespaces.
  CommandResult run(std::vector<std::string> argv) const;
  CommandResult systemctl(std::vector<std::string> arguments) const;
  // What systemd says of a unit: "MainPID", "NRestarts", "ActiveState", "Result".
  [[nodiscard]] std::string property(const std::string& unit, const std::string& name) const;

  // Changes these settings of a unit ("[Timer]\nOnActiveSec=1s\n") before it is started.
  void configure(const std::string& unit, std::string_view settings) const;

  [[nodiscard]] const EngineMachine& machine() const { return machine_; }
  // Where it has its units.
  static constexpr const char* kUnits = "/opt/units";

 private:
  Cgroups groups_;
  EngineMachine machine_;
  pid_t server_;     // outside its namespaces
  std::string pid_;  // of systemd, as this machine sees it
};

}  // namespace pinscope::test
