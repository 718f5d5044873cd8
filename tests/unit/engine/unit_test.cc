// What systemd would start, read from a unit, its drop-ins and the files that they name.
#include "plugin/engine/unit.h"

#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UnitCommand, HasTheWordsOfVariablesAndOfTheLastExecStart) {
  // As Debian's unit of Docker has them.
  const Machine machine(
      {{"/usr/lib/systemd/system/docker.service",
        "[Service]\nEnvironmentFile=-/etc/default/docker\nEnvironment=\"ONE=a b\" 'TWO=c'\n"
        "ExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n"},
       {"/etc/default/docker", "# a comment\nDOCKER_OPTS=\"--debug --label 'x y'\"\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "docker.service"),
              ElementsAre("/usr/sbin/dockerd", "-H", "fd://", "--debug", "--label", "x y"));
  machine.write(
      "/etc/systemd/system/docker.service.d/20-site.conf",
      "[Service]\nExecStart=\nExecStart=-/opt/dockerd \\\n  --label=${ONE}${TWO} $NONE z\n");
  machine.write("/usr/lib/systemd/system/docker.service.d/10-vendor.conf",
                "[Service]\nExecStart=/bin/false\n");
  EXPECT_THAT(unit_command(machine.tree(), "docker.service"),
              ElementsAre("/opt/dockerd", "--label=a bc", "z"));
}

TEST(UnitCommand, IsOfTheFileThatSystemdTakes) {
  const Machine machine({{"/usr/lib/systemd/system/x.service", "[Service]\nExecStart=/vendor\n"},
                         {"/usr/lib/systemd/system/x.service.d/a.conf", "ExecStart=/vendor a\n"},
                         {"/etc/systemd/system/x.service.d/a.conf", "ExecStart=/site a\n"},
                         {"/etc/systemd/system/other.service.d/a.conf", "ExecStart=/none\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "x.service"), ElementsAre("/site", "a"));
  machine.remove("/etc/systemd/system/x.service.d");
  machine.remove("/usr/lib/systemd/system/x.service.d");
  machine.write("/etc/systemd/system/x.service", "[Service]\nExecStart=@/site name\n");
  EXPECT_THAT(unit_command(machine.tree(), "x.service"), ElementsAre("/site", "name"));
  EXPECT_THAT(unit_command(machine.tree(), "other.service"), IsEmpty());
}

}  // namespace
}  // namespace pinscope::engine
