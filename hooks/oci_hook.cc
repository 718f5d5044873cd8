// pinscope-hook: the OCI hook. Reads its options, gives up what it does not need, hands what is on
// stdin (the state; Podman's precreate stage: config.json) to the pipeline. Static,
// single-threaded, reads no environment, keeps no inherited descriptor but the standard three, and
// does not depend on its working directory.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/installed.h"
#include "plugin/host/streams.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/oci/edit.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/start/prepare.h"
#include "plugin/pipeline/start/start.h"
#include "plugin/pipeline/start/stop.h"

namespace pinscope {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kUsageText =
    R"(Usage: pinscope-hook [OPTION...] createRuntime|prestart|poststop|precreate

OCI runtime hook: gives the container described by the state JSON on stdin the BPF
file system that the policies grant it. At Podman's stage precreate: copies the
config.json on stdin to stdout and, if a policy may select the container, adds the
hooks and lets bpf(2) through its seccomp profile as far as the grants need it.

)";
constexpr std::string_view kUsageEnd = R"(  --help, --version

Exit status: 0; 1 if the container must not start, with one line on stderr; 2 usage
error. See pinscope-hook(8).
)";
constexpr size_t kHelpColumn = 21;

int fail(int status, const std::string& sentence) {
  write_all(STDERR_FILENO, "pinscope-hook: " + sentence + "\n");
  return status;
}

struct Arguments {
  HookOptions options;
  std::string stage;
};

// Gives an exit status where the program is done already.
Result<std::optional<int>> parse(const std::vector<std::string>& words, Arguments& arguments) {
  OptionReader reader(words);
  while (reader.next()) {
    if (reader.is_flag("help")) {
      write_all(STDOUT_FILENO, std::string(kUsageText) + help_lines(Option::kHook, kHelpColumn) +
                                   std::string(kUsageEnd));
      return 0;
    }
    if (reader.is_flag("version")) {
      write_all(STDOUT_FILENO, "pinscope-hook " PINSCOPE_VERSION "\n");
      return 0;
    }
    PINSCOPE_CHECK(reader.read(Option::kHook, arguments.options));
  }
  const auto rest = reader.rest();
  if (!rest.empty() && rest.front().starts_with('-'))
    return std::unexpected(usage_error("there is no option " + quoted(rest.front())));
  if (rest.size() != 1) return std::unexpected(usage_error("exactly one hook stage is needed"));
  arguments.stage = rest.front();
  return std::nullopt;
}

// Podman's extension stage (oci-hooks(5)): a container that no policy can select keeps its
// configuration as it was written, and any other gets the hooks, and what its seccomp profile
// lacks. Podman adds nothing behind this but secrets for the environment and limits (libpod,
// generateSpec).
Status precreate(const HookOptions& options, const oci::State& state, std::string config) {
  PINSCOPE_TRY(const auto preparation,
               prepare(options, "precreate", state, [&] { return Result<std::string>(config); }));
  std::vector<model::HookEntry> hooks;
  if (preparation.needs_hooks) hooks = hooks_for(options, program_beside("pinscope-hook"));
  PINSCOPE_TRY(const auto edit, oci::edit_config(std::move(config), "the configuration on stdin",
                                                 hooks, preparation.commands));
  if (!write_all(STDOUT_FILENO, edit.text))
    return std::unexpected(Error::system("write the configuration to stdout", errno));
  return {};
}

// A runtime that cannot write the whole state takes the hook for failed.
void drain_input() {
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count == 0 || (count < 0 && errno != EINTR)) return;
  }
}

// Root's pins are out of reach for a user's own containers, and such a user may switch hooks off:
// there is nothing to grant and nothing to enforce, and their containers must not be held up. But
// who asks for a view has to hear that there is none.
int serve_rootless_engine(const Arguments& arguments) {
  if (arguments.stage == "precreate") {
    const auto config = read_all(STDIN_FILENO, oci::kMaxBytes, "stdin");
    if (!config) return fail(kFailed, config.error().sentence());
    return write_all(STDOUT_FILENO, *config) ? 0 : kFailed;
  }
  drain_input();
  if (arguments.stage == "poststop" || arguments.options.required_policies.empty()) return 0;
  return fail(kFailed,
              "cannot give a view to a container of a rootless engine: the host's pins are root's "
              "(run it in a session of `pinscope run`)");
}

// The heap grows in one step instead of several: a start needs about so much.
constexpr int kHeap = 256 << 10;

int run(int argc, char** argv) {
  const Status concealed = kernel::conceal_process();
  ::mallopt(M_TOP_PAD, kHeap);
  if (!fill_standard_descriptors()) return kFailed;
  // The runtime may close its end early, and may have limits: no reason to die half-way.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  Arguments arguments;
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  auto parsed = parse(words, arguments);
  if (!parsed)
    return fail(kUsage, std::move(parsed).error().hint("see pinscope-hook --help").sentence());
  if (*parsed) return **parsed;
  const bool starts = arguments.stage == "createRuntime" || arguments.stage == "prestart";
  const bool prepares = arguments.stage == "precreate";
  if (!starts && !prepares && arguments.stage != "poststop")
    return fail(kUsage, "cannot run at stage " + quoted(arguments.stage) +
                            ": only createRuntime, prestart, poststop and precreate are supported");

  if (kernel::serves_rootless_engine()) return serve_rootless_engine(arguments);

  // Its bundle is not known: Podman 4.3.1 runs this stage in the directory of whoever called it.
  const oci::State proposed;
  const auto fail_early = [&](const Error& error) {
    if (starts || prepares)
      report_refused_start(arguments.options, {arguments.stage, "", proposed.bundle}, error);
    return fail(kFailed, error.sentence());
  };
  if (!concealed) return fail_early(concealed.error());
  if (auto status = kernel::restrict_to_view_building(); !status) return fail_early(status.error());
  // poststop only touches files that belong to root.
  if (auto status = starts || prepares ? Status() : kernel::drop_all_capabilities(); !status)
    return fail_early(status.error());
  auto state = read_all(STDIN_FILENO, oci::kMaxBytes, "stdin");
  if (!state) return fail_early(state.error());
  if (prepares) {
    const auto done = precreate(arguments.options, proposed, *std::move(state));
    return done ? 0 : fail_early(done.error());
  }

  const auto done = starts ? create_runtime(arguments.options, *std::move(state))
                           : poststop(arguments.options, *std::move(state));
  if (!done) return fail(kFailed, done.error().sentence());
  return 0;
}

}  // namespace
}  // namespace pinscope

int main(int argc, char** argv) {
  // Memory: what was built so far is undone on the way here.
  try {
    return pinscope::run(argc, argv);
  } catch (const std::bad_alloc&) {
    constexpr std::string_view kSentence = "pinscope-hook: cannot go on: Cannot allocate memory\n";
    pinscope::write_all(STDERR_FILENO, kSentence);
    return pinscope::kFailed;
  }
}
