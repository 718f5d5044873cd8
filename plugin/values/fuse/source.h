// Source: what a directory shows. MapSource is a map; tests and benchmarks have others. It knows
// neither files nor requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/read/walk.h"

namespace pinscope::values {

// Texts side by side, of elements that a walk gave at once: names of keys, or lines.
struct Block {
  std::string text;
  std::vector<size_t> ends;       // in `text`, of each
  std::vector<uint64_t> numbers;  // of the files of keys; of lines none
  uint64_t fingerprint = 0;       // of the keys, in their order
  bool more = false;              // though there is nothing here, this is not the end

  [[nodiscard]] size_t size() const { return ends.size(); }
  [[nodiscard]] size_t start(size_t index) const { return index == 0 ? 0 : ends[index - 1]; }
  [[nodiscard]] std::string_view at(size_t index) const {
    return std::string_view(text).substr(start(index), ends[index] - start(index));
  }
  // Bytes of memory that it holds.
  [[nodiscard]] size_t memory() const {
    return text.capacity() + (ends.capacity() + numbers.capacity()) * sizeof(uint64_t);
  }
};

class Source {
 public:
  using Key = std::vector<std::byte>;
  using NumberOf = std::function<uint64_t(std::span<const std::byte> key)>;

  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Whether there is a file for each key, and one for all elements.
  [[nodiscard]] virtual bool has_keys() const = 0;
  [[nodiscard]] virtual bool has_entries() const = 0;
  // The content of the file "schema".
  [[nodiscard]] virtual std::string schema() const = 0;

  // The key that a file's name stands for, whether it is there or not. Nothing: no key has that
  // name. kSystem with EAGAIN: a digest that was not found yet, in a map too large for one search.
  virtual Result<std::optional<Key>> key_of(std::string_view name) = 0;
  // Appends the content of a key's file. False: there is no such key.
  virtual Result<bool> render(std::span<const std::byte> key, std::string& out) = 0;

  // The next block from `place` on, which is moved behind it; a block of size 0 is the end,
  // but for `more`: one call takes a few milliseconds, found or not.
  virtual Status list(Place& place, const NumberOf& number, Block& block) = 0;
  virtual Status stream(Place& place, Block& block) = 0;
};

}  // namespace pinscope::values
