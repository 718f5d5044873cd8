// `pinscope report`: who reaches what on this machine, as a page or a drawing for people who would
// rather look than read.
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/report/drawing.h"
#include "plugin/inventory/access/parties.h"
#include "plugin/inventory/machine/inventory.h"
#include "plugin/kernel/bpf/map_limits.h"

namespace pinscope::cli {
namespace {

constexpr const char* kHtml = "html";
constexpr const char* kSvg = "svg";

struct ReportOptions {
  std::string format = kHtml;
  std::string node;  // empty: what the machine calls itself
};

Result<Report> take_report(const Settings& settings, const ReportOptions& options) {
  Report report;
  PINSCOPE_TRY(auto all, inventory::take_inventory(settings.hook.state_directory));
  PINSCOPE_TRY(auto parties, inventory::look_at_parties(all.machine));
  const inventory::AccessJudge judge(all.machine, all.containers, std::move(parties));
  report.matrix = matrix_of(
      all.machine,
      [](const model::ObjectInfo& info) {
        return info.kind == model::ObjectKind::kMap ? kernel::limits_of_map(info.id)
                                                    : kernel::MapLimits{};
      },
      judge);
  report.machine = std::move(all.machine);
  report.notices = std::move(all.notices);
  utsname names{};
  ::uname(&names);
  report.node = options.node.empty() ? names.nodename : options.node;
  report.kernel = names.release;
  report.time = utc_time(wall_clock_ns());
  return report;
}

Result<ExitStatus> show(const Settings& settings, const ReportOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look at the whole machine", EPERM)
                               .hint("only root sees other processes and their objects"));
  if (::isatty(STDOUT_FILENO) == 1)
    return std::unexpected(Error(ErrorCode::kUsage, "print a report to a terminal")
                               .hint("write it to a file: pinscope report > report.html"));
  PINSCOPE_TRY(const Report report, take_report(settings, options));
  print(options.format == kSvg ? drawing_of(report) : page_of(report));
  return kExitOk;
}

}  // namespace

void add_report(CLI::App& root, Program& program) {
  auto options = std::make_shared<ReportOptions>();
  add_command(root, program, "report",
              "Write a page that shows which container reaches which BPF object, and how",
              [&program, options] { return show(program.settings, *options); })
      .choice("--format", options->format, {kHtml, kSvg}, "A page, or its matrix as a drawing")
      .option("--node", options->node, "NAME", "What the page calls this machine")
      .shared_options(program.settings, {"state-dir"})
      .footer(
          "The page is written to standard output, is one file, loads nothing, and can be printed. "
          "Search needs JavaScript, the rest does not.\n"
          "It has names of containers, processes and objects, and the policies' rules: keep it as "
          "you keep those.\n"
          "Exit status: 0 done; 1 failure; 2 usage error.");
}

}  // namespace pinscope::cli
