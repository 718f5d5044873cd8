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
  return {{.name = "counters",
           .source = "/sys/fs/bpf/counters",
           .access = model::Access::kReadWrite,
           .kind = model::ObjectKind::kMap,
           .type = 2,
           .object_id = 41,
           .uid = 1000,
           .gid = 1001,
           .mode = 0660,
           .rule = a_rule("writers", 9)},
          {.name = "flows",
           .source = "/sys/fs/bpf/flows",
           .access = model::Access::kRead,
           .kind = model::ObjectKind::kMap,
           .type = 1,
           .object_id = 42,
           .mode = 0440,
           .rule = a_rule("readers", 14)},
          {.name = "later",
           .source = "/sys/fs/bpf/later",
           .mode = 0440,
           .skipped = true,
           .rule = a_rule("readers", 14)},
          {.name = "prog",
           .source = "/sys/fs/bpf/prog",
           .kind = model::ObjectKind::kProgram,
           .type = 6,
           .object_id = 4294967295,
           .rule = a_rule("readers", 17)},
          {.name = "link",
           .source = "/sys/fs/bpf/link",
           .access = model::Access::kReadWrite,
           .kind = model::ObjectKind::kLink,
           .type = 3,
           .object_id = 7,
           .rule = a_rule("writers", 11)}};
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
  delegation.rights.add(model::TokenRight::kCommand, model::kCommandMapCreate);
  delegation.rights.add(model::TokenRight::kMap, 1);
  delegation.rights.add(model::TokenRight::kMap, 27);
  delegation.rights.add(model::TokenRight::kAttach, model::kAttachNone);
  delegation.added_no_attach_type = true;
  delegation.pinning = true;
  delegation.reach = model::ProgramReach::kWholeMachine;
  delegation.grants_at = "/run/grants";
  delegation.rules = {a_rule("loaders", 5)};
  return delegation;
}

inline model::Record a_full_record() {
  model::Record record;
  record.state = model::Record::State::kApplied;
  record.id = "web-1";
  record.bundle = "/run/containers/web-1";
  record.rootfs = "/run/containers/web-1/rootfs";
  record.pid = 4711;
  record.process_start = 123456789012;
  record.mount_namespace = 4026532999;
  record.engine = model::Engine::kContainerd;
  record.identity = a_full_identity();
  record.created_ns = 1764115200123456789;
  record.version = "0.1.0";
  record.at = "/run/bpf";
  record.layout = model::Layout::kPerMap;
  record.host_bpffs = model::HostBpffs::kReject;
  record.selected_by = {a_rule("writers", 2), a_rule("readers", 2)};
  record.pins = some_pins();
  record.refusals = some_refusals();
  record.delegation = a_delegation();
  return record;
}

inline model::AuditEvent a_full_event() {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kGranted;
  event.stage = "createRuntime";
  event.container_id = "web-1";
  event.bundle = "/run/containers/web-1";
  event.pid = 4711;
  event.engine = model::Engine::kContainerd;
  event.identity = a_full_identity();
  event.selected_by = {a_rule("writers", 2), a_rule("readers", 2)};
  event.pins = some_pins();
  event.refusals = some_refusals();
  event.time_ns = 1764115200123456789;  // 2025-11-26 00:00:00 UTC and a bit
  event.duration_ns = 812345;
  return event;
}

inline model::AuditEvent a_refusal() {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kRefused;
  event.stage = "createRuntime";
  event.container_id = "web-1";
  event.error_code = "source-missing";
  event.error = "cannot open pin \"/sys/fs/bpf/flows\": No such file or directory";
  event.time_ns = 1764115200000000000;
  return event;
}

// With this many pins an event is larger than a datagram.
inline model::AuditEvent a_huge_event(size_t pins) {
  model::AuditEvent event = a_full_event();
  const model::PinnedObject pin = event.pins.front();
  for (size_t i = 0; i < pins; ++i) {
    event.pins.push_back(pin);
    event.pins.back().name = "pin-" + std::to_string(i);
  }
  return event;
}

}  // namespace pinscope::record
