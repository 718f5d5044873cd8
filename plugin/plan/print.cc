#include "plugin/plan/print.h"

#include "plugin/base/text.h"
#include "plugin/model/shapes.h"

namespace pinscope::plan {
namespace {

using namespace model;

std::string instance_text(InstanceId instance) {
  return "instance " + std::to_string(instance);
}
std::string mount_text(MountId mount) {
  return "mount " + std::to_string(mount);
}

// map_create,prog_load
std::string joined_names(const TokenRights& rights, TokenRight right) {
  const std::string text = joined(names_in(rights, right), ",");
  return text.empty() ? "none" : text;
}

std::string rights_text(const TokenRights& rights) {
  std::string text;
  for (const TokenRight right : kTokenRights)
    text +=
        (text.empty() ? "" : ", ") + std::string(key_of(right)) + " " + joined_names(rights, right);
  return text;
}

// One overload for each kind of step: a new kind does not compile until it is printed.
struct TextPrinter {
  const Plan& plan;

  std::string operator()(const MakeInstance& step) const {
    return std::string("make ") + name_of(step.type) + " " + instance_text(step.instance);
  }
  std::string operator()(const MakeDelegatedInstance& step) const {
    return "make bpf " + instance_text(step.instance) +
           " in the container's user namespace, which delegates " + rights_text(step.rights) +
           "; its root belongs to " + std::to_string(step.root_uid) + ":" +
           std::to_string(step.root_gid) +
           (step.pinning ? " of the container" : ", which the container does not know");
  }
  std::string operator()(const MakeDirectory& step) const {
    return "make directory " + quoted(step.path) + " in " + instance_text(step.instance);
  }
  std::string operator()(const PinObject& step) const {
    const auto& grant = plan.grants[step.grant];
    return "pin " + quoted(grant.source) + " as " + quoted(step.path) + " in " +
           instance_text(step.instance) + ", " + name_of(grant.access) + ", owner " +
           std::to_string(step.uid) + ":" + std::to_string(step.gid) + ", mode " +
           mode_text(grant.mode) +
           (step.with_attributes ? ", with attributes that say whose it is" : "") + "; " +
           to_string(grant.rule);
  }
  std::string operator()(const MakeSymlink& step) const {
    return "make link " + quoted(step.path) + " to " + quoted(step.target) + " in " +
           instance_text(step.instance);
  }
  std::string operator()(const SealInstance& step) const {
    return "make the superblock of " + instance_text(step.instance) + " read-only";
  }
  std::string operator()(const CloneMount& step) const {
    return mount_text(step.mount) + " shows " + quoted(step.path) + " of " +
           instance_text(step.instance) + (step.read_only ? ", mounted read-only" : "") +
           (step.through_target ? ", cloned at the target" : "");
  }
  std::string operator()(const ShowRoot& step) const {
    return mount_text(step.mount) + " shows the root of " + instance_text(step.instance);
  }
  std::string operator()(const CloneSource& step) const {
    const auto& grant = plan.grants[step.grant];
    return mount_text(step.mount) + " shows the host's " + quoted(grant.source) +
           ", mounted read-only; " + to_string(grant.rule);
  }
  std::string operator()(const MakeValues& step) const {
    return "make fuse " + instance_text(step.instance) + " for values, and reach their holder";
  }
  std::string operator()(const ShowValues& step) const {
    const auto& grant = plan.grants[step.grant];
    const Values values = grant.values.value_or(Values());
    return "show the values of " + quoted(grant.source) + " as " + quoted(grant.name) + ", " +
           name_of(values.form) + ", listing " + std::to_string(values.list) + ", up to " +
           std::to_string(values.max_age_ms) + " ms old, owner " + std::to_string(step.uid) + ":" +
           std::to_string(step.gid) + ", mode " + mode_text(grant.mode) + "; " +
           to_string(grant.rule);
  }
  std::string operator()(const HandOverValues&) const { return "hand the values to their holder"; }
  std::string operator()(const EnterWorkshop&) const {
    return "enter a mount namespace of its own, whose root is the target";
  }
  std::string operator()(const EnterContainer&) const {
    return "enter the container's mount namespace";
  }
  std::string operator()(const HideBpffs& step) const {
    return step.how == HostBpffs::kReject
               ? "refuse if a bpffs is mounted below the container's root"
               : "detach every bpffs mounted below the container's root";
  }
  std::string operator()(const CheckReach&) const {
    return "refuse if a program of the container's reaches out of it";
  }
  std::string operator()(const ResolveTarget& step) const {
    return "find or make " + quoted(step.at) + " below the container's root";
  }
  std::string operator()(const AttachBelow& step) const {
    return "attach " + mount_text(step.mount) + " at " + quoted(step.path) + " in " +
           mount_text(step.parent);
  }
  std::string operator()(const AttachView& step) const {
    return "attach " + mount_text(step.mount) + " at the target";
  }
  std::string operator()(const VerifyView& step) const {
    return "verify that " + quoted(step.at) + " is " + mount_text(step.mount);
  }
  std::string operator()(const VerifyValues& step) const {
    return "verify that " + quoted(step.at) + " is " + mount_text(step.mount);
  }
  std::string operator()(const CheckLaterMounts& step) const {
    return "refuse if the runtime masks " + quoted(step.at) +
           (step.read_only.empty() ? "" : " or makes it read-only") + " after its hooks";
  }
  std::string operator()(const VerifyDelegation& step) const {
    return "verify that " + mount_text(step.mount) + " delegates that and nothing else";
  }
};

struct JsonPrinter {
  const Plan& plan;
  JsonWriter& json;

