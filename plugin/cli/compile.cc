// `pinscope compile`: checks the policies and puts them in force. The hook runs it when the files
// have changed; it reads YAML, which no part of the hook does, so it first gives up what it does
// not need: memory, time, and (where it is root) every capability.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "plugin/cli/command.h"
#include "plugin/cli/diagnostics.h"
#include "plugin/cli/table.h"
#include "plugin/kernel/privileges.h"
#include "plugin/policy/install.h"

// The address sanitizer reserves terabytes of addresses that it never touches.
#if defined(__SANITIZE_ADDRESS__)
#define PINSCOPE_UNLIMITED_ADDRESS_SPACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINSCOPE_UNLIMITED_ADDRESS_SPACE 1
#endif
#endif

namespace pinscope::cli {
namespace {

// Far above what 10,000 policies take (see docs/policy.md), far below what hurts a machine.
constexpr rlim_t kMemoryLimit = rlim_t{1} << 30;
constexpr rlim_t kSecondsLimit = 30;

Status limit_itself() {
  const auto limit = [](auto resource, rlim_t value) -> Status {
    struct rlimit now {};
    ::getrlimit(resource, &now);
    const rlim_t wanted = now.rlim_max == RLIM_INFINITY ? value : std::min(value, now.rlim_max);
    const struct rlimit lower { wanted, wanted };
    if (::setrlimit(resource, &lower) != 0)
      return std::unexpected(Error::system("limit what the compiler may use", errno));
    return {};
  };
#ifndef PINSCOPE_UNLIMITED_ADDRESS_SPACE
  PINSCOPE_CHECK(limit(RLIMIT_AS, kMemoryLimit));
#endif
  PINSCOPE_CHECK(limit(RLIMIT_CPU, kSecondsLimit));
  PINSCOPE_CHECK(limit(RLIMIT_CORE, 0));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Error::system("set no_new_privs", errno));
  return kernel::drop_all_capabilities();
}

Result<ExitStatus> compile(const Settings& settings) {
  PINSCOPE_CHECK(limit_itself());
  PINSCOPE_TRY(const policy::Loaded loaded,
               policy::install(settings.policy_path, settings.cache_directory));
  std::string findings;
  for (const auto& diagnostic : loaded.diagnostics)
    findings += to_text(diagnostic, Palette(wants_colour(settings.colour, STDERR_FILENO)));
  std::fputs(findings.c_str(), stderr);
  if (!loaded.ok()) {
    complain("the policies in \"" + settings.policy_path +
             "\" have errors; what was in force stays in force");
    return kExitFailure;
  }
  print("in force: " + count_of(loaded.policies.size(), "policy", "policies") + " from " +
        count_of(loaded.files.size(), "file", "files") + "\n");
  return kExitOk;
}

}  // namespace

void add_compile(CLI::App& root, Program& program) {
  add_command(root, program, "compile",
              "Check the policies and put them in force (the hook does this itself when a file has "
              "changed)",
              [&program] { return compile(program.settings); })
      .policy_option(program.settings)
      .cache_option(program.settings)
      .colour_option(program.settings)
      .footer("Exit status: 0 in force; 1 refused, with the reasons on standard error; 2 usage.");
}

}  // namespace pinscope::cli
