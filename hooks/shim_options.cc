#include "hooks/shim_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope {
namespace {

constexpr std::string_view kPrefix = "--pinscope-";
constexpr std::string_view kProgram = "pinscope-runtime";
constexpr size_t kConfigurationLimit = 64U << 10;  // bytes

std::unexpected<Error> usage(std::string reason) {
  return std::unexpected(Error(ErrorCode::kUsage, "use these arguments")
                             .reason(std::move(reason))
                             .hint("see pinscope-runtime --pinscope-help"));
}

Status set_engine(ShimOptions& options, const std::string& name) {
  const auto engine = model::engine_from_name(name);
  if (!engine) return usage("there is no engine " + quoted(name));
  options.hook.engine = *engine;
  return {};
}

Status set_path(std::string& path, std::string value) {
  if (!value.starts_with('/')) return usage(quoted(value) + " is not an absolute path");
  path = std::move(value);
  return {};
}

// The text behind the prefix: "engine".
Status set_option(ShimOptions& options, std::string_view name, std::string value) {
  if (name == "engine") return set_engine(options, value);
  if (name == "runtime") return set_path(options.runtime, std::move(value));
  if (name == "policy") return set_path(options.hook.policy.policy_path, std::move(value));
  if (name == "state-dir") return set_path(options.hook.state_directory, std::move(value));
  if (name == "cache-dir") return set_path(options.hook.policy.cache_directory, std::move(value));
  if (name == "audit") return set_path(options.hook.audit.path, std::move(value));
  return usage("there is no option " + quoted(std::string(kPrefix) + std::string(name)));
}

std::optional<struct stat> stat_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

std::string why_not_to_run(const std::string& path, const struct stat& status) {
  return model::why_not_to_run(path, status, stat_of("/proc/self/exe"));
}

// Nothing if the file is not there or does not say.
Result<std::string> configured_runtime(const std::string& name) {
  if (!stat_of(name)) return "";
  return read_runtime_file(name);
}

}  // namespace

Result<std::string> read_runtime_file(const std::string& path) {
  PINSCOPE_TRY(const Fd file, open_trusted_file(path));
  PINSCOPE_TRY(auto text, read_all(file.get(), kConfigurationLimit, path));
  return model::parse_runtime_file(std::move(text), path);
}

Result<ShimOptions> parse_shim_options(int argc, char** argv) {
  ShimOptions options;
  const std::string_view name = argc > 0 ? base_name(argv[0]) : "";
  if (name.starts_with(kProgram) && name.size() > kProgram.size() + 1)
    PINSCOPE_CHECK(set_engine(options, std::string(name.substr(kProgram.size() + 1))));

  int next = 1;
  for (; next < argc && std::string_view(argv[next]).starts_with(kPrefix); ++next) {
    const std::string_view option = std::string_view(argv[next]).substr(kPrefix.size());
    if (option == "help") {
      options.help = true;
    } else if (option == "version") {
      options.version = true;
    } else if (const size_t equals = option.find('='); equals != std::string_view::npos) {
      PINSCOPE_CHECK(
          set_option(options, option.substr(0, equals), std::string(option.substr(equals + 1))));
    } else if (next + 1 < argc) {
      PINSCOPE_CHECK(set_option(options, option, argv[next + 1]));
      ++next;
    } else {
      return usage("the option " + quoted(argv[next]) + " needs a value");
    }
  }
  options.arguments.assign(argv + next, argv + argc);
  return options;
}

Result<std::string> told_runtime(model::Engine engine) {
  PINSCOPE_TRY(auto path, configured_runtime(model::kRuntimeFile));
  if (!path.empty() || engine == model::Engine::kUnknown) return path;
  return configured_runtime(model::runtime_file_of(engine));
}

Result<std::string> find_runtime(const std::string& told) {
  std::string path = told;
  const auto cannot = [](const std::string& what) {
    return Error(ErrorCode::kConfigInvalid, "run the low-level runtime" + what);
  };
  if (!path.empty()) {
    const auto status = stat_of(path);
    if (!status)
      return std::unexpected(Error::system("run the low-level runtime " + quoted(path), errno,
                                           ErrorCode::kConfigInvalid));
    if (const auto reason = why_not_to_run(path, *status); !reason.empty())
      return std::unexpected(cannot(" " + quoted(path))
                                 .reason(reason)
                                 .hint("name runc or crun with --pinscope-runtime or in " +
                                       std::string(model::kRuntimeFile)));
    return path;
  }
  for (const char* program : model::kLowLevelRuntimes) {
    for (const char* directory : model::kProgramDirectories) {
      path = join(directory, program);
      const auto status = stat_of(path);
      if (status && why_not_to_run(path, *status).empty()) return path;
    }
  }
  return std::unexpected(
      cannot("")
          .reason("neither runc nor crun is installed")
          .hint("name another with --pinscope-runtime or in " + std::string(model::kRuntimeFile)));
}

}  // namespace pinscope