  void operator()(const MakeInstance& step) const {
    start("make-instance").field("type", name_of(step.type)).field("instance", step.instance);
  }
  void operator()(const MakeDelegatedInstance& step) const {
    start("make-delegated-instance").field("instance", step.instance);
    rights(step.rights);
    json.field("pinning", step.pinning)
        .field("root_uid", step.root_uid)
        .field("root_gid", step.root_gid)
        .field("maker_uid", step.maker_uid)
        .field("maker_gid", step.maker_gid);
  }
  void operator()(const MakeDirectory& step) const {
    start("make-directory").field("instance", step.instance).field("path", step.path);
  }
  void operator()(const PinObject& step) const {
    const auto& grant = plan.grants[step.grant];
    start("pin-object")
        .field("instance", step.instance)
        .field("path", step.path)
        .field("source", grant.source)
        .field("access", name_of(grant.access))
        .field("uid", step.uid)
        .field("gid", step.gid)
        .field("mode", mode_text(grant.mode))
        .field("attributes", step.with_attributes)
        .key("rule");
    write_rule(json, grant.rule);
  }
  void operator()(const MakeSymlink& step) const {
    start("make-symlink")
        .field("instance", step.instance)
        .field("path", step.path)
        .field("target", step.target);
  }
  void operator()(const SealInstance& step) const {
    start("seal-instance").field("instance", step.instance);
  }
  void operator()(const CloneMount& step) const {
    start("clone-mount")
        .field("mount", step.mount)
        .field("instance", step.instance)
        .field("path", step.path)
        .field("read_only", step.read_only)
        .field("through_target", step.through_target);
  }
  void operator()(const ShowRoot& step) const {
    start("show-root").field("mount", step.mount).field("instance", step.instance);
  }
  void operator()(const CloneSource& step) const {
    start("clone-source")
        .field("mount", step.mount)
        .field("source", plan.grants[step.grant].source)
        .key("rule");
    write_rule(json, plan.grants[step.grant].rule);
  }
  void operator()(const MakeValues& step) const {
    start("make-values").field("instance", step.instance);
  }
  void operator()(const ShowValues& step) const {
    const auto& grant = plan.grants[step.grant];
    const Values values = grant.values.value_or(Values());
    start("show-values")
        .field("name", grant.name)
        .field("source", grant.source)
        .field("form", name_of(values.form))
        .field("list", values.list)
        .field("max_age_ms", values.max_age_ms)
        .field("uid", step.uid)
        .field("gid", step.gid)
        .field("mode", mode_text(grant.mode))
        .key("rule");
    write_rule(json, grant.rule);
  }
  void operator()(const HandOverValues&) const { start("hand-over-values"); }
  void operator()(const EnterWorkshop&) const { start("enter-workshop"); }
  void operator()(const EnterContainer&) const { start("enter-container"); }
  void operator()(const HideBpffs& step) const {
    start("hide-bpffs").field("how", name_of(step.how));
  }
  void operator()(const CheckReach&) const { start("check-reach"); }
  void operator()(const ResolveTarget& step) const {
    start("resolve-target").field("at", step.at).field("uid", step.uid).field("gid", step.gid);
  }
  void operator()(const AttachBelow& step) const {
    start("attach-below")
        .field("mount", step.mount)
        .field("parent", step.parent)
        .field("path", step.path);
  }
  void operator()(const AttachView& step) const { start("attach-view").field("mount", step.mount); }
  void operator()(const VerifyView& step) const {
    start("verify-view").field("mount", step.mount).field("at", step.at);
  }
  void operator()(const VerifyValues& step) const {
    start("verify-values").field("mount", step.mount).field("at", step.at);
  }
  void operator()(const CheckLaterMounts& step) const {
    start("check-later-mounts").field("at", step.at);
    texts("masked", step.masked);
    texts("read_only", step.read_only);
    if (step.values) json.field("values", true);
  }
  void operator()(const VerifyDelegation& step) const {
    start("verify-delegation").field("mount", step.mount);
    rights(step.rights);
  }

 private:
  void texts(const char* key, const std::vector<std::string>& list) const {
    json.key(key);
    write_texts(json, list);
  }
  void rights(const TokenRights& rights) const {
    for (const TokenRight right : kTokenRights) {
      json.key(key_of(right));
      write_texts(json, names_in(rights, right));
    }
  }
  JsonWriter& start(const char* name) const { return json.object().field("step", name); }
};

}  // namespace

std::string to_text(const Step& step, const Plan& plan) {
  return std::visit(TextPrinter{plan}, step);
}

std::string to_text(const Plan& plan) {
  std::string text;
  size_t number = 0;
  for (const auto& step : plan.steps)
    text += std::to_string(++number) + ". " + to_text(step, plan) + "\n";
  return text;
}

void to_json(const Plan& plan, JsonWriter& json) {
  json.array();
  for (const auto& step : plan.steps) {
    std::visit(JsonPrinter{plan, json}, step);
    json.end();
  }
  json.end();
}

}  // namespace pinscope::plan
