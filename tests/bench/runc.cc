#include "tests/bench/runc.h"

#include <filesystem>
#include <functional>
#include <vector>

#include "plugin/base/file.h"
#include "plugin/base/text.h"
#include "tests/bench/contenders.h"
#include "tests/bench/spawn.h"

namespace pinscope::bench {

Result<Scenario> measure_runc(const std::string& programs, const Fixture& fixture, int runs,
                              bool with_hook) {
  PINSCOPE_TRY(const Site site, fixture.make_site("runc", {.grants = 10}));
  if (with_hook) PINSCOPE_CHECK(compile_policies(programs, site));
  const std::string empty = programs + "/bench/bench_empty";
  std::error_code failed;
  std::filesystem::copy_file(empty, fixture.rootfs() + "/empty",
                             std::filesystem::copy_options::overwrite_existing, failed);

  const auto hooks = [](const std::function<std::vector<std::string>(std::string)>& arguments) {
    return std::vector<ConfiguredHook>{{"createRuntime", arguments("createRuntime")},
                                       {"poststop", arguments("poststop")}};
  };
  struct Variant {
    const char* name;
    std::vector<ConfiguredHook> hooks;
    Series series{};
  };
  std::vector<Variant> variants = {
      {"runc", {}},
      {"runc+empty-hook", hooks([&](const std::string&) { return std::vector{empty}; })}};
  if (with_hook)
    variants.push_back({"runc+hook", hooks([&](const std::string& stage) {
                          return hook_arguments(programs, site, stage);
                        })});
  const std::string bundles = fixture.directory() + "/run/bundles";
  for (auto& variant : variants) {
    variant.series.program = variant.name;
    const std::string bundle = bundles + "/" + variant.name;
    PINSCOPE_TRY(const Fd directory, make_directory(bundle, 0755));
    PINSCOPE_CHECK(write_atomically(directory.get(), "config.json",
                                    config_json(fixture.rootfs(), false, variant.hooks), 0644));
  }
  for (int round = -1; round < runs; ++round) {
    for (auto& variant : variants) {
      PINSCOPE_TRY(const Run done,
                   run({"/usr/sbin/runc", "--root", fixture.directory() + "/run/runc", "run",
                        "--bundle", bundles + "/" + variant.name, kContainer},
                       ""));
      if (done.exit_status != 0)
        return std::unexpected(Error(ErrorCode::kInternal, std::string("run ") + variant.name)
                                   .reason(one_line(done.errors)));
      if (round < 0) continue;
      variant.series.wall_ns.push_back(done.wall_ns);
      variant.series.cpu_ns.push_back(done.cpu_ns);
    }
  }
  Scenario scenario{.name = "runc-run"};
  for (auto& variant : variants) scenario.series.push_back(std::move(variant.series));
  return scenario;
}

}  // namespace pinscope::bench
