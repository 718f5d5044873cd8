// pinscope-bench: how long the hook takes, beside the bare system calls, an empty program and the
// shell script. docs/performance.md says how to read what it prints. Needs root.
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <string>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "tests/bench/dump.h"
#include "tests/bench/follow.h"
#include "tests/bench/inventory.h"
#include "tests/bench/report.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/values.h"
#include "tests/support/machine/private_machine.h"

namespace pinscope::bench {
namespace {

constexpr int kSkipped = 77;

constexpr const char* kUsage =
    "usage: pinscope-bench [OPTION...]\n"
    "\n"
    "  --iterations N     runs of each program in a scenario (300; fewer where they take long)\n"
    "  --runc N           runs of each kind of `runc run` (40)\n"
    "  --inventory        instead: `pinscope inventory` on full machines, beside its floor\n"
    "  --values           instead: the file system of values, beside the least that one can be\n"
    "  --dump             instead: `pinscope dump` of a million entries, beside its floor\n"
    "  --follow           instead: pinscoped --follow beside 1, 100 and 1,000 containers of runc\n"
    "  --scenario NAME    only this one; may be repeated\n"
    "  --without PROGRAM  leave out empty, floor, floor-view-only, hook, shell or runc; may be "
    "repeated\n"
    "  --cpu N            keep everything on one processor: less noise on a busy machine\n"
    "  --quick            one run of each, small scenarios: a test that it works\n"
    "  --json FILE        write the results there, too\n"
    "  --help             this text\n";

struct CommandLine {
  Options options;
  std::string json;
  int cpu = -1;
  bool inventory = false;
  bool values = false;
  bool dump = false;
  bool follow = false;
};

int number(const char* text) {
  const auto value = parse_unsigned(text);
  return value && *value <= 1'000'000 ? static_cast<int>(*value) : -1;
}

// Nothing if it makes no sense.
std::optional<CommandLine> parse(int argc, char** argv) {
  enum {
    kIterations = 1000,
    kRunc,
    kInventory,
    kValues,
    kDump,
    kFollow,
    kScenario,
    kWithout,
    kCpu,
    kQuick,
    kJson
  };
  const option known[] = {{"iterations", required_argument, nullptr, kIterations},
                          {"runc", required_argument, nullptr, kRunc},
                          {"inventory", no_argument, nullptr, kInventory},
                          {"values", no_argument, nullptr, kValues},
                          {"dump", no_argument, nullptr, kDump},
                          {"follow", no_argument, nullptr, kFollow},
                          {"scenario", required_argument, nullptr, kScenario},
                          {"without", required_argument, nullptr, kWithout},
                          {"cpu", required_argument, nullptr, kCpu},
                          {"quick", no_argument, nullptr, kQuick},
                          {"json", required_argument, nullptr, kJson},
                          {nullptr, 0, nullptr, 0}};
  CommandLine line;
  for (int chosen; (chosen = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (chosen) {
      case kIterations:
        line.options.iterations = number(optarg);
        break;
      case kRunc:
        line.options.runc_iterations = number(optarg);
        break;
      case kInventory:
        line.inventory = true;
        break;
      case kValues:
        line.values = true;
        break;
      case kDump:
        line.dump = true;
        break;
      case kFollow:
        line.follow = true;
        break;
      case kScenario:
        line.options.only.emplace_back(optarg);
        break;
      case kWithout:
        line.options.without.emplace_back(optarg);
        break;
      case kCpu:
        line.cpu = number(optarg);
        break;
      case kQuick:
        line.options.quick = true;
        break;
      case kJson:
        line.json = optarg;
        break;
      default:
        return std::nullopt;
    }
  }
  if (optind != argc || line.options.iterations < 1 || line.options.runc_iterations < 1)
    return std::nullopt;
  return line;
}

Status write_json(const std::string& path, const std::string& text) {
  PINSCOPE_TRY(const Fd directory,
               open_at(AT_FDCWD, std::string(parent_of(path)), O_RDONLY | O_DIRECTORY));
  return write_atomically(directory.get(), std::string(base_name(path)), text, 0644);
}

int run(CommandLine line) {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length < 0) return 1;
  const std::string_view executable(self, static_cast<size_t>(length));
  line.options.programs = parent_of(parent_of(executable));
  line.options.shell_hook = std::string(parent_of(executable)) + "/shell_hook.sh";
  if (line.cpu >= 0) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(line.cpu), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) std::perror("pinscope-bench: --cpu");
  }
  const auto scenarios = line.inventory ? measure_inventory(line.options)
                         : line.values  ? measure_values(line.options)
                         : line.dump    ? measure_dump(line.options)
                         : line.follow  ? measure_follow(line.options)
                                        : measure(line.options);
  if (!scenarios) {
    std::fprintf(stderr, "pinscope-bench: %s\n", scenarios.error().sentence().c_str());
    return 1;
  }
  std::fputs(to_table(*scenarios).c_str(), stdout);
  if (line.json.empty()) return 0;
  if (const auto written = write_json(line.json, to_json(*scenarios)); !written) {
    std::fprintf(stderr, "pinscope-bench: %s\n", written.error().sentence().c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace pinscope::bench

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--help") {
    std::fputs(pinscope::bench::kUsage, stdout);
    return 0;
  }
  auto line = pinscope::bench::parse(argc, argv);
  if (!line) {
    std::fputs(pinscope::bench::kUsage, stderr);
    return 2;
  }
  if (::geteuid() != 0) {
    std::fputs("pinscope-bench: skipped: needs root\n", stderr);
    return pinscope::bench::kSkipped;
  }
  // The hook looks for pins where process 1 has its mounts.
  pinscope::test::in_private_machine([&] { return pinscope::bench::run(*std::move(line)); });
}
