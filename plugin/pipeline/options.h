// The options that several programs take and that the hook is told in its turn: one row for each,
// from which the programs parse them, show them in their help, and write command lines for the hook
// and the shim.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/oci/pod_labels.h"
#include "plugin/policy/set/store.h"
#include "plugin/record/audit.h"

namespace pinscope {

// What the options say. A value that is not given is the one here.
struct HookOptions {
  policy::StoreOptions policy;
  std::string state_directory = "/run/pinscope";
  record::AuditOptions audit;
  model::Engine engine = model::Engine::kUnknown;
  oci::PodLabels pod_labels;
  // Policies that must select the container, or it must not start: what the start asked for.
  std::vector<std::string> required_policies;
};

struct Option {
  // The programs that take options of the table.
  enum Taker : uint8_t { kHook = 1, kShim = 2, kDaemon = 4, kCommandLine = 8 };

  const char* name;   // "policy" for --policy
  const char* value;  // what stands for its value in a help text
  const char* help;   // without the default; a line feed where the programs break the line
  uint8_t takers;     // of Taker, or'ed
  // Of an option that is a path: where it is kept. Null for the others, which have the rest.
  std::string& (*path)(HookOptions& options);
  Status (*set)(HookOptions& options, const std::string& value);
  std::vector<std::string> (*values)(const HookOptions& options);
};

// The whole table, in the order in which options are shown and written.
std::span<const Option> shared_options();
// Null: there is none of this name, or `taker` does not take it.
const Option* find_option(std::string_view name, Option::Taker taker);
// kUsage: the value makes no sense; that of a path must be absolute.
Status set_option(const Option& option, HookOptions& options, const std::string& value);
// "policy directory or file (default /etc/pinscope/policy.d)".
[[gnu::cold]] std::string describe(const Option& option);

// What the names of the shim's own options begin with.
inline constexpr const char* kShimPrefix = "--pinscope-";

// The words that tell a program these options: --policy /x, and so on for everything that is not
// the default. `prefix` is what the program's names of options begin with.
std::vector<std::string> arguments_for(HookOptions options, const char* prefix = "--");

// The lines on these options in the help of a program, with the descriptions from `column` on.
[[gnu::cold]] std::string help_lines(Option::Taker taker, size_t column, const char* prefix = "--");

// Every mistake in a command line, whatever the program.
[[gnu::cold]] Error usage_error(std::string reason);
// `path` becomes `value`, if that is an absolute path.
Status set_path(std::string& path, const std::string& value);

// Walks over the options that a command line begins with, `--name VALUE` or `--name=VALUE`, for
// programs without a library for that.
class OptionReader {
 public:
  // `words` must live as long.
  explicit OptionReader(std::span<const std::string> words, std::string_view prefix = "--")
      : rest_(words), prefix_(prefix) {}

  // Goes on to the next option; false if the next word is none.
  bool next();
  // The current option, as an error shows it: "--policy".
  [[nodiscard, gnu::cold]] std::string shown() const;
  [[nodiscard]] std::string_view name() const { return name_; }
  // Whether it is this one, and without a value.
  [[nodiscard]] bool is_flag(std::string_view name) const { return word_ == name; }
  // Its value. kUsage: it has none.
  Result<std::string> value();
  // The option of the table, with its value. kUsage: `taker` has none of its name.
  Status read(Option::Taker taker, HookOptions& options);
  // What has not been looked at yet.
  [[nodiscard]] std::span<const std::string> rest() const { return rest_; }

 private:
  std::span<const std::string> rest_;
  std::string_view prefix_;
  std::string_view word_;  // without the prefix
  std::string_view name_;
};

}  // namespace pinscope
