// What cdi_problems() finds in a specification: each rule once, with its place.
#include "plugin/engine/cdi/check.h"

#include <gmock/gmock.h>

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> problems(const std::string& text) {
  std::vector<std::string> all;
  for (const auto& [place, message] : cdi_problems(text, "spec.json"))
    all.push_back(place + ": " + message);
  return all;
}

// A specification with one device that has these edits.
std::vector<std::string> problems_of_edits(const std::string& edits,
                                           const std::string& version = "1.1.0") {
  return problems(R"({"cdiVersion":")" + version +
                  R"(","kind":"vendor.example/thing","devices":[{"name":"a","containerEdits":)" +
                  edits + "}]}");
}

std::vector<std::string> problems_of(const std::string& version, const std::string& kind,
                                     const std::string& name) {
  return problems(R"({"cdiVersion":")" + version + R"(","kind":")" + kind +
                  R"(","devices":[{"name":")" + name + R"(","containerEdits":{"env":["A=b"]}}]})");
}

constexpr const char* kEdits = "/devices/0/containerEdits";

TEST(CdiProblems, AreNoneForAllThatTheSpecificationHas) {
  EXPECT_THAT(problems(R"({
    "cdiVersion": "1.1.0", "kind": "vendor.example/a.b",
    "annotations": {"vendor.example/note": "x"},
    "containerEdits": {"env": ["A="]},
    "devices": [{"name": "9-a_b.c:d", "annotations": {"x": ""}, "containerEdits": {
      "env": ["A=b=c"],
      "deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/y", "type": "c", "major": 1, "minor": 2,
                       "fileMode": 438, "permissions": "rwm", "uid": 0, "gid": 0},
                      {"path": "/dev/z", "permissions": "none"}],
      "mounts": [{"hostPath": "/a", "containerPath": "/b", "type": "bind", "options": ["ro"]}],
      "hooks": [{"hookName": "createContainer", "path": "/x", "args": ["x"], "env": ["A=b"],
                 "timeout": 1}],
      "additionalGids": [7],
      "intelRdt": {"closID": "a", "l3CacheSchema": "", "memBwSchema": "", "schemata": ["x"],
                   "enableMonitoring": true, "enableCMT": false, "enableMBM": false},
      "netDevices": [{"hostInterfaceName": "eth1", "name": "eth0"}]}}]})"),
              IsEmpty());
}

TEST(CdiProblems, AreTextThatIsNoJson) {
  EXPECT_THAT(problems("{"), ElementsAre(testing::StartsWith(": cannot read \"spec.json\": ")));
  EXPECT_THAT(problems("[]"), ElementsAre(": a specification must be an object"));
}

TEST(CdiProblems, AreFieldsThatAreMissing) {
  EXPECT_THAT(problems("{}"),
              ElementsAre(": the field \"cdiVersion\" is missing",
                          ": the field \"kind\" is missing", "/devices: there is no device"));
  EXPECT_THAT(problems(R"({"cdiVersion":"0.5.0","kind":"a.b/c","devices":[{}]})"),
              ElementsAre("/devices/0: the field \"name\" is missing",
                          "/devices/0: a device must edit something"));
  for (const char* empty : {"{}", R"({"env":[]})", R"({"hooks":null})"})
    EXPECT_THAT(problems_of_edits(empty), ElementsAre("/devices/0: a device must edit something"));
}

TEST(CdiProblems, AreFieldsThatNobodyKnowsWhereverTheyAre) {
  EXPECT_THAT(problems(R"({"cdiVersion":"0.5.0","kind":"a.b/c","x":1,"devices":[{"name":"a","y":1,
                           "containerEdits":{"z":1,"hooks":[{"hookName":"poststop","path":"/x",
                           "args0":1}]}}]})"),
              ElementsAre("/x: unknown field \"x\" in a specification",
                          "/devices/0/y: unknown field \"y\" in a device",
                          "/devices/0/containerEdits/z: unknown field \"z\" in containerEdits",
                          "/devices/0/containerEdits/hooks/0/args0: unknown field \"args0\" in a "
                          "hook"));
  EXPECT_THAT(problems(R"({"cdiVersion":"0.5.0","cdiVersion":"0.5.0"})"),
              ElementsAre(": a field of a specification appears twice"));
}

TEST(CdiProblems, AreVersionsThatWereNeverReleased) {
  for (const char* version : {"0.9.0", "2.0.0", "v0.5.0", "0.5", "x"})
    EXPECT_THAT(
        problems_of(version, "a.b/c", "a"),
        ElementsAre("/cdiVersion: there is no version \"" + std::string(version) + "\" of CDI"));
}

