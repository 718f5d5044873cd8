#include "plugin/inventory/find_container.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/known_containers.h"
#include "plugin/host/file.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {
namespace {

using engine::KnownContainer;
using model::Engine;

constexpr size_t kShownOfId = 12;  // as engines shorten theirs
constexpr size_t kMaxShown = 8;    // containers, in one error

// Runtimes and engines call one directory by several paths.
bool is_same_bundle(const std::string& left, const std::string& right) {
  struct stat one {};
  struct stat other {};
  if (left == right) return true;
  return ::stat(left.c_str(), &one) == 0 && ::stat(right.c_str(), &other) == 0 &&
         is_same_file(one, other);
}

bool is_same_container(const FoundContainer& left, const FoundContainer& right) {
  const bool differ_in_engine = left.engine != Engine::kUnknown &&
                                right.engine != Engine::kUnknown && left.engine != right.engine;
  return left.id == right.id && !differ_in_engine &&
         (left.bundle.empty() || right.bundle.empty() || is_same_bundle(left.bundle, right.bundle));
}

class Searcher {
 public:
  Searcher(std::string word, std::string state_directory) {
    search_.word = std::move(word);
    search_.state_directory = std::move(state_directory);
  }

  void look_in_records(const std::string& state_directory) {
    const auto store = record::Store::open(state_directory, false);
    if (!store) return fail(store.error());
    search_.looked_in.push_back(state_directory);
    auto all = store->all();
    if (!all) return fail(all.error());
    for (auto& error : all->unreadable) fail(std::move(error));
    for (const auto& record : all->records) {
      const auto& given = record.given;
      const auto& fact = given.identity.kubernetes_container;
      const std::string name = fact ? fact->value : "";
      if (given.id.starts_with(search_.word) || name == search_.word)
        add({given.id, given.bundle, given.engine, name, "", "the record in " + state_directory});
    }
  }

  void look_at_runtimes() {
    auto states = runtime_states(search_.word);
    for (auto& state : states.states)
      add({std::move(state.id), std::move(state.bundle), state.engine, "", "", state.directory});
    std::ranges::move(states.looked_in, std::back_inserter(search_.looked_in));
    for (auto& error : states.unreadable) fail(std::move(error));
  }

  // Whether the word is the id of one container, of which the engine is known.
  [[nodiscard]] bool is_settled() const {
    return std::ranges::count(search_.found, search_.word, &FoundContainer::id) == 1 &&
           std::ranges::find(search_.found, search_.word, &FoundContainer::id)->engine !=
               Engine::kUnknown;
  }

  void ask_engines() {
    auto answers = engine::containers_called(search_.word);
    std::ranges::move(answers.asked, std::back_inserter(search_.looked_in));
    for (auto& error : answers.failed) fail(std::move(error));
    for (auto& answer : answers.containers) take(std::move(answer));
  }

  Search end() && {
    auto& found = search_.found;
    const bool has_id = std::ranges::find(found, search_.word, &FoundContainer::id) != found.end();
    if (has_id)
      std::erase_if(found, [&](const FoundContainer& one) { return one.id != search_.word; });
    return std::move(search_);
  }

 private:
  void fail(Error error) { search_.failed.push_back(std::move(error)); }

  // One that is there already learns what it lacks.
  void add(FoundContainer container) {
    const auto known = std::ranges::find_if(search_.found, [&](const FoundContainer& other) {
      return is_same_container(other, container);
    });
    if (known == search_.found.end()) return search_.found.push_back(std::move(container));
    if (known->bundle.empty()) known->bundle = std::move(container.bundle);
    if (known->engine == Engine::kUnknown) known->engine = container.engine;
    if (known->name.empty()) known->name = std::move(container.name);
    if (known->state.empty()) known->state = std::move(container.state);
  }

  // The bundle is the runtime's to say, who is nearer to it; the engine's where no runtime has the
  // container any more.
  void take(KnownContainer answer) {
    const bool is_cri = answer.engine == Engine::kUnknown;
    FoundContainer base{answer.id,     "",
                        answer.engine, answer.name,
                        answer.state,  is_cri ? "crictl" : model::engine_name(answer.engine)};
    bool has_state = false;
    for (auto& state : runtime_states(answer.id).states) {
      const bool may_be_its =
          state.engine == Engine::kUnknown || is_cri || state.engine == answer.engine;
      if (state.id != answer.id || !may_be_its) continue;
      FoundContainer container = base;
      container.bundle = std::move(state.bundle);
      container.where += ", " + state.directory;
      // Of the two engines with a CRI, CRI-O uses the runtimes' own directories.
      if (is_cri)
        container.engine = state.engine == Engine::kUnknown ? Engine::kCrio : state.engine;
      add(std::move(container));
      has_state = true;
    }
    if (has_state) return;
    base.bundle = std::move(answer.bundle);
    add(std::move(base));
  }

