// Many starts with one id, one after the other and at the same time, with gc and poststop between
// them: no record of a container that lives is lost, and nothing is left of the others.
// PINSCOPE_STARTS says how many (default 200).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/json/json.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/programs/installation.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

int starts() {
  const char* count = std::getenv("PINSCOPE_STARTS");
  return count == nullptr ? 200 : std::max(20, std::atoi(count));
}

class OneId : public testing::Test {
 protected:
  OneId() {
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(
        policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n"));
    const auto compiled = installation_.compile();
    EXPECT_EQ(compiled.status, 0) << compiled;
    rootfs_ = installation_.directory().make_directory("bundle/rootfs");
    installation_.directory().make_directory("bundle/rootfs/sys");
    BundleSpec spec;
    spec.args = {"/probe"};
    installation_.directory().write("bundle/config.json", to_config_json(spec));
    // gc may run before the first start, and a given directory has to be there.
    std::filesystem::create_directories(installation_.state_directory());
  }

  [[nodiscard]] std::unique_ptr<ContainerProcess> process() const {
    return std::make_unique<ContainerProcess>(rootfs_);
  }
  [[nodiscard]] std::string state(pid_t pid) const {
    return R"({"ociVersion":"1.0.2","id":"one","status":"creating","pid":)" + std::to_string(pid) +
           R"(,"bundle":")" + installation_.directory().path("bundle") + "\"}";
  }
  [[nodiscard]] CommandResult hook(const std::string& stage, pid_t pid) const {
    return Command(installation_.hook_argv(stage)).input(state(pid)).run();
  }
  // The process that the only record names; 0 if there is none, or it cannot be read.
  [[nodiscard]] pid_t recorded() const {
    if (installation_.records().empty()) return 0;
    const auto json =
        JsonDocument::parse(installation_.record("one"), "record", ErrorCode::kRecord);
    if (!json || json->root().string_or("state", "").value() != "applied") return 0;
    return static_cast<pid_t>(json->root().unsigned_or("pid", 0).value());
  }
  [[nodiscard]] std::vector<std::string> gc_argv() const {
    const std::string pinscope = PINSCOPE_BIN_DIR "/pinscope";
    return {pinscope,      "gc",
            "--state-dir", installation_.state_directory(),
            "--audit",     installation_.audit_path()};
  }

  HostPins pins_;
  Installation installation_;
  std::string rootfs_;
};

