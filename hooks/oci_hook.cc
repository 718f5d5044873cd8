// pinscope-hook: the OCI hook. Reads its options, gives up what it does not need, hands the state
// JSON from stdin to the pipeline. Static, single-threaded, reads no environment, keeps no
// inherited descriptor but the standard three, and does not depend on its working directory.
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/privileges.h"
#include "plugin/pipeline.h"

namespace pinscope {
namespace {

constexpr size_t kStateLimit = 4U << 20;  // bytes; annotations may be large
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    R"(Usage: pinscope-hook [OPTION...] createRuntime|prestart|poststop

OCI runtime hook: gives the container described by the state JSON on stdin the BPF
file system that the policies grant it.

  --policy PATH      policy directory or file (default /etc/pinscope/policy.d)
  --state-dir DIR    records of containers (default /run/pinscope)
  --cache-dir DIR    compiled policies (default /var/lib/pinscope)
  --audit PATH       audit trail (default /var/log/pinscope/audit.jsonl)
  --engine NAME      which engine runs this hook: podman, docker, containerd or crio
  --pod-label KEY=VALUE
                     a label of the container's pod (repeatable; for the NRI plugin)
  --require-policy NAME
                     do not start the container unless this policy selects it
                     (repeatable; for devices of CDI)
  --compiler PATH    program that compiles policies (default: pinscope beside this one)
  --help, --version

Exit status: 0, or 1 with one line on stderr if the container must not start, or 2
for a mistake in the arguments. See pinscope-hook(8).
)";

enum Option : int {
  kPolicy = 256,
  kStateDir,
  kCacheDir,
  kAudit,
  kEngine,
  kPodLabel,
  kRequirePolicy,
  kCompiler,
  kHelpFlag,
  kVersion
};

const std::array<struct option, 11> kOptions = {{
    {"policy", required_argument, nullptr, kPolicy},
    {"state-dir", required_argument, nullptr, kStateDir},
    {"cache-dir", required_argument, nullptr, kCacheDir},
    {"audit", required_argument, nullptr, kAudit},
    {"engine", required_argument, nullptr, kEngine},
    {"pod-label", required_argument, nullptr, kPodLabel},
    {"require-policy", required_argument, nullptr, kRequirePolicy},
    {"compiler", required_argument, nullptr, kCompiler},
    {"help", no_argument, nullptr, kHelpFlag},
    {"version", no_argument, nullptr, kVersion},
    {nullptr, 0, nullptr, 0},
}};

void print(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

int fail(int status, const std::string& sentence) {
  print(STDERR_FILENO, "pinscope-hook: " + sentence + "\n");
  return status;
}

// The program that was installed beside this one.
std::string default_compiler() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) return "";
  return join(parent_of(std::string_view(path, static_cast<size_t>(length))), "pinscope");
}

// A closed standard descriptor would be taken by the next file that is opened.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(kFailed);
}

struct Arguments {
  HookOptions options;
  std::string stage;
};

// Gives an exit status where the program is done already.
Result<int> parse(int argc, char** argv, Arguments& arguments) {
  constexpr int kGoOn = -1;
  const auto usage = [](std::string reason) {
    return std::unexpected(Error(ErrorCode::kUsage, "use these arguments")
                               .reason(std::move(reason))
                               .hint("see pinscope-hook --help"));
  };
  opterr = 0;
  HookOptions& options = arguments.options;
  for (;;) {
    const int option = ::getopt_long(argc, argv, "+:", kOptions.data(), nullptr);
    if (option < 0) break;
    switch (option) {
      case kPolicy:
        options.policy.policy_path = optarg;
        break;
      case kStateDir:
        options.state_directory = optarg;
        break;
      case kCacheDir:
        options.policy.cache_directory = optarg;
        break;
      case kAudit:
        options.audit.path = optarg;
        break;
      case kCompiler:
        options.policy.compiler = optarg;
        break;
      case kPodLabel:
        PINSCOPE_CHECK(oci::add_pod_label(options.pod_labels, optarg));
        break;
      case kRequirePolicy:
        options.required_policies.emplace_back(optarg);
        break;
      case kEngine: {
        const auto engine = model::engine_from_name(optarg);
        if (!engine) return usage("there is no engine " + quoted(optarg));
        options.engine = *engine;
        break;
      }
      case kHelpFlag:
        print(STDOUT_FILENO, kHelp);
        return 0;
      case kVersion:
        print(STDOUT_FILENO, "pinscope-hook " PINSCOPE_VERSION "\n");
        return 0;
      case ':':
        return usage("the option " + quoted(argv[optind - 1]) + " needs a value");
      default:
        return usage("there is no option " + quoted(argv[optind - 1]));
    }
  }
  for (const auto* path : {&options.policy.policy_path, &options.state_directory,
                           &options.policy.cache_directory, &options.audit.path})
    if (!path->starts_with('/')) return usage(quoted(*path) + " is not an absolute path");
  if (optind != argc - 1) return usage("exactly one hook stage is needed");
  arguments.stage = argv[optind];
  if (options.policy.compiler.empty()) options.policy.compiler = default_compiler();
  return kGoOn;
}

int run(int argc, char** argv) {
  fill_standard_descriptors();
  // The runtime may close its end early; that is no reason to die half-way.
  ::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  const auto parsed = parse(argc, argv, arguments);
  if (!parsed) return fail(kUsage, parsed.error().sentence());
  if (*parsed >= 0) return *parsed;
  const bool starts = arguments.stage == "createRuntime" || arguments.stage == "prestart";
  if (!starts && arguments.stage != "poststop")
    return fail(kUsage, "cannot run at stage " + quoted(arguments.stage) +
                            ": only createRuntime, prestart and poststop are supported");

  const auto fail_early = [&](const Error& error) {
    if (starts) report_refused_start(arguments.options, error);
    return fail(kFailed, error.sentence());
  };
  if (auto status = kernel::restrict_to_view_building(); !status) return fail_early(status.error());
  // poststop only touches files that belong to root.
  if (auto status = starts ? Status() : kernel::drop_all_capabilities(); !status)
    return fail_early(status.error());
  auto state = read_all(STDIN_FILENO, kStateLimit, "stdin");
  if (!state) return fail_early(state.error());

  const auto done = starts ? create_runtime(arguments.options, *std::move(state))
                           : poststop(arguments.options, *std::move(state));
  if (!done) return fail(kFailed, done.error().sentence());
  return 0;
}

}  // namespace
}  // namespace pinscope

int main(int argc, char** argv) {
  return pinscope::run(argc, argv);
}
