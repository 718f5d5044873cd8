// `pinscope exceptions`: what containers have beside the policies, and what has run out of it.
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/apply/held.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/exceptions/order.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/kernel/probe.h"
#include "plugin/pipeline/change/expire.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

constexpr const char* kStage = "exceptions";

struct Options {
  std::vector<std::string> containers;
  bool expire = false;
};

struct Listed {
  std::vector<model::Record> records;  // of containers that run, with any
  std::optional<uint64_t> next_ns;
  std::vector<Error> unreadable;
  std::optional<Application> expired;
};

Result<RecordFiles> files_of(const Settings& settings, const Options& options) {
  if (options.expire || options.containers.empty())
    return files_of_running(settings, options.containers);
  RecordFiles all;
  for (const auto& container : options.containers) {
    PINSCOPE_TRY(auto files, files_for(settings, container));
    std::ranges::move(files.names, std::back_inserter(all.names));
    std::ranges::move(files.unreadable, std::back_inserter(all.unreadable));
  }
  return all;
}

Result<Listed> look(const Settings& settings, const RecordFiles& files) {
  PINSCOPE_TRY(const auto store, record::Store::open(settings.hook.state_directory, false));
  Listed listed;
  listed.unreadable = files.unreadable;
  const uint64_t now = wall_clock_ns();
  for (const auto& name : files.names) {
    auto found = store.read(name);
    if (!found || found->record.exceptions.empty()) continue;
    if (const auto next = next_end(found->record.exceptions, now))
      listed.next_ns = std::min(listed.next_ns.value_or(*next), *next);
    listed.records.push_back(std::move(found->record));
  }
  return listed;
}

Result<Application> expire(const Settings& settings, const RecordFiles& files) {
  const auto judges = policies_to_take_away(settings);
  PINSCOPE_TRY(auto expiry,
               expire_exceptions(judges.policies, kernel::features_to_swap(), files.names,
                                 {.options = settings.hook,
                                  .stage = kStage,
                                  .by = this_caller(),
                                  .exceptions_alone = true,
                                  .no_policies = judges.none,
                                  .automatic = true}));
  Application application{
      .containers = std::move(expiry.containers), .held = {}, .unreadable = files.unreadable};
  std::ranges::move(expiry.unreadable, std::back_inserter(application.unreadable));
  PINSCOPE_TRY(application.held, look_for_held(application.containers));
  return application;
}

std::string to_text(const Listed& listed, const Palette& palette) {
  const uint64_t now = wall_clock_ns();
  Table table({"CONTAINER", "ENGINE", "EXCEPTION", "STATE"});
  for (const auto& record : listed.records)
    for (const auto& one : record.exceptions) {
      const bool counts = model::is_in_force(one, now);
      table.add({short_id(record.given.id), model::engine_name(record.given.engine),
                 model::name_of(one.kind),
                 Cell(counts ? "in force" : "ran out", counts ? Colour::kGreen : Colour::kRed)});
      table.add_note(model::text_of(one, now));
    }
  if (table.empty()) return "no exceptions\n";
  std::string text = table.text(palette);
  if (listed.next_ns) text += "\nThe next one runs out at " + utc_time(*listed.next_ns) + ".\n";
  return text;
}

std::string to_json(const Listed& listed) {
  const uint64_t now = wall_clock_ns();
  JsonWriter json = begin_output();
  json.key("exceptions").array();
  for (const auto& record : listed.records)
    for (const auto& one : record.exceptions) {
      const auto& given = record.given;
      json.object()
          .key("container")
          .object()
          .field("id", given.id)
          .field("engine", model::engine_name(given.engine))
          .field("pid", int64_t{given.pid})
          .field("bundle", given.bundle)
          .end()
          .key("exception");
      model::write_exception(json, one, model::state_of(one, now));
      json.end();
    }
  json.end();
  if (listed.next_ns) json.field("next", exact_utc_time(*listed.next_ns));
  if (listed.expired) {
    json.key("expired").array();
    for (size_t i = 0; i < listed.expired->containers.size(); ++i)
      write_swapped(json, listed.expired->containers[i], listed.expired->held[i]);
    json.end();
  }
  json.key("unreadable").array();
  for (const auto& error : listed.unreadable) json.value(error.sentence());
  json.end();
  return end_output(std::move(json));
}

Result<ExitStatus> exceptions(const Settings& settings, const Options& options) {
  if (options.expire) PINSCOPE_CHECK(check_root("change the views of containers"));
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_TRY(const auto files, files_of(settings, options));
  std::optional<Application> expired;
  if (options.expire) {
    PINSCOPE_TRY(expired, expire(settings, files));
  }
  PINSCOPE_TRY(auto listed, look(settings, files));
  listed.expired = std::move(expired);
  if (settings.json())
    print(to_json(listed));
  else
    print((listed.expired && !listed.expired->containers.empty()
               ? to_text(*listed.expired, settings.palette()) + "\n"
               : "") +
          to_text(listed, settings.palette()));
  for (const auto& error : listed.unreadable) report(error);
  if (listed.expired) return status_of_exceptions(*listed.expired);
  return listed.unreadable.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_exceptions(CLI::App& root, Program& program) {
  auto options = std::make_shared<Options>();
  add_command(root, program, "exceptions",
              "Show what containers have or lack beside the policies, and undo what has run out",
              [&program, options] { return exceptions(program.settings, *options); })
      .repeatable_option(
          "--container", options->containers, "CONTAINER",
          "Only this one's: its id, a unique beginning of it, or the name that its engine gave "
          "it; with --expire its whole id")
      .flag("--expire", options->expire,
            "First give each container its view without what has run "
            "out")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "`pinscope revoke` and `pinscope grant` make exceptions. What has run out does not count "
          "any more, and the view may show it still: \"not undone yet\". With --output json, "
          "`next` is the time at which something runs out next.\n"
          "Exit status: 0 done; 1 a record cannot be read, or a view could not be taken back; 2 "
          "usage error.");
}

}  // namespace pinscope::cli
