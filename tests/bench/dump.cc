#include "tests/bench/dump.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "plugin/base/fd.h"
#include "plugin/values/read/map_facts.h"
#include "tests/bench/turns.h"
#include "tests/support/bpf/type_table.h"

namespace pinscope::bench {
namespace {

constexpr uint32_t kFull = 1'000'000;
constexpr uint32_t kQuick = 1000;
// Of the time of bare look-ups, and of bpftool's.
constexpr double kGoal = 1.5;
constexpr double kGoalAgainstBpftool = 5;
constexpr const char* kBpftool = "/usr/sbin/bpftool";

// From u32 to `numbers` times u64.
Result<Fd> make_map(uint32_t entries, uint32_t numbers) {
  test::TypeTable types;
  const uint32_t key = types.u32();
  uint32_t value = types.u64();
  if (numbers > 1)
    value =
        types.structure("counters", 8 * numbers,
                        {{"packets", value, 0}, {"bytes", value, 64}, {"last_seen", value, 128}});
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.btf_fd = static_cast<uint32_t>(types.load());
  options.btf_key_type_id = key;
  options.btf_value_type_id = value;
  Fd map(bpf_map_create(BPF_MAP_TYPE_HASH, "bench", 4, 8 * numbers, entries, &options));
  if (!map.valid()) return std::unexpected(Error::system("make a map", errno));
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t content[] = {i, uint64_t{1500} * i, 1'700'000'000'000'000'000U + i};
    if (bpf_map_update_elem(map.get(), &i, content, BPF_ANY) != 0)
      return std::unexpected(Error::system("fill a map", errno));
  }
  return map;
}

Result<Scenario> compare(const std::string& name, uint32_t numbers, const Options& options) {
  PINSCOPE_TRY(const Fd map, make_map(options.quick ? kQuick : kFull, numbers));
  PINSCOPE_TRY(const auto facts, values::map_facts(map.get()));
  const std::string id = std::to_string(facts.id);
  std::vector<Contender> contenders = {
      {{.program = "dump-floor"}, {options.programs + "/bench/bench_dump_floor", id}},
      {{.program = "dump"}, {options.programs + "/bin/pinscope", "dump", "id:" + id}},
      {{.program = "dump-json"},
       {options.programs + "/bin/pinscope", "dump", "id:" + id, "--output", "json"}}};
  const bool beside_bpftool = ::access(kBpftool, X_OK) == 0;
  if (beside_bpftool)
    contenders.push_back({{.program = "bpftool"}, {kBpftool, "map", "dump", "id", id}});
  PINSCOPE_TRY(Scenario scenario, measure_in_turns(name, std::move(contenders), options));
  for (const char* program : {"dump", "dump-json"}) {
    scenario.goals.push_back({program, "dump-floor", kGoal, false});
    if (beside_bpftool) scenario.goals.push_back({program, "bpftool", kGoalAgainstBpftool, true});
  }
  return scenario;
}

}  // namespace

Result<std::vector<Scenario>> measure_dump(const Options& options) {
  std::vector<Scenario> scenarios;
  PINSCOPE_TRY(Scenario number, compare("dump-number", 1, options));
  scenarios.push_back(std::move(number));
  PINSCOPE_TRY(Scenario structure, compare("dump-struct", 3, options));
  scenarios.push_back(std::move(structure));
  return scenarios;
}

}  // namespace pinscope::bench
