// The hook, and the command line, in a user namespace that maps every id to itself, as systemd's
// PrivateUsers=full makes one: root there looks like the machine's, and has none of its rights.
#include "tests/engines/direct_hook.h"
#include "tests/support/machine/unprivileged.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kWhy =
    "Operation not permitted (this process is in a user namespace of its own, such as "
    "PrivateUsers= "
    "or a system container makes; views take the rights of the machine's own: start the engine "
    "there)";

class IdentityNamespace : public DirectHook {
 protected:
  // The hook for a container that is made in the namespace as well.
  CommandResult create_inside() {
    const std::string script =
        "unshare --mount sh -c 'mount --bind \"$0\" \"$0\" && exec sleep 60' \"$1\" & pid=$!\n"
        "shift\n"
        "until grep -q /bundle/rootfs /proc/$pid/mountinfo; do sleep 0.01; done\n"
        "sed \"s/\\\"pid\\\": [0-9]*/\\\"pid\\\": $pid/\" | \"$@\"\n"
        "status=$?\n"
        "kill $pid\n"
        "exit $status\n";
    std::vector<std::string> argv = {"sh", "-c", script, "sh", rootfs_};
    for (auto& word : installation_.hook_argv("createRuntime")) argv.push_back(std::move(word));
    return Command(argv).input(state()).before_exec(enter_identity_namespace).run();
  }
  static CommandResult pinscope(std::vector<std::string> words) {
    words.insert(words.begin(), PINSCOPE_BIN_DIR "/pinscope");
    return Command(words).before_exec(enter_identity_namespace).run();
  }
};

TEST_F(IdentityNamespace, HasNoViewsAndSaysWhy) {
  expect_refused(create_inside(),
                 "container \"direct\": cannot create file system \"bpf\": " + std::string(kWhy));
}

TEST_F(IdentityNamespace, HasNoLookAtContainersOfTheMachine) {
  const auto result = Command(installation_.hook_argv("createRuntime"))
                          .input(state())
                          .before_exec(enter_identity_namespace)
                          .run();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("cannot look at the namespaces of process "));
  EXPECT_THAT(result.err, HasSubstr("this process is in a user namespace of its own"));
}

TEST_F(IdentityNamespace, StartsWhatNoPolicySelects) {
  installation_.write_policy(policy_text("select: {image: none}\n"));
  const auto result = create_inside();
  EXPECT_EQ(result.status, 0) << result;
}

TEST_F(IdentityNamespace, IsNamedByDoctor) {
  const auto result = pinscope({"doctor"});
  EXPECT_THAT(result.out, HasSubstr("could not tell: Operation not permitted: this is a user "
                                    "namespace of its own, not the machine's"));
  EXPECT_THAT(result.out, Not(HasSubstr("this kernel has no BPF tokens")));
}

using SessionWithoutPtrace = DirectHook;

// The view of a session is built by another process, which has to see the session's namespaces.
TEST_F(SessionWithoutPtrace, SaysWhatItLacks) {
  installation_.write_policy(
      policy_text("select: {engine: host}\n"
                  "grants: [{pin: /sys/fs/bpf/flows}]\n"));
  const std::string pinscope = PINSCOPE_BIN_DIR "/pinscope";
  const auto result =
      run({"setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", pinscope, "run",
           "--policy", installation_.policy_directory(), "--state-dir",
           installation_.state_directory(), "--cache-dir", installation_.cache_directory(),
           "--audit", installation_.audit_path(), "--", "true"});
  EXPECT_EQ(result.status, 125) << result;
  EXPECT_THAT(result.err, HasSubstr("cannot look at the namespaces of process "));
  EXPECT_THAT(result.err,
              HasSubstr(": Permission denied (it takes CAP_SYS_PTRACE in that process's user "
                        "namespace, and a security module that does not forbid it)"));
}

}  // namespace
}  // namespace pinscope::test
