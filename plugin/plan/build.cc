#include "plugin/plan/build.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/model/reach.h"
#include "plugin/model/view_names.h"

namespace pinscope::plan {
namespace {

using namespace model;

// The subdirectory of an instance that is shown: its root may hold the kernel's own debug files.
constexpr const char* kShown = "view";
constexpr uint32_t kNoId = 0xFFFFFFFF;

struct HostOwner {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

// An id that no line of the map leads to: nobody in the user namespace has it or power over it.
// The host's root if that is one; nothing if the map takes up every id.
std::optional<uint32_t> id_outside(const IdMap& map) {
  uint32_t id = 0;
  for (size_t i = 0; i < map.size();) {
    const IdMapping& range = map[i++];
    if (id < range.host || id - range.host >= range.size) continue;
    if (range.size >= kNoId - range.host) return std::nullopt;
    id = range.host + range.size;
    i = 0;  // the ranges stand in any order
  }
  return id;
}

// Whose files the file system of a user namespace may hold: its root's, or its first id's.
uint32_t id_inside(const IdMap& map) {
  if (const auto root = map_to_host(map, 0)) return *root;
  return map.empty() ? 0 : map.front().host;
}

Error not_mapped(const GrantedPin& grant, const char* what, uint32_t id) {
  return Error(ErrorCode::kIdNotMapped,
               "give " + quoted(grant.name) + " to " + what + " " + std::to_string(id))
      .reason("the container's user namespace does not map this id")
      .rule(to_string(grant.rule));
}

Result<HostOwner> owner_on_host(const GrantedPin& grant, const Container& container) {
  const auto uid = map_to_host(container.uid_map, grant.uid);
  if (!uid) return std::unexpected(not_mapped(grant, "uid", grant.uid));
  const auto gid = map_to_host(container.gid_map, grant.gid);
  if (!gid) return std::unexpected(not_mapped(grant, "gid", grant.gid));
  return HostOwner{*uid, *gid};
}

// Builds the steps in two lists: what is made before the container is entered, and what is attached
// inside it. The kernel decides to which of them joining mounts to mounts belongs.
class Builder {
 public:
  Builder(const Decision& decision, const Container& container, const Features& features)
      : decision_(decision), container_(container), features_(features) {
    plan_.grants = decision.grants;
  }

  Result<Plan> build() {
    if (!decision_.selected()) return Plan{};
    if (decision_.shows_values()) make_values();
    PINSCOPE_CHECK(grants());
    PINSCOPE_CHECK(show_what_is_not_pinned());
    if (decision_.delegation) PINSCOPE_CHECK(delegate(*decision_.delegation));
    return assemble();
  }

  Result<UnattachedPlan> build_unattached() {
    if (decision_.shows_values()) make_values();
    PINSCOPE_CHECK(grants());
    PINSCOPE_CHECK(show_what_is_not_pinned());
    if (values_) plan_.steps.emplace_back(HandOverValues{});
    if (!decision_.has_pins() && !features_.attach_beneath) frame();
    if (!features_.detached_trees && !inside_.empty()) {
      plan_.steps.emplace_back(EnterWorkshop{});
      append(inside_);
      plan_.steps.emplace_back(AttachView{view_});
    }
    append(below_);
    return UnattachedPlan{std::move(plan_), view_, values_};
  }

 private:
  Status grants() {
    if (!decision_.has_pins()) return {};
    switch (decision_.layout) {
      case Layout::kShared:
        return shared();
      case Layout::kPerMap:
        return per_map();
      case Layout::kBind:
        return bind();
    }
    return {};
  }

  void append(std::vector<Step>& steps) {
    for (auto& step : steps) plan_.steps.push_back(std::move(step));
  }

  InstanceId make_instance(InstanceType type) {
    plan_.steps.emplace_back(MakeInstance{type, instances_});
    return instances_++;
  }

  // The clone is made before anything is pinned: a kernel that cannot do it says so at once.
  MountId clone(InstanceId instance, std::string path, bool read_only) {
    CloneMount step{mounts_, instance, std::move(path), read_only, !features_.detached_trees};
    auto& list = features_.detached_trees ? plan_.steps : inside_;
    list.emplace_back(std::move(step));
    return mounts_++;
  }

  void attach_below(MountId mount, MountId parent, std::string path) {
    below_.emplace_back(AttachBelow{mount, parent, std::move(path)});
  }

