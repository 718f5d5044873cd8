// What is added to a config.json: the result is read as before, done again it changes nothing, and
// the profile lets through what was asked for and nothing more than it did.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/oci/config.h"
#include "plugin/oci/edit.h"

namespace {

using pinscope::model::BpfCommand;
using pinscope::model::BpfCommands;
using pinscope::model::SeccompBpf;

constexpr BpfCommands kNeeded = {BpfCommand::kObjGet, BpfCommand::kMapLookupElem};

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pinscope;
  oci::State state;
  state.id = "fuzz";
  state.bundle = "/run/fuzz";
  const std::string json(reinterpret_cast<const char*>(data), size);
  const auto before = oci::read_container(state, json, model::Engine::kUnknown);
  if (!before) return 0;
  const std::vector<model::HookEntry> hooks = {{"createRuntime", "/h", {"/h", "x"}, {"A=b"}, 10}};
  const auto edit = oci::edit_config(json, "fuzz", hooks, kNeeded);
  if (!edit) {
    const std::string sentence = edit.error().sentence();
    check(!sentence.empty() && sentence.find('\n') == std::string::npos);
    return 0;
  }
  const auto after = oci::read_container(state, edit->text, model::Engine::kUnknown);
  check(after.has_value());
  const BpfCommands allowed = after->seccomp_commands;
  check((kNeeded - edit->still_refused - allowed).empty());
  check((allowed - before->seccomp_commands - kNeeded).empty());
  check((before->seccomp_commands - allowed).empty());
  check((before->seccomp_bpf == SeccompBpf::kNoProfile) ==
        (after->seccomp_bpf == SeccompBpf::kNoProfile));
  const auto again = oci::edit_config(edit->text, "fuzz", hooks, kNeeded);
  check(again.has_value() && !again->changed && again->text == edit->text);
  return 0;
}
