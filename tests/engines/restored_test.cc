// A container that is restored from a checkpoint. CRIU is played by a process of its name, as runc
// shows one to its hooks when it restores: in a mount namespace of its own, with nothing mounted.
#include "tests/engines/direct_hook.h"

namespace pinscope::test {
namespace {

class Restored : public DirectHook {
 protected:
  CommandResult create_for_criu() {
    const std::string script =
        "unshare --mount bash -c 'exec -a criu-4.1 sleep 60' & pid=$!\n"
        "until grep -qz '^criu-4.1$' /proc/$pid/cmdline; do sleep 0.01; done\n"
        "sed \"s/\\\"pid\\\": [0-9]*/\\\"pid\\\": $pid/\" | \"$@\"\n"
        "status=$?\n"
        "kill $pid\n"
        "exit $status\n";
    std::vector<std::string> argv = {"bash", "-c", script, "bash"};
    for (auto& word : installation_.hook_argv("createRuntime")) argv.push_back(std::move(word));
    return Command(argv).input(state()).run();
  }
};

TEST_F(Restored, IsRefusedAndSaysWhy) {
  if (!has_program("bash")) GTEST_SKIP() << "there is no bash here, as in a guest";
  expect_refused(create_for_criu(),
                 "container \"direct\": cannot give a view to a container that is restored from a "
                 "checkpoint: CRIU mounts what the checkpoint holds after this hook (start it "
                 "anew, or let no policy select it)");
}

TEST_F(Restored, StartsWhereNoPolicySelectsIt) {
  if (!has_program("bash")) GTEST_SKIP() << "there is no bash here, as in a guest";
  installation_.write_policy(policy_text("select: {image: none}\n"));
  const auto result = create_for_criu();
  EXPECT_EQ(result.status, 0) << result;
}

}  // namespace
}  // namespace pinscope::test
