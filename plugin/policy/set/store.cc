#include "plugin/policy/set/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/run_compiler.h"

namespace pinscope::policy {
namespace {

using Clock = std::chrono::steady_clock;

constexpr timespec kLockInterval = {0, 1'000'000};

Result<bool> has_policy_files(const std::string& policy_path) {
  struct stat status {};
  if (::stat(policy_path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return std::unexpected(Error::system("stat " + quoted(policy_path), errno));
  }
  const auto names = list_policy_files(policy_path);
  // One file instead of a directory, or something that the compiler will refuse.
  return !names || !names->empty();
}

// None where they cannot be read: what is told of them is not worth an error.
std::vector<model::Policy> policies_of(const CompiledSet& set) {
  return set.all().value_or(std::vector<model::Policy>());
}

// Policies are the same if they say the same at the same places.
model::AcceptedPolicies what_changed(const std::vector<model::Policy>& before,
                                     const std::vector<model::Policy>& now) {
  std::map<std::string_view, const model::Policy*> gone;
  for (const auto& policy : before) gone.emplace(policy.name, &policy);
  model::AcceptedPolicies change;
  for (const auto& policy : now) {
    change.names.push_back(policy.name);
    const auto old = gone.find(policy.name);
    if (old == gone.end()) {
      change.added.push_back(policy.name);
      continue;
    }
    if (*old->second != policy) change.changed.push_back(policy.name);
    gone.erase(old);
  }
  for (const auto& policy : before)
    if (gone.contains(policy.name)) change.removed.push_back(policy.name);
  return change;
}

// What is kept for a policy path, as found at one moment.
struct Found {
  std::optional<CachedSet> set;
  std::optional<CachedSet> refusal;
  std::optional<Error> problem;  // why there is no set, though there is a file

  static Found look(const StoreOptions& options) {
    Found found;
    auto set = CachedSet::open(options.cache_directory, options.policy_path, kSetSuffix);
    if (set)
      found.set = std::move(*set);
    else
      found.problem = std::move(set).error();
    auto refusal = CachedSet::open(options.cache_directory, options.policy_path, kRejectedSuffix);
    if (refusal) found.refusal = std::move(*refusal);
    if (found.refusal && !found.refusal->set().refusal()) found.refusal.reset();
    return found;
  }
  // The set, if it was made from the files as they are.
  CachedSet* accepted(const StoreOptions& options, Racy racy) {
    return set && set->is_current(options.policy_path, racy) ? &*set : nullptr;
  }
  // Why the files as they are were refused, if they were.
  [[nodiscard]] std::optional<std::string> refused(const StoreOptions& options, Racy racy) const {
    if (!refusal || !refusal->is_current(options.policy_path, racy)) return std::nullopt;
    return text_of(*refusal);
  }
  [[nodiscard]] std::vector<model::Policy> policies() const {
    return set ? policies_of(set->set()) : std::vector<model::Policy>();
  }
  // Where there are no policy files, no set is kept.
  [[nodiscard]] bool says_none(const StoreOptions& options) const {
    return !set && !problem && !has_policy_files(options.policy_path).value_or(true);
  }
  static std::string text_of(const CachedSet& refusal) {
    return std::string(refusal.set().refusal().value_or("they were refused"));
  }
};

CachedSet* newer(std::optional<CachedSet>& now, const std::optional<CachedSet>& before) {
  if (!now) return nullptr;
  if (before && now->set().compiled_at_ns() <= before->set().compiled_at_ns()) return nullptr;
  return &*now;
}

enum class Lock { kTaken, kNotToBeHad, kOthers };

// Takes one of the locks in the cache directory, in `held`. kNotToBeHad: there is no such file, and
// none can be made; kOthers: somebody else had it until `deadline`.
Lock take_lock(const StoreOptions& options, const char* suffix, Clock::time_point deadline,
               Fd& held) {
  const auto directory = make_directory(options.cache_directory, 0755);
  if (!directory) return Lock::kNotToBeHad;
  auto lock = open_at(directory->get(), cache_name(options.policy_path, suffix),
                      O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!lock) return Lock::kNotToBeHad;
  while (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Lock::kNotToBeHad;
    if (Clock::now() >= deadline) return Lock::kOthers;
    ::nanosleep(&kLockInterval, nullptr);
  }
  held = *std::move(lock);
  return Lock::kTaken;
}

}  // namespace

struct PolicyStore::State {
  explicit State(CompiledSet compiled) : set(compiled) {}

  CompiledSet set;  // in `cached` or, where there is no policy, in `nothing`
  std::optional<CachedSet> cached;
  std::unique_ptr<const std::string> nothing;
  std::optional<std::string> rejected;
  Refresh refresh = Refresh::kNone;
  std::optional<model::AcceptedPolicies> accepted;

  static Result<PolicyStore> empty(Refresh refresh) {
    auto nothing = std::make_unique<const std::string>(compile({}, {}));
    PINSCOPE_TRY(const auto set, CompiledSet::open(std::as_bytes(std::span(*nothing))));
    auto state = std::make_unique<State>(set);
    state->nothing = std::move(nothing);
    state->refresh = refresh;
    return PolicyStore(std::move(state));
  }

  static PolicyStore in_force(CachedSet cached, Refresh refresh) {
    auto state = std::make_unique<State>(cached.set());
    state->cached = std::move(cached);
    state->refresh = refresh;
    return PolicyStore(std::move(state));
  }

