#include "plugin/metrics/counters.h"

#include <algorithm>

#include "plugin/base/error.h"
#include "plugin/json/json.h"
#include "plugin/model/bypass.h"
#include "plugin/model/policy.h"
#include "plugin/record/chain.h"

namespace pinscope::metrics {
namespace {

constexpr double kMicrosecondsPerSecond = 1e6;
constexpr const char* kGranted = "granted";
constexpr const char* kRefused = "refused";
constexpr const char* kRemoved = "removed";

std::vector<std::string> known_bypasses() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(model::Bypass::kOwnFiles); ++i)
    names.emplace_back(model::name_of(static_cast<model::Bypass>(i)));
  names.emplace_back(kOther);
  return names;
}

std::vector<std::string> known_codes() {
  std::vector<std::string> names;
  for (const ErrorCode code : all_error_codes()) names.emplace_back(code_name(code));
  names.emplace_back(kOther);
  return names;
}

void add(Counters::Counts& counts, std::string_view word, uint64_t count = 1) {
  auto found = counts.find(word);
  if (found == counts.end()) found = counts.find(kOther);
  if (found != counts.end()) found->second += count;
}

void add(Counters::HookTimes& times, std::string_view stage, uint64_t duration_us) {
  auto found = times.find(stage);
  if (found == times.end()) found = times.find(kOther);
  const auto bound = std::ranges::lower_bound(
      kHookTimeBounds, static_cast<double>(duration_us) / kMicrosecondsPerSecond);
  ++found->second.counts[static_cast<size_t>(bound - kHookTimeBounds.begin())];
  found->second.sum_us += duration_us;
}

// What one line says; nothing of it counts unless all could be read.
struct Said {
  std::string outcome;
  std::string code;
  std::string stage;
  uint64_t duration_us = 0;
  std::vector<std::string> bypasses;
  std::vector<std::string> accesses;  // of what was granted
  uint64_t skipped = 0;
  uint64_t denied = 0;
};

Result<std::vector<JsonView>> list_of(const JsonView& root, std::string_view key) {
  PINSCOPE_TRY(const auto list, root.find(key));
  if (!list) return std::vector<JsonView>();
  return list->elements();
}

Status read_given(const JsonView& root, Said& said) {
  PINSCOPE_TRY(const auto bypasses, list_of(root, "void"));
  for (const auto& bypass : bypasses) {
    PINSCOPE_TRY(const auto name, bypass.as_string());
    said.bypasses.emplace_back(name);
  }
  PINSCOPE_TRY(const auto pins, list_of(root, "pins"));
  for (const auto& pin : pins) {
    PINSCOPE_TRY(const bool skipped, pin.bool_or("skipped", false));
    PINSCOPE_TRY(std::string access, pin.string_or("access", ""));
    if (skipped)
      ++said.skipped;
    else
      said.accesses.push_back(std::move(access));
  }
  PINSCOPE_TRY(const auto refusals, list_of(root, "refusals"));
  PINSCOPE_TRY(const uint64_t left_out, root.unsigned_or("refusals_left_out", 0));
  said.denied = refusals.size() + left_out;
  return {};
}

Result<Said> read(std::string_view line) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::string(line), "a line", ErrorCode::kAudit));
  const JsonView root = document.root();
  Said said;
  PINSCOPE_TRY(said.outcome, root.string_or("outcome", ""));
  PINSCOPE_TRY(said.code, root.string_or("code", ""));
  PINSCOPE_TRY(said.stage, root.string_or("stage", ""));
  PINSCOPE_TRY(said.duration_us, root.unsigned_or("duration_us", 0));
  PINSCOPE_CHECK(read_given(root, said));
  return said;
}

void visit_counts(const std::string& prefix, Counters::Counts& counts,
                  const std::function<void(const std::string&, uint64_t&)>& visit) {
  for (auto& [word, count] : counts) visit(prefix + "." + word, count);
}

Counters::Counts zeros(const std::vector<std::string>& words) {
  Counters::Counts counts;
  for (const auto& word : words) counts.emplace(word, 0);
  return counts;
}

}  // namespace

const std::vector<std::string>& outcomes() {
  static const std::vector<std::string> all = {kGranted,          kRefused,          kRemoved,
                                               "policy-accepted", "policy-rejected", "collected",
                                               "changed",         "not-changed",     kOther};
  return all;
}

const std::vector<std::string>& failure_codes() {
  static const std::vector<std::string> all = known_codes();
  return all;
}

const std::vector<std::string>& bypass_codes() {
  static const std::vector<std::string> all = known_bypasses();
  return all;
}

const std::vector<std::string>& stages() {
  static const std::vector<std::string> all = {"createRuntime", "poststop", "run", kOther};
  return all;
}

const std::vector<std::string>& accesses() {
  static const std::vector<std::string> all = {model::name_of(model::Access::kRead),
                                               model::name_of(model::Access::kReadWrite),
                                               model::name_of(model::Access::kUse)};
  return all;
}

Counters::Counters()
    : lines(zeros(outcomes())),
      failed(zeros(failure_codes())),
      granted(zeros(accesses())),
      void_views(zeros(bypass_codes())) {
  for (const auto& stage : stages()) hook_times.emplace(stage, HookTime{});
}

void Counters::take(std::string_view line) {
  if (line.empty()) return;
  if (!take_sound(line)) ++damaged;
}

bool Counters::take_sound(std::string_view line) {
  // Lines of versions without a chain have no digest.
  if (record::digest_of(line) && !record::has_right_digest(line)) return false;
  const auto said = read(line);
  if (!said || said->outcome.empty()) return false;
  add(lines, said->outcome);
  if (said->outcome == kRefused) add(failed, said->code);
  if (said->outcome == kGranted) {
    for (const auto& access : said->accesses) add(granted, access);
    for (const auto& bypass : said->bypasses) add(void_views, bypass);
    skipped += said->skipped;
    denied += said->denied;
  }
  if (said->outcome == kGranted || said->outcome == kRefused || said->outcome == kRemoved)
    add(hook_times, said->stage, said->duration_us);
  return true;
}

void Counters::visit(const std::function<void(const std::string& name, uint64_t& number)>& visit) {
  visit_counts("lines", lines, visit);
  visit_counts("failed", failed, visit);
  visit_counts("granted", granted, visit);
  visit_counts("void", void_views, visit);
  visit("skipped", skipped);
  visit("denied", denied);
  visit("damaged", damaged);
  visit("lost", lost);
  for (auto& [stage, time] : hook_times) {
    for (size_t i = 0; i < time.counts.size(); ++i)
      visit("time." + stage + "." +
                (i < kHookTimeBounds.size() ? std::to_string(static_cast<uint64_t>(
                                                  kHookTimeBounds[i] * kMicrosecondsPerSecond))
                                            : "longer"),
            time.counts[i]);
    visit("time." + stage + ".sum_us", time.sum_us);
  }
}

}  // namespace pinscope::metrics
