// A Source without a map: the keys are the numbers below `count` as decimal text, the value of each
// is what a test says. For tests of what shows them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/values/fuse/source.h"

namespace pinscope::test {

class NumberedSource : public values::Source {
 public:
  // Numbers that are there, with their values; a test may change it at any time.
  std::map<uint64_t, std::string> elements;
  size_t block = 8;  // elements that a walk gives at once
  uint64_t empty =
      0;  // places that a walk passes over, `block` at a time, before the first element
  bool keys = true;
  bool entries = true;
  int walks = 0;  // blocks that were asked for
  int look_ups = 0;
  std::optional<int> error = {};  // the errno of all questions

  explicit NumberedSource(uint64_t count = 0) {
    for (uint64_t i = 0; i < count; ++i) elements[i] = "value " + std::to_string(i);
  }

  bool has_keys() const override { return keys; }
  bool has_entries() const override { return entries; }
  std::string schema() const override { return "numbers\n"; }

  Result<std::optional<Key>> key_of(std::string_view name) override {
    if (error) return failed();
    const auto number = parse_unsigned(name);
    if (!number || std::to_string(*number) != name) return std::nullopt;
    return key(*number);
  }

  Result<bool> render(std::span<const std::byte> key, std::string& out) override {
    ++look_ups;
    if (error) return failed();
    const auto found = elements.find(number_of(key));
    if (found == elements.end()) return false;
    out += found->second + "\n";
    return true;
  }

  Status list(values::Place& place, const NumberOf& number, values::Block& out) override {
    return walk(place, out, [&](uint64_t element) {
      out.text += std::to_string(element);
      out.numbers.push_back(number(key(element)));
    });
  }

  Status stream(values::Place& place, values::Block& out) override {
    return walk(place, out, [&](uint64_t element) { out.text += elements.at(element) + "\n"; });
  }

 private:
  // What a place remembers is the number that comes next.
  template <typename Add>
  Status walk(values::Place& place, values::Block& out, Add add) {
    ++walks;
    if (error) return failed();
    out = {};
    // Until then a place is how many were passed.
    if (place.seen < empty && place.state == values::Place::State::kStart) {
      place.seen += block;
      if (place.seen >= empty) place = {.state = values::Place::State::kKeys};
      out.more = true;
      return {};
    }
    auto next = elements.lower_bound(place.seen);
    for (size_t i = 0; i < block && next != elements.end(); ++i, ++next) {
      add(next->first);
      out.ends.push_back(out.text.size());
      out.fingerprint = out.fingerprint * 31 + next->first + 1;
      place.seen = next->first + 1;
    }
    return {};
  }
  static Key key(uint64_t number) {
    const std::string text = std::to_string(number);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  static uint64_t number_of(std::span<const std::byte> key) {
    return *parse_unsigned({reinterpret_cast<const char*>(key.data()), key.size()});
  }
  std::unexpected<Error> failed() const {
    return std::unexpected(Error::system("ask the map", *error));
  }
};

}  // namespace pinscope::test
