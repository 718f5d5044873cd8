// What the tests of this suite share: an installation with a policy, pins on this machine, and one
// container process after the other that the real hook gives a view.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/programs/installation.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {

class HookedProcess {
 public:
  // `layout` is the policy's word, or "delegated": a user namespace with BPF tokens, or "values":
  // shared, with values that a holder keeps and nobody serves. The policy is in force already.
  explicit HookedProcess(const std::string& layout);

  // A new container process, with nothing of ours in it.
  void renew();
  // What the machine has now is no trace of the hook.
  void remember_machine() { machine_before_ = Snapshot::take(); }
  [[nodiscard]] ContainerProcess& process() { return *process_; }
  [[nodiscard]] Installation& installation() { return installation_; }
  [[nodiscard]] const Installation& installation() const { return installation_; }

  [[nodiscard]] std::string state(const std::string& status = "creating") const;
  // createRuntime, with a say in each of its system calls.
  CommandResult create(const Supervise& supervise);
  CommandResult create();
  // Ends the process first, as runtimes do; renew() makes another one.
  CommandResult poststop();

  // What is wrong if the hook has failed: every trace of it in the container's mount namespace, its
  // root file system, this machine and the state directory. Empty if there is none.
  [[nodiscard]] std::vector<std::string> traces() const;
  // The same without the state directory: after the hook was killed.
  [[nodiscard]] std::vector<std::string> traces_outside_state() const;
  // What is wrong with the view; empty if all of it is there.
  [[nodiscard]] std::vector<std::string> defects() const;

 private:
  Installation installation_;
  // Removed last: it has descriptors of the maps.
  std::unique_ptr<HolderThread> holder_;
  HostPins pins_;
  bool read_grants_ = true;
  bool delegates_ = false;
  std::string rootfs_;
  std::unique_ptr<ContainerProcess> process_;
  std::vector<std::string> mounts_before_;
  std::vector<std::string> files_before_;
  Snapshot machine_before_;
};

}  // namespace pinscope::test
