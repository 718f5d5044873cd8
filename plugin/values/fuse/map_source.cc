#include "plugin/values/fuse/map_source.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>
#include <utility>

#include "plugin/values/fuse/digest_index.h"
#include "plugin/values/names/key_name.h"
#include "plugin/values/read/look_up.h"
#include "plugin/values/read/reading.h"
#include "plugin/values/types/shape.h"

namespace pinscope::values {

namespace {

constexpr size_t kDigestBytes = size_t{512} << 10U;
// Bytes of keys and values that one search for a digest looks at: a few milliseconds.
constexpr size_t kSearchedBytes = size_t{1} << 20U;
// Bytes of an element that is shown: of its key, and of its values on all CPUs.
constexpr size_t kMaxElement = size_t{1} << 20U;
// Of one block, which all sources read into: the thread is one.
constexpr WalkLimits kWalk{.batch = 1024, .max_bytes = size_t{256} << 10U, .empty_places = 512};

EntryBlock& scratch() {
  static EntryBlock block;
  return block;
}

// Where all sources look one value up: one buffer for each map would let large maps fill the memory
// though nobody reads them.
std::span<std::byte> value_scratch(size_t bytes) {
  static std::vector<std::byte> value;
  if (value.size() < bytes) value.resize(bytes);
  return std::span(value).first(bytes);
}

// How the map is read here: not at all where one element would take what belongs to all readers.
Reading reading_of_shown(const MapFacts& facts) {
  const size_t bytes = facts.key_size + value_bytes(facts);
  if (bytes <= kMaxElement) return reading_of(facts);
  return {ReadWay::kRefused, "one element has " + std::to_string(bytes) + " bytes, and up to " +
                                 std::to_string(kMaxElement) +
                                 " are shown as a file; `pinscope dump` on the host shows all"};
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void clear(Block& block) {
  block.text.clear();
  block.ends.clear();
  block.numbers.clear();
  block.fingerprint = 0;
  block.more = false;
}

class MapSource : public Source {
 public:
  MapSource(int map, Shape shape, Reading reading, model::ValueForm form)
      : map_(map),
        shape_(std::move(shape)),
        reading_(std::move(reading)),
        form_(form),
        digests_(kDigestBytes) {}

  bool has_keys() const override { return reading_.way == ReadWay::kKeys; }
  bool has_entries() const override { return reading_.way != ReadWay::kRefused; }

  std::string schema() const override {
    if (reading_.way != ReadWay::kRefused) return shape_.schema(form_ == model::ValueForm::kJson);
    return "cannot be shown: " + reading_.reason + "\n";
  }

  Result<std::optional<Key>> key_of(std::string_view name) override {
    if (!is_digest_name(name)) return values::key_of(shape_.key_leaves(), facts().key_size, name);
    if (const Key* known = digests_.find(name); known != nullptr) return *known;
    return search(name);
  }

  Result<bool> render(std::span<const std::byte> key, std::string& out) override {
    const auto value = value_scratch(value_bytes(facts()));
    PINSCOPE_TRY(const bool there, look_up(map_, facts(), key, value));
    if (!there) return false;
    shape_.append_value(out, form_, value);
    if (form_ != model::ValueForm::kRaw) out += '\n';
    return true;
  }

  Status list(Place& place, const NumberOf& number, Block& block) override {
    clear(block);
    PINSCOPE_TRY(const size_t count, next(place));
    block.more = count == 0 && place.state != Place::State::kEnd;
    const EntryBlock& entries = scratch();
    block.ends.reserve(count);
    block.numbers.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      append_name(block.text, shape_.key_leaves(), entries.key(i));
      block.ends.push_back(block.text.size());
      if (const std::string_view name = block.at(i); is_digest_name(name))
        digests_.remember(name, entries.key(i));
      block.numbers.push_back(number(entries.key(i)));
      block.fingerprint = block.fingerprint * 31 + block.numbers.back();
    }
    return {};
  }

  Status stream(Place& place, Block& block) override {
    clear(block);
    PINSCOPE_TRY(const size_t count, next(place));
    block.more = count == 0 && place.state != Place::State::kEnd;
    const EntryBlock& entries = scratch();
    block.ends.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      shape_.append_entry(block.text, form_, entries.key(i), entries.value(i));
      block.ends.push_back(block.text.size());
      const std::hash<std::string_view> hash;
      block.fingerprint = block.fingerprint * 31 + hash(text_of(entries.key(i)));
    }
    return {};
  }

 private:
  [[nodiscard]] const MapFacts& facts() const { return shape_.facts(); }

  // The next elements, in scratch().
  Result<size_t> next(Place& place) {
    Walk walk(map_, facts(), kWalk);
    walk.resume(place);
    PINSCOPE_TRY(const size_t count, walk.next(scratch()));
    place = walk.place();
    return count;
  }

  // From the start of the map, but where the last search ended without an answer: from there on.
  Result<std::optional<Key>> search(std::string_view name) {
    if (!may_have_digest_names(facts().key_size)) return std::nullopt;
    Place& place = digests_.place();
    const bool from_start = place.state == Place::State::kStart;
    const size_t entry = facts().key_size + value_bytes(facts());
    for (size_t seen = 0; seen < kSearchedBytes;) {
      PINSCOPE_TRY(const size_t count, next(place));
      remember_digests(count);
      const Key* known = digests_.find(name);
      if (known != nullptr || count == 0) place = Place{};
      if (known != nullptr) return *known;
      if (count == 0 && from_start) return std::nullopt;
      seen += std::max<size_t>(count, 1) * entry;
    }
    return std::unexpected(Error::system("find a key by its digest", EAGAIN));
  }

  void remember_digests(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const std::string name = values::name_of(shape_.key_leaves(), scratch().key(i));
      if (is_digest_name(name)) digests_.remember(name, scratch().key(i));
    }
  }

  int map_;
  Shape shape_;
  Reading reading_;
  model::ValueForm form_;
  DigestIndex digests_;
};

}  // namespace

Result<std::unique_ptr<Source>> map_source(int map, int btf, model::ValueForm form) {
  PINSCOPE_TRY(const MapFacts facts, map_facts(map));
  PINSCOPE_TRY(Shape shape, Shape::of_map(facts, btf));
  return std::make_unique<MapSource>(map, std::move(shape), reading_of_shown(facts), form);
}

}  // namespace pinscope::values