  // The edit was not accepted: what was in force stays in force, if there is anything.
  static Result<PolicyStore> refused(Found found, std::string why, const StoreOptions& options,
                                     Refresh refresh) {
    if (!found.set) {
      const auto& problem = found.problem;
      return std::unexpected(Error(problem ? problem->code() : ErrorCode::kPolicyUnavailable,
                                   "use the policies in " + quoted(options.policy_path))
                                 .reason(std::move(why))
                                 .hint((problem ? problem->sentence() : "none was ever accepted") +
                                       "; run `pinscope check`"));
    }
    PolicyStore store = in_force(*std::move(found.set), refresh);
    store.state_->rejected = std::move(why);
    return store;
  }

  // The compiler's work came into force in the place of `before`.
  static Result<PolicyStore> replaced(Result<PolicyStore> now, const Found& before) {
    if (now) now->state_->accepted = what_changed(before.policies(), policies_of(now->state_->set));
    return now;
  }

  static Result<PolicyStore> refresh_with_compiler(Found before, const StoreOptions& options);
};

Result<PolicyStore> PolicyStore::State::refresh_with_compiler(Found before,
                                                              const StoreOptions& options) {
  const auto deadline = Clock::now() + options.longest_refresh;
  // With a set that is in force there is no need to wait for somebody who may never end.
  const auto wait_until =
      before.set ? Clock::now() + std::min(options.longest_refresh, options.longest_wait)
                 : deadline;
  const auto others = [&] {
    return refused(Found::look(options),
                   "another process has been at the policies for " +
                       std::to_string(options.longest_wait.count() / 1000) + " s",
                   options, Refresh::kRejected);
  };
  // Where it cannot be had: compiling twice at once does no harm, because install() has a lock of
  // its own.
  Fd refreshing;
  const Lock lock = take_lock(options, kRefreshSuffix, wait_until, refreshing);
  if (lock == Lock::kOthers && before.set) return others();
  if (lock == Lock::kTaken) {
    // Another hook may have had it done while we waited.
    before = Found::look(options);
    if (CachedSet* set = before.accepted(options, Racy::kCountsAsChanged))
      return in_force(std::move(*set), Refresh::kNone);
    if (auto why = before.refused(options, Racy::kCountsAsChanged))
      return refused(std::move(before), *std::move(why), options, Refresh::kNone);
    if (before.says_none(options)) return empty(Refresh::kNone);
  }
  // What the compiler would wait for.
  if (Fd installing;
      before.set && take_lock(options, kLockSuffix, wait_until, installing) == Lock::kOthers)
    return others();
  const Status ran = run_compiler(options, deadline);
  Found after = Found::look(options);
  // Files that are gone by now are no policies, whatever the compiler said of them.
  if (after.says_none(options)) return replaced(empty(Refresh::kAccepted), before);
  if (ran) {
    // If the files changed once more meanwhile, the next container's hook sees that.
    CachedSet* set = after.accepted(options, Racy::kIsIgnored);
    if (set == nullptr) set = newer(after.set, before.set);
    if (set != nullptr) return replaced(in_force(std::move(*set), Refresh::kAccepted), before);
  }
  auto why = after.refused(options, Racy::kIsIgnored);
  if (const CachedSet* refusal = newer(after.refusal, before.refusal); !why && refusal != nullptr)
    why = Found::text_of(*refusal);
  if (!why) why = ran ? "the policy compiler changed nothing" : ran.error().sentence();
  return refused(std::move(after), *std::move(why), options, Refresh::kRejected);
}

Result<PolicyStore> PolicyStore::open(const StoreOptions& options) {
  // The common case first: it looks at the policy path by itself.
  auto opened = CachedSet::open(options.cache_directory, options.policy_path, kSetSuffix);
  if (opened) {
    std::optional<CachedSet>& set = *opened;
    if (set && set->is_current(options.policy_path, Racy::kCountsAsChanged))
      return State::in_force(std::move(*set), Refresh::kNone);
  }

  // Where a set is kept, files that are gone are an edit like another, and the compiler's to judge.
  const bool nothing_kept = opened && !opened->has_value();
  if (nothing_kept) {
    PINSCOPE_TRY(const bool has_files, has_policy_files(options.policy_path));
    if (!has_files) return State::empty(Refresh::kNone);
  }
  Found found = Found::look(options);
  if (auto why = found.refused(options, Racy::kCountsAsChanged))
    return State::refused(std::move(found), *std::move(why), options, Refresh::kNone);
  return State::refresh_with_compiler(std::move(found), options);
}

PolicyStore::PolicyStore(std::unique_ptr<State> state) : state_(std::move(state)) {
}
PolicyStore::PolicyStore(PolicyStore&&) noexcept = default;
PolicyStore& PolicyStore::operator=(PolicyStore&&) noexcept = default;
PolicyStore::~PolicyStore() = default;

bool PolicyStore::empty() const {
  return state_->set.policy_count() == 0;
}
const CompiledSet& PolicyStore::set() const {
  return state_->set;
}
const std::optional<std::string>& PolicyStore::rejected() const {
  return state_->rejected;
}
const std::optional<model::AcceptedPolicies>& PolicyStore::accepted() const {
  return state_->accepted;
}
PolicyStore::Refresh PolicyStore::refresh() const {
  return state_->refresh;
}

}  // namespace pinscope::policy
