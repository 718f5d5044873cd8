// What is wrong or doubtful with `delegate` although each of its values is right.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/policy/decide/delegation.h"
#include "plugin/policy/decide/program_types.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/decide/showing.h"
#include "plugin/policy/language/check.h"

namespace pinscope::policy {
namespace {

using model::TokenRight;
using model::TokenRights;

constexpr uint32_t kMaxNumbers = 64;

template <typename Use>
void for_each(const TokenRights& rights, TokenRight right, const Use& use) {
  for (uint32_t number = 0; number < kMaxNumbers; ++number)
    if (rights.has(right, number)) use(number, quoted(model::token_right_name(right, number)));
}

class DelegateCheck {
 public:
  DelegateCheck(const PolicyDraft& draft, Reporter& reporter)
      : delegate_(*draft.policy.delegate),
        marks_(*draft.delegate),
        draft_(draft),
        reporter_(reporter) {}

  void errors() {
    if (delegate_.rights[TokenRight::kCommand] == 0) {
      // With commands that were wrong this was reported already.
      if (!marks_.rights[static_cast<size_t>(TokenRight::kCommand)])
        reporter_.error(marks_.at, "\"delegate\" delegates no command, so nothing can be loaded",
                        "add commands: [map_create, prog_load, btf_load]");
      return;
    }
    attach_types();
    grants();
  }

  void warnings() {
    const TokenRights& rights = delegate_.rights;
    needs(TokenRight::kMap, model::BpfCommand::kMapCreate);
    needs(TokenRight::kProgram, model::BpfCommand::kProgLoad);
    uint64_t used = uint64_t{1} << kAttachNone;
    for_each(rights, TokenRight::kProgram,
             [&](uint32_t program, const std::string&) { used |= attach_types_of(program); });
    for_each(rights, TokenRight::kAttach, [&](uint32_t attach, const std::string& name) {
      if ((used >> attach & 1U) == 0)
        reporter_.warning(at(TokenRight::kAttach), "the attach type " + name + " has no effect",
                          "no type of program of this policy is loaded with it");
    });
    if (rights.has(model::BpfCommand::kBtfGetFdById))
      reporter_.warning(at(TokenRight::kCommand),
                        "\"btf_get_fd_by_id\" shows the types of every program on the machine",
                        "leave it out unless a loader needs it");
    if (rights.has(model::BpfCommand::kProgLoad) &&
        delegate_.reach == model::ProgramReach::kContainer)
      reporter_.warning(at(TokenRight::kCommand),
                        "on Linux 6.13 and later no container of this policy starts",
                        "there, its programs could read all memory of the kernel: write "
                        "programsReach: whole-machine to allow that, or leave \"prog_load\" out");
    if (rights.has(model::BpfCommand::kProgLoad) &&
        !rights.has(TokenRight::kProgram, kSocketFilter))
      reporter_.warning(at(TokenRight::kProgram),
                        "libbpf up to 1.7 loads nothing without \"socket_filter\"",
                        "it tries one, with the token, before it loads an object");
  }

 private:
  [[nodiscard]] Position at(TokenRight right) const {
    return marks_.rights[static_cast<size_t>(right)].value_or(marks_.at);
  }

  // Attach type 0 is added for programs that load without one.
  void attach_types() {
    uint64_t attach = delegate_.rights[TokenRight::kAttach];
    if (needs_attach_type_none(delegate_.rights)) attach |= uint64_t{1} << kAttachNone;
    for_each(
        delegate_.rights, TokenRight::kProgram, [&](uint32_t program, const std::string& name) {
          const uint64_t own = attach_types_of(program);
          if ((own & attach) != 0) return;
          std::string needed;
          TokenRights types;
          types[TokenRight::kAttach] = own;
          for_each(types, TokenRight::kAttach, [&](uint32_t, const std::string& one) {
            needed += (needed.empty() ? "" : ", ") + one;
          });
          reporter_.error(
              at(TokenRight::kProgram),
              "programs of type " + name + " load only with an attach type that is not delegated",
              "add to attach those that they use of: " + needed);
        });
  }

  void grants() {
    for (size_t i = 0; i < draft_.policy.grants.size() && !reporter_.full(); ++i) {
      const auto& grant = draft_.policy.grants[i];
      const auto& marks = draft_.grant_marks[i];
      if (!marks.access_known) continue;
      if (grant.access == model::Access::kReadWrite) takes_programs_of_its_own(grant, marks);
      if (grant.access != model::Access::kRead) continue;
      if (certain_values_mode(draft_.policy, grant) == model::ValuesMode::kOnly) continue;
      if (const WhyReadIsVoid* why =
              why_read_is_void(delegate_.rights, delegate_.pinning, grant.expect.kind))
        reporter_.error(marks.access, std::string("access: read would not hold: ") + why->reason,
                        why->hint);
    }
  }

  void takes_programs_of_its_own(const model::Grant& grant, const GrantMarks& marks) {
    const char* what = nullptr;
    if (grant.expect.kind == model::ObjectKind::kLink)
      what = takes_programs(delegate_.rights,
                            {model::ObjectKind::kLink, grant.expect.link_type.value_or(0)});
    else if (grant.expect.map_type)
      what = takes_programs(delegate_.rights, {model::ObjectKind::kMap, *grant.expect.map_type});
    if (what != nullptr)
      reporter_.error(marks.access, std::string("read-write is more beside prog_load: ") + what,
                      "leave out one of the two: delegate.programs, or the grant");
  }

  void needs(TokenRight types, model::BpfCommand command) {
    const bool has_command = delegate_.rights.has(command);
    const bool has_types = delegate_.rights[types] != 0;
    const std::string name =
        quoted(model::token_right_name(TokenRight::kCommand, static_cast<uint32_t>(command)));
    if (has_types && !has_command)
      reporter_.warning(at(types), quoted(model::key_of(types)) + " has no effect",
                        "the command " + name + " is not delegated");
    if (has_command && !has_types)
      reporter_.warning(at(TokenRight::kCommand), "the command " + name + " has no effect",
                        std::string("no ") + model::noun_of(types) + " is delegated");
  }

  const model::Delegate& delegate_;
  const DelegateMarks& marks_;
  const PolicyDraft& draft_;
  Reporter& reporter_;
};

}  // namespace

void check_delegate(const PolicyDraft& draft, Reporter& reporter) {
  if (draft.policy.delegate) DelegateCheck(draft, reporter).errors();
}

void warn_of_delegate(const PolicyDraft& draft, Reporter& reporter) {
  if (draft.policy.delegate) DelegateCheck(draft, reporter).warnings();
}

}  // namespace pinscope::policy
