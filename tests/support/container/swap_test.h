// The fixture of tests that change the view of a container that runs: the real hook gave it one,
// and `pinscope apply` gives it another. What it sees is looked at through /proc/PID/root.
#pragma once

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/container/view_test.h"

namespace pinscope::test {

class SwapTest : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    for (const char* path : {kFlows, kCounters, kOther}) pins_.map(path);
    wrapper_ = installation_.wrapper;
    std::filesystem::create_directories(installation_.state_directory());
    std::filesystem::permissions(installation_.state_directory(),
                                 std::filesystem::perms::owner_all);
  }
  void TearDown() override {
    if (second_) end_second();
    if (IsSkipped()) return;
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
  }

  // A policy of this layout with these grants: "{pin: /sys/fs/bpf/flows}".
  void policy(const std::string& layout, const std::vector<std::string>& grants) {
    std::string spec = "select: {}\nview: {layout: " + layout + "}\n";
    if (!grants.empty()) spec += "grants:\n";
    for (const auto& grant : grants) spec += "  - " + grant + "\n";
    installation_.write_policy(policy_text(spec));
  }
  void start() {
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    container_.probe({"sleep 30000"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created << installation_.last_audit().text;
    ASSERT_THAT(container_.start(), Succeeds());
  }
  // Another one, in second_; its specification may be there already.
  void start_second() {
    if (!second_) second_.emplace(GetParam());
    second_->spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    second_->probe({"sleep 30000"});
    ASSERT_THAT(second_->create(), Succeeds());
    ASSERT_THAT(second_->start(), Succeeds());
  }
  void end_second() {
    (void)second_->kill();
    second_->wait_stopped();
    (void)second_->remove();
    second_.reset();
  }

  [[nodiscard]] std::vector<std::string> argv(const std::string& command,
                                              const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {kPinscope,     command,
                                      "--policy",    installation_.policy_directory(),
                                      "--state-dir", installation_.state_directory(),
                                      "--cache-dir", installation_.cache_directory()};
    words.emplace_back("--audit");
    words.push_back(installation_.audit_path());
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.insert(words.begin(), wrapper_.begin(), wrapper_.end());
    return words;
  }
  // What it prints is on one line for each remark, whatever the width.
  CommandResult apply(const std::vector<std::string>& arguments = {"--all"}) const {
    auto result = pinscope::test::run(argv("apply", arguments));
    static constexpr std::string_view kWrapped = "\n    ";
    for (size_t at = 0; (at = result.out.find(kWrapped, at)) != std::string::npos; ++at)
      result.out.replace(at, kWrapped.size(), " ");
    return result;
  }
  void expect_applied(const std::vector<std::string>& arguments = {"--all"}) const {
    const auto result = apply(arguments);
    EXPECT_EQ(result.status, 0) << result;
  }

  [[nodiscard]] std::string inside(const std::string& path) {
    return "/proc/" + std::to_string(container_.pid()) + "/root" + path;
  }
  // "flows:17:ro counters:18:rw": every name in the view, the map behind it, and how it opens.
  [[nodiscard]] std::string seen(const std::string& at = "/sys/fs/bpf") {
    std::set<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(inside(at), error))
      if (entry.path().filename() != "_rw") names.insert(entry.path().filename());
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + look_at(at, name);
    return text;
  }
  static std::string expected(const char* source, const char* how) {
    const std::string path = source;
    return path.substr(path.rfind('/') + 1) + ":" + std::to_string(map_id(path)) + ":" + how;
  }

  // The lines of its mount table that are of a bpffs.
  [[nodiscard]] std::vector<std::string> bpf_mounts() {
    std::ifstream file("/proc/" + std::to_string(container_.pid()) + "/mountinfo");
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);)
      if (line.find(" - bpf ") != std::string::npos) found.push_back(line);
    return found;
  }

  // Another map at the same path.
  void replace(const std::string& path) {
    pins_.remove(path);
    pins_.map(path);
  }

  // Whether the old view stays below the new one: see old_kernel.h.
  static bool leaves_old_view() { return std::getenv("PINSCOPE_OLD_KERNEL") != nullptr; }

  static constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
  static constexpr const char* kFlows = "/sys/fs/bpf/flows";
  static constexpr const char* kCounters = "/sys/fs/bpf/counters";
  static constexpr const char* kOther = "/sys/fs/bpf/other";
  std::vector<std::string> wrapper_;  // in front of pinscope
  std::optional<RuntimeContainer> second_;

 private:
  std::string look_at(const std::string& at, const std::string& name) {
    const std::string path = inside(at + "/" + name);
    DECLARE_LIBBPF_OPTS(bpf_obj_get_opts, reading, .file_flags = BPF_F_RDONLY);
    const Fd map(bpf_obj_get_opts(path.c_str(), &reading));
    if (!map.valid()) return name + ":" + std::to_string(errno);
    bpf_map_info info = {};
    uint32_t size = sizeof info;
    bpf_obj_get_info_by_fd(map.get(), &info, &size);
    const Fd writing(bpf_obj_get(path.c_str()));
    return name + ":" + std::to_string(info.id) + ":" + (writing.valid() ? "rw" : "ro");
  }
};

