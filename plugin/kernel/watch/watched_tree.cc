#include "plugin/kernel/watch/watched_tree.h"

#include <algorithm>
#include <ranges>

#include "plugin/base/path.h"

namespace pinscope::kernel {

std::string WatchedPlace::path_of(std::string_view name) const {
  return (path == "/" ? path : path + "/") + std::string(name);
}

bool WatchedPlace::looks_for_directories() const {
  return std::ranges::any_of(globs, [](const auto& glob) { return glob.second.at.lead_on(); });
}

bool WatchedPlace::is_only_found() const {
  return pins.empty() &&
         std::ranges::all_of(globs, [](const auto& glob) { return glob.second.is_found; }) &&
         std::ranges::all_of(children,
                             [](const auto& child) { return child.second->is_only_found(); });
}

WatchedTree::WatchedTree(const Limits& limits) : limits_(limits) {
  root_ = &places_[++last_key_];
  root_->key = last_key_;
  root_->path = "/";
}

WatchedPlace& WatchedTree::child_of(WatchedPlace& place, std::string_view name, Keys& made) {
  if (const auto found = place.children.find(name); found != place.children.end())
    return *found->second;
  WatchedPlace& child = places_[++last_key_];
  child.key = last_key_;
  child.path = place.path_of(name);
  child.parent = &place;
  place.children.emplace(name, &child);
  made.push_back(child.key);
  return child;
}

WatchedTree::Keys WatchedTree::add(WatchedSource source) {
  const uint64_t id = source.id;
  remove(id);
  Source& kept = sources_[id];
  kept.asked = std::move(source);
  const Components names = components_of(kept.asked.path);
  const bool is_glob = !kept.asked.below.empty();
  const size_t directories = names.size() - (is_glob || names.empty() ? 0 : 1);
  Keys keys;
  WatchedPlace* place = root_;
  for (size_t i = 0; i < directories; ++i) place = &child_of(*place, names[i], keys);
  if (is_glob)
    place->globs.emplace(id, WatchedPlace::Glob{Positions(kept.asked.below), false});
  else if (!names.empty())
    place->pins[names.back()].push_back(id);
  if (keys.empty() || keys.back() != place->key) keys.push_back(place->key);
  return keys;
}

void WatchedTree::erase_glob(WatchedPlace& place, uint64_t id) {
  const auto glob = place.globs.find(id);
  if (glob == place.globs.end()) return;
  if (glob->second.is_found) {
    --found_;
    --sources_[id].found;
  }
  place.globs.erase(glob);
}

void WatchedTree::below(WatchedPlace& place, std::vector<WatchedPlace*>& all) {
  all.push_back(&place);
  for (size_t i = all.size() - 1; i < all.size(); ++i)
    for (const auto& child : all[i]->children) all.push_back(child.second);
}

void WatchedTree::prune(WatchedPlace* place, Keys& gone) {
  while (place != root_ && place->pins.empty() && place->globs.empty() && place->children.empty()) {
    WatchedPlace* parent = place->parent;
    parent->children.erase(std::string(base_name(place->path)));
    gone.push_back(place->key);
    places_.erase(place->key);
    place = parent;
  }
}

// What is below a place stands behind it.
void WatchedTree::prune_all(const Keys& keys, Keys& gone) {
  for (const uint64_t key : keys | std::views::reverse)
    if (WatchedPlace* place = by_key(key)) prune(place, gone);
}

WatchedTree::Keys WatchedTree::remove(uint64_t id) {
  const auto found = sources_.find(id);
  if (found == sources_.end()) return {};
  const Components names = components_of(found->second.asked.path);
  const bool is_glob = !found->second.asked.below.empty();
  WatchedPlace* place = root_;
  for (size_t i = 0; i + (is_glob ? 0 : 1) < names.size(); ++i)
    place = place->children.find(names[i])->second;
  Keys touched = {place->key};
  if (is_glob) {
    std::vector<WatchedPlace*> all;
    below(*place, all);
    for (WatchedPlace* each : all) {
      if (each != place) touched.push_back(each->key);
      erase_glob(*each, id);
    }
  } else if (!names.empty()) {
    auto& ids = place->pins[names.back()];
    std::erase(ids, id);
    if (ids.empty()) place->pins.erase(names.back());
  }
  cut_.erase(id);
  sources_.erase(found);
  Keys gone;
  prune_all(touched, gone);
  return gone;
}

bool WatchedTree::has_room_for(uint64_t id) const {
  return found_ < limits_.found && sources_.at(id).found < limits_.found_of_glob;
}

WatchedPlace* WatchedTree::find(WatchedPlace& place, std::string_view name) {
  const auto known = place.children.find(name);
  WatchedPlace* child = known == place.children.end() ? nullptr : known->second;
  Keys made;
  for (const auto& [id, glob] : place.globs) {
    Positions at = glob.at.behind(name);
    if (!at.lead_on() || (child != nullptr && child->globs.contains(id))) continue;
    if (!has_room_for(id) || place.path.size() + name.size() > limits_.longest_path) {
      cut_.insert(id);
      continue;
    }
    child = &child_of(place, name, made);
    child->globs.emplace(id, WatchedPlace::Glob{std::move(at), true});
    ++found_;
    ++sources_[id].found;
  }
  return child;
}

WatchedTree::Keys WatchedTree::lose(WatchedPlace& place) {
  std::vector<WatchedPlace*> all;
  below(place, all);
  Keys keys;
  for (WatchedPlace* each : all) {
    keys.push_back(each->key);
    std::vector<uint64_t> found;
    for (const auto& [id, glob] : each->globs)
      if (glob.is_found) found.push_back(id);
    for (const uint64_t id : found) erase_glob(*each, id);
  }
  Keys gone;
  prune_all(keys, gone);
  return gone;
}

std::vector<uint64_t> WatchedTree::concerned(const WatchedPlace& place, std::string_view name) {
  std::vector<uint64_t> ids;
  if (const auto pin = place.pins.find(name); pin != place.pins.end()) ids = pin->second;
  for (const auto& [id, glob] : place.globs)
    if (glob.at.behind(name).match()) ids.push_back(id);
  return ids;
}

std::vector<uint64_t> WatchedTree::all_in(const WatchedPlace& place) {
  std::vector<uint64_t> ids;
  for (const auto& [name, sources] : place.pins)
    ids.insert(ids.end(), sources.begin(), sources.end());
  for (const auto& glob : place.globs) ids.push_back(glob.first);
  return ids;
}

WatchedPlace* WatchedTree::by_key(uint64_t key) {
  const auto found = places_.find(key);
  return found == places_.end() ? nullptr : &found->second;
}

std::vector<uint64_t> WatchedTree::ids() const {
  std::vector<uint64_t> ids;
  ids.reserve(sources_.size());
  for (const auto& source : sources_) ids.push_back(source.first);
  return ids;
}

// A place is made after its parent.
WatchedTree::Keys WatchedTree::keys() const {
  Keys keys;
  for (const auto& place : places_) keys.push_back(place.first);
  return keys;
}

void WatchedTree::cut_globs_of(const WatchedPlace& place) {
  for (const auto& [id, glob] : place.globs)
    if (glob.at.lead_on()) cut_.insert(id);
}

}  // namespace pinscope::kernel
