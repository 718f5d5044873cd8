// dockerd's command line beside daemon.json: in its unit, and of the process that runs.
#include "plugin/engine/docker/start.h"

#include "plugin/engine/wiring/daemon.h"
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kDocker = model::Engine::kDocker;
constexpr const char* kDaemon = "/etc/docker/daemon.json";

Options with_default() {
  auto options = options_for(kDocker);
  options.set_default = true;
  return options;
}

void write_unit(const Machine& machine, const std::string& arguments) {
  machine.write("/usr/bin/dockerd", "#!/bin/true\n", 0755);
  machine.write("/usr/lib/systemd/system/docker.service",
                "[Service]\nExecStart=/usr/bin/dockerd " + arguments + "\n");
}

TEST(DockerStart, SaysOnWhichSocketsItListens) {
  const Machine machine({});
  EXPECT_THAT(docker_sockets(machine.tree()), ElementsAre("/run/docker.sock"));
  machine.write(kDaemon, R"({"hosts": ["unix:///srv/a.sock", "tcp://127.0.0.1:2375"]})");
  EXPECT_THAT(docker_sockets(machine.tree()), ElementsAre("/srv/a.sock"));
  machine.write(kDaemon, "{}");
  write_unit(machine, "-H fd:// --host=unix:///srv/b.sock");
  EXPECT_THAT(docker_sockets(machine.tree()), ElementsAre("/run/docker.sock", "/srv/b.sock"));
  write_unit(machine, "-H tcp://127.0.0.1:2375");
  EXPECT_THAT(docker_sockets(machine.tree()), IsEmpty());
  play_process(machine, 77, "/usr/bin/dockerd", {"-H", "unix:///srv/c.sock"});
  EXPECT_THAT(docker_sockets(machine.tree()), ElementsAre("/srv/c.sock"));
}

TEST(DockerStart, RefusesTheDefaultOfItsCommandLine) {
  const std::string reason =
      ") and does not start if its configuration has a default runtime, too (take it out there, "
      "restart docker and try again; or write --default-runtime pinscope in its place)";
  const Machine unit({});
  write_unit(unit, "--default-runtime=crun --add-runtime crun=/usr/bin/crun");
  unit.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  auto options = with_default();
  options.force = true;
  EXPECT_EQ(unit.refusal(kDocker, options),
            "cannot wire docker: dockerd is started with --default-runtime crun (docker.service" +
                reason);
  const Machine running({});
  running.write("/usr/bin/dockerd", "#!/bin/true\n", 0755);
  play_process(running, 77, "/usr/bin/dockerd", {"--default-runtime", "crun"});
  EXPECT_EQ(
      running.refusal(kDocker, with_default()),
      "cannot wire docker: dockerd is started with --default-runtime crun (process 77" + reason);
  // An additional runtime beside it runs what the engine would have run.
  const auto plan = unit.install(kDocker, options_for(kDocker));
  EXPECT_THAT(unit.read(kDaemon),
              AllOf(HasSubstr("\"--pinscope-runtime\""), HasSubstr("\"/usr/bin/crun\""),
                    Not(HasSubstr("default-runtime"))));
  EXPECT_THAT(plan.checked_with,
              ElementsAre("--default-runtime=crun", "--add-runtime=crun=/usr/bin/crun"));
}

TEST(DockerStart, LeavesTheDefaultToACommandLineThatNamesPinscope) {
  const Machine machine({});
  write_unit(machine, "--default-runtime pinscope");
  machine.install(kDocker, with_default());
  EXPECT_THAT(machine.read(kDaemon), Not(HasSubstr("default-runtime")));
  EXPECT_THAT(findings_of(machine.report(kDocker)), IsEmpty());
  EXPECT_THAT(machine.install(kDocker, options_for(kDocker)).changes, IsEmpty());
  write_unit(machine, "--default-runtime runc");
  EXPECT_THAT(
      findings_of(machine.report(kDocker)),
      ElementsAre("fail: docker.service makes \"runc\" the default runtime: containers that "
                  "name no runtime pass Pinscope by, although --set-default was asked for"));
}

TEST(DockerStart, TellsOfADefaultThatStandsTwice) {
  const Machine machine({});
  machine.install(kDocker, with_default());
  write_unit(machine, "--default-runtime pinscope");
  EXPECT_THAT(
      findings_of(machine.report(kDocker)),
      ElementsAre("fail: there is a default runtime in /etc/docker/daemon.json and on "
                  "dockerd's command line (docker.service): dockerd does not start with both"));
}

TEST(DockerStart, UsesTheFileThatItReads) {
  const Machine machine({});
  write_unit(machine, "--config-file /srv/docker.json");
  machine.write("/srv/docker.json", "{\"debug\": true}\n");
  const auto before = machine.snapshot();
  const auto plan = machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(machine.read("/srv/docker.json"), HasSubstr("pinscope"));
  EXPECT_EQ(plan.checked_file, "/srv/docker.json");
  EXPECT_THAT(plan.checked_with, IsEmpty());
  EXPECT_TRUE(machine.report(kDocker).effective());
  write_unit(machine, "");
  EXPECT_THAT(findings_of(machine.report(kDocker)),
              testing::Contains("fail: dockerd reads /etc/docker/daemon.json (docker.service), not "
                                "/srv/docker.json"));
  EXPECT_EQ(machine.refusal(kDocker, options_for(kDocker)),
            "cannot wire docker: dockerd reads \"/etc/docker/daemon.json\" (docker.service), and "
            "the wiring is in \"/srv/docker.json\" (`pinscope engine remove --engine docker`, then "
            "try again)");
  write_unit(machine, "--config-file /srv/docker.json");
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.snapshot(), before);
}

