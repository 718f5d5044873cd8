#include "plugin/cli/explain/explanation_json.h"

#include "plugin/cli/explain/given_json.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/model/bpf_names.h"
#include "plugin/model/facts.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

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
        .field("mode", model::mode_text(grant.mode))
        .field("missing", model::name_of(grant.missing))
        .field("follow", grant.follow);
    write_values(json, grant);
    json.key("rule");
    model::write_rule(json, grant.rule);
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

void write_error(JsonWriter& json, const Error& error) {
  json.object().field("code", code_name(error.code())).field("error", error.sentence());
  if (!error.rules().empty()) {
    json.key("rules").array();
    for (const auto& rule : error.rules())
      model::write_rule(json, {rule.policy, {rule.file, rule.line, rule.column}});
    json.end();
  }
  json.end();
}

std::string to_json(const Explained& explained) {
  const auto& decision = explained.start.decision;
  JsonWriter json = begin_output();
  json.key("starts");
  if (explained.start.is_described && explained.starts())
    json.null();  // not known
  else
    json.value(explained.starts());
  json.field("selected", decision.selected()).field("last_good_policies", explained.last_good);
  write_found(json, explained);
  write_container(json, explained.start.container);
  json.key("errors").array();
  for (const auto& error : explained.start.errors) write_error(json, error);
  json.end().key("policies").array();
  for (const auto& verdict : explained.start.verdicts) {
    json.object();
    model::add_rule(json, verdict.policy);
    json.field("selected", verdict.selects);
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
      .field("on_change", model::name_of(decision.on_change))
      .field("void", model::name_of(decision.void_rejected_by ? model::VoidView::kReject
                                                              : model::VoidView::kAllow));
  if (decision.shows_values()) json.field("values_at", decision.values_at);
  json.end();
  write_grants(json, explained);
  json.key("followed");
  write_followed(json, decision.followed);
  if (decision.delegation) {
    json.key("delegation");
    write_delegation(json, *decision.delegation);
  }
  json.key("bpf_commands").array();
  for (const uint32_t command : explained.start.commands.list())
    json.object()
        .field("command", command)
        .field("name", model::bpf_command_name(command))
        .field("seccomp_allows", explained.start.container.seccomp_commands.contains(command))
        .end();
  json.end();
  json.key("refusals");
  write_refusals(json, decision.refusals);
  json.key("remarks").array();
  for (const auto& remark : explained.remarks)
    json.object()
        .field("kind", name_of(remark.kind))
        .field("code", remark.code)
        .field("text", remark.text)
        .field("action", remark.action)
        .end();
  json.end().key("notes");
  model::write_texts(json, decision.notes);
  json.key("diagnostics");
  write_diagnostics(json, explained.diagnostics);
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
