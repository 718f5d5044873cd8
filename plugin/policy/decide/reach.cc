#include "plugin/policy/decide/reach.h"

#include <linux/capability.h>

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/model/bpf_names.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/delegation.h"
#include "plugin/policy/decide/program_types.h"
#include "plugin/policy/decide/select.h"

namespace pinscope::policy {
namespace {

using model::Container;
using model::Decision;
using model::NamespaceKind;
using model::ObjectKind;
using model::Scope;
using model::TokenRight;
using model::TokenRights;
using model::WayOut;

uint32_t program_type(const char* name) {
  return model::kProgramTypes.number_of(name).value_or(0);
}

bool loads_programs(const TokenRights& rights) {
  return rights.has(model::BpfCommand::kProgLoad) && rights[TokenRight::kProgram] != 0;
}

bool loads_any_of(const TokenRights& rights, std::initializer_list<const char*> names) {
  return std::ranges::any_of(names, [&](const char* name) {
    return rights.has(TokenRight::kProgram, program_type(name));
  });
}

// The first type of program that attaches to what this scope is about.
std::optional<uint32_t> program_with(const TokenRights& rights, Scope scope) {
  for (uint32_t number = 0; number < 64; ++number)
    if (rights.has(TokenRight::kProgram, number) && scope_of(number) == scope) return number;
  return std::nullopt;
}

std::string reason(const WayOut& way, uint32_t program) {
  return way.what + ", where a program of type " + quoted(model::program_type_name(program)) +
         " attaches to " + way.reach;
}

Error cannot_grant_here(const model::GrantedPin& grant) {
  return Error(ErrorCode::kDelegation, "grant " + quoted(grant.name)).rule(to_string(grant.rule));
}

Status check_delegated(const Decision& decision, const std::vector<WayOut>& ways) {
  if (!decision.delegation) return {};
  for (const auto& way : ways)
    if (const auto program = program_with(decision.delegation->rights, way.scope))
      return std::unexpected(cannot_delegate(*decision.delegation)
                                 .reason(reason(way, *program))
                                 .hint(way.remedy + ", or delegate no such programs"));
  return {};
}

Status check_granted(const model::GrantedPin& grant, const model::ObjectType& object,
                     const std::vector<WayOut>& ways) {
  if (object.kind != ObjectKind::kProgram) return {};
  for (const auto& way : ways)
    if (scope_of(object.type) == way.scope)
      return std::unexpected(cannot_grant_here(grant)
                                 .reason(reason(way, object.type))
                                 .hint(way.remedy + ", or grant it no such program"));
  return {};
}

Status check_beside_delegation(const model::GrantedPin& grant, const model::ObjectType& object,
                               const Decision& decision) {
  if (!decision.delegation || grant.access != model::Access::kReadWrite) return {};
  const char* what = takes_programs(decision.delegation->rights, object);
  if (what == nullptr) return {};
  const auto& rule = decision.delegation->rules.front();
  return std::unexpected(cannot_grant_here(grant)
                             .reason(std::string("with prog_load, ") + what)
                             .hint("leave out one of the two: delegate.programs, or the grant")
                             .rule(to_string(grant.rule) + " and " + to_string(rule)));
}

}  // namespace

KnownObjects expected_objects(const Decision& decision) {
  KnownObjects objects;
  objects.reserve(decision.grants.size());
  for (const auto& grant : decision.grants) {
    const auto& expect = grant.expect;
    auto& object = objects.emplace_back();
    if (expect.kind == ObjectKind::kLink)
      object = {ObjectKind::kLink, expect.link_type.value_or(0)};
    if (expect.map_type) object = {ObjectKind::kMap, *expect.map_type};
    if (expect.program_type) object = {ObjectKind::kProgram, *expect.program_type};
  }
  return objects;
}

std::vector<WayOut> shared_namespaces(const Container& container, const HostView& host) {
  std::vector<WayOut> ways;
  const auto look = [&](Scope scope, NamespaceKind kind, const char* reach) {
    if (shares_host_namespace(container, kind, host))
      ways.push_back(
          {scope, std::string("it shares the host's ") + model::namespace_name(kind) + " namespace",
           reach, "give the container one of its own"});
  };
  look(Scope::kNetwork, NamespaceKind::kNet, "the host's interfaces");
  look(Scope::kCgroup, NamespaceKind::kCgroup, "every cgroup that it can open");
  // open_by_handle_at(2): whichever directory of the hierarchy is mounted in it.
  const bool opens_handles = (container.capabilities >> CAP_DAC_READ_SEARCH & 1U) != 0;
  if (opens_handles && shares_host_namespace(container, NamespaceKind::kUser, host))
    ways.push_back({Scope::kCgroup, "it has CAP_DAC_READ_SEARCH",
                    "every cgroup of the machine, by its handle",
                    "drop the capability, or give the container a user namespace"});
  return ways;
}

const char* takes_programs(const TokenRights& rights, const model::ObjectType& object) {
  if (!loads_programs(rights)) return nullptr;
  if (object.kind == ObjectKind::kLink)
    return "BPF_LINK_UPDATE puts a program of the container's in place of the host's";
  if (object.kind != ObjectKind::kMap) return nullptr;
  const std::string type = model::map_type_name(object.type);
  const bool on_interfaces = loads_any_of(rights, {"xdp"});
  const bool on_sockets = loads_any_of(rights, {"sk_skb", "sk_msg"});
  if (type == "prog_array")
    return "the container puts programs of its own where the host's programs call them";
  if (on_interfaces && (type == "devmap" || type == "devmap_hash" || type == "cpumap"))
    return "the container puts programs of its own into its values, which the host's packets meet";
  if (on_sockets && (type == "sockmap" || type == "sockhash"))
    return "the container attaches programs of its own to it, which the host's sockets meet";
  if ((on_interfaces || on_sockets) && (type == "array_of_maps" || type == "hash_of_maps"))
    return "the container puts maps of its own into it, which carry programs of its own";
  return nullptr;
}

Status check_reach(const Decision& decision, const KnownObjects& objects,
                   const std::vector<WayOut>& ways) {
  PINSCOPE_CHECK(check_delegated(decision, ways));
  for (size_t i = 0; i < objects.size(); ++i) {
    if (!objects[i]) continue;
    const auto& grant = decision.grants[i];
    PINSCOPE_CHECK(check_granted(grant, *objects[i], ways));
    PINSCOPE_CHECK(check_beside_delegation(grant, *objects[i], decision));
  }
  return {};
}

}  // namespace pinscope::policy