  // Makes the directories above `name` that `made` does not hold yet.
  void make_parents(InstanceId instance, const std::string& top, std::string_view name,
                    std::set<std::string>& made) {
    for (size_t slash = name.find('/'); slash != std::string_view::npos;
         slash = name.find('/', slash + 1)) {
      std::string directory = top + std::string(name.substr(0, slash));
      if (made.insert(directory).second)
        plan_.steps.emplace_back(MakeDirectory{instance, std::move(directory)});
    }
  }

  Status pin(InstanceId instance, uint32_t grant, std::string path) {
    PINSCOPE_TRY(const HostOwner owner, owner_on_host(decision_.grants[grant], container_));
    plan_.steps.emplace_back(PinObject{instance, std::move(path), grant, owner.uid, owner.gid,
                                       features_.pin_attributes});
    return show_values(grant);
  }

  // Before anything else is made: where nobody keeps values, there is nothing to undo.
  void make_values() {
    const InstanceId instance = instances_++;
    plan_.steps.emplace_back(MakeValues{instance});
    values_ = mounts_++;
    plan_.steps.emplace_back(ShowRoot{*values_, instance});
  }

  Status show_values(uint32_t grant) {
    if (!decision_.grants[grant].values) return {};
    PINSCOPE_TRY(const HostOwner owner, owner_on_host(decision_.grants[grant], container_));
    plan_.steps.emplace_back(ShowValues{grant, owner.uid, owner.gid});
    return {};
  }

  Status show_what_is_not_pinned() {
    for (uint32_t i = 0; i < decision_.grants.size(); ++i)
      if (!decision_.grants[i].pin) PINSCOPE_CHECK(show_values(i));
    return {};
  }

  // Pins every grant that opens for writing, or every other one, in this instance.
  Status pin_all(bool for_writing, InstanceId instance, std::set<std::string>& made) {
    const std::string top = std::string(kShown) + "/";
    for (uint32_t i = 0; i < decision_.grants.size(); ++i) {
      const auto& grant = decision_.grants[i];
      if (!grant.pin || opens_for_writing(grant.access) != for_writing) continue;
      make_parents(instance, top, grant.name, made);
      PINSCOPE_CHECK(pin(instance, i, top + grant.name));
    }
    return {};
  }

  // The directory of the writable instance belongs to the host's root. Where the container's user
  // namespace maps that user, its root makes the mount writable and pins there what it may read.
  [[nodiscard]] Status check_nobody_owns_writable_directory() const {
    const bool maps_root = std::ranges::any_of(
        container_.uid_map,
        [](const model::IdMapping& range) { return range.host == 0 && range.size != 0; });
    if (!maps_root) return {};
    const auto read = std::ranges::find_if(decision_.grants, [](const GrantedPin& grant) {
      return grant.pin && !opens_for_writing(grant.access);
    });
    return std::unexpected(
        Error(ErrorCode::kAccessUnsupported, "grant " + quoted(read->name) + " for reading")
            .reason("the container's user namespace maps the host's root, who could pin it again "
                    "beside what may be written")
            .hint("map other ids, or say view.layout: per-map")
            .rule(to_string(read->rule)));
  }

  // Two instances: read grants behind a read-only superblock, the others behind a read-only
  // mount. Only one of them is made where that is enough.
  Status shared() {
    bool any_read = false;
    bool any_write = false;
    for (const auto& grant : decision_.grants)
      if (grant.pin) (opens_for_writing(grant.access) ? any_write : any_read) = true;

    const InstanceId top = make_instance(InstanceType::kBpf);
    plan_.steps.emplace_back(MakeDirectory{top, kShown});
    view_ = clone(top, kShown, !any_read);
    std::set<std::string> made;
    PINSCOPE_CHECK(pin_all(!any_read, top, made));
    if (!any_read || !any_write) {
      if (any_read) plan_.steps.emplace_back(SealInstance{top});
      return {};
    }

    const std::string shown = std::string(kShown) + "/";
    plan_.steps.emplace_back(MakeDirectory{top, shown + kReadWriteDirectory});
    for (const auto& grant : decision_.grants) {
      if (!grant.pin || !opens_for_writing(grant.access)) continue;
      make_parents(top, shown, grant.name, made);
      std::string target;
      for (const char byte : grant.name)
        if (byte == '/') target += "../";
      plan_.steps.emplace_back(
          MakeSymlink{top, shown + grant.name, target + kReadWriteDirectory + "/" + grant.name});
    }
    lead_back(top, shown + kReadWriteDirectory + "/");
    plan_.steps.emplace_back(SealInstance{top});
    PINSCOPE_CHECK(check_nobody_owns_writable_directory());

    const InstanceId writable = make_instance(InstanceType::kBpf);
    plan_.steps.emplace_back(MakeDirectory{writable, kShown});
    const MountId mount = clone(writable, kShown, true);
    std::set<std::string> made_writable;
    PINSCOPE_CHECK(pin_all(true, writable, made_writable));
    attach_below(mount, view_, kReadWriteDirectory);
    return {};
  }