  Search search_;
};

bool has_one_id(const std::vector<FoundContainer>& found) {
  return std::ranges::all_of(found,
                             [&](const FoundContainer& one) { return one.id == found.front().id; });
}

std::string list_of(const std::vector<FoundContainer>& found) {
  const bool same_id = has_one_id(found);
  std::string text;
  for (size_t i = 0; i < found.size() && i < kMaxShown; ++i) {
    text += (i == 0 ? "" : ", ") + title_of(found[i]) + " by " + found[i].where;
    if (same_id && !found[i].bundle.empty()) text += ", with bundle " + quoted(found[i].bundle);
  }
  if (found.size() > kMaxShown) text += ", …";
  return text;
}

std::string hint_of_several(const std::vector<FoundContainer>& found, bool takes_bundle) {
  if (takes_bundle) return "write the whole id, or name its bundle with --bundle DIR";
  return has_one_id(found) ? "name it by the number of a process in it" : "write the whole id";
}

// The id or name that is so near to the word that it may be a typing error.
std::string meant_by(const Search& search) {
  if (!model::is_container_id(search.word)) return "";
  std::vector<std::string> known;
  if (const auto store = record::Store::open(search.state_directory, false))
    if (const auto all = store->all())
      for (const auto& record : all->records) {
        known.push_back(record.given.id);
        if (const auto& name = record.given.identity.kubernetes_container)
          known.push_back(name->value);
      }
  for (auto& state : runtime_states("").states) known.push_back(std::move(state.id));
  for (auto& container : engine::running_containers().containers)
    known.push_back(std::move(container.name));
  std::erase(known, "");
  return std::string(nearest(search.word, {known.begin(), known.end()}));
}

}  // namespace

Search search_container(const std::string& word, const std::string& state_directory) {
  Searcher searcher(word, state_directory);
  if (!model::is_container_id(word)) return std::move(searcher).end();
  searcher.look_in_records(state_directory);
  searcher.look_at_runtimes();
  if (!searcher.is_settled()) searcher.ask_engines();
  return std::move(searcher).end();
}

std::vector<FoundContainer> containers_with_id(const std::string& id,
                                               const std::string& state_directory) {
  std::vector<FoundContainer> found;
  if (!model::is_container_id(id)) return found;
  const auto store = record::Store::open(state_directory, false);
  const auto of_id = store ? store->find(id) : Result<record::Store::OfId>();
  if (of_id)
    for (const auto& one : of_id->found) {
      const auto& given = one.record.given;
      const auto& name = given.identity.kubernetes_container;
      found.push_back({id, given.bundle, given.engine, name ? name->value : "", "", ""});
    }
  if (!found.empty()) return found;
  for (const auto& state : runtime_states(id).states)
    if (state.id == id) found.push_back({id, state.bundle, state.engine, "", "", state.directory});
  return found;
}

Result<std::string> find_container_id(const std::string& word, const std::string& state_directory) {
  if (!containers_with_id(word, state_directory).empty()) return word;
  auto search = search_container(word, state_directory);
  std::ranges::stable_sort(search.found, {}, &FoundContainer::id);
  const auto same = std::ranges::unique(search.found, {}, &FoundContainer::id);
  search.found.erase(same.begin(), same.end());
  PINSCOPE_TRY(auto found, only_one(std::move(search), false));
  return std::move(found.id);
}

Result<FoundContainer> only_one(Search search, bool takes_bundle) {
  auto& found = search.found;
  if (found.size() == 1) return std::move(found.front());
  Error error(ErrorCode::kRecord, "find container " + quoted(search.word));
  if (found.size() > 1)
    return std::unexpected(
        std::move(error)
            .reason("it may be any of " + std::to_string(found.size()) + ": " + list_of(found))
            .hint(hint_of_several(found, takes_bundle)));
  std::string reason = "it is not in " + joined(search.looked_in, ", ");
  if (search.looked_in.empty())
    reason = model::is_container_id(search.word) ? "there is nowhere to look"
                                                 : "no container can be called so";
  for (const auto& failure : search.failed) reason += "; " + failure.sentence();
  const bool needs_root = std::ranges::any_of(
      search.failed, [](const Error& failure) { return failure.errnum() == EACCES; });
  std::vector<std::string> hints;
  if (const auto meant = meant_by(search); !meant.empty())
    hints.push_back("did you mean " + quoted(meant) + "?");
  if (needs_root) hints.emplace_back("this needs root");
  if (takes_bundle)
    hints.push_back(std::string(hints.empty() ? "" : "or ") +
                    "name the directory that has its config.json: --bundle DIR");
  return std::unexpected(std::move(error).reason(std::move(reason)).hint(joined(hints, "; ")));
}

std::string title_of(const FoundContainer& container) {
  const std::string id = container.name.empty() ? container.id : container.id.substr(0, kShownOfId);
  const std::string engine = model::engine_name(container.engine);
  if (container.name.empty()) return one_line(id) + (engine.empty() ? "" : " (" + engine + ")");
  return one_line(container.name) + " (" + (engine.empty() ? "" : engine + ", ") + one_line(id) +
         ")";
}

}  // namespace pinscope::inventory
