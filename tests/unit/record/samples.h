// A record and an audit event with every field set to something of its own.
#pragma once

#include "plugin/model/record.h"

namespace pinscope::record {

inline model::Rule a_rule(const std::string& policy, uint32_t line) {
  return {.policy = policy, .place = {.file = policy + ".yaml", .line = line, .column = 5}};
}

inline model::Identity a_full_identity() {
  return {.kubernetes_namespace = model::Fact{"web", "annotation a, set by containerd"},
          .kubernetes_pod = model::Fact{"web-7d9f", "annotation b, set by containerd"},
          .kubernetes_container = model::Fact{"app", "annotation c, set by containerd"},
          .kubernetes_uid = model::Fact{"6f1c", "annotation d, set by containerd"},
          .kubernetes_labels = {{"app", {"web", "the hook's --pod-label option"}},
                                {"example.org/tier", {"", "the hook's --pod-label option"}}},
          .image = model::Fact{"registry.example/app:1", "annotation e, set by containerd"}};
}

inline std::vector<model::PinnedObject> some_pins() {
  const auto pinned = [](const std::string& name, model::Access access, model::Rule rule,
                         model::ObjectInfo object) {
    model::PinnedObject pin;
    pin.grant.name = name;
    pin.grant.source = "/sys/fs/bpf/" + name;
    pin.grant.access = access;
    pin.grant.rule = std::move(rule);
    pin.object = std::move(object);
    return pin;
  };
  using enum model::Access;
  using enum model::ObjectKind;
  std::vector<model::PinnedObject> pins = {
      pinned("counters", kReadWrite, a_rule("writers", 9), {.kind = kMap, .type = 2, .id = 41}),
      pinned("flows", kRead, a_rule("readers", 14), {.kind = kMap, .type = 1, .id = 42}),
      pinned("later", kRead, a_rule("readers", 14), {}),
      pinned("prog", kRead, a_rule("readers", 17), {.kind = kProgram, .type = 6, .id = 4294967295}),
      pinned("link", kReadWrite, a_rule("writers", 11), {.kind = kLink, .type = 3, .id = 7})};
  pins[0].grant.uid = 1000;
  pins[0].grant.gid = 1001;
  pins[0].grant.mode = 0660;
  pins[1].grant.mode = 0440;
  pins[2].grant.mode = 0440;
  pins[2].skipped = true;
  pins[2].grant.follow = true;
  pins[2].grant.missing = model::Missing::kWait;
  pins[4].grant.follow = true;
  pins[0].grant.values = model::Values();
  pins[1].grant.pin = false;
  pins[1].grant.values = {model::ValueForm::kText, 7, 1500};
  return pins;
}

inline std::vector<model::RefusedPin> some_refusals() {
  return {{.source = "/sys/fs/bpf/keys/tls",
           .name = "tls",
           .granted_by = a_rule("readers", 14),
           .denied_by = a_rule("base", 3),
           .denied_as = "/sys/fs/bpf/keys/all"}};
}

inline model::Delegation a_delegation() {
  model::Delegation delegation;
  delegation.rights.add(model::BpfCommand::kMapCreate);
  delegation.rights.add(model::TokenRight::kMap, 1);
  delegation.rights.add(model::TokenRight::kMap, 27);
  delegation.rights.add(model::TokenRight::kAttach, 0);
  delegation.added_attach_type_none = true;
  delegation.pinning = true;
  delegation.reach = model::ProgramReach::kWholeMachine;
  delegation.grants_at = "/run/grants";
  delegation.rules = {a_rule("loaders", 5)};
  return delegation;
}

inline model::Record a_full_record() {
  model::Record record;
  record.state = model::Record::State::kApplied;
  record.given.id = "web-1";
  record.given.bundle = "/run/containers/web-1";
  record.rootfs = "/run/containers/web-1/rootfs";
  record.given.pid = 4711;
  record.process_start = 123456789012;
  record.mount_namespace = 4026532999;
  record.given.engine = model::Engine::kContainerd;
  record.given.identity = a_full_identity();
  record.created_ns = 1764115200123456789;
  record.version = "0.1.0";
  record.at = "/run/bpf";
  record.layout = model::Layout::kPerMap;
  record.host_bpffs = model::HostBpffs::kReject;
  record.on_change = model::OnChange::kApply;
  record.followed = {{"/sys/fs/bpf/app/**", a_rule("readers", 20)}};
  record.instances = {{model::InstanceType::kTmpfs, 0, 57, true, {4294968108}},
                      {model::InstanceType::kBpf, 0, 58, false, {813, 814}}};
  record.given.selected_by = {a_rule("writers", 2), a_rule("readers", 2)};
  record.given.pins = some_pins();
  record.given.refusals = some_refusals();
  record.given.delegation = a_delegation();
  record.given.values_at = "/run/values";
  record.given.bypasses = {model::Bypass::kCapSysAdmin, model::Bypass::kHostBpffs};
  return record;
}

inline model::AuditEvent a_full_event() {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kGranted;
  event.stage = "createRuntime";
  event.given.id = "web-1";
  event.given.bundle = "/run/containers/web-1";
  event.given.pid = 4711;
  event.given.engine = model::Engine::kContainerd;
  event.given.identity = a_full_identity();
  event.given.selected_by = {a_rule("writers", 2), a_rule("readers", 2)};
  event.given.pins = some_pins();
  event.given.refusals = some_refusals();
  event.given.values_at = "/run/values";
  event.given.bypasses = {model::Bypass::kCapSysAdmin, model::Bypass::kHostBpffs};
  event.time_ns = 1764115200123456789;  // 2025-11-26 00:00:00 UTC and a bit
  event.duration_ns = 812345;
  return event;
}

inline model::AuditEvent a_refusal() {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kRefused;
  event.stage = "createRuntime";
  event.given.id = "web-1";
  event.error_code = "source-missing";
  event.error = "cannot open pin \"/sys/fs/bpf/flows\": No such file or directory";
  event.time_ns = 1764115200000000000;
  return event;
}

// A line of the file as to_json_line() has made it, without its place in the chain.
inline std::string without_chain(const std::string& line) {
  const size_t at = line.rfind(R"(,"prev":)");
  return at == std::string::npos ? line : line.substr(0, at) + "}";
}

// With this many pins an event is larger than a datagram.
inline model::AuditEvent a_huge_event(size_t pins) {
  model::AuditEvent event = a_full_event();
  const model::PinnedObject pin = event.given.pins.front();
  for (size_t i = 0; i < pins; ++i) {
    event.given.pins.push_back(pin);
    event.given.pins.back().grant.name = "pin-" + std::to_string(i);
  }
  return event;
}

}  // namespace pinscope::record
