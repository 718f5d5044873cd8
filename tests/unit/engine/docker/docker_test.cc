// Docker: a runtime in daemon.json, whose other settings stay as they are.
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr auto kDocker = model::Engine::kDocker;
constexpr const char* kDaemon = "/etc/docker/daemon.json";
constexpr const char* kSettings =
    "{\n\t\"debug\": false,\n\t\"default-runtime\": \"runc\",\n\t\"shm\": "
    "12345678901234567890123,\n\t\"log-opts\": {\"max-size\": \"10m\"}\n}";

Options with_default() {
  auto options = options_for(kDocker);
  options.set_default = true;
  return options;
}

TEST(WireDocker, AddsARuntimeAndLeavesTheRestByteForByte) {
  const Machine machine({{kDaemon, kSettings}});
  const auto plan = machine.install(kDocker, options_for(kDocker));
  EXPECT_EQ(machine.read(kDaemon),
            "{\n\t\"debug\": false,\n\t\"default-runtime\": \"runc\",\n\t\"shm\": "
            "12345678901234567890123,\n\t\"log-opts\": {\"max-size\": \"10m\"},\n\t\"runtimes\": "
            "{\n\t\t\"pinscope\": {\n\t\t\t\"path\": "
            "\"/usr/bin/pinscope-runtime-docker\"\n\t\t}\n\t}\n}");
  EXPECT_EQ(machine.read(std::string(kDaemon) + ".pinscope-backup"), kSettings);
  EXPECT_EQ(plan.checked_file, kDaemon);
  EXPECT_THAT(plan.next.front(), HasSubstr("systemctl reload docker"));
  EXPECT_THAT(findings_of(machine.report(kDocker)),
              ElementsAre("ok: only containers of the runtime \"pinscope\" meet Pinscope"));
}

TEST(WireDocker, ChangesNothingTheSecondTimeAndIsUndoneWithoutATrace) {
  for (const char* settings :
       {kSettings, "", "{}", " {\"runtimes\": {\"x\": {\"path\": \"/x\"}}}\n"}) {
    SCOPED_TRACE(settings);
    const Machine machine({{kDaemon, settings}});
    machine.set_mode(kDaemon, 0640);
    const auto before = machine.snapshot();
    machine.install(kDocker, with_default());
    EXPECT_THAT(machine.install(kDocker, with_default()).changes, IsEmpty());
    EXPECT_TRUE(machine.report(kDocker).effective());
    machine.remove_wiring(kDocker);
    EXPECT_EQ(machine.snapshot(), before);
  }
}

TEST(WireDocker, MakesTheFileAndItsDirectoryAndTakesThemAway) {
  const Machine machine({});
  const auto before = machine.snapshot();
  machine.install(kDocker, with_default());
  EXPECT_THAT(machine.read(kDaemon), HasSubstr("\"default-runtime\": \"pinscope\""));
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireDocker, TakesOnlyItsPartOutOfAFileThatOthersHaveEditedSince) {
  const Machine machine({{kDaemon, kSettings}});
  const auto before = machine.snapshot();
  machine.install(kDocker, with_default());
  std::string text = machine.read(kDaemon);
  text.replace(text.find("false"), 5, "true");
  machine.write(kDaemon, text);
  EXPECT_TRUE(machine.report(kDocker).effective());
  machine.remove_wiring(kDocker);
  std::string expected = kSettings;
  expected.replace(expected.find("false"), 5, "true");
  EXPECT_EQ(machine.read(kDaemon), expected);
  machine.write(kDaemon, kSettings);
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireDocker, KeepsWhatOthersPutIntoAFileThatItMade) {
  const Machine machine({});
  machine.install(kDocker, options_for(kDocker));
  machine.write(kDaemon,
                "{\"debug\": true, \"runtimes\": {\"pinscope\": {\"path\": \"/usr/bin/"
                "pinscope-runtime-docker\"}}}\n");
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.read(kDaemon), "{\"debug\": true}\n");
  EXPECT_FALSE(machine.has("/etc/pinscope"));
}

