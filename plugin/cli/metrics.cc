// `pinscope metrics`: what is known of the machine in numbers, for Prometheus. pinscoped runs it
// for each scrape (plugin/daemon/metrics.h).
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <memory>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/explain/next_policies.h"
#include "plugin/drift/look.h"
#include "plugin/host/file.h"
#include "plugin/metrics/exposition.h"
#include "plugin/metrics/families.h"
#include "plugin/metrics/gather.h"

namespace pinscope::cli {
namespace {

constexpr const char* kPrometheus = "prometheus";
constexpr const char* kOpenMetrics = "openmetrics";
// What the textfile collector of node exporters reads.
constexpr std::string_view kTextfileSuffix = ".prom";
constexpr mode_t kTextfileMode = 0644;

struct MetricsOptions {
  std::string format = kPrometheus;
  std::string textfile;
};

using Clock = std::chrono::steady_clock;

// For everything: whoever scrapes pinscoped has an answer within eight seconds (daemon/metrics.cc).
constexpr std::chrono::milliseconds kTimeForAll{7000};
constexpr std::chrono::milliseconds kShortestLook{200};

// The same containers are looked at once more, in half of what is left of the time, since one that
// does not answer can take the other half.
Result<std::map<std::string, uint64_t>> count_drift(const Settings& settings,
                                                    Clock::time_point deadline,
                                                    std::vector<Error>& failed) {
  const auto begin = Clock::now();
  const auto time = (deadline - begin) / 2;
  const Error no_time =
      Error(ErrorCode::kRecord, "look for drift").hint("pinscope drift takes the time");
  if (time < kShortestLook) return std::unexpected(Error(no_time).reason("there was no time left"));
  PINSCOPE_TRY(const auto next, read_next_policies(settings));
  PINSCOPE_TRY(
      const auto drift,
      drift::look_for_drift(next.policies, {.state_directory = settings.hook.state_directory,
                                            .until = begin + time}));
  const auto counts = drift.counts();
  std::map<std::string, uint64_t> by_kind;
  for (size_t i = 0; i < counts.size(); ++i)
    by_kind.emplace(drift::name_of(static_cast<drift::Kind>(i)), counts[i]);
  by_kind[drift::name_of(drift::Kind::kLastGood)] = next.last_good ? 1 : 0;
  if (drift.left_over > 0)
    failed.push_back(Error(no_time).reason("there was no time for " +
                                           count_of(drift.left_over, "container", "containers")));
  return by_kind;
}

// A trail that is not there yet has no lines; one whose directory is not there is another's, or
// none.
Status check_audit_directory(const Settings& settings) {
  const auto given = settings.given.find("audit");
  if (given == settings.given.end()) return {};
  const std::string directory(parent_of(given->second));
  if (::access(directory.empty() ? "." : directory.c_str(), F_OK) == 0) return {};
  return std::unexpected(Error::system("use --audit " + quoted(given->second), errno));
}

Status check(const MetricsOptions& options) {
  if (options.textfile.empty()) return {};
  const Error refusal(ErrorCode::kUsage, "write the metrics to " + quoted(options.textfile));
  if (!options.textfile.ends_with(kTextfileSuffix))
    return std::unexpected(
        Error(refusal).reason("node exporters read files whose name ends with .prom"));
  if (options.format != kPrometheus)
    return std::unexpected(
        Error(refusal).reason("node exporters read the format \"prometheus\" alone"));
  return {};
}

Result<ExitStatus> show(const Settings& settings, const MetricsOptions& options) {
  PINSCOPE_CHECK(check(options));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("count what the machine has", EPERM)
                               .hint("only root reads the records and the audit trail"));
  Fd directory;
  // First, because looking changes the working directory.
  if (!options.textfile.empty()) {
    PINSCOPE_TRY(directory, open_at(AT_FDCWD, std::string(parent_of(options.textfile)),
                                    O_RDONLY | O_DIRECTORY));
  }
  const auto has_trail = check_audit_directory(settings);
  const auto deadline = Clock::now() + kTimeForAll;
  auto gathered = metrics::gather({.policy_path = settings.hook.policy.policy_path,
                                   .cache_directory = settings.hook.policy.cache_directory,
                                   .state_directory = settings.hook.state_directory,
                                   .audit_path = settings.hook.audit.path});
  if (!has_trail) {
    gathered.facts.audit.reset();
    gathered.failed.push_back(has_trail.error());
  }
  if (auto drift = count_drift(settings, deadline, gathered.failed))
    gathered.facts.drift = *std::move(drift);
  else
    gathered.failed.push_back(std::move(drift).error());
  const std::string text =
      metrics::to_text(metrics::families(gathered.facts), options.format == kOpenMetrics
                                                              ? metrics::Format::kOpenMetrics
                                                              : metrics::Format::kPrometheus);
  if (directory.valid()) {
    PINSCOPE_CHECK(write_atomically(directory.get(), std::string(base_name(options.textfile)), text,
                                    kTextfileMode));
  } else {
    print(text);
  }
  for (const auto& error : gathered.failed) report(error);
  return gathered.failed.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_metrics(CLI::App& root, Program& program) {
  auto options = std::make_shared<MetricsOptions>();
  add_command(root, program, "metrics", "Print metrics for Prometheus",
              [&program, options] { return show(program.settings, *options); })
      .choice("--format", options->format, {kPrometheus, kOpenMetrics}, "The text's format")
      .option("--textfile", options->textfile, "FILE",
              "Write them to this file, as a whole, for the textfile collector of node exporters")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .footer(
          "docs/metrics.md says what each metric means.\n"
          "Counters come from the audit trail. How far it was read, and the numbers up to there, "
          "are kept in the cache directory; the first time, its newest file is read from the "
          "start.\n"
          "A part that could not be looked at is left out, with "
          "pinscope_collection_success 0.\n"
          "Exit status: 0 done; 1 a part could not be looked at; 2 usage error.");
}

}  // namespace pinscope::cli
