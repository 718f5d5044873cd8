// pinscope-runtime: stands in for runc or crun where an engine has no hooks of its own. Before a
// container is created it adds our hooks and the seccomp rules to its config.json; then, and for
// every other command line at once, it becomes the low-level runtime. Environment, descriptors,
// working directory and signals are the engine's and reach the runtime as they were.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "hooks/shim_memory.h"
#include "hooks/shim_options.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/installed.h"
#include "plugin/host/streams.h"
#include "plugin/json/json.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/model/low_level_runtime.h"
#include "plugin/oci/edit.h"
#include "plugin/oci/runtime_arguments.h"
#include "plugin/pipeline/admit.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/start/prepare.h"

namespace pinscope {
namespace {

constexpr int kFailed = 1;

constexpr std::string_view kUsageText =
    R"(Usage: pinscope-runtime [--pinscope-OPTION VALUE...] [RUNTIME-OPTION...] COMMAND ...

Runs runc or crun with the same arguments. If the command creates a container that a
policy may select, first adds Pinscope's hooks to its config.json and lets bpf(2)
through its seccomp profile as far as the grants need it.

  --pinscope-runtime PATH    the low-level runtime (default: see pinscope-runtime(8))
)";
constexpr std::string_view kUsageEnd =
    R"(                             (default: from the name, as in pinscope-runtime-docker)
  --pinscope-help, --pinscope-version

Exit status: the low-level runtime's; 1 if the container must not be created, with
one line on stderr.
)";
constexpr size_t kHelpColumn = 29;

// A user's own engine, whose root is nobody on the machine, is none of ours: see the hook.
bool serves_the_machine() {
  return !kernel::serves_rootless_engine();
}

// In runc's own format, where the engine looks for it: containerd and Docker show the last error of
// the JSON log that they asked for.
void write_log(const oci::RuntimeArguments& arguments, const std::string& sentence) {
  std::string path = arguments.log;
  if (path.starts_with("file:")) path.erase(0, 5);  // crun
  struct stat status {};
  if (path.empty() || (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))) return;
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0644);
  if (!file) return;
  const std::time_t now = std::time(nullptr);
  struct tm utc {};
  char time[32];
  if (::gmtime_r(&now, &utc) == nullptr ||
      std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
    return;
  if (arguments.log_format == "json") {
    JsonWriter json;
    json.object().field("level", "error").field("msg", sentence).field("time", time).end();
    write_all(file->get(), json.take() + "\n");
  } else {
    write_all(file->get(),
              std::string("time=\"") + time + "\" level=error msg=" + quoted(sentence) + "\n");
  }
}

// What deciding changes of this process, or must not depend on: the engine's working directory and
// umask.
class EngineSettings {
 public:
  EngineSettings()
      : directory_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), umask_(::umask(022)) {}
  Status restore() const {
    ::umask(umask_);
    if (directory_.valid() && ::fchdir(directory_.get()) == 0) return {};
    return std::unexpected(Error::system("go back to the working directory", errno));
  }

 private:
  Fd directory_;
  mode_t umask_;
};

// The configuration of a container that is about to be created.
class Bundle {
 public:
  explicit Bundle(const oci::RuntimeArguments& arguments) : config_(arguments.config) {
    state_.id = arguments.id;
    state_.bundle = arguments.bundle;
    auto resolved = open_real_directory(arguments.bundle, O_RDONLY);
    if (!resolved) {
      directory_ = std::unexpected(std::move(resolved).error());
      return;
    }
    state_.bundle = std::move(resolved->path);
    directory_ = std::move(resolved->fd);
  }

  [[nodiscard]] const oci::State& state() const { return state_; }
  [[nodiscard]] std::string config_path() const { return join(state_.bundle, config_); }

  Result<std::string> read() {
    if (!directory_) return std::unexpected(as_config_error(directory_.error()));
    auto file = open_at(directory_->get(), config_, O_RDONLY | O_NONBLOCK);
    if (!file) return std::unexpected(as_config_error(file.error()));
    if (::fstat(file->get(), &status_) != 0)
      return std::unexpected(Error::system("stat " + quoted(config_path()), errno));
    if (!S_ISREG(status_.st_mode))
      return std::unexpected(Error(ErrorCode::kConfigInvalid, "read " + quoted(config_path()))
                                 .reason("it is not a regular file"));
    auto text = read_all(file->get(), oci::kMaxBytes, config_path());
    if (!text) return std::unexpected(std::move(text).error().with_code(ErrorCode::kConfigInvalid));
    text_ = *text;
    return text;
  }

