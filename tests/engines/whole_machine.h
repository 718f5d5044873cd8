// What the tests of `pinscope inventory` share: an inventory that was taken, processes beside it,
// and a container with a view.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {

inline constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

inline CommandResult take_inventory(const Installation& installation,
                                    std::vector<std::string> arguments = {}) {
  std::vector<std::string> argv = {kPinscope, "inventory", "--state-dir",
                                   installation.state_directory()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(std::move(argv));
}

// The inventory as its JSON, with what the tests ask of it.
class Taken {
 public:
  explicit Taken(const Installation& installation)
      : result_(take_inventory(installation, {"-o", "json"})),
        json_(JsonDocument::parse(result_.out, "inventory", ErrorCode::kInternal)) {
    EXPECT_EQ(result_.status, 0) << result_;
    EXPECT_TRUE(json_.has_value()) << result_;
  }

  // "kind: subject: text" of each.
  [[nodiscard]] std::vector<std::string> notices() const {
    std::vector<std::string> texts;
    for (const auto& notice : list(json_->root(), "notices"))
      texts.push_back(text(notice, "kind") + ": " + text(notice, "subject") + ": " +
                      text(notice, "text"));
    return texts;
  }
  // "container access source" of each pin that was granted.
  [[nodiscard]] std::vector<std::string> grants() const {
    std::vector<std::string> texts;
    for (const auto& instance : list(json_->root(), "instances"))
      for (const auto& pin : list(instance, "pins"))
        if (const auto grant = pin.find("grant").value())
          texts.push_back(text(*grant, "container") + " " + text(*grant, "access") + " " +
                          text(*grant, "source"));
    return texts;
  }
  // "command writes" of each process that holds the map.
  [[nodiscard]] std::vector<std::string> holders(uint32_t map) const {
    std::vector<std::string> texts;
    for (const auto& object : list(json_->root(), "objects")) {
      if (text(object, "kind") != "map" || number(object, "id") != map) continue;
      for (const auto& holder : list(object, "holders"))
        texts.push_back(std::to_string(number(holder, "pid")) +
                        (holder.bool_or("writes", false).value() ? " writes" : " reads"));
    }
    return texts;
  }
  // What could not be seen, of the machine and of each instance.
  [[nodiscard]] std::vector<std::string> not_seen() const {
    std::vector<std::string> texts = words(json_->root(), "not_seen");
    for (const auto& instance : list(json_->root(), "instances"))
      for (auto& text : words(instance, "left_out")) texts.push_back(std::move(text));
    return texts;
  }

 private:
  static std::vector<JsonView> list(const JsonView& of, const char* name) {
    return of.find(name).value()->elements().value();
  }
  static std::vector<std::string> words(const JsonView& of, const char* name) {
    std::vector<std::string> texts;
    for (const auto& value : list(of, name)) texts.emplace_back(value.as_string().value());
    return texts;
  }
  static std::string text(const JsonView& of, const char* name) {
    return of.string_or(name, "").value();
  }
  static uint64_t number(const JsonView& of, const char* name) {
    return of.unsigned_or(name, 0).value();
  }

  CommandResult result_;
  Result<JsonDocument> json_;
};

// A process that does something in a mount namespace of its own, and stays until the end.
class Neighbour {
 public:
  explicit Neighbour(const std::function<void()>& work) {
    int ends[2];
    check(pipe(ends), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      check(unshare(CLONE_NEWNS), "unshare");
      check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
      work();
      [[maybe_unused]] const auto told = write(ends[1], "x", 1);
      for (;;) pause();
    }
    close(ends[1]);
    char byte = 0;
    check(read(ends[0], &byte, 1) == 1 ? 0 : -1, "start a neighbour");
    close(ends[0]);
  }
  ~Neighbour() { end(); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] std::string name() const { return "(pid " + std::to_string(pid_) + ")"; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // As the inventory calls it: it is a copy of this process.
  [[nodiscard]] std::string command() const {
    std::string own;
    std::getline(std::ifstream("/proc/self/comm"), own);
    return own + " " + name();
  }

 private:
  pid_t pid_ = -1;
};

inline void mount_bpffs(const std::string& at) {
  check(mount("bpf", at.c_str(), "bpf", 0, nullptr), "mount a bpffs");
}

class InventoryOfContainers : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
  }

  void start(const std::string& policy) {
    installation_.write_policy(policy_text(policy));
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    container_.probe({"sleep 100"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
  }
  void TearDown() override {
    if (IsSkipped()) return;
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
  }
  [[nodiscard]] std::string subject() const { return "container " + container_.id(); }
};

inline constexpr const char* kTwoGrants =
    "select: {}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows}\n"
    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";

}  // namespace pinscope::test
