#include "plugin/node/policies.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/node/child.h"
#include "plugin/policy/files.h"
#include "plugin/policy/language/combined.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"
#include "plugin/policy/set/stamps.h"

namespace pinscope::node {
namespace {

constexpr size_t kMaxBytes = size_t{16} << 20;
constexpr int kMaxErrors = 20;
constexpr int kMaxKeys = 20;  // of a ConfigMap, in the log

std::string in_force(size_t count) {
  return count_of(count, "policy", "policies") + " in force";
}

// Every error on one line: the log of a DaemonSet is where the author of a policy looks.
std::string errors_of(const policy::Loaded& loaded) {
  std::string text;
  int errors = 0;
  for (auto diagnostic : loaded.diagnostics) {
    if (diagnostic.severity != policy::Diagnostic::Severity::kError) continue;
    if (++errors > kMaxErrors) continue;
    diagnostic.snippet.clear();
    std::string line = to_string(diagnostic);
    while (line.ends_with('\n')) line.pop_back();
    text += (text.empty() ? "" : "; ") + one_line(line);
  }
  if (errors > kMaxErrors) text += "; and " + std::to_string(errors - kMaxErrors) + " more";
  return text;
}

Result<std::string> check(const HostPolicies& host, const std::vector<policy::Text>& texts,
                          const std::string& whole) {
  const auto refused = [](std::string why) {
    return std::unexpected(Error(ErrorCode::kPolicyInvalid, "accept them").reason(std::move(why)));
  };
  const auto all = policy::load_with(host.directory, kClusterFile, texts);
  if (!all.ok()) return refused(errors_of(all));
  // What is written is one file: it must say what the texts say one by one.
  const auto apart = policy::load_with("", kClusterFile, texts);
  const auto together = policy::load_text(whole, kClusterFile, policy::Tests::kSkipped);
  if (!together.ok()) return refused(errors_of(together));
  const auto same = [](const model::Policy& a, const model::Policy& b) { return a.name == b.name; };
  if (!std::ranges::equal(apart.policies, together.policies, same))
    return refused("put together in one file they do not say the same");
  return "";
}

Result<std::string> compile(const HostPolicies& host) {
  PINSCOPE_TRY(const auto loaded, policy::install(host.directory, host.cache_directory));
  if (!loaded.ok())
    return std::unexpected(
        Error(ErrorCode::kPolicyInvalid, "compile them").reason(errors_of(loaded)));
  return std::to_string(loaded.policies.size());
}

// How many policies are in force, if they are those of the files as these are now.
std::optional<size_t> current(const HostPolicies& host) {
  const auto set =
      policy::CachedSet::open(host.cache_directory, host.directory, policy::kSetSuffix);
  if (set && !*set) {  // nothing is kept where there are no policies
    const auto names = policy::list_policy_files(host.directory);
    if (names && names->empty()) return 0;
  }
  if (!set || !*set || !(*set)->is_current(host.directory, policy::Racy::kCountsAsChanged))
    return std::nullopt;
  return (*set)->set().policy_count();
}

// What stands in our file now; nothing if there is none. An error if somebody else made it.
Result<std::optional<std::string>> written(int directory) {
  auto file = open_at(directory, kClusterFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().errnum() == ENOENT) return std::nullopt;
  if (!file) return std::unexpected(std::move(file).error());
  PINSCOPE_TRY(auto text, read_all(file->get(), kMaxBytes, kClusterFile));
  if (policy::is_combined(text)) return text;
  return std::unexpected(Error(ErrorCode::kPolicyInvalid, "replace " + quoted(kClusterFile))
                             .reason("it was not made by this program")
                             .hint("give that file another name"));
}

Result<InForce> compiled(const HostPolicies& host) {
  if (const auto count = current(host)) return InForce{in_force(*count), ""};
  PINSCOPE_TRY(const auto count, run_confined([&] { return compile(host); }));
  return InForce{in_force(parse_unsigned(count).value_or(0)), ""};
}

// By the ConfigMap's keys; what is not one of ours has none.
std::map<std::string, std::string> by_key(const std::optional<std::string>& file) {
  std::map<std::string, std::string> texts;
  if (!file) return texts;
  const std::string above = std::string(kClusterFile) + "/";
  for (auto& part : policy::parts_of(*file, kClusterFile))
    if (part.file.starts_with(above)) texts[part.file.substr(above.size())] = std::move(part.text);
  return texts;
}

std::string changes_of(const std::optional<std::string>& before,
                       const std::optional<std::string>& after) {
  if (before == after) return "the policies of the node's own have changed";
  const auto old = by_key(before);
  const auto now = by_key(after);
  std::string changes;
  int named = 0;
  const auto add = [&](const std::string& key, const char* what) {
    if (++named > kMaxKeys) return;
    changes += (changes.empty() ? "" : ", ") + quoted(key) + " " + what;
  };
  for (const auto& [key, text] : now) {
    const auto same = old.find(key);
    if (same == old.end())
      add(key, "is new");
    else if (same->second != text)
      add(key, "has changed");
  }
  for (const auto& [key, text] : old)
    if (!now.contains(key)) add(key, "is gone");
  if (named > kMaxKeys) changes += ", and " + std::to_string(named - kMaxKeys) + " more";
  return changes;
}

}  // namespace

Result<InForce> activate(const HostPolicies& host, const std::vector<policy::Text>& texts) {
  PINSCOPE_TRY(const Fd made, make_directory(host.directory, 0755));
  PINSCOPE_TRY(const Fd directory,
               open_trusted_directory(host.directory, ErrorCode::kPolicyUntrusted));
  PINSCOPE_TRY(const auto before, written(directory.get()));
  std::optional<std::string> wanted;
  if (!texts.empty()) wanted = policy::combine(texts);
  if (wanted == before)
    if (const auto count = current(host)) return InForce{in_force(*count), ""};

  const std::string whole = wanted.value_or(policy::combine({}));
  PINSCOPE_TRY([[maybe_unused]] const auto checked,
               run_confined([&] { return check(host, texts, whole); }));
  if (wanted && wanted != before)
    PINSCOPE_CHECK(write_atomically(directory.get(), kClusterFile, *wanted, 0644, true));
  if (!wanted && before && ::unlinkat(directory.get(), kClusterFile, 0) != 0)
    return std::unexpected(Error::system("remove " + quoted(kClusterFile), errno));
  PINSCOPE_TRY(InForce now, compiled(host));
  now.changes = changes_of(before, wanted);
  return now;
}

Status withdraw(const HostPolicies& host) {
  auto directory = open_trusted_directory(host.directory, ErrorCode::kPolicyUntrusted);
  if (!directory && directory.error().errnum() == ENOENT) return {};
  if (!directory) return std::unexpected(std::move(directory).error());
  PINSCOPE_TRY(const auto before, written(directory->get()));
  if (!before) return {};
  if (::unlinkat(directory->get(), kClusterFile, 0) != 0)
    return std::unexpected(Error::system("remove " + quoted(kClusterFile), errno));
  PINSCOPE_TRY([[maybe_unused]] const auto count, compiled(host));
  return {};
}

Status forget(const HostPolicies& host) {
  if (::rmdir(host.directory.c_str()) != 0)
    return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY
               ? Status()
               : std::unexpected(Error::system("remove " + quoted(host.directory), errno));
  for (const char* suffix :
       {policy::kSetSuffix, policy::kRejectedSuffix, policy::kLockSuffix, policy::kRefreshSuffix})
    ::unlink(join(host.cache_directory, policy::cache_name(host.directory, suffix)).c_str());
  // Others' files keep them there, and so does a mount.
  ::rmdir(host.cache_directory.c_str());
  ::rmdir(std::string(parent_of(host.directory)).c_str());
  return {};
}

}  // namespace pinscope::node
