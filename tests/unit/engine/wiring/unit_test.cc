// What systemd would start, read from a unit, its drop-ins and the files that they name.
#include "plugin/engine/wiring/unit.h"

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
  EXPECT_THAT(unit_command(machine.tree(), "docker.service").words,
              ElementsAre("/usr/sbin/dockerd", "-H", "fd://", "--debug", "--label", "x y"));
  machine.write(
      "/etc/systemd/system/docker.service.d/20-site.conf",
      "[Service]\nExecStart=\nExecStart=-/opt/dockerd \\\n  --label=${ONE}${TWO} $NONE z\n");
  machine.write("/usr/lib/systemd/system/docker.service.d/10-vendor.conf",
                "[Service]\nExecStart=/bin/false\n");
  EXPECT_THAT(unit_command(machine.tree(), "docker.service").words,
              ElementsAre("/opt/dockerd", "--label=a bc", "z"));
}

TEST(UnitCommand, IsOfTheFileThatSystemdTakes) {
  const Machine machine(
      {{"/usr/lib/systemd/system/x.service", "[Service]\nExecStart=/vendor\n"},
       {"/usr/lib/systemd/system/x.service.d/a.conf", "[Service]\nExecStart=/vendor a\n"},
       {"/etc/systemd/system/x.service.d/a.conf", "[Service]\nExecStart=/site a\n"},
       {"/etc/systemd/system/other.service.d/a.conf", "[Service]\nExecStart=/none\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words, ElementsAre("/site", "a"));
  machine.remove("/etc/systemd/system/x.service.d");
  machine.remove("/usr/lib/systemd/system/x.service.d");
  machine.write("/etc/systemd/system/x.service", "[Service]\nExecStart=@/site name\n");
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words, ElementsAre("/site", "name"));
  EXPECT_THAT(unit_command(machine.tree(), "other.service").words, IsEmpty());
}

// systemd.exec(5): "Settings from these files override settings made with Environment=".
TEST(UnitCommand, TakesEnvironmentFilesLastAndForgetsAtAnEmptyAssignment) {
  const Machine machine(
      {{"/etc/systemd/system/x.service",
        "[Service]\nEnvironmentFile=/etc/default/x\nEnvironment=WHICH=unit FORGOTTEN=yes\n"
        "ExecStart=/usr/bin/x ${WHICH} $FORGOTTEN\n"},
       {"/etc/default/x", "WHICH=file\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words,
              ElementsAre("/usr/bin/x", "file", "yes"));
  machine.write("/etc/systemd/system/x.service.d/a.conf",
                "[Service]\nEnvironmentFile=\nEnvironment=\nEnvironment=WHICH=site\n");
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words, ElementsAre("/usr/bin/x", "site"));
}

TEST(UnitCommand, PassesOverCommentsBeforeItLooksForBackslashes) {
  const Machine machine({{"/etc/systemd/system/x.service",
                          "[Service]\nEnvironmentFile=/etc/default/x\n# was: \\\n"
                          "ExecStart=/usr/bin/x \\\n; between \\\n  $MORE\n"
                          "[Install]\nExecStart=/usr/bin/other\n"},
                         {"/etc/default/x", "# a path of DOS: C:\\\nMORE=--debug\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words,
              ElementsAre("/usr/bin/x", "--debug"));
}

TEST(UnitCommand, TellsOfWhatItCannotRead) {
  const Machine machine({{"/etc/systemd/system/x.service",
                          "[Service]\nEnvironmentFile=-/etc/default/x\n"
                          "EnvironmentFile=-/etc/none\nEnvironmentFile=/etc/x.d/*.env\n"
                          "ExecStart=/usr/bin/x $MORE\n"},
                         {"/etc/default/x", "MORE=--debug\n"}});
  machine.set_mode("/etc/default/x", 0666);
  const auto command = unit_command(machine.tree(), "x.service");
  EXPECT_THAT(command.words, ElementsAre("/usr/bin/x"));
  EXPECT_THAT(command.doubts, ElementsAre(testing::HasSubstr("\"/etc/default/x\""),
                                          "EnvironmentFile=/etc/x.d/*.env is not followed"));
}

TEST(UnitCommand, TakesDropInsOfAllServices) {
  const Machine machine(
      {{"/usr/lib/systemd/system/x.service", "[Service]\nExecStart=/usr/bin/x $A\n"},
       {"/etc/systemd/system/service.d/b.conf", "[Service]\nEnvironment=A=all\n"}});
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words, ElementsAre("/usr/bin/x", "all"));
  machine.write("/usr/lib/systemd/system/x.service.d/b.conf", "[Service]\nEnvironment=A=one\n");
  EXPECT_THAT(unit_command(machine.tree(), "x.service").words, ElementsAre("/usr/bin/x", "one"));
}

}  // namespace
}  // namespace pinscope::engine
