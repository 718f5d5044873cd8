#include "tests/bench/follow.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/inventory/service_status.h"
#include "plugin/model/follow_status.h"
#include "tests/bench/contenders.h"
#include "tests/bench/fixture.h"
#include "tests/bench/spawn.h"
#include "tests/bench/target.h"
#include "tests/support/machine/private_memory.h"

namespace pinscope::bench {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kRunc = "/usr/sbin/runc";
constexpr int kGrants = 10;
constexpr const char* kAlone = "-alone";
constexpr int kRounds = 10;  // replacements at each number of containers
constexpr int kOneRun = 64;  // containers that the service changes in one run of pinscope
constexpr double kSwapGoal = 1.3;
constexpr milliseconds kIdle{10'000};
constexpr milliseconds kTimeout{120'000};
constexpr uint64_t kTick = 4'000'000;
constexpr milliseconds kCalm{1500};  // the service forgets how often a source has changed

Error failed(const std::string& what, const std::string& why) {
  return Error(ErrorCode::kInternal, what).reason(one_line(why));
}

// Waits until `done` says so, which is asked rarely: what is measured needs the processors.
template <typename Done>
Status wait_until(const std::string& what, Done&& done) {
  const auto end = std::chrono::steady_clock::now() + kTimeout;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end)
      return std::unexpected(failed(what, "it takes too long"));
    std::this_thread::sleep_for(milliseconds(25));
  }
  return {};
}

// `pinscoped --follow`, for the life of this object.
class Service {
 public:
  Service(const std::string& programs, const Site& site) {
    std::vector<std::string> words = {programs + "/bin/pinscoped", "--follow"};
    const auto more = options_of(site);
    words.insert(words.end(), more.begin(), more.end());
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDERR_FILENO);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~Service() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  static std::vector<std::string> options_of(const Site& site) {
    return {"--policy",    site.policies, "--state-dir", site.state,
            "--cache-dir", site.cache,    "--audit",     site.audit};
  }
  // Time on a processor, of its own: while nothing happens it has no children.
  [[nodiscard]] uint64_t processor_ns() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/schedstat");
    uint64_t ns = 0;
    file >> ns;
    return ns;
  }
  [[nodiscard]] uint64_t private_kib() const { return test::private_memory(pid_) / 1024; }

 private:
  pid_t pid_ = -1;
};

// Containers that sleep.
class Containers {
 public:
  explicit Containers(const Fixture& fixture) : state_(fixture.directory() + "/run/runc") {}
  ~Containers() {
    for (const auto& id : ids_)
      (void)bench::run({kRunc, "--root", state_, "delete", "--force", id}, "");
  }
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  Status start_until(size_t count, const std::string& bundle) {
    while (ids_.size() < count) {
      const std::string id =
          "bench-" + std::to_string(::getpid()) + "-" + std::to_string(ids_.size());
      PINSCOPE_TRY(
          const Run started,
          bench::run({kRunc, "--root", state_, "run", "--detach", "--bundle", bundle, id}, ""));
      if (started.exit_status != 0)
        return std::unexpected(failed("start container " + id, started.errors));
      ids_.push_back(id);
    }
    return {};
  }
  [[nodiscard]] const std::vector<std::string>& ids() const { return ids_; }

 private:
  std::string state_;
  std::vector<std::string> ids_;
};

class Machine {
 public:
  Machine(const Options& options, const Fixture& fixture, std::string programs, Site site,
          Site first)
      : options_(options),
        fixture_(fixture),
        programs_(std::move(programs)),
        site_(std::move(site)),
        first_(std::move(first)),
        alone_(site_.bundle + kAlone),
        containers_(fixture) {}