  // In the directory that the writable instance covers, for who is on the way through this view
  // when it is replaced: that mount goes first, and the way then begins again, in the new view.
  void lead_back(InstanceId instance, const std::string& covered) {
    const std::string writable = join(decision_.grants_at(), kReadWriteDirectory);
    std::set<std::string_view> linked;
    for (const auto& grant : decision_.grants) {
      const auto first = std::string_view(grant.name).substr(0, grant.name.find('/'));
      if (grant.pin && opens_for_writing(grant.access) && linked.insert(first).second)
        plan_.steps.emplace_back(
            MakeSymlink{instance, covered + std::string(first), join(writable, first)});
    }
  }

  // A sealed tmpfs of links, one for each grant to be mounted on. As in lead_back(): whoever is on
  // the way through this view when it is replaced, and its mounts are gone, goes on in the new one.
  InstanceId frame() {
    const InstanceId instance = make_instance(InstanceType::kTmpfs);
    plan_.steps.emplace_back(MakeDirectory{instance, kShown});
    view_ = clone(instance, kShown, true);
    const std::string top = std::string(kShown) + "/";
    std::set<std::string> made;
    for (const auto& grant : decision_.grants) {
      if (!grant.pin) continue;
      make_parents(instance, top, grant.name, made);
      plan_.steps.emplace_back(
          MakeSymlink{instance, top + grant.name, join(decision_.grants_at(), grant.name)});
    }
    plan_.steps.emplace_back(SealInstance{instance});
    return instance;
  }

  Status per_map() {
    frame();
    for (uint32_t i = 0; i < decision_.grants.size(); ++i) {
      const auto& grant = decision_.grants[i];
      if (!grant.pin) continue;
      const InstanceId instance = make_instance(InstanceType::kBpf);
      plan_.steps.emplace_back(MakeDirectory{instance, kShown});
      const std::string path = std::string(kShown) + "/" + std::string(base_name(grant.name));
      PINSCOPE_CHECK(pin(instance, i, path));
      if (!opens_for_writing(grant.access)) plan_.steps.emplace_back(SealInstance{instance});
      attach_below(clone(instance, path, true), view_, grant.name);
    }
    return {};
  }

  Status bind() {
    frame();
    for (uint32_t i = 0; i < decision_.grants.size(); ++i) {
      if (!decision_.grants[i].pin) continue;
      plan_.steps.emplace_back(CloneSource{mounts_, i});
      PINSCOPE_CHECK(show_values(i));
      attach_below(mounts_++, view_, decision_.grants[i].name);
    }
    return {};
  }

  // The root of a bpffs of its own, because only a root gives tokens. Its superblock belongs to the
  // container's user namespace, so root there can make it writable again: what keeps it from
  // pinning is that the root directory belongs to nobody it knows. A directory in it would belong
  // to somebody it knows, so there is none, and the grants are elsewhere, behind links.
  Status delegate(const Delegation& delegation) {
    const auto refuse = [&](std::string reason) {
      return std::unexpected(Error(ErrorCode::kDelegation, "delegate BPF")
                                 .reason(std::move(reason))
                                 .rule(to_string(delegation.rules.front())));
    };
    const uint32_t maker_uid = id_inside(container_.uid_map);
    const uint32_t maker_gid = id_inside(container_.gid_map);
    auto root_uid = id_outside(container_.uid_map);
    auto root_gid = id_outside(container_.gid_map);
    if (delegation.pinning) {
      root_uid = map_to_host(container_.uid_map, container_.uid);
      root_gid = map_to_host(container_.gid_map, container_.gid);
      if (!root_uid || !root_gid)
        return refuse("its user namespace does not map its own process's user");
    } else if (!root_uid || !root_gid) {
      return refuse("its user namespace maps every id of the host, so its root may pin anywhere");
    }
    const InstanceId instance = instances_++;
    plan_.steps.emplace_back(MakeDelegatedInstance{instance, delegation.rights, delegation.pinning,
                                                   *root_uid, *root_gid, maker_uid, maker_gid});
    delegated_ = mounts_++;
    plan_.steps.emplace_back(ShowRoot{*delegated_, instance});
    std::set<std::string_view> linked;
    for (const auto& grant : decision_.grants) {
      if (!grant.pin) continue;
      const auto first = std::string_view(grant.name).substr(0, grant.name.find('/'));
      if (!linked.insert(first).second) continue;
      plan_.steps.emplace_back(
          MakeSymlink{instance, std::string(first), join(delegation.grants_at, first)});
    }
    if (!delegation.pinning) plan_.steps.emplace_back(SealInstance{instance});
    return {};
  }

