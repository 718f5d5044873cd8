#include "tests/support/programs/installation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHook = PINSCOPE_BIN_DIR "/pinscope-hook";
constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";

AuditLine parse_line(const std::string& text) {
  auto json = JsonDocument::parse(text, "audit line", ErrorCode::kAudit);
  if (!json) throw std::runtime_error(json.error().sentence() + ": " + text);
  const JsonView root = json->root();
  AuditLine line;
  line.text = text;
  line.outcome = root.string_or("outcome", "").value();
  line.code = root.string_or("code", "").value();
  line.error = root.string_or("error", "").value();
  line.stage = root.string_or("stage", "").value();
  if (const auto container = root.find("container").value())
    line.container = container->string_or("id", "").value();
  return line;
}

}  // namespace

void Installation::settle() {
  ::usleep(30'000);
}

Installation::Installation() {
  if (std::getenv("PINSCOPE_OLD_KERNEL") != nullptr) wrapper = {PINSCOPE_BIN_DIR "/on_old_kernel"};
  directory_.make_directory("policy.d");
}

void Installation::write_policy(const std::string& text, const std::string& name) {
  directory_.write("policy.d/" + name, text);
  settle();
}

void Installation::remove_policy(const std::string& name) {
  check(::unlink((policy_directory() + "/" + name).c_str()), "remove policy " + name);
  settle();
}

CommandResult Installation::compile() {
  return run(
      {kPinscope, "compile", "--policy", policy_directory(), "--cache-dir", cache_directory()});
}

std::vector<std::string> Installation::hook_argv(const std::string& stage) const {
  std::vector<std::string> argv = wrapper;
  for (const std::string& argument :
       {std::string(kHook), std::string("--policy"), policy_directory(), std::string("--state-dir"),
        state_directory(), std::string("--cache-dir"), cache_directory(), std::string("--audit"),
        audit_path()})
    argv.push_back(argument);
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(stage);
  return argv;
}

BundleHook Installation::hook(const std::string& stage) const {
  BundleHook hook;
  hook.args = hook_argv(stage);
  hook.path = hook.args.front();
  hook.env = {"PATH=/usr/bin:/bin"};
  return hook;
}

void Installation::hook_into(BundleSpec& spec) const {
  for (const char* stage : {"createRuntime", "poststop"}) spec.hooks[stage].push_back(hook(stage));
}

CommandResult Installation::run_hook(const std::string& stage, const std::string& state) {
  return Command(hook_argv(stage)).input(state).run();
}

CommandResult Installation::run_gc() {
  return run({kPinscope, "gc", "--state-dir", state_directory(), "--audit", audit_path()});
}

std::vector<AuditLine> read_audit(const std::string& path) {
  std::vector<AuditLine> result;
  if (!fs::exists(path)) return result;
  const std::string text = read_file(path);
  for (const auto line : split(text, '\n'))
    if (!line.empty()) result.push_back(parse_line(std::string(line)));
  return result;
}

std::vector<AuditLine> Installation::audit() const {
  return read_audit(audit_path());
}

AuditLine Installation::last_audit() const {
  const auto all = audit();
  return all.empty() ? AuditLine{} : all.back();
}

std::vector<std::string> Installation::records() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(state_directory() + "/containers", error))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string Installation::record(const std::string& id) const {
  return read_file(state_directory() + "/containers/" + id + ".json");
}

std::string policy_text(const std::string& spec, const std::string& name) {
  std::string text =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata:\n  name: " + name + "\nspec:\n";
  for (const auto line : split(spec, '\n'))
    if (!line.empty()) text += "  " + std::string(line) + "\n";
  return text;
}

}  // namespace pinscope::test