  // Done when this returns: a reader sees the old text or the new one. Where config.json is a
  // symbolic link, a file takes its place, and what it led to stays as it was.
  Status add(const std::vector<model::HookEntry>& hooks, model::BpfCommands commands) {
    if (config_ != "config.json")
      return std::unexpected(
          Error(ErrorCode::kConfigInvalid, "use the configuration " + quoted(config_))
              .reason("the hook reads the bundle's config.json"));
    PINSCOPE_TRY(const auto edit,
                 oci::edit_config(std::move(text_), config_path(), hooks, commands));
    if (!edit.changed) return {};
    return replace_atomically(directory_->get(), config_, edit.text, status_);
  }

 private:
  [[nodiscard]] Error as_config_error(const Error& error) const {
    return Error::system("open " + quoted(config_path()), error.errnum(),
                         ErrorCode::kConfigInvalid);
  }

  oci::State state_;
  std::string config_;
  Result<Fd> directory_ = Fd();
  std::string text_;
  struct stat status_ {};
};

// Without symbolic links; as it is, if it leads nowhere.
std::string resolved_path(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) == nullptr ? path : resolved;
}

// A link to a program with a kernel of its own may have any name.
Status refuse_own_kernel(const std::string& runtime) {
  if (!model::has_own_kernel(runtime) && !model::has_own_kernel(resolved_path(runtime))) return {};
  return std::unexpected(runs_elsewhere(runtime));
}

Status prepare_bundle(const ShimOptions& options, const std::string& runtime, Bundle& bundle) {
  const EngineSettings engine;
  PINSCOPE_TRY(const auto preparation,
               prepare(options.hook, "shim", bundle.state(), [&] { return bundle.read(); }));
  PINSCOPE_CHECK(engine.restore());
  if (preparation.selected) PINSCOPE_CHECK(refuse_own_kernel(runtime));
  if (!preparation.needs_hooks) return {};
  const std::string hook = program_beside("pinscope-hook");
  if (::access(hook.c_str(), X_OK) != 0)
    return std::unexpected(Error::system("use the hook " + quoted(hook), errno));
  return bundle.add(hooks_for(options.hook, hook), preparation.commands);
}

int fail(const oci::RuntimeArguments& arguments, const Error& error) {
  const std::string sentence = "pinscope-runtime: " + error.sentence();
  write_log(arguments, sentence);
  write_all(STDERR_FILENO, sentence + "\n");
  return kFailed;
}

int run(int argc, char** argv) {
  const Status concealed = kernel::conceal_process();  // to execve(2) of the low-level runtime
  // An engine's limit must not end this half-way; what it does then is the runtime's again.
  const auto on_large_file = ::signal(SIGXFSZ, SIG_IGN);
  if (!fill_standard_descriptors()) return kFailed;
  auto options = parse_shim_options({argv, argv + argc});
  if (!options)
    return fail({}, std::move(options).error().hint("see pinscope-runtime --pinscope-help"));
  if (options->help || options->version) {
    write_all(STDOUT_FILENO, options->help
                                 ? std::string(kUsageText) +
                                       help_lines(Option::kShim, kHelpColumn, kShimPrefix) +
                                       std::string(kUsageEnd)
                                 : "pinscope-runtime " PINSCOPE_VERSION "\n");
    return 0;
  }
  const std::string chosen = options->runtime.empty() ? kept_runtime() : options->runtime;
  const auto told = chosen.empty() ? told_runtime(options->hook.engine) : chosen;
  const auto runtime = told ? find_runtime(*told) : told;
  const auto style = oci::option_style_of(runtime ? base_name(resolved_path(*runtime)) : "");
  const auto arguments = oci::parse_runtime_arguments(options->arguments, style);
  if (!runtime) return fail(arguments, runtime.error());

  if (arguments.makes_container() && serves_the_machine()) {
    Bundle bundle(arguments);
    const auto done = concealed ? prepare_bundle(*options, *runtime, bundle) : concealed;
    if (!done) {
      report_refused_start(options->hook, {"shim", bundle.state().id, bundle.state().bundle},
                           done.error());
      return fail(arguments, done.error());
    }
    if (options->runtime.empty() && !told->empty()) keep_runtime(arguments.bundle, *runtime);
  }
  std::vector<char*> passed;
  passed.push_back(const_cast<char*>(runtime->c_str()));
  for (const auto& argument : options->arguments)
    passed.push_back(const_cast<char*>(argument.c_str()));
  passed.push_back(nullptr);
  ::signal(SIGXFSZ, on_large_file);
  ::execv(runtime->c_str(), passed.data());
  return fail(arguments, Error::system("run the low-level runtime " + quoted(*runtime), errno,
                                       ErrorCode::kConfigInvalid));
}

}  // namespace
}  // namespace pinscope

int main(int argc, char** argv) {
  try {
    return pinscope::run(argc, argv);
  } catch (const std::bad_alloc&) {
    pinscope::write_all(STDERR_FILENO, "pinscope-runtime: cannot go on: Cannot allocate memory\n");
    return pinscope::kFailed;
  }
}
