// `pinscope dump`: the entries of a map, by their types.
#include <unistd.h>

#include <memory>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/dump/output.h"
#include "plugin/cli/dump/progress.h"
#include "plugin/cli/dump/source.h"
#include "plugin/cli/dump/watch.h"
#include "plugin/cli/dump/writer.h"
#include "plugin/values/read/look_up.h"
#include "plugin/values/read/reading.h"

namespace pinscope::cli {
namespace {

constexpr auto kExitInterrupted = static_cast<ExitStatus>(128 + 2);
constexpr size_t kMaxSeconds = 86400;
constexpr uint64_t kMilliseconds = 1000;

struct DumpOptions {
  std::string map;
  std::string output = "text";
  std::string key = {'\0'};  // not given: no argument has a NUL
  std::optional<size_t> limit;
  std::optional<size_t> watch;  // seconds
  bool inner = false;
};

DumpFormat format_of(const std::string& word) {
  if (word == "json") return DumpFormat::kJson;
  return word == "csv" ? DumpFormat::kCsv : DumpFormat::kText;
}

// One run of the command.
class Dump {
 public:
  Dump(const DumpOptions& options, const DumpSource& source)
      : options_(options),
        source_(source),
        writer_(source, format_of(options.output), options.inner),
        output_(STDOUT_FILENO) {}

  Result<ExitStatus> run() {
    note_interruptions();
    PINSCOPE_TRY(key_, wanted_key());
    if (!source_.shape.why().empty()) report(source_.title() + ": " + source_.shape.why());
    return options_.watch ? watch(*options_.watch) : show();
  }

 private:
  // What --key says.
  Result<std::optional<std::vector<std::byte>>> wanted_key() const {
    std::optional<std::vector<std::byte>> key;
    if (options_.key == DumpOptions().key) return key;
    auto parsed = source_.shape.parse_key(options_.key);
    if (!parsed) return std::unexpected(std::move(parsed).error().in(source_.title()));
    key = *std::move(parsed);
    return key;
  }

  Result<ExitStatus> show() {
    writer_.append_header(output_.text(), false);
    PINSCOPE_CHECK(look([&](auto key, auto value) -> Status {
      writer_.append(output_.text(), key, value);
      return output_.offer();
    }));
    PINSCOPE_CHECK(output_.flush());
    progress_.clear();
    if (is_interrupted() && !output_.is_closed()) return say_interrupted();
    if (shown_ == 0 && !output_.is_closed()) return say_nothing_there();
    return cut_short_ ? say_cut_short() : kExitOk;
  }

  Result<ExitStatus> watch(size_t seconds) {
    Changes changes(writer_);
    writer_.append_header(output_.text(), true);
    for (bool first = true; !is_interrupted() && !output_.is_closed(); first = false) {
      PINSCOPE_CHECK(
          look([&](auto key, auto value) { return changes.see(output_.text(), key, value); }));
      if (is_interrupted()) break;
      changes.end_look(output_.text());
      PINSCOPE_CHECK(output_.flush());
      if (first)
        report("watching " + count_of(changes.size(), "entry", "entries") + " of " +
               source_.title());
      sleep_or_interrupted(seconds * kMilliseconds);
    }
    return is_interrupted() ? kExitInterrupted : kExitOk;
  }

  // Gives each entry that is wanted to `use`, until the limit, an interruption, or the end of
  // whoever reads.
  template <typename Use>
  Status look(const Use& use) {
    shown_ = 0;
    if (key_) return look_at_key(use);
    values::Walk walk(source_.map.get(), source_.facts());
    for (values::EntryBlock block; !is_interrupted() && !output_.is_closed();) {
      PINSCOPE_TRY(const size_t count, walk.next(block));
      if (count == 0) break;
      for (size_t i = 0; i < count; ++i) {
        if (shown_ == options_.limit) return {};
        PINSCOPE_CHECK(use(block.key(i), block.value(i)));
        ++shown_;
      }
      progress_.at(walk.place(), source_.facts());
    }
    cut_short_ = walk.place().cut_short;
    return {};
  }

  template <typename Use>
  Status look_at_key(const Use& use) {
    const auto& facts = source_.facts();
    std::vector<std::byte> value(values::value_bytes(facts));
    PINSCOPE_TRY(const bool found, values::look_up(source_.map.get(), facts, *key_, value));
    if (!found) return {};
    ++shown_;
    return use(values::Bytes(*key_), values::Bytes(value));
  }

