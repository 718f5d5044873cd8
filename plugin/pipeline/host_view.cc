#include "plugin/pipeline/host_view.h"

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/pin_list.h"
#include "plugin/kernel/bpf/program_reach.h"
#include "plugin/kernel/bpf/same_objects.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/sys.h"
#include "plugin/policy/decide/select.h"
#include "plugin/policy/glob.h"

namespace pinscope {
std::vector<kernel::NamePattern> patterns_below(std::string_view glob) {
  using Kind = kernel::NamePattern::Kind;
  std::vector<kernel::NamePattern> patterns;
  glob.remove_prefix(policy::literal_prefix(std::string(glob)).size());
  if (glob.starts_with('/')) glob.remove_prefix(1);
  for (const std::string_view part : split(glob, '/')) {
    kernel::NamePattern& pattern = patterns.emplace_back();
    pattern.name = part;
    if (part == "**") {
      pattern.kind = Kind::kAnyDepth;
    } else if (policy::is_glob(part)) {
      pattern.kind = Kind::kMatching;
      pattern.matches = [wanted = std::string(part)](std::string_view name) {
        return policy::glob_matches(wanted, name);
      };
    }
  }
  return patterns;
}

Result<model::MatchingPins> pins_matching(const model::Pattern& glob) {
  return kernel::list_pins(policy::literal_prefix(glob), patterns_below(glob));
}

Result<std::vector<std::optional<model::ObjectInfo>>> objects_at(
    const std::vector<std::string>& sources) {
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  kernel::SourceOpener opener(descriptors.get(), kernel::accept_unchecked);
  std::vector<std::optional<model::ObjectInfo>> objects;
  for (const auto& source : sources) {
    auto& object = objects.emplace_back();
    auto info = opener.info(source);
    if (info) {
      object = *std::move(info);
      continue;
    }
    const ErrorCode code = info.error().code();
    if (code != ErrorCode::kSourceMissing && code != ErrorCode::kSourceMismatch)
      return std::unexpected(std::move(info).error());
  }
  return objects;
}

policy::HostView host_before_start() {
  return {
      [](const model::Container& container, model::NamespaceKind kind, const std::string& path) {
        const auto& configured = namespace_of(container, kind);
        return configured.mode == model::Namespace::Mode::kPath &&
               kernel::same_namespace(configured.path, path);
      },
      pins_matching, kernel::compare_objects, objects_at, kernel::programs_reach_machine};
}

Result<kernel::ContainerProcess> find_process(const model::Container& container) {
  if (container.pid > 0) return kernel::ContainerProcess::open(container.pid);
  return std::unexpected(Error(ErrorCode::kStateInvalid, "find the container's process")
                             .reason("the state has pid " + std::to_string(container.pid))
                             .hint("is this a createRuntime or prestart hook?"));
}

policy::HostView host_at_start(const Result<kernel::ContainerProcess>& process) {
  return {[&process](const model::Container&, model::NamespaceKind kind, const std::string& path) {
            return process && process->namespace_is(kind, path);
          },
          pins_matching, kernel::compare_objects, objects_at, kernel::programs_reach_machine};
}

policy::Surroundings surroundings_of(const model::Container& container, bool is_session,
                                     const kernel::ContainerProcess& process,
                                     const policy::HostView& host) {
  return {process.shares_our_user_namespace(),
          !is_session && policy::shares_host_namespace(container, model::NamespaceKind::kPid, host),
          {},
          kernel::are_on_different_mounts};
}

policy::KnownObjects objects_of(const std::vector<model::PinnedObject>& pins) {
  policy::KnownObjects known;
  for (const auto& pin : pins) known.push_back(model::ObjectType{pin.object.kind, pin.object.type});
  return known;
}

policy::KnownObjects look_at(const model::Decision& decision, kernel::SourceOpener& sources) {
  policy::KnownObjects objects;
  for (const auto& grant : decision.grants) {
    auto& object = objects.emplace_back();
    const auto& expect = grant.expect;
    if (expect.kind && (*expect.kind != model::ObjectKind::kMap || expect.map_type)) continue;
    if (const auto source = sources.open(grant)) object = {source->info.kind, source->info.type};
  }
  return objects;
}

}  // namespace pinscope
