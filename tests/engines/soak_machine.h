// A machine on which everything changes at random while `pinscoped --follow` runs: containers,
// policies, sources, exceptions, what is mounted in containers, and the service itself. One step is
// one change. What the steps do not decide is the machine's: two runs with one seed are alike, not
// the same.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/engines/following_service.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

// "app/a:17:ro flows:18:ro": every map in the view of a process, by its path in it, the id of what
// is behind it, and how it opens. Nothing is below "_rw" but what links lead to.
std::string view_of(pid_t pid, const std::string& at = "/sys/fs/bpf");

class SoakMachine {
 public:
  SoakMachine(uint32_t seed, size_t max_containers);
  ~SoakMachine();
  SoakMachine(const SoakMachine&) = delete;
  SoakMachine& operator=(const SoakMachine&) = delete;

  // One change at random.
  void step();
  // What somebody else asks of the machine at the same time; for a thread of its own.
  void run_a_command(std::mt19937& random) const;
  // Every source there, and one policy set that wants to be applied.
  void calm_down();
  // A grant for a second, of what no policy gives any more.
  void lend_to_each() const;
  // Nothing differs from what the policies say, and no exception is left.
  [[nodiscard]] bool is_settled() const;
  // A line for each container whose view is not what `pinscope explain` says.
  [[nodiscard]] std::vector<std::string> differences() const;
  // A line for each thing that may never be: what readers met, how the service ended.
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  void end_containers();
  void remove_sources();
  [[nodiscard]] size_t containers() const { return containers_.size(); }
  // The ids of every map that was a source.
  [[nodiscard]] std::set<uint32_t> all_ids() const;
  [[nodiscard]] std::string counts() const;
  // `pinscope gc`.
  [[nodiscard]] CommandResult sweep() { return installation_.run_gc(); }
  [[nodiscard]] CommandResult drift() const;

  [[nodiscard]] FollowingService& service() { return service_; }
  [[nodiscard]] const Installation& installation() const { return installation_; }

 private:
  struct Running {
    std::unique_ptr<RuntimeContainer> container;
    pid_t pid = 0;
    std::unique_ptr<Reader> reader;
  };
  struct Action {
    const char* name;
    size_t weight;
    void (SoakMachine::*work)();
  };
  static const std::vector<Action>& actions();

  size_t below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  bool one_in(size_t count) { return below(count) == 0; }
  [[nodiscard]] CommandResult pinscope(std::vector<std::string> words) const;
  std::string some_source();
  Running* some_container();
  void in_container(const std::function<void()>& work);

  void start_container();
  void end_container();
  void end_container(Running running);
  void pin(const std::string& path);
  void replace_source();
  void replace_in_a_loop();
  void remove_source();
  void edit_policies();
  void edit_tier();
  void break_policies();
  void revoke();
  void grant();
  void take_view_away();
  void mount_a_bpffs();
  void kill_service();
  void restart_service();

  std::mt19937 random_;
  const size_t max_containers_;
  HostPins pins_;
  std::map<std::string, std::set<uint32_t>> ids_;  // of each source, all that there were
  std::set<std::string> there_;
  Installation installation_;
  FollowingService service_{installation_};
  std::vector<Running> containers_;
  std::vector<std::string> wrong_;
  std::map<std::string, size_t> counts_;
};

}  // namespace pinscope::test