  ExitStatus say_interrupted() const {
    report("interrupted after " + count_of(shown_, "entry", "entries") + " of " + source_.title());
    return kExitInterrupted;
  }

  Result<ExitStatus> say_nothing_there() const {
    if (key_)
      return std::unexpected(
          Error(ErrorCode::kSourceMissing,
                "find the key " + quoted(options_.key) + " in " + source_.title())
              .reason("there is none"));
    report(source_.title() + " has no entries");
    return kExitOk;
  }

  ExitStatus say_cut_short() const {
    report(
        source_.title() +
        " changes faster than it can be read key by key: entries may be missing, or twice there");
    return kExitFailure;
  }

  const DumpOptions& options_;
  const DumpSource& source_;
  EntryWriter writer_;
  DumpOutput output_;
  Progress progress_;
  std::optional<std::vector<std::byte>> key_;
  size_t shown_ = 0;
  bool cut_short_ = false;
};

Status check_numbers(const DumpOptions& options) {
  if (options.limit == 0)
    return std::unexpected(Error(ErrorCode::kUsage, "use --limit 0")
                               .reason("it would show nothing")
                               .hint("without --limit, all entries are shown"));
  if (options.watch && (*options.watch == 0 || *options.watch > kMaxSeconds))
    return std::unexpected(
        Error(ErrorCode::kUsage, "use --watch " + std::to_string(*options.watch))
            .reason("it takes 1 to " + std::to_string(kMaxSeconds) + " seconds"));
  return {};
}

Status check(const DumpOptions& options, const DumpSource& source) {
  if (const auto reading = values::reading_of(source.facts());
      reading.way == values::ReadWay::kRefused)
    return std::unexpected(
        Error(ErrorCode::kAccessUnsupported, "read " + source.title()).reason(reading.reason));
  if (!options.inner) return {};
  const Error refused(ErrorCode::kUsage, "use --inner");
  if (options.output == "csv")
    return std::unexpected(Error(refused).reason("CSV has no place for maps in a map"));
  if (options.watch)
    return std::unexpected(Error(refused).reason("--watch compares the ids of maps in a map only"));
  if (std::string_view(values::id_in_value(source.facts().type)) != "map_id")
    return std::unexpected(Error(refused).reason(source.title() + " is no map of maps"));
  return {};
}

Result<ExitStatus> dump(const Settings& settings, const DumpOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_CHECK(check_numbers(options));
  PINSCOPE_TRY(const DumpSource source, find_source(options.map, settings.hook.state_directory));
  PINSCOPE_CHECK(check(options, source));
  return Dump(options, source).run();
}

}  // namespace

void add_dump(CLI::App& root, Program& program) {
  auto options = std::make_shared<DumpOptions>();
  add_command(root, program, "dump", "Show the entries of a map by their types",
              [&program, options] { return dump(program.settings, *options); })
      .argument("MAP", options->map,
                "The path of a pin on the host; CONTAINER:NAME, a pin or values in a container; "
                "id:ID or map:ID; or a name")
      .option("--key", options->key, "KEY",
              "Only this one: as it is printed, its fields with commas, or hex: and its bytes")
      .number("--limit", options->limit, "N", "At most so many entries, 1 or more")
      .number("--watch", options->watch, "SECONDS",
              "Go on, and show what was added, changed and removed, every so many seconds (1 to "
              "86400); not what is there at the start")
      .flag("--inner", options->inner, "Of a map of maps: the entries of its maps, too")
      .shared_options(program.settings, {"state-dir"})
      .choice("-o,--output", options->output, {"text", "json", "csv"},
              "text for people (the default); json: a line for each entry; csv: a column for each "
              "field")
      .footer(
          "Keys and values are shown by their BTF types, and in hexadecimal without: "
          "docs/values.md. Of a queue or a stack, the next element is shown and stays.\n"
          "In an LPM trie, --key finds the longest prefix. Keys with floating point, unions or bit "
          "fields, and keys that print alike, are asked for by hex:. Spreadsheets take CSV cells "
          "that begin with =, +, - or @ for formulas: import them as text.\n"
          "Entries that come or go meanwhile may be shown or not.\n"
          "Exit status: 0 done; 1 no such map, or one that cannot be read, or another failure; 2 "
          "usage error; 130 interrupted.");
}

}  // namespace pinscope::cli
