// An installation that fails leaves the machine as it was.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

const std::vector<model::Engine> kAll = {model::Engine::kPodman, model::Engine::kCrio,
                                         model::Engine::kContainerd, model::Engine::kDocker};

std::initializer_list<Entry> entries() {
  static const std::initializer_list<Entry> list = {
      {"/etc/docker/daemon.json", "{\"debug\": true}\n"},
      {"/etc/containerd/config.toml", "version = 3\n"},
      {"/etc/pinscope/policy.d/"}};
  return list;
}

// Fails at its last change; everything before it has been done by then.
TEST(Apply, UndoesEverythingIfAnyChangeFails) {
  for (const auto engine : kAll) {
    SCOPED_TRACE(model::engine_name(engine));
    const Machine machine(entries());
    const auto before = machine.snapshot();
    const auto plan = plan_install(engine, machine.tree(), options_for(engine));
    ASSERT_TRUE(plan) << plan.error().sentence();
    for (size_t count = 0; count <= plan->changes.size(); ++count) {
      Changes changes(plan->changes.begin(),
                      plan->changes.begin() + static_cast<std::ptrdiff_t>(count));
      changes.push_back(CreateDirectory{"/no/such/parent"});
      const auto done = make_changes(machine.tree(), changes, {});
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().sentence(), "cannot open \"/no/such\": No such file or directory");
      EXPECT_EQ(machine.snapshot(), before) << count;
    }
  }
}

TEST(Apply, UndoesEverythingIfTheEngineRefusesTheResult) {
  for (const auto engine : kAll) {
    const Machine machine(entries());
    const auto before = machine.snapshot();
    const auto plan = plan_install(engine, machine.tree(), options_for(engine));
    ASSERT_TRUE(plan);
    const auto done = make_changes(machine.tree(), plan->changes, []() -> Status {
      return std::unexpected(Error(ErrorCode::kSystem, "please").reason("no"));
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sentence(), "cannot please: no");
    EXPECT_EQ(machine.snapshot(), before);
  }
}

TEST(Apply, UndoesARemovalThatFails) {
  for (const auto engine : kAll) {
    const Machine machine(entries());
    machine.install(engine, options_for(engine));
    const auto before = machine.snapshot();
    auto plan = plan_remove(engine, machine.tree(), {});
    ASSERT_TRUE(plan);
    plan->changes.push_back(CreateDirectory{"/no/such/parent"});
    EXPECT_FALSE(make_changes(machine.tree(), plan->changes, {}));
    EXPECT_EQ(machine.snapshot(), before);
  }
}

TEST(Apply, RefusesAFileThatHasChangedSinceThePlan) {
  const Machine machine(entries());
  const auto plan =
      plan_install(model::Engine::kDocker, machine.tree(), options_for(model::Engine::kDocker));
  ASSERT_TRUE(plan);
  machine.write("/etc/docker/daemon.json", "{\"debug\": false}\n");
  const auto before = machine.snapshot();
  const auto done = make_changes(machine.tree(), plan->changes, {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot change \"/etc/docker/daemon.json\": somebody else has changed it just now (run "
            "the command again)");
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(Apply, LeavesADirectoryThatOthersUseByNow) {
  const Machine machine({});
  machine.install(model::Engine::kPodman, options_for(model::Engine::kPodman));
  machine.write("/etc/pinscope/hooks.d/podman/theirs.json", "{}");
  machine.remove_wiring(model::Engine::kPodman);
  EXPECT_TRUE(machine.has("/etc/pinscope/hooks.d/podman/theirs.json"));
  EXPECT_FALSE(machine.has("/etc/pinscope/engine"));
}

}  // namespace
}  // namespace pinscope::engine
