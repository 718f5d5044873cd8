// What the agent of a node does with records of containers: those of the dead go, and the programs
// stay for the living.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/kernel/process/process.h"
#include "plugin/record/store.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/node.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class NodesRecords : public testing::Test {
 protected:
  void write_record(const std::string& id, pid_t pid, uint64_t process_start) {
    model::Record record;
    record.given.id = id;
    record.given.bundle = "/run/" + id;
    record.given.pid = pid;
    record.process_start = process_start;
    record.at = "/sys/fs/bpf";
    const auto store = record::Store::open(node_.installation().state_directory(), true);
    ASSERT_TRUE(store) << store.error().sentence();
    const auto written = store->begin(record);
    ASSERT_TRUE(written) << written.error().sentence();
  }
  static pid_t ended_process() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return child;
  }

  Node node_;
};

TEST_F(NodesRecords, KeepsTheProgramsWhileAContainerNeedsThem) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  const std::string record =
      node_.installation().directory().write("state/containers/web.json", "{}");
  auto removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_THAT(removed.err, HasSubstr("1 container with a view may need them"));
  EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
  EXPECT_FALSE(fs::exists((node_.root() + "/etc/crio/crio.conf.d/99-pinscope.conf")));
  fs::remove(record);
  removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_FALSE(fs::exists(node_.prefix()));
}

// crun leaves such records where it fails behind the hook.
TEST_F(NodesRecords, CollectsRecordsOfContainersThatAreGone) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  write_record("gone", ended_process(), 1);
  write_record("alive", getpid(), kernel::process_start_time(getpid()));
  const auto result = node_.run(
      [&] { EXPECT_TRUE(wait_until([&] { return node_.installation().records().size() == 1; })); });
  EXPECT_THAT(result.err, HasSubstr("removed 1 record of containers that are gone"));
  EXPECT_THAT(node_.installation().records(), testing::ElementsAre(HasSubstr("alive")));
  EXPECT_EQ(node_.installation().last_audit().outcome, "collected");
}

TEST_F(NodesRecords, RemovesTheProgramsWhereOnlyRecordsOfTheDeadAreLeft) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); });
  write_record("gone", ended_process(), 1);
  const auto removed = run(node_.command("remove"));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_FALSE(fs::exists(node_.prefix())) << removed;
}

// Without the node's processes in sight no record is taken for one of a container that is gone.
TEST_F(NodesRecords, KeepsEveryRecordIfItDoesNotSeeTheNodesProcesses) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.hide_processes();
  write_record("alive", getpid(), kernel::process_start_time(getpid()));
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); });
  const auto removed = run(node_.command("remove"));
  EXPECT_THAT(removed.err, HasSubstr("1 container with a view may need them"));
  EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
  EXPECT_THAT(node_.installation().records(), testing::SizeIs(1));
}

// The agent's own namespace numbers other processes than the node's, where hooks write records:
// that nobody in it has a writer's number says nothing, and neither does that somebody has it.
TEST_F(NodesRecords, LeavesAHookThatWritesItsTemporaryFile) {
  write_record("alive", getpid(), kernel::process_start_time(getpid()));
  const auto written_by = [&](pid_t writer) {
    return node_.installation().directory().write(
        "state/containers/." + std::to_string(writer) + "-1.tmp", "half");
  };
  const std::string at_work = written_by(ended_process());
  const Fd hook(check(open(at_work.c_str(), O_WRONLY | O_CLOEXEC), "open"));
  const std::string left = written_by(1);
  std::vector<std::string> remove = {"unshare", "--pid", "--fork"};
  for (const auto& argument : node_.command("remove")) remove.push_back(argument);
  const auto removed = run(remove);
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_TRUE(fs::exists(at_work)) << removed;
  EXPECT_FALSE(fs::exists(left)) << removed;
}

TEST_F(NodesRecords, WaitsWithTheProgramsForTheLastContainer) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); });
  const pid_t container = fork();
  if (container == 0) {
    pause();
    _exit(0);
  }
  write_record("web", container, kernel::process_start_time(container));
  const std::string log = node_.installation().directory().write("removal.log", "");
  std::vector<std::string> argv = {"sh", "-c", "exec \"$@\" 2>" + log, "sh"};
  const auto command = node_.command("remove", {"--wait"});
  argv.insert(argv.end(), command.begin(), command.end());
  const auto removed =
      Command(argv)
          .while_running([&](pid_t) {
            EXPECT_TRUE(wait_until([&] { return read_file(log).contains("waiting for the end"); }));
            EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
            kill(container, SIGKILL);
            waitpid(container, nullptr, 0);
          })
          .run();
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_THAT(read_file(log), HasSubstr("pinscope node: removed\n"));
  EXPECT_FALSE(fs::exists(node_.prefix()));
}

}  // namespace
}  // namespace pinscope::test
