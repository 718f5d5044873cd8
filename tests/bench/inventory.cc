#include "tests/bench/inventory.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/kernel/uapi.h"
#include "tests/bench/fixture.h"
#include "tests/bench/turns.h"

namespace pinscope::bench {
namespace {

// "Inventory of 1,000 mount namespaces and 100,000 pins", and a node of a public report: 23,800
// maps and 9,500 programs.
struct Sizes {
  int namespaces;
  int pins;  // in each namespace
  int holders;
  int maps;      // of each holder
  int programs;  // of each holder
};
constexpr Sizes kFull = {1000, 100, 10, 2380, 950};
constexpr Sizes kQuick = {5, 4, 2, 10, 5};
constexpr double kGoal = 1.3;

long call_bpf(int command, union bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

union bpf_attr zeroed() {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  return attributes;
}

bool make_map() {
  auto attributes = zeroed();
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  return call_bpf(BPF_MAP_CREATE, attributes) >= 0;
}

bool make_program() {
  const struct bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  auto attributes = zeroed();
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<uintptr_t>(code);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<uintptr_t>("GPL");
  return call_bpf(BPF_PROG_LOAD, attributes) >= 0;
}

bool pin(int object, const std::string& path) {
  auto attributes = zeroed();
  attributes.pathname = reinterpret_cast<uintptr_t>(path.c_str());
  attributes.bpf_fd = static_cast<uint32_t>(object);
  return call_bpf(BPF_OBJ_PIN, attributes) == 0;
}

// Processes that have done something and wait for their end.
class Crowd {
 public:
  Crowd() = default;
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  }

  Status add(const std::function<bool()>& work) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Error::system("make a pipe", errno));
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return std::unexpected(Error::system("start a process", errno));
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int failed = work() ? 0 : errno;
      if (::write(writer.get(), &failed, sizeof failed) != sizeof failed) ::_exit(1);
      writer.reset();
      for (;;) ::pause();
    }
    pids_.push_back(pid);
    writer.reset();
    int failed = EPIPE;
    if (::read(reader.get(), &failed, sizeof failed) != sizeof failed) failed = EPIPE;
    if (failed == 0) return {};
    return std::unexpected(Error::system("fill the machine", failed));
  }

 private:
  std::vector<pid_t> pids_;
};

// Each with a bpffs of its own, in which each pin names another map; the same maps in all.
Status add_namespaces(Crowd& crowd, const Sizes& sizes) {
  std::vector<Fd> maps;
  maps.reserve(static_cast<size_t>(sizes.pins));
  for (int i = 0; i < sizes.pins; ++i) {
    auto attributes = zeroed();
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 8;
    attributes.max_entries = 1;
    maps.emplace_back(static_cast<int>(call_bpf(BPF_MAP_CREATE, attributes)));
  }
  for (int i = 0; i < sizes.namespaces; ++i)
    PINSCOPE_CHECK(crowd.add([&] {
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::umount2("/sys/fs/bpf", MNT_DETACH) != 0 ||
          ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0)
        return false;
      for (int at = 0; at < sizes.pins; ++at)
        if (!pin(maps[static_cast<size_t>(at)].get(), "/sys/fs/bpf/" + pin_name(at))) return false;
      maps.clear();  // in this process: the pins keep them
      return true;
    }));
  return {};
}

Status add_holders(Crowd& crowd, const Sizes& sizes) {
  for (int i = 0; i < sizes.holders; ++i)
    PINSCOPE_CHECK(crowd.add([&] {
      const rlim_t needed = static_cast<rlim_t>(sizes.maps + sizes.programs) + 64;
      const struct rlimit limit = {needed, needed};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
      for (int at = 0; at < sizes.maps; ++at)
        if (!make_map()) return false;
      for (int at = 0; at < sizes.programs; ++at)
        if (!make_program()) return false;
      return true;
    }));
  return {};
}

// For records, of which there are none.
class EmptyDirectory {
 public:
  EmptyDirectory() {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  EmptyDirectory(const EmptyDirectory&) = delete;
  EmptyDirectory& operator=(const EmptyDirectory&) = delete;
  ~EmptyDirectory() { ::rmdir(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/run/pinscope-bench-XXXXXX";
};

Result<Scenario> compare(const std::string& name, const Options& options) {
  const std::string& programs = options.programs;
  const EmptyDirectory state;
  std::vector<Contender> contenders = {
      {{.program = "inventory-floor"}, {programs + "/bench/bench_inventory_floor"}},
      {{.program = "inventory"},
       {programs + "/bin/pinscope", "inventory", "--state-dir", state.path()}}};
  PINSCOPE_TRY(Scenario scenario, measure_in_turns(name, std::move(contenders), options));
  scenario.goals.push_back({"inventory", "inventory-floor", kGoal, false});
  return scenario;
}

}  // namespace

Result<std::vector<Scenario>> measure_inventory(const Options& options) {
  const Sizes& sizes = options.quick ? kQuick : kFull;
  std::vector<Scenario> scenarios;
  {
    Crowd crowd;
    PINSCOPE_CHECK(add_namespaces(crowd, sizes));
    PINSCOPE_TRY(Scenario scenario, compare("inventory-pins", options));
    scenarios.push_back(std::move(scenario));
  }
  Crowd crowd;
  PINSCOPE_CHECK(add_holders(crowd, sizes));
  PINSCOPE_TRY(Scenario scenario, compare("inventory-objects", options));
  scenarios.push_back(std::move(scenario));
  return scenarios;
}

}  // namespace pinscope::bench