// What runs in a container has a file of its own, whatever its name.
TEST(DockerStart, CountsNoProcessOfAnotherProgram) {
  const Machine machine({});
  machine.write("/usr/bin/dockerd", "#!/bin/true\n", 0755);
  machine.write("/srv/dockerd", "#!/bin/true\n", 0755);
  play_process(machine, 7, "/srv/dockerd", {"--default-runtime", "crun"});
  EXPECT_THAT(running_daemons(machine.tree(), kDocker), IsEmpty());
  play_process(machine, 8, "/usr/bin/dockerd", {"-D", "--host=x", "--label", ""});
  const auto running = running_daemons(machine.tree(), kDocker);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_THAT(running[0].values_of({"host", "H"}), ElementsAre("x"));
  EXPECT_THAT(running[0].values_of({"label"}), ElementsAre(""));
  EXPECT_EQ(running[0].process, 8);
}

// Any user can stop a process behind execve(2), with dockerd for its file and words of their own.
TEST(DockerStart, BelievesNoProcessOfAnothers) {
  const Machine machine({});
  machine.write("/usr/bin/dockerd", "#!/bin/true\n", 0755);
  const auto play = [&](int pid) {
    play_process(machine, pid, "/usr/bin/dockerd", {"--config-file", "/tmp/evil.json"});
    return "/proc/" + std::to_string(pid);
  };
  for (const char* ids :
       {"65534\t65534\t65534\t65534", "65534\t0\t0\t0", "0\t65534\t0\t0", "0\t0\t65534\t65534"}) {
    const std::string directory = play(7);
    machine.write(directory + "/status", "Name:\tx\nUid:\t" + std::string(ids) + "\n");
    EXPECT_THAT(running_daemons(machine.tree(), kDocker), IsEmpty()) << ids;
    machine.remove(directory);
  }
  for (const char* name : {"user", "mnt"}) {
    const std::string directory = play(8);
    machine.remove(directory + "/ns/" + name);
    machine.write(directory + "/ns/" + name, "");
    EXPECT_THAT(running_daemons(machine.tree(), kDocker), IsEmpty()) << name;
    machine.remove(directory);
  }
  // dockerd unpacks layers in processes of its own file.
  machine.write(play(9) + "/cmdline", std::string("docker-untar\0", 13));
  EXPECT_THAT(running_daemons(machine.tree(), kDocker), IsEmpty());
}

TEST(DockerStart, TellsOfTheFileOfAProcessAndDoesNotFollowIt) {
  const Machine machine({});
  machine.write("/usr/bin/dockerd", "#!/bin/true\n", 0755);
  machine.write("/srv/docker.json", "{}\n");
  play_process(machine, 7, "/usr/bin/dockerd", {"--config-file=/srv/docker.json", "--debug"});
  const auto plan = machine.install(kDocker, options_for(kDocker));
  EXPECT_EQ(machine.read("/srv/docker.json"), "{}\n");
  EXPECT_EQ(plan.checked_file, kDaemon);
  EXPECT_THAT(plan.checked_with, IsEmpty());
  EXPECT_THAT(plan.warnings,
              ElementsAre("dockerd reads /srv/docker.json (process 7), which no unit "
                          "says: the wiring is in /etc/docker/daemon.json"));
  EXPECT_EQ(findings_of(machine.report(kDocker)).front(),
            "fail: dockerd reads /srv/docker.json (process 7), not /etc/docker/daemon.json");
  write_unit(machine, "--config-file /srv/docker.json");
  EXPECT_EQ(findings_of(machine.report(kDocker)).front(),
            "fail: dockerd reads /srv/docker.json (docker.service), not /etc/docker/daemon.json");
}

TEST(DockerStart, HandsNoOptionToDockerdThatDoesAnything) {
  const Machine machine({});
  write_unit(machine,
             "--validate=false -H unix:///tmp/x.sock --exec-root /tmp/x --add-runtime "
             "crun=/usr/bin/crun --default-runtime pinscope -G nogroup");
  const auto plan = machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(plan.checked_with,
              ElementsAre("--default-runtime=pinscope", "--add-runtime=crun=/usr/bin/crun"));
}

TEST(DockerStart, SaysWhereItCannotTell) {
  const Machine machine({});
  write_unit(machine, "$OPTIONS");
  machine.install(kDocker, options_for(kDocker));
  EXPECT_TRUE(machine.report(kDocker).effective());
  machine.write("/etc/default/docker", "OPTIONS=--config-file=/srv/x\n", 0666);
  machine.write("/etc/systemd/system/docker.service.d/a.conf",
                "[Service]\nEnvironmentFile=-/etc/default/docker\n");
  const auto report = machine.report(kDocker);
  EXPECT_FALSE(report.effective());
  EXPECT_THAT(
      findings_of(report).back(),
      HasSubstr("warn: cannot tell how docker starts: cannot trust \"/etc/default/docker\""));
  machine.remove("/etc/default");
  machine.write("/etc/systemd/system/docker.service.d/a.conf",
                "[Service]\nExecStart=\nExecStart=/bin/sh -c 'exec dockerd'\n");
  EXPECT_EQ(findings_of(machine.report(kDocker)).back(),
            "warn: cannot tell how docker starts: docker.service starts /bin/sh");
}

}  // namespace
}  // namespace pinscope::engine
