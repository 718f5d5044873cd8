#include "tests/engines/direct_hook.h"

#include <unistd.h>

namespace pinscope::test {

using testing::IsEmpty;

DirectHook::DirectHook() {
  pins_.map("/sys/fs/bpf/flows");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"));
  if (const auto compiled = installation_.compile(); compiled.status != 0)
    ADD_FAILURE() << compiled;
  rootfs_ = installation_.directory().make_directory("bundle/rootfs");
  installation_.directory().make_directory("bundle/rootfs/sys");
  BundleSpec spec;
  spec.args = {"/probe"};
  installation_.directory().write("bundle/config.json", to_config_json(spec));
  process_ = std::make_unique<ContainerProcess>(rootfs_);
  mounts_before_ = process_->mounts();
}

std::string DirectHook::state(const std::string& more, const std::string& status) const {
  return R"({"ociVersion": "1.0.2", "id": "direct", "status": ")" + status + R"(", "pid": )" +
         std::to_string(process_->pid()) + R"(, "bundle": ")" + bundle() + "\"" + more + "}";
}

std::string DirectHook::state_with(const std::string& key, const std::string& value) const {
  std::string text = state();
  const std::string name = "\"" + key + "\": ";
  const size_t from = text.find(name) + name.size();
  const size_t to = text.find_first_of(",}", from);
  return text.replace(from, to - from, value);
}

void DirectHook::expect_view(const CommandResult& result) {
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(access(process_->path("/sys/fs/bpf/flows").c_str(), F_OK), 0) << result;
  EXPECT_THAT(installation_.records(), testing::ElementsAre("direct.json"));
  EXPECT_EQ(installation_.last_audit().outcome, "granted");
  EXPECT_THAT(installation_.run_hook("poststop", state("", "stopped")), Succeeds());
  process_ = std::make_unique<ContainerProcess>(rootfs_);
  mounts_before_ = process_->mounts();
}

void DirectHook::expect_refused(const CommandResult& result, const std::string& sentence) {
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(result.err, "pinscope-hook: " + sentence + "\n");
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "refused");
  EXPECT_EQ(line.error, sentence);
  EXPECT_EQ(line.stage, "createRuntime");
  expect_nothing_left();
}

void DirectHook::expect_nothing_left() {
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(process_->mounts(), mounts_before_);
}

}  // namespace pinscope::test
