#include "plugin/policy/language/check.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "plugin/base/text.h"
#include "plugin/model/bpf_names.h"
#include "plugin/model/token_rights.h"
#include "plugin/policy/decide/program_types.h"
#include "plugin/policy/decide/showing.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check_places.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Grant;
using model::HostBpffs;
using model::Layout;
using model::ObjectKind;

std::string line_of(const GrantMarks& marks) {
  return "line " + std::to_string(marks.name.line);
}

// A grant of one pin takes its name; a grant of a glob takes a directory, which others may share.
void check_names(const PolicyDraft& draft, Reporter& reporter) {
  const auto& grants = draft.policy.grants;
  std::unordered_map<std::string_view, size_t> pins;
  for (size_t i = 0; i < grants.size() && !reporter.full(); ++i) {
    if (grants[i].as.empty() || is_glob(grants[i].pin)) continue;
    const auto [first, is_new] = pins.emplace(grants[i].as, i);
    if (!is_new)
      reporter.error(draft.grant_marks[i].name,
                     "two grants are called " + quoted(grants[i].as) + " in the view",
                     "the other one is at " + line_of(draft.grant_marks[first->second]) +
                         "; give one of them another name with \"as\"");
  }
  for (size_t i = 0; i < grants.size() && !reporter.full(); ++i) {
    const std::string_view name = grants[i].as;
    size_t length = is_glob(grants[i].pin) ? name.size() : name.rfind('/');
    while (length != 0 && length != std::string_view::npos) {
      const auto above = pins.find(name.substr(0, length));
      if (above != pins.end()) {
        reporter.error(draft.grant_marks[i].name,
                       quoted(name) + " needs a directory where the grant at " +
                           line_of(draft.grant_marks[above->second]) + " puts the pin " +
                           quoted(above->first),
                       "give one of them another name with \"as\"");
        break;
      }
      length = name.substr(0, length).rfind('/');
    }
  }
}

void check_bind(const Grant& grant, const GrantMarks& marks, Reporter& reporter) {
  const bool is_program = grant.expect.kind == ObjectKind::kProgram;
  if (grant.access == Access::kRead && marks.access_known && !is_program)
    reporter.error(marks.access, "access: read cannot be enforced with layout: bind",
                   "a read-only bind mount does not stop writes to a map; use layout: shared or "
                   "access: read-write");
  const auto report_void = [&](const std::optional<Position>& at, const char* key) {
    if (at)
      reporter.error(*at, quoted(key) + " cannot be set with layout: bind",
                     "the container sees the host's own pin, with its owner and mode");
  };
  report_void(marks.owner, "owner");
  report_void(marks.mode, "mode");
}

// What kind of object the access is for. True if it was wrong.
bool check_kind(const Grant& grant, const GrantMarks& marks, Reporter& reporter) {
  if (!marks.access_known || !grant.expect.kind) return false;
  const bool is_program = grant.expect.kind == ObjectKind::kProgram;
  if (is_program == (grant.access == Access::kUse)) {
    const uint32_t type = grant.expect.program_type.value_or(kSocketFilter);
    const char* danger = is_program ? danger_of(model::TokenRight::kProgram, type) : nullptr;
    if (danger != nullptr)
      reporter.error(marks.access, "a program of type " + quoted(model::program_type_name(type)) +
                                       " cannot be granted: " + danger);
    return danger != nullptr;
  }
  if (is_program)
    reporter.error(marks.access, "a program can only be granted with access: use",
                   "it has no read mode: whoever has it may run it, and attach and detach it "
                   "wherever the container's descriptors reach");
  else
    reporter.error(
        marks.access,
        std::string("access: use is for programs, and this is a ") + name_of(*grant.expect.kind),
        grant.expect.kind == ObjectKind::kLink ? "use access: read-write"
                                               : "use access: read or read-write");
  return true;
}

void check_access(const Grant& grant, const GrantMarks& marks, Reporter& reporter) {
  if (grant.access != Access::kRead || !marks.access_known) return;
  if (grant.expect.kind == ObjectKind::kLink && grant.expect.link_type != model::kIteratorLink)
    reporter.error(marks.access, "a link can only be granted with access: read-write",
                   "the kernel opens links for writing only, and whoever has one may detach it; if "
                   "it is an iterator, which is read as a file, say type: iter");
}

