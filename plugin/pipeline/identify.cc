#include "plugin/pipeline/identify.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/process/ancestors.h"
#include "plugin/oci/config.h"
#include "plugin/oci/runtime_arguments.h"
#include "plugin/pipeline/admit.h"

namespace pinscope {
namespace {

// The runtime, and what may stand between it and this process.
constexpr int kMaxAncestors = 4;
constexpr const char* kConfig = "config.json";

// By the name that it was started by, or by that of its file, to which the name may be a link. A
// runtime that copied itself into memory has no file.
oci::OptionStyle option_style_of(pid_t runtime, const std::string& name) {
  const auto style = oci::option_style_of(base_name(name));
  if (style == oci::OptionStyle::kArgp) return style;
  return oci::option_style_of(base_name(kernel::program_of(runtime).value_or("")));
}

// The command line of the runtime above this process that makes this container.
std::optional<oci::RuntimeArguments> runtime_above(const std::string& id) {
  std::optional<pid_t> ancestor = ::getppid();
  for (int i = 0; ancestor && *ancestor > 1 && i < kMaxAncestors; ++i) {
    auto words = kernel::command_line_of(*ancestor);
    if (words && !words->empty()) {
      const auto style = option_style_of(*ancestor, words->front());
      words->erase(words->begin());
      auto arguments = oci::parse_runtime_arguments(*words, style);
      // The nearest one is the runtime; what stands above it may be anybody's.
      if (arguments.makes_container() && arguments.id == id) return arguments;
    }
    ancestor = kernel::parent_of_process(*ancestor);
  }
  return std::nullopt;
}

// The configuration that the runtime was told to make this container from.
struct Named {
  std::string bundle;  // absolute
  std::string config;  // absolute, or a name in the bundle
};
Result<Named> named_by_runtime(const std::string& id) {
  const auto arguments = runtime_above(id);
  const bool is_absolute = arguments && arguments->bundle.starts_with('/') &&
                           (arguments->config == kConfig || arguments->config.starts_with('/'));
  if (is_absolute) return Named{arguments->bundle, arguments->config};
  return std::unexpected(
      Error(ErrorCode::kStateInvalid, "find the bundle of container " + quoted(id))
          .reason("the state says \"/\", and no runtime's command line names one")
          .hint("start it with --bundle and an absolute path"));
}

// Whether any policy can be for a container of which nothing but the engine is known.
bool may_concern_us(const HookOptions& options, const policy::CompiledSet& policies) {
  if (!options.required_policies.empty()) return true;
  const auto all = policies.all();
  return !all || may_concern(*all, options.engine);
}

}  // namespace

Result<std::optional<model::Container>> identify(const HookOptions& options,
                                                 const policy::CompiledSet& policies,
                                                 std::string state_json, RunLog& log) {
  PINSCOPE_TRY(auto state, oci::parse_state(std::move(state_json)));
  log.event().given.id = state.id;
  log.event().given.bundle = state.bundle;
  log.event().given.pid = state.pid;
  auto config = read_config(state);
  // What cannot be told apart is refused, unless there is nothing to tell.
  if (!config && config.error().code() == ErrorCode::kStateInvalid &&
      !may_concern_us(options, policies))
    return std::nullopt;
  if (!config) return std::unexpected(std::move(config).error());
  PINSCOPE_TRY(auto container,
               container_of(state, *std::move(config), options.engine, options.pod_labels));
  log.event().given.bundle = container.bundle;
  log.event().given.identity = container.identity;
  if (container.identity.is_sandbox && options.required_policies.empty()) return std::nullopt;
  return container;
}

Result<model::Container> container_of(const oci::State& state, std::string config,
                                      model::Engine engine, const oci::PodLabels& pod_labels) {
  PINSCOPE_TRY(auto container, oci::read_container(state, std::move(config), engine));
  container.identity.kubernetes_labels = oci::facts_of(pod_labels);
  return container;
}

Result<std::string> read_config(oci::State& state) {
  std::string config = kConfig;
  const bool bundle_is_lost = state.bundle == "/";
  if (bundle_is_lost) {
    PINSCOPE_TRY(auto named, named_by_runtime(state.id));
    state.bundle = std::move(named.bundle);
    config = std::move(named.config);
  }
  const auto failed = [&](const Error& error) {
    return std::unexpected(Error::system("open " + quoted(join(state.bundle, config)),
                                         error.errnum(), ErrorCode::kConfigInvalid)
                               .hint(bundle_is_lost ? "the runtime's command line names this bundle"
                                                    : "the runtime's state names this bundle"));
  };
  auto bundle = open_real_directory(state.bundle, O_PATH);
  if (!bundle) return failed(bundle.error());
  state.bundle = std::move(bundle->path);
  auto file = open_at(bundle->fd.get(), config, O_RDONLY | O_NONBLOCK);
  if (!file) return failed(file.error());
  return read_all(file->get(), oci::kMaxBytes, join(state.bundle, config));
}

Result<std::string> read_config_of(std::string& bundle) {
  PINSCOPE_TRY(auto directory, open_real_directory(bundle, O_PATH));
  bundle = std::move(directory.path);
  const auto file = open_at(directory.fd.get(), kConfig, O_RDONLY | O_NONBLOCK);
  if (!file)
    return std::unexpected(
        Error::system("open " + quoted(join(bundle, kConfig)), file.error().errnum())
            .hint("a bundle is the directory that has one"));
  return read_all(file->get(), oci::kMaxBytes, join(bundle, kConfig));
}

bool runtime_makes(const std::string& id) {
  return runtime_above(id).has_value();
}

}  // namespace pinscope