// Its entry says that it is no program: the shim cannot run it.
TEST(WireDocker, BringsTheFormerDefaultRuntimeBack) {
  const Machine machine(
      {{kDaemon, R"({"default-runtime": "kata", "debug": false, )"
                 R"("runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}}})"}});
  EXPECT_EQ(machine.refusal(kDocker, with_default()),
            "cannot wire docker: its default runtime is \"kata\" (pinscope would run runc in its "
            "place; --force makes pinscope the default anyway, and remove brings \"kata\" back)");
  auto options = with_default();
  options.force = true;
  machine.install(kDocker, options);
  std::string text = machine.read(kDaemon);
  EXPECT_THAT(text, HasSubstr("\"default-runtime\": \"pinscope\""));
  text.replace(text.find("false"), 5, "true");
  machine.write(kDaemon, text);
  machine.remove_wiring(kDocker);
  EXPECT_THAT(machine.read(kDaemon), HasSubstr(R"({"default-runtime": "kata", "debug": true)"));
}

TEST(WireDocker, RemembersThatItIsToBeTheDefaultRuntime) {
  const Machine machine({{kDaemon, kSettings}});
  const auto before = machine.snapshot();
  machine.install(kDocker, with_default());
  EXPECT_THAT(machine.install(kDocker, options_for(kDocker)).changes, IsEmpty());
  // A receipt of a version that did not keep it.
  std::string receipt = machine.read("/etc/pinscope/engine/docker.json");
  receipt.erase(receipt.find("\"setDefault\""), std::string("\"setDefault\": true,").size());
  machine.write("/etc/pinscope/engine/docker.json", receipt);
  machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(machine.read(kDaemon), HasSubstr("\"default-runtime\": \"pinscope\""));
  EXPECT_THAT(machine.read("/etc/pinscope/engine/docker.json"), HasSubstr("\"setDefault\": true"));
  auto give_up = options_for(kDocker);
  give_up.set_default = false;
  machine.install(kDocker, give_up);
  EXPECT_THAT(machine.read(kDaemon), HasSubstr("\"default-runtime\": \"runc\""));
  EXPECT_THAT(findings_of(machine.report(kDocker)),
              ElementsAre("ok: only containers of the runtime \"pinscope\" meet Pinscope"));
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.snapshot(), before);
}

// What `nvidia-ctk runtime configure --set-as-default` does.
TEST(WireDocker, TellsThatAnotherToolTookTheDefaultAndTakesItsProgramOver) {
  const Machine machine({{kDaemon, "{}"}});
  machine.write("/usr/bin/nvidia-container-runtime", "#!/bin/true\n", 0755);
  machine.install(kDocker, with_default());
  EXPECT_TRUE(machine.report(kDocker).effective());
  std::string text = machine.read(kDaemon);
  text.replace(text.find("\"pinscope\"", text.find("default-runtime")), 10, "\"nvidia\"");
  text.insert(text.find("\"pinscope\""),
              R"("nvidia": {"args": [], "path": "nvidia-container-runtime"}, )");
  machine.write(kDaemon, text);
  const auto report = machine.report(kDocker);
  EXPECT_FALSE(report.effective());
  EXPECT_THAT(findings_of(report),
              ElementsAre("fail: /etc/docker/daemon.json makes \"nvidia\" the default runtime: "
                          "containers that name no runtime pass Pinscope by, although "
                          "--set-default was asked for",
                          "warn: the shim runs /usr/bin/runc, for its default runtime \"nvidia\" "
                          "the engine itself runs /usr/bin/nvidia-container-runtime"));
  EXPECT_EQ(report.findings.front().action, "pinscope engine install --engine docker");
  machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(machine.read(kDaemon),
              AllOf(HasSubstr("\"default-runtime\":\"pinscope\""),
                    HasSubstr("[\"--pinscope-runtime\",\"/usr/bin/nvidia-container-runtime\"]")));
  EXPECT_THAT(findings_of(machine.report(kDocker)), IsEmpty());
  EXPECT_THAT(machine.install(kDocker, options_for(kDocker)).changes, IsEmpty());
}