void check_grants(const PolicyDraft& draft, Reporter& reporter) {
  const bool is_bind = draft.policy.view.layout == Layout::kBind;
  for (size_t i = 0; i < draft.policy.grants.size() && !reporter.full(); ++i) {
    const Grant& grant = draft.policy.grants[i];
    const GrantMarks& marks = draft.grant_marks[i];
    const bool kind_is_wrong = check_kind(grant, marks, reporter);
    const bool has_pin = certain_values_mode(draft.policy, grant) != model::ValuesMode::kOnly;
    if (is_bind && has_pin)
      check_bind(grant, marks, reporter);
    else if (!kind_is_wrong)
      check_access(grant, marks, reporter);
    if (is_glob(grant.pin) && literal_prefix(grant.pin) == "/")
      reporter.error(marks.pin, "the glob " + quoted(grant.pin) + " starts at the root",
                     "name the directory that holds the pins, as in \"/sys/fs/bpf/app/*\"");
  }
}

void warn_of_host_bpffs(const PolicyDraft& draft, Reporter& reporter) {
  const bool reads = std::ranges::any_of(
      draft.policy.grants, [](const Grant& grant) { return grant.access == Access::kRead; });
  if (reads && draft.policy.view.host_bpffs == HostBpffs::kAllow)
    reporter.warning(draft.host_bpffs.value_or(draft.name),
                     "hostBpffs: allow makes access: read void",
                     "a container that mounts the host's bpffs can write every map in it");
}

void warn_of_void(const PolicyDraft& draft, Reporter& reporter) {
  const model::View& view = draft.policy.view;
  if (view.void_view == model::VoidView::kReject && view.host_bpffs == HostBpffs::kAllow)
    reporter.warning(draft.host_bpffs.value_or(draft.name),
                     "hostBpffs: allow has no effect beside void: reject",
                     "a container that mounts a bpffs has a void view, and will be refused; say "
                     "hostBpffs: mask if it may start without that bpffs");
}

// Whether `name` can be that of a CDI device (CDI SPEC.md, "CDI Devices", and its parser.go):
// letters and digits, with "_", "-", "." and ":" between them.
bool is_device_name(std::string_view name) {
  const auto is_alphanumeric = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
  };
  const auto is_allowed = [&](char byte) {
    return is_alphanumeric(byte) || byte == '_' || byte == '-' || byte == '.' || byte == ':';
  };
  return !name.empty() && is_alphanumeric(name.front()) && is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, is_allowed);
}

void check_device(const PolicyDraft& draft, Reporter& reporter) {
  const std::string& name = draft.policy.name;
  if (!draft.policy.cdi || name.empty() || is_device_name(name)) return;
  reporter.error(*draft.cdi, quoted(name) + " cannot be the name of a CDI device",
                 "let metadata.name end with a letter or digit");
}

void warn_of_no_effect(const PolicyDraft& draft, Reporter& reporter) {
  const model::Policy& policy = draft.policy;
  if (!policy.grants.empty() || !policy.denials.empty() || policy.delegate) return;
  if (policy.view.void_view == model::VoidView::kReject) return;
  if (policy.view.host_bpffs == HostBpffs::kAllow)
    reporter.warning(draft.host_bpffs.value_or(draft.name), "this policy does nothing",
                     "it grants nothing, denies nothing and hides nothing");
  else if (!policy.view.host_bpffs)
    reporter.warning(draft.name, "this policy grants nothing: it only hides the host's bpffs",
                     "if that is meant, say so: view: {hostBpffs: mask}");
}

}  // namespace

void check_policy(const PolicyDraft& draft, bool has_errors, Reporter& reporter) {
  const size_t errors = reporter.errors();
  check_names(draft, reporter);
  check_grants(draft, reporter);
  check_map_types(draft, reporter);
  check_values(draft, reporter);
  check_delegate(draft, reporter);
  check_device(draft, reporter);
  if (has_errors || reporter.errors() != errors) return;
  warn_of_host_bpffs(draft, reporter);
  warn_of_void(draft, reporter);
  warn_of_view_place(draft, reporter);
  warn_of_values(draft, reporter);
  warn_of_select(draft, reporter);
  warn_of_exclude(draft, reporter);
  warn_of_image(draft, reporter);
  warn_of_map_types(draft, reporter);
  warn_of_delegate(draft, reporter);
  warn_of_no_effect(draft, reporter);
}

}  // namespace pinscope::policy