  // Policies that follow, and bundles whose process sleeps, with both hooks.
  Status prepare() {
    for (const Site& site : {std::cref(site_), std::cref(first_)}) {
      PINSCOPE_TRY(const Fd policies, make_directory(site.policies, 0755));
      PINSCOPE_CHECK(write_atomically(policies.get(), "policies-0.yaml", policy(), 0644));
      PINSCOPE_CHECK(compile_policies(programs_, site));
    }
    // Whoever may write where records are is not trusted.
    std::error_code error;
    fs::permissions(fs::path(site_.state).parent_path(), fs::perms(0755), error);
    fs::copy_file(options_.programs + "/bin/pinscope_probe", fixture_.rootfs() + "/empty", error);
    if (error) return std::unexpected(Error::system("install a program", error.value()));
    std::string config =
        config_json(fixture_.rootfs(), false,
                    {{"createRuntime", hook_arguments(programs_, site_, "createRuntime")},
                     {"poststop", hook_arguments(programs_, site_, "poststop")}});
    const std::string_view plain = "[\"/empty\"]";
    const size_t at = config.find(plain);
    if (at == std::string::npos) return std::unexpected(failed("write a bundle", "no arguments"));
    config.replace(at, plain.size(), "[\"/empty\",\"sleep 1000000\"]");
    for (const auto& path : {std::cref(site_.bundle), std::cref(alone_)}) {
      PINSCOPE_TRY(const Fd bundle, make_directory(path, 0755));
      PINSCOPE_CHECK(write_atomically(bundle.get(), "config.json", config, 0644));
    }
    // The first container is the only one that follows one pin more.
    return containers_.start_until(1, alone_);
  }

  // From the new pin until the record of each container that follows it has its new view, behind
  // the swap: a pin that one of them follows, and one that all do.
  Result<Scenario> latency(size_t count) {
    PINSCOPE_CHECK(containers_.start_until(count, site_.bundle));
    const Service service(programs_, site_);
    PINSCOPE_CHECK(wait_until("begin to follow", [&] { return is_served(count); }));
    Scenario scenario{.name = "follow-" + std::to_string(count), .series = {}, .goals = {}};
    for (const bool all : {false, true}) {
      PINSCOPE_TRY(auto series, new_pin_to_view(all ? 0 : kGrants, all ? count : 1));
      series.program = all ? "view-of-all" : "view-of-one";
      scenario.series.push_back(std::move(series));
    }
    return scenario;
  }

  // What the service takes while nothing happens.
  Result<Scenario> idle() {
    const Service service(programs_, site_);
    const size_t count = containers_.ids().size();
    PINSCOPE_CHECK(wait_until("begin to follow", [&] { return is_served(count); }));
    std::this_thread::sleep_for(kCalm);
    const uint64_t before = service.processor_ns(), start = monotonic_ns();
    std::this_thread::sleep_for(options_.quick ? milliseconds(100) : kIdle);
    Series series{.program = "idle"};
    series.wall_ns = {monotonic_ns() - start};
    series.cpu_ns = {service.processor_ns() - before};
    series.peak_kib = service.private_kib();
    return Scenario{.name = "follow-idle-" + std::to_string(count), .series = {series}};
  }

  // In turns: one start with the hook, and of one run of pinscope a container's part.
  Result<Scenario> swap_beside_first_view() {
    const size_t count = std::min<size_t>(containers_.ids().size(), kOneRun);
    std::vector<std::string> apply = {programs_ + "/bin/pinscope", "apply", "--automatic"};
    for (size_t i = 0; i < count; ++i)
      apply.insert(apply.end(), {"--container", containers_.ids()[i]});
    const auto more = Service::options_of(site_);
    apply.insert(apply.end(), more.begin(), more.end());
    Scenario scenario{.name = "follow-swap"};
    scenario.series = {{.program = "first-view"}, {.program = "swap"}};
    for (int round = -1; round < (options_.quick ? 1 : kRounds); ++round) {
      for (size_t i = 0; i < count; ++i) {
        PINSCOPE_TRY(const Run started, first_view());
        if (round >= 0) take(started, 1, scenario.series[0]);
      }
      PINSCOPE_CHECK(replace_pin(0));
      PINSCOPE_TRY(const Run swapped, bench::run(apply, ""));
      if (swapped.exit_status != 0) return std::unexpected(failed("change views", swapped.errors));
      if (round >= 0) take(swapped, count, scenario.series[1]);
    }
    scenario.goals.push_back({"swap", "first-view", kSwapGoal});
    return scenario;
  }

 private:
  static std::string policy() {
    const auto grant = [](int pin) {
      return "    - {pin: " + std::string(kPins) + "/" + pin_name(pin) + ", follow: true}\n";
    };
    const auto policy_of = [](const std::string& name, const std::string& select) {
      return "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: " + name +
             "}\nspec:\n  select: {" + select + "}\n  grants:\n";
    };
    std::string text = policy_of("bench", "");
    for (int pin = 0; pin < kGrants; ++pin) text += grant(pin);
    return text + policy_of("alone", "bundle: \"/**/*" + std::string(kAlone) + "\"") +
           grant(kGrants);
  }