TEST(WireDocker, LeavesARuntimeOfSomebodyElseAlone) {
  const Machine machine({{kDaemon, R"({"runtimes": {"pinscope": {"path": "/opt/x"}}})"}});
  EXPECT_EQ(
      machine.refusal(kDocker, options_for(kDocker)),
      "cannot wire docker: \"/etc/docker/daemon.json\" has a runtime \"pinscope\" that pinscope "
      "did not make (take it out, or use --force)");
}

TEST(WireDocker, HandsTheDirectoriesToItsRuntime) {
  const Machine machine({});
  auto options = options_for(kDocker);
  options.shim_arguments = {"--pinscope-policy", "/x", "--pinscope-state-dir", "/y"};
  machine.install(kDocker, options);
  EXPECT_EQ(machine.read(kDaemon),
            R"({
    "runtimes": {
        "pinscope": {
            "path": "/usr/bin/pinscope-runtime-docker",
            "runtimeArgs": [
                "--pinscope-policy",
                "/x",
                "--pinscope-state-dir",
                "/y"
            ]
        }
    }
}
)");
}

TEST(WireDocker, RefusesAFileThatIsNoJson) {
  const Machine machine({{kDaemon, "{\n  \"debug\": true,\n}\n"}});
  EXPECT_THAT(machine.refusal(kDocker, options_for(kDocker)), HasSubstr("daemon.json"));
  const Machine twice({{kDaemon, R"({"runtimes": {}, "Runtimes": {}})"}});
  EXPECT_THAT(twice.refusal(kDocker, options_for(kDocker)), HasSubstr("daemon.json"));
}

// Editors of Windows write one, and dockerd reads it (Docker 23 and later).
TEST(WireDocker, KeepsAByteOrderMark) {
  const std::string before = "\xEF\xBB\xBF{\n  \"debug\": true\n}\n";
  const Machine machine({{kDaemon, before}});
  machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(machine.read(kDaemon),
              AllOf(StartsWith("\xEF\xBB\xBF{\n  \"debug\": true,\n"), HasSubstr("pinscope")));
  EXPECT_TRUE(machine.report(kDocker).effective());
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.read(kDaemon), before);
}

TEST(WireDocker, SaysThatAFileIsInUtf16) {
  const Machine machine({{kDaemon, std::string("\xFF\xFE{\0}\0", 6)}});
  EXPECT_EQ(machine.refusal(kDocker, options_for(kDocker)),
            "cannot wire docker: \"/etc/docker/daemon.json\" is UTF-16 (save it as UTF-8)");
}

TEST(WireDocker, TellsThatItsRuntimeRunsAnotherProgram) {
  const Machine machine({});
  machine.install(kDocker, options_for(kDocker));
  std::string text = machine.read(kDaemon);
  text.replace(text.find("/usr/bin/pinscope-runtime-docker"), 32, "/usr/bin/runc");
  machine.write(kDaemon, text);
  EXPECT_EQ(findings_of(machine.report(kDocker)).front(),
            "fail: the runtime \"pinscope\" runs /usr/bin/runc, which is not Pinscope's "
            "(/etc/docker/daemon.json)");
  machine.install(kDocker, options_for(kDocker));
  EXPECT_TRUE(machine.report(kDocker).effective());
}

TEST(WireDocker, NoticesThatItsRuntimeIsGone) {
  const Machine machine({});
  machine.install(kDocker, options_for(kDocker));
  machine.remove("/usr/bin/pinscope-runtime");
  EXPECT_THAT(
      findings_of(machine.report(kDocker)),
      ElementsAre("fail: cannot use program \"/usr/bin/pinscope-runtime-docker\": it is not "
                  "there"));
  machine.write(kDaemon, "{}");
  EXPECT_THAT(findings_of(machine.report(kDocker)),
              ElementsAre("fail: /etc/docker/daemon.json has no runtime \"pinscope\" any more"));
  machine.write(kDaemon, "{");
  EXPECT_FALSE(machine.report(kDocker).effective());
}

}  // namespace
}  // namespace pinscope::engine
