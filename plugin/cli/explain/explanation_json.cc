#include "plugin/cli/explain/explanation_json.h"

#include "plugin/cli/term/diagnostics.h"
#include "plugin/json/json.h"
#include "plugin/model/bpf_names.h"
#include "plugin/model/facts.h"
#include "plugin/record/delegation_json.h"

namespace pinscope::cli {
namespace {

void write_rule(JsonWriter& json, const char* key, const model::Rule& rule) {
  json.key(key)
      .object()
      .field("policy", rule.policy)
      .field("place", model::to_string(rule.place))
      .end();
}

void write_fact(JsonWriter& json, std::string_view key, const std::optional<model::Fact>& fact) {
  if (!fact) return;
  json.key(key)
      .object()
      .field("value", fact->value)
      .field("established_by", fact->established_by)
      .end();
}

void write_labels(JsonWriter& json, const model::Identity& identity) {
  if (identity.kubernetes_labels.empty()) return;
  json.key("kubernetes_labels").object();
  for (const auto& [key, fact] : identity.kubernetes_labels) write_fact(json, key, fact);
  json.end();
}

void write_container(JsonWriter& json, const model::Container& container) {
  json.key("container")
      .object()
      .field("id", container.id)
      .field("bundle", container.bundle)
      .field("rootfs", container.rootfs)
      .field("engine", model::engine_name(container.engine))
      .field("engine_established_by", model::engine_established_by(container.engine))
      .field("uid", container.uid)
      .field("gid", container.gid);
  for (const auto& [name, fact] : model::kFacts) write_fact(json, name, container.identity.*fact);
  write_labels(json, container.identity);
  json.field("sandbox", container.identity.is_sandbox).end();
}

// Where the container was found, if somebody named it.
void write_found(JsonWriter& json, const Explained& explained) {
  if (!explained.found) return;
  const auto& found = *explained.found;
  json.key("found")
      .object()
      .field("name", found.name)
      .field("id", found.id)
      .field("engine", model::engine_name(found.engine))
      .field("bundle", found.bundle)
      .field("by", found.where)
      .key("unanswered")
      .array();
  for (const auto& error : explained.unanswered) json.value(error.sentence());
  json.end().end();
}

void write_grants(JsonWriter& json, const Explained& explained) {
  json.key("grants").array();
  for (size_t i = 0; i < explained.start.decision.grants.size(); ++i) {
    const auto& grant = explained.start.decision.grants[i];
    json.object()
        .field("name", grant.name)
        .field("source", grant.source)
        .field("access", model::name_of(grant.access))
        .field("uid", grant.uid)
        .field("gid", grant.gid)
        .field("mode", grant.mode)
        .field("missing", model::name_of(grant.missing));
    write_rule(json, "rule", grant.rule);
    if (!explained.start.sources.empty()) {
      const auto& source = explained.start.sources[i];
      json.field("skipped", source.skipped);
      if (source.info)
        json.key("object")
            .object()
            .field("kind", model::name_of(source.info->kind))
            .field("type", model::type_name(*source.info))
            .field("id", source.info->id)
            .field("name", source.info->name)
            .end();
      if (source.error)
        json.field("error_code", code_name(source.error->code()))
            .field("error", source.error->sentence());
    }
    json.end();
  }
  json.end();
}

}  // namespace

std::string to_json(const Explained& explained) {
  const auto& decision = explained.start.decision;
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().key("starts");
  if (explained.start.is_described && explained.starts())
    json.null();  // not known
  else
    json.value(explained.starts());
  json.field("selected", decision.selected()).field("last_good_policies", explained.last_good);
  write_found(json, explained);
  write_container(json, explained.start.container);
  json.key("errors").array();
  for (const auto& error : explained.start.errors)
    json.object().field("code", code_name(error.code())).field("error", error.sentence()).end();
  json.end().key("policies").array();
  for (const auto& verdict : explained.start.verdicts) {
    json.object()
        .field("policy", verdict.policy.policy)
        .field("place", model::to_string(verdict.policy.place))
        .field("selected", verdict.selects);
    if (!verdict.depends_on.empty())
      json.field("depends_on", verdict.depends_on);
    else if (!verdict.selects)
      json.field("why_not", verdict.why_not);
    json.end();
  }
  json.end()
      .key("view")
      .object()
      .field("at", decision.at)
      .field("layout", model::name_of(decision.layout))
      .field("host_bpffs", model::name_of(decision.host_bpffs))
      .end();
  write_grants(json, explained);
  if (decision.delegation) {
    json.key("delegation").object();
    record::add_members(json, *decision.delegation);
    json.key("rules").array();
    for (const auto& rule : decision.delegation->rules) json.value(model::to_string(rule));
    json.end().end();
  }
  json.key("bpf_commands").array();
  for (const uint32_t command : explained.start.commands.list())
    json.object()
        .field("command", command)
        .field("name", model::bpf_command_name(command))
        .field("seccomp_allows", explained.start.container.seccomp_commands.contains(command))
        .end();
  json.end();
  json.key("refusals").array();
  for (const auto& refusal : decision.refusals) {
    json.object().field("name", refusal.name).field("source", refusal.source);
    write_rule(json, "granted_by", refusal.granted_by);
    write_rule(json, "denied_by", refusal.denied_by);
    if (!refusal.denied_as.empty()) json.field("denied_as", refusal.denied_as);
    json.end();
  }
  json.end().key("remarks").array();
  for (const auto& remark : explained.remarks)
    json.object()
        .field("kind", name_of(remark.kind))
        .field("code", remark.code)
        .field("text", remark.text)
        .field("action", remark.action)
        .end();
  json.end().key("notes").array();
  for (const auto& note : decision.notes) json.value(note);
  json.end().key("diagnostics");
  write_diagnostics(json, explained.diagnostics);
  json.end();
  return std::string(json.text()) + "\n";
}

}  // namespace pinscope::cli