  // `followers`: how many containers follow the pin.
  Result<Series> new_pin_to_view(int pin, size_t followers) const {
    Series series;
    for (int round = -1; round < (options_.quick ? 1 : kRounds); ++round) {
      std::this_thread::sleep_for(kCalm);
      PINSCOPE_TRY(const uint64_t start, replace_pin(pin));
      PINSCOPE_CHECK(
          wait_until("change every view", [&] { return changed_since(start) == followers; }));
      std::this_thread::sleep_for(milliseconds(300));
      if (round < 0) continue;
      for (const uint64_t when : changes())
        if (when + kTick >= start) series.wall_ns.push_back(when - std::min(when, start));
    }
    series.cpu_ns = series.wall_ns;
    return series;
  }

  // A start with the hook, of a container that has records of its own.
  Result<Run> first_view() const {
    PINSCOPE_TRY(const Target target, Target::start(fixture_.rootfs()));
    PINSCOPE_TRY(Run done, bench::run(hook_arguments(programs_, first_, "createRuntime"),
                                      state_json(kContainer, target.pid(), first_.bundle)));
    if (done.exit_status != 0) return std::unexpected(failed("make a first view", done.errors));
    remove_records(first_);
    return done;
  }

  // Another map at the same path; gives the time right before it has its pin.
  static Result<uint64_t> replace_pin(int pin) {
    const std::string path = std::string(kPins) + "/" + pin_name(pin);
    const Fd map(bpf_map_create(BPF_MAP_TYPE_HASH, "bench", 4, 8, 1, nullptr));
    if (!map.valid() || ::unlink(path.c_str()) != 0)
      return std::unexpected(Error::system("replace a pin", errno));
    const uint64_t start = wall_clock_ns();
    if (bpf_obj_pin(map.get(), path.c_str()) != 0)
      return std::unexpected(Error::system("replace a pin", errno));
    return start;
  }

  // When each record was written last (CLOCK_REALTIME, nanoseconds).
  [[nodiscard]] std::vector<uint64_t> changes() const {
    std::vector<uint64_t> times;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(site_.state + "/containers", ignored)) {
      struct stat status {};
      if (entry.path().extension() != ".json" || ::stat(entry.path().c_str(), &status) != 0)
        continue;
      times.push_back(static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                      static_cast<uint64_t>(status.st_mtim.tv_nsec));
    }
    return times;
  }
  [[nodiscard]] size_t changed_since(uint64_t start) const {
    const auto all = changes();
    // The clock of files is that of the last tick.
    return static_cast<size_t>(
        std::ranges::count_if(all, [&](uint64_t when) { return when + kTick >= start; }));
  }
  [[nodiscard]] bool is_served(size_t containers) const {
    const auto status =
        inventory::ask_service(model::follow_status_path(site_.state), size_t{64} << 10, kTimeout)
            .text.value_or("");
    return status.find("\"containers\":" + std::to_string(containers) + ",") != std::string::npos &&
           status.find("\"waiting\":0,") != std::string::npos;
  }

  static void take(const Run& run, size_t containers, Series& series) {
    series.wall_ns.push_back(run.wall_ns / containers);
    series.cpu_ns.push_back(run.cpu_ns / containers);
  }
  const Options& options_;
  const Fixture& fixture_;
  const std::string programs_;
  const Site site_;
  const Site first_;
  const std::string alone_;  // the bundle of the container that follows one pin more
  Containers containers_;
};

}  // namespace

Result<std::vector<Scenario>> measure_follow(const Options& options) {
  PINSCOPE_TRY(const Fixture fixture, Fixture::make(kGrants + 1));
  PINSCOPE_TRY(const std::string programs, fixture.install(options.programs));
  PINSCOPE_TRY(Site site, fixture.make_site("follow", {.grants = 1}));
  PINSCOPE_TRY(Site first, fixture.make_site("first", {.grants = 1}));
  Machine machine(options, fixture, programs, std::move(site), std::move(first));
  PINSCOPE_CHECK(machine.prepare());
  std::vector<Scenario> all;
  for (const size_t count :
       options.quick ? std::vector<size_t>{1, 3} : std::vector<size_t>{1, 100, 1000}) {
    PINSCOPE_TRY(Scenario latency, machine.latency(count));
    all.push_back(std::move(latency));
  }
  PINSCOPE_TRY(Scenario idle, machine.idle());
  all.push_back(std::move(idle));
  PINSCOPE_TRY(Scenario swap, machine.swap_beside_first_view());
  all.push_back(std::move(swap));
  return all;
}

}  // namespace pinscope::bench