  Result<Plan> assemble() {
    // One mount at a time: before the container is entered where the kernel joins detached mounts.
    if (features_.detached_trees) append(below_);
    const bool hides = decision_.host_bpffs != HostBpffs::kAllow;
    const bool looks = hides || decision_.void_rejected_by;
    if (values_) plan_.steps.emplace_back(HandOverValues{});
    const bool has_pins = decision_.has_pins();
    if (!looks && !has_pins && !delegated_ && !values_) return std::move(plan_);
    plan_.steps.emplace_back(EnterContainer{});
    if (hides) plan_.steps.emplace_back(HideBpffs{decision_.host_bpffs});
    if (has_programs(decision_)) plan_.steps.emplace_back(CheckReach{});
    if (has_pins) {
      resolve(decision_.grants_at());
      append(inside_);
      plan_.steps.emplace_back(AttachView{view_});
      if (!features_.detached_trees) append(below_);
      plan_.steps.emplace_back(VerifyView{view_, decision_.grants_at()});
    }
    if (delegated_) {
      resolve(decision_.at);
      plan_.steps.emplace_back(AttachView{*delegated_});
      plan_.steps.emplace_back(VerifyView{*delegated_, decision_.at});
      plan_.steps.emplace_back(VerifyDelegation{*delegated_, decision_.delegation->rights});
    }
    // Once all is there, with the links between the two.
    if (has_pins) look_ahead(decision_.grants_at(), false);
    if (delegated_) look_ahead(decision_.at, decision_.delegation->pinning);
    if (values_) attach_values();
    return std::move(plan_);
  }

  // The last of all: a path that leads into them has to be answered by whoever serves them.
  void attach_values() {
    const std::string& at = decision_.values_at;
    resolve(at);
    if (!container_.masked_paths.empty() || !container_.readonly_paths.empty())
      plan_.steps.emplace_back(
          CheckLaterMounts{at, container_.masked_paths, container_.readonly_paths, true});
    plan_.steps.emplace_back(AttachView{*values_});
    plan_.steps.emplace_back(VerifyValues{*values_, at});
  }

  // A path below a read-only mount still opens for writing what is pinned; only pinning is lost.
  void look_ahead(const std::string& at, bool pins) {
    CheckLaterMounts step{at, container_.masked_paths, {}, false};
    if (pins) step.read_only = container_.readonly_paths;
    if (!step.masked.empty() || !step.read_only.empty()) plan_.steps.emplace_back(std::move(step));
  }

  void resolve(const std::string& at) {
    const uint32_t root_uid = map_to_host(container_.uid_map, 0).value_or(0);
    const uint32_t root_gid = map_to_host(container_.gid_map, 0).value_or(0);
    plan_.steps.emplace_back(ResolveTarget{at, root_uid, root_gid});
  }

  const Decision& decision_;
  const Container& container_;
  const Features& features_;
  Plan plan_;
  std::vector<Step> inside_;  // only possible where mounts are attached
  std::vector<Step> below_;   // mounts on mounts of this plan
  InstanceId instances_ = 0;
  MountId mounts_ = 0;
  MountId view_ = 0;
  std::optional<MountId> delegated_;
  std::optional<MountId> values_;
};

}  // namespace

Result<Plan> build(const Decision& decision, const Container& container, const Features& features) {
  return Builder(decision, container, features).build();
}

Result<UnattachedPlan> build_unattached(const Decision& decision, const Container& container,
                                        const Features& features) {
  return Builder(decision, container, features).build_unattached();
}

}  // namespace pinscope::plan