// A process in the container that opens grants over and over for as long as this lives: one for
// reading, which must never open for writing, and one for reading and writing. Between two turns
// it pauses, where there are so many of them that they would leave nobody a processor.
class Reader {
 public:
  Reader(pid_t container, std::string read_only, std::string writable,
         std::chrono::microseconds pause = {})
      : shared_(static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    pid_ = check(fork(), "fork");
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string path = "/proc/" + std::to_string(container) + "/ns/mnt";
    // No exception: it would unwind a copy of the test.
    if (setns(open(path.c_str(), O_RDONLY | O_CLOEXEC), CLONE_NEWNS) != 0) _exit(1);
    for (;;) {
      if (!read_only.empty()) look(read_only, true);
      if (!writable.empty()) look(writable, false);
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
    }
  }
  ~Reader() {
    end();
    ::munmap(shared_, sizeof(Shared));
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] uint64_t opened() const { return shared_->opened; }
  // How often a grant did not open, by errno; and how often one for reading did for writing.
  [[nodiscard]] std::string errors() const {
    std::string text;
    for (size_t i = 0; i < shared_->errors.size(); ++i)
      if (const uint64_t count = shared_->errors[i])
        text +=
            std::string(strerrorname_np(static_cast<int>(i))) + ":" + std::to_string(count) + " ";
    return text;
  }
  [[nodiscard]] uint64_t errors(int errnum) const {
    return shared_->errors[static_cast<size_t>(errnum)];
  }
  [[nodiscard]] uint64_t written() const { return shared_->written; }
  // The map ids that were met.
  [[nodiscard]] std::set<uint32_t> ids() const {
    std::set<uint32_t> ids;
    for (size_t i = 0; i < shared_->ids.size(); ++i)
      if (shared_->ids[i] != 0) ids.insert(static_cast<uint32_t>(i));
    return ids;
  }

 private:
  static constexpr size_t kIds = 1U << 20;
  struct Shared {
    std::atomic<uint64_t> opened;
    std::atomic<uint64_t> written;
    std::array<std::atomic<uint64_t>, 200> errors;
    std::array<std::atomic<uint8_t>, kIds> ids;
  };

  void look(const std::string& path, bool read_only) {
    DECLARE_LIBBPF_OPTS(bpf_obj_get_opts, reading, .file_flags = BPF_F_RDONLY);
    const Fd map(read_only ? bpf_obj_get_opts(path.c_str(), &reading) : bpf_obj_get(path.c_str()));
    if (!map.valid()) {
      ++shared_->errors[static_cast<size_t>(errno) % 200];
      return;
    }
    bpf_map_info info = {};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0) shared_->ids[info.id % kIds] = 1;
    ++shared_->opened;
    if (!read_only) return;
    const Fd writing(bpf_obj_get(path.c_str()));
    if (writing.valid()) ++shared_->written;
  }

  Shared* shared_;
  pid_t pid_ = -1;
};

}  // namespace pinscope::test