TEST(CdiProblems, AreVersionsThatLackWhatIsUsed) {
  const auto needs = [](const std::string& what, const std::string& version) {
    return ElementsAre("/cdiVersion: it is 0.3.0, and " + what + " needs " + version);
  };
  EXPECT_THAT(problems_of("0.3.0", "a.b/c", "9"), needs("the device name \"9\"", "0.5.0"));
  EXPECT_THAT(problems_of("0.3.0", "a.b/c.d", "a"), needs("a class with a dot", "0.6.0"));
  EXPECT_THAT(problems_of_edits(
                  R"({"mounts":[{"hostPath":"/a","containerPath":"/b","type":"bind"}]})", "0.3.0"),
              needs("the type of a mount", "0.4.0"));
  EXPECT_THAT(problems_of_edits(R"({"deviceNodes":[{"path":"/a","hostPath":"/b"}]})", "0.3.0"),
              needs("hostPath of a device node", "0.5.0"));
  EXPECT_THAT(problems_of_edits(R"({"additionalGids":[1]})", "0.3.0"),
              needs("additionalGids", "0.7.0"));
  EXPECT_THAT(problems_of_edits(R"({"intelRdt":{}})", "0.3.0"), needs("intelRdt", "0.7.0"));
  EXPECT_THAT(problems_of_edits(R"({"intelRdt":{"enableMonitoring":true}})", "0.3.0"),
              needs("schemata or enableMonitoring of intelRdt", "1.1.0"));
  EXPECT_THAT(
      problems_of_edits(R"({"netDevices":[{"hostInterfaceName":"a","name":"b"}]})", "0.3.0"),
      needs("netDevices", "1.1.0"));
  EXPECT_THAT(problems(R"({"cdiVersion":"0.3.0","kind":"a.b/c","annotations":{"a":"b"},
                           "devices":[{"name":"a","containerEdits":{"env":["A=b"]}}]})"),
              needs("an annotation", "0.6.0"));
  EXPECT_THAT(problems_of("0.6.0", "a.b/c.d", "9"), IsEmpty());
}

TEST(CdiProblems, AreNamesThatAreNone) {
  for (const std::string kind :
       {"", "a", "/a", "a/", "a.b/c/d", "9.b/c", "a.b/9", "a.b/c-", "a b/c"})
    EXPECT_EQ(problems_of("0.6.0", kind, "a").size(), 1U) << kind;
  EXPECT_THAT(problems_of("0.6.0", "a.b/c/d", "a"),
              ElementsAre("/kind: \"a.b/c/d\" is no vendor.domain/class"));
  EXPECT_EQ(problems_of("0.6.0", "a.b/" + std::string(64, 'c'), "a").size(), 1U);
  for (const std::string name : {"-a", "a-", "a b", "a=b", "."})
    EXPECT_THAT(problems_of("0.6.0", "a.b/c", name),
                ElementsAre("/devices/0/name: \"" + name + "\" cannot be the name of a device"));
  EXPECT_THAT(problems(R"({"cdiVersion":"0.5.0","kind":"a.b/c","devices":[
                           {"name":"a","containerEdits":{"env":["A=b"]}},
                           {"name":"a","containerEdits":{"env":["A=b"]}}]})"),
              ElementsAre("/devices/1/name: the device \"a\" appears twice"));
}

TEST(CdiProblems, AreHooksThatNoRuntimeRuns) {
  const std::string hook = std::string(kEdits) + "/hooks/0";
  const auto of = [](const std::string& fields) {
    return problems_of_edits(R"({"hooks":[{)" + fields + "}]}");
  };
  EXPECT_THAT(of(R"("hookName":"precreate","path":"/x")"),
              ElementsAre(hook + "/hookName: there is no hook \"precreate\""));
  EXPECT_THAT(of(R"("hookName":"poststop","path":"x")"),
              ElementsAre(hook + "/path: \"x\" is not absolute"));
  EXPECT_THAT(of(R"("hookName":"poststop")"),
              ElementsAre(hook + ": the field \"path\" is missing"));
  EXPECT_THAT(of(R"("hookName":"poststop","path":"")"), ElementsAre(hook + "/path: it is empty"));
  for (const char* timeout : {"0", "-1", "1.5", "\"1\""})
    EXPECT_THAT(of(R"("hookName":"poststop","path":"/x","timeout":)" + std::string(timeout)),
                ElementsAre(hook + "/timeout: it must be a whole number from 1 to 2147483647"));
  EXPECT_THAT(
      of(R"("hookName":"poststop","path":"/x","env":["A","=b",1])"),
      ElementsAre(hook + "/env/0: \"A\" is no NAME=VALUE", hook + "/env/1: \"=b\" is no NAME=VALUE",
                  hook + "/env/2: it must be text"));
  EXPECT_THAT(of(R"("hookName":"poststop","path":"/x","args":"x")"),
              ElementsAre(hook + "/args: it must be a list"));
}

TEST(CdiProblems, AreDevicesAndMountsThatAreNone) {
  const std::string node = std::string(kEdits) + "/deviceNodes/0";
  EXPECT_THAT(
      problems_of_edits(
          R"({"deviceNodes":[{"type":"d","permissions":"rx","major":-1,"uid":4294967296}]})"),
      ElementsAre(node + ": the field \"path\" is missing",
                  node + "/type: \"d\" is none of b, c, u, p",
                  node + "/permissions: \"rx\" is not made of r, w, m",
                  node + "/major: it must be a whole number from 0 to 9223372036854775807",
                  node + "/uid: it must be a whole number from 0 to 4294967295"));
  const std::string mount = std::string(kEdits) + "/mounts/0";
  EXPECT_THAT(problems_of_edits(R"({"mounts":[{"containerPath":""}]})"),
              ElementsAre(mount + ": the field \"hostPath\" is missing",
                          mount + "/containerPath: it is empty"));
  const std::string net = std::string(kEdits) + "/netDevices/1";
  EXPECT_THAT(problems_of_edits(R"({"netDevices":[{"hostInterfaceName":"a","name":"b"},
                                    {"hostInterfaceName":"a","name":"b"}]})"),
              ElementsAre(net + ": the interface \"a\" appears twice",
                          net + ": the name \"b\" appears twice"));
  EXPECT_THAT(problems_of_edits(R"({"additionalGids":[-1],"intelRdt":{"enableCMT":1}})"),
              ElementsAre(std::string(kEdits) + "/additionalGids/0: it must be a group id",
                          std::string(kEdits) + "/intelRdt/enableCMT: it must be true or false"));
}

}  // namespace
}  // namespace pinscope::engine
