#include "tests/bench/runc.h"

#include <fcntl.h>

#include <filesystem>
#include <functional>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "tests/bench/contenders.h"
#include "tests/bench/spawn.h"

namespace pinscope::bench {
namespace {

// The container's process: a program that ends at once.
void install_process(const std::string& programs, const Fixture& fixture) {
  std::error_code ignored;  // the first run would say it
  std::filesystem::copy_file(programs + "/bench/bench_empty", fixture.rootfs() + "/empty",
                             std::filesystem::copy_options::overwrite_existing, ignored);
}

}  // namespace

Result<Scenario> measure_runc(const std::string& programs, const Fixture& fixture, int runs,
                              bool with_hook) {
  PINSCOPE_TRY(const Site site, fixture.make_site("runc", {.grants = 10}));
  if (with_hook) PINSCOPE_CHECK(compile_policies(programs, site));
  const std::string empty = programs + "/bench/bench_empty";
  install_process(programs, fixture);

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

Result<Scenario> measure_shim(const std::string& programs, const Fixture& fixture, int runs) {
  PINSCOPE_TRY(const Site site, fixture.make_site("shim", {.grants = 10}));
  PINSCOPE_CHECK(compile_policies(programs, site));
  install_process(programs, fixture);
  const std::string bundle = fixture.directory() + "/run/bundles/shim";
  PINSCOPE_TRY(const Fd directory, make_directory(bundle, 0755));
  const std::vector<std::string> runtime = {
      "/usr/sbin/runc", "--root",  fixture.directory() + "/run/runc", "run", "--bundle",
      bundle,           kContainer};
  // A runtime that ends at once shows what the shim itself takes.
  const std::vector<std::string> empty = {programs + "/bench/bench_empty", "run", "--bundle",
                                          bundle, kContainer};
  const auto through_shim = [&](const std::vector<std::string>& program) {
    std::vector<std::string> arguments = {programs + "/bin/pinscope-runtime",
                                          "--pinscope-policy",
                                          site.policies,
                                          "--pinscope-cache-dir",
                                          site.cache,
                                          "--pinscope-state-dir",
                                          site.state,
                                          "--pinscope-audit",
                                          site.audit,
                                          "--pinscope-engine",
                                          kEngine,
                                          "--pinscope-runtime"};
    arguments.insert(arguments.end(), program.begin(), program.end());
    return arguments;
  };

  const std::string plain = config_json(fixture.rootfs(), true, {});
  const auto measure = [&](const std::string& config, const std::vector<std::string>& arguments,
                           Series* series) -> Status {
    PINSCOPE_CHECK(write_atomically(directory.get(), "config.json", config, 0644));
    PINSCOPE_TRY(const Run done, run(arguments, ""));
    if (done.exit_status != 0)
      return std::unexpected(
          Error(ErrorCode::kInternal, "run the shim's container").reason(one_line(done.errors)));
    if (series == nullptr) return {};
    series->wall_ns.push_back(done.wall_ns);
    series->cpu_ns.push_back(done.cpu_ns);
    return {};
  };
  // What the shim makes of the configuration is what the other one starts with.
  PINSCOPE_CHECK(measure(plain, through_shim(runtime), nullptr));
  PINSCOPE_TRY(const Fd file, open_at(directory.get(), "config.json", O_RDONLY));
  PINSCOPE_TRY(const auto prepared, read_all(file.get(), plain.size() * 4, "config.json"));
  if (prepared == plain)
    return std::unexpected(
        Error(ErrorCode::kInternal, "measure the shim").reason("it changed nothing"));
  Scenario scenario{.name = "runc-shim"};
  for (const char* name : {"empty", "shim+empty", "runc+hook", "shim+runc+hook"})
    scenario.series.push_back({.program = name});
  for (int round = 0; round < runs; ++round) {
    PINSCOPE_CHECK(measure(prepared, empty, &scenario.series[0]));
    PINSCOPE_CHECK(measure(plain, through_shim(empty), &scenario.series[1]));
    PINSCOPE_CHECK(measure(prepared, runtime, &scenario.series[2]));
    PINSCOPE_CHECK(measure(plain, through_shim(runtime), &scenario.series[3]));
  }
  return scenario;
}

}  // namespace pinscope::bench
