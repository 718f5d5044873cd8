// The fixture of tests with the real hook in a container of a real runtime: pins on this machine,
// an installation with policies, and a container whose bundle has the hook at createRuntime and
// poststop.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

class ViewTest : public RuntimeTest {
 protected:
  // Runs the container with the hook and, inside, these commands of the probe.
  CommandResult run(const std::vector<std::string>& commands) { return run(container_, commands); }
  CommandResult run(RuntimeContainer& container, const std::vector<std::string>& commands) {
    if (container.spec.hooks.empty()) installation_.hook_into(container.spec);
    return container.probe(commands).run();
  }

  // Does something in the container's mount namespace, with all rights.
  void in_container(const std::function<void()>& work) {
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
      const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
      check(setns(check(open(path.c_str(), O_RDONLY), "open its namespace"), CLONE_NEWNS), "setns");
      work();
      _exit(0);
    }
    int status = 0;
    check(waitpid(child, &status, 0), "wait");
    ASSERT_EQ(status, 0);
  }

  // The container must not start, because of what `sentence` says: on stderr where the runtime
  // shows it (crun does not), and in the audit trail.
  void expect_refused(const std::string& sentence, const std::string& code) {
    const auto result = run({"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(answer(result, "id"), "no answer");
    const auto line = installation_.last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_EQ(line.code, code);
    const std::string whole = "container \"" + container_.id() + "\": " + sentence;
    EXPECT_EQ(line.error, whole);
    if (!is_crun()) {
      EXPECT_THAT(result.err, testing::HasSubstr("pinscope-hook: "));
    }
    EXPECT_THAT(installation_.records(), testing::IsEmpty());
  }

  HostPins pins_;
  Installation installation_;
  RuntimeContainer container_{GetParam()};
};

}  // namespace pinscope::test