TEST_F(OneId, StartedAgainAndAgainWhileGcRunsAlwaysHasItsRecord) {
  std::atomic<bool> done = false;
  std::atomic<int> collections = 0;
  std::thread collector([&] {
    for (; !done; ++collections) EXPECT_THAT(Command(gc_argv()).run(), Succeeds());
  });
  for (int i = 0; i < starts(); ++i) {
    const auto container = process();
    ASSERT_THAT(hook("createRuntime", container->pid()), Succeeds()) << i;
    if (i % 5 == 0) {
      ASSERT_THAT(hook("createRuntime", container->pid()), Succeeds()) << i;
    }
    ASSERT_EQ(recorded(), container->pid()) << i;
    container->end();
    // Some runtimes crash.
    if (i % 3 != 0) {
      EXPECT_THAT(hook("poststop", 0), Succeeds()) << i;
    }
  }
  done = true;
  collector.join();
  EXPECT_GT(collections, 0);
  EXPECT_THAT(Command(gc_argv()).run(), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
  int granted = 0;
  for (const auto& line : installation_.audit()) granted += line.outcome == "granted" ? 1 : 0;
  EXPECT_EQ(granted, starts());
}

TEST_F(OneId, StartedAtTheSameTimeIsGivenToOne) {
  constexpr int kAtOnce = 4;
  for (int round = 0; round < starts() / 20; ++round) {
    std::vector<std::unique_ptr<ContainerProcess>> containers;
    for (int i = 0; i < kAtOnce; ++i) containers.push_back(process());
    std::vector<int> status(kAtOnce, -1);
    std::vector<std::thread> hooks;
    for (size_t i = 0; i < kAtOnce; ++i)
      hooks.emplace_back(
          [&, i] { status[i] = hook("createRuntime", containers[i]->pid()).status; });
    for (auto& thread : hooks) thread.join();
    ASSERT_EQ(std::count(status.begin(), status.end(), 0), 1) << round;
    const auto winner =
        static_cast<size_t>(std::find(status.begin(), status.end(), 0) - status.begin());
    ASSERT_EQ(recorded(), containers[winner]->pid());
    // The runtime undoes the starts that were refused: the winner's record is not theirs.
    hooks.clear();
    for (size_t i = 0; i < kAtOnce; ++i)
      if (i != winner)
        hooks.emplace_back([&, i] {
          containers[i]->end();
          EXPECT_THAT(hook("poststop", 0), Succeeds());
        });
    for (auto& thread : hooks) thread.join();
    ASSERT_EQ(recorded(), containers[winner]->pid()) << round;
    containers[winner]->end();
    EXPECT_THAT(hook("poststop", 0), Succeeds());
    ASSERT_THAT(installation_.records(), IsEmpty());
  }
}

// A runtime forgets a container before it runs poststop: the next one may be there first.
TEST_F(OneId, StartedAgainBeforeThePoststopOfTheOneBeforeKeepsItsRecord) {
  auto before = process();
  ASSERT_THAT(hook("createRuntime", before->pid()), Succeeds());
  for (int i = 0; i < starts() / 20; ++i) {
    before->end();
    auto next = process();
    std::thread late([&] { EXPECT_THAT(hook("poststop", 0), Succeeds()); });
    const auto created = hook("createRuntime", next->pid());
    late.join();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_EQ(recorded(), next->pid()) << i;
    before = std::move(next);
  }
  EXPECT_THAT(hook("poststop", 0), Succeeds());
  EXPECT_EQ(recorded(), before->pid()) << "the process is still there";
}

TEST_F(OneId, KeepsItsRecordWhileItRunsWhateverPoststopSaysOfIt) {
  const auto container = process();
  ASSERT_THAT(hook("createRuntime", container->pid()), Succeeds());
  for (const pid_t said : {container->pid(), 0, 1}) {
    EXPECT_THAT(hook("poststop", said), Succeeds());
    EXPECT_EQ(recorded(), container->pid()) << said;
  }
  const std::string path = installation_.state_directory() + "/containers/one.json";
  const std::string text = installation_.record("one");
  write_file(path, text.substr(0, text.find("\"engine\"")));
  EXPECT_NE(hook("poststop", 0).status, 0);
  EXPECT_THAT(installation_.records(), ElementsAre("one.json")) << "what is left of it says enough";
  const auto refused = hook("createRuntime", process()->pid());
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("`pinscope gc` removes it if its container cannot be alive"));
  container->end();
  EXPECT_NE(hook("poststop", 0).status, 0);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// poststop has no capabilities, and a hardened /proc shows it no process with more.
TEST_F(OneId, KeepsItsRecordWherePoststopMayNotSeeTheProcess) {
  const auto container = process();
  ASSERT_THAT(hook("createRuntime", container->pid()), Succeeds());
  installation_.wrapper = {"/usr/bin/unshare",
                           "--mount",
                           "/bin/sh",
                           "-c",
                           "mount -t proc -o hidepid=2,gid=54321 proc /proc && exec \"$@\"",
                           "sh"};
  EXPECT_THAT(hook("poststop", 0), Succeeds());
  EXPECT_EQ(recorded(), container->pid());
  container->end();
  EXPECT_THAT(hook("poststop", 0), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// Two containers of one id may get each other's poststop, and no other one's record.
TEST_F(OneId, KeepsItsRecordWhenOneOfAnotherBundleStops) {
  const auto container = process();
  ASSERT_THAT(hook("createRuntime", container->pid()), Succeeds());
  container->end();
  const std::string other = R"({"ociVersion":"1.0.2","id":"one","status":"stopped","bundle":"/x"})";
  EXPECT_THAT(installation_.run_hook("poststop", other), Succeeds());
  EXPECT_THAT(installation_.records(), ElementsAre("one.json"));
  EXPECT_THAT(hook("poststop", 0), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// gc has looked at the record of a process that is gone, and is about to remove it.
TEST_F(OneId, StartedWhileGcIsAtTheOldRecordKeepsItsOwn) {
  auto old = process();
  ASSERT_THAT(hook("createRuntime", old->pid()), Succeeds());
  old->end();
  std::unique_ptr<ContainerProcess> next;
  const auto collected = run_supervised(gc_argv(), "", [&](const SystemCall& call) {
    if (!next && call.number == SYS_write &&
        describe(call).find("audit.jsonl") != std::string::npos) {
      next = process();
      const auto created = hook("createRuntime", next->pid());
      EXPECT_EQ(created.status, 0) << created;
    }
    return Verdict::run();
  });
  EXPECT_EQ(collected.status, 0) << collected;
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(recorded(), next->pid());
}

// The container of a slow hook ends, and is started again, before the hook completes its record.
TEST_F(OneId, StartedAgainWhileAHookIsSlowKeepsItsRecord) {
  auto slow = process();
  std::unique_ptr<ContainerProcess> next;
  const auto late = run_supervised(installation_.hook_argv("createRuntime"), state(slow->pid()),
                                   [&](const SystemCall& call) {
                                     // The view is made between the intent and this.
                                     if (!next && call.number == SYS_setns) {
                                       slow->end();
                                       next = process();
                                       const auto created = hook("createRuntime", next->pid());
                                       EXPECT_EQ(created.status, 0) << created;
                                     }
                                     return Verdict::run();
                                   });
  ASSERT_NE(next, nullptr);
  EXPECT_NE(late.status, 0) << late;
  EXPECT_EQ(recorded(), next->pid());
}

}  // namespace
}  // namespace pinscope::test
