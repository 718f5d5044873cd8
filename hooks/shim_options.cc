#include "hooks/shim_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope {
namespace {

constexpr std::string_view kProgram = "pinscope-runtime";
constexpr size_t kConfigurationLimit = 64U << 10;  // bytes

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
  PINSCOPE_TRY(const Fd file, open_trusted_file(path, ErrorCode::kConfigInvalid));
  PINSCOPE_TRY(auto text, read_all(file.get(), kConfigurationLimit, path));
  return model::parse_runtime_file(std::move(text), path);
}

Result<ShimOptions> parse_shim_options(const std::vector<std::string>& words) {
  ShimOptions options;
  const std::string_view name = words.empty() ? "" : base_name(words.front());
  if (name.starts_with(kProgram) && name.size() > kProgram.size() + 1)
    PINSCOPE_CHECK(set_option(*find_option("engine", Option::kShim), options.hook,
                              std::string(name.substr(kProgram.size() + 1))));

  OptionReader reader(std::span<const std::string>(words).subspan(words.empty() ? 0 : 1),
                      kShimPrefix);
  while (reader.next()) {
    if (reader.is_flag("help")) {
      options.help = true;
    } else if (reader.is_flag("version")) {
      options.version = true;
    } else if (reader.name() == "runtime") {
      PINSCOPE_TRY(const std::string path, reader.value());
      PINSCOPE_CHECK(set_path(options.runtime, path));
    } else {
      PINSCOPE_CHECK(reader.read(Option::kShim, options.hook));
    }
  }
  options.arguments.assign(reader.rest().begin(), reader.rest().end());
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
