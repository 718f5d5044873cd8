// The pins, the policy and the lies of these tests, and what the probe says of them.
#include "tests/engines/containerd/pinscope_test.h"

#include <algorithm>
#include <filesystem>

#include "plugin/base/text.h"

namespace pinscope::test {

void PinscopeContainerdTest::SetUp() {
  ContainerdTest::SetUp();
  if (IsSkipped()) return;
  pins.map("/sys/fs/bpf/flows", {.name = "flows"});
  pins.map("/sys/fs/bpf/keys", {.name = "keys"});
  set_value("/sys/fs/bpf/flows", 1, 42);
  write_policy(kWebPolicy);
}

std::vector<std::string> PinscopeContainerdTest::questions() {
  return {"ls /sys/fs/bpf", "lookup /sys/fs/bpf/flows 1", "get-ro /sys/fs/bpf/keys",
          "get-rw /sys/fs/bpf/flows"};
}

const std::string PinscopeContainerdTest::kView =
    "ls /sys/fs/bpf: ok flows\n"
    "lookup /sys/fs/bpf/flows 1: ok 42\n"
    "get-ro /sys/fs/bpf/keys: ENOENT\n"
    "get-rw /sys/fs/bpf/flows: EROFS\n";

const std::string PinscopeContainerdTest::kNoView =
    "ls /sys/fs/bpf: ok\n"
    "lookup /sys/fs/bpf/flows 1: EPERM\n"
    "get-ro /sys/fs/bpf/keys: EPERM\n"
    "get-rw /sys/fs/bpf/flows: EPERM\n";

const Words& PinscopeContainerdTest::lies() {
  static const Words kLies = {
      {"io.kubernetes.cri.sandbox-namespace", "web"},
      {"io.kubernetes.cri.sandbox-name", "web-1"},
      {"io.kubernetes.cri.sandbox-uid", "6f1c7a62-0000-4000-8000-000000000001"},
      {"io.kubernetes.cri.container-name", "app"},
      {"io.kubernetes.cri.image-name", "registry.example/trusted:1"},
      {"io.kubernetes.cri.container-type", "container"},
      {"io.kubernetes.pod.namespace", "web"},
      {"io.kubernetes.pod.name", "web-1"},
      {"io.kubernetes.container.name", "app"},
      {"io.kubernetes.cri-o.Namespace", "web"},
      {"io.kubernetes.cri-o.KubeName", "web-1"},
      {"io.kubernetes.cri-o.ImageName", "registry.example/trusted:1"},
      {"io.container.manager", "containerd"},
      {"pinscope.dev/namespace", "web"},
  };
  return kLies;
}

std::vector<std::string> PinscopeContainerdTest::records() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(
           node().machine().outside("/run/pinscope/containers"), none))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> PinscopeContainerdTest::audit() {
  constexpr const char* kTrail = "/var/log/pinscope/audit.jsonl";
  std::vector<std::string> lines;
  if (!node().machine().exists(kTrail)) return lines;
  const std::string text = node().machine().read(kTrail);
  for (const auto line : split(text, '\n'))
    if (!line.empty()) lines.emplace_back(line);
  return lines;
}

CommandResult PinscopeContainerdTest::pinscope(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pinscope");
  return node().machine().run(std::move(arguments));
}

}  // namespace pinscope::test
