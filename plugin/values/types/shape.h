// Shape: how the keys and values of one map are shown. The types (BTF) are compiled once into a
// flat list of print operations; showing an entry looks nothing up and allocates nothing but room
// in the output. docs/values.md has the rules: what is an address, how enums and bit fields look.
//
// Bytes of a map are hostile: they become JSON that is valid, or text without control characters.
// A Shape never fails on bytes; what is shorter than its type is shown in hexadecimal.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/values.h"
#include "plugin/values/read/map_facts.h"
#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

using Bytes = std::span<const std::byte>;

// Immutable; copies share their programs. May be used by several threads at the same time.
class Shape {
 public:
  // By the BTF whose descriptor is `btf_fd`, which may be closed afterwards and needs no privilege;
  // -1: there is none. Keys and values whose types cannot be read, or would print far more than
  // their bytes, are shown in hexadecimal; why() says so. An error only for a map whose sizes make
  // no sense.
  static Result<Shape> of_map(const MapFacts& facts, int btf_fd);
  // The same from the bytes of the BTF itself. Those that BPF_OBJ_GET_INFO_BY_FD gives the kernel
  // has checked when they were loaded; of others no text in C is made, because libbpf's writer of
  // it believes that they are sound.
  static Result<Shape> of_btf(const MapFacts& facts, Bytes btf, bool checked_by_kernel = true);
  // Everything in hexadecimal ("hex:0a000001"), but for what the type of the map says by itself:
  // the index of an array, ids of maps and programs, prefixes are numbers all the same.
  static Shape hexadecimal(const MapFacts& facts);

  // `key` has key_size bytes; `value` as Walk and look_up() give it: for a per-CPU map
  // value_stride() bytes for each possible CPU. kRaw: the bytes.
  void append_key(std::string& out, model::ValueForm form, Bytes key) const;
  // Per-CPU maps: {"cpus":[..],"sum":..}; in the sum, numbers are added up, and what is not a
  // number is null unless all CPUs agree.
  void append_value(std::string& out, model::ValueForm form, Bytes value) const;
  // One line with its line feed: {"key":..,"value":..}, or KEY  VALUE, or the bytes of both
  // without one. Maps without keys (queue, stack) show the value alone.
  void append_entry(std::string& out, model::ValueForm form, Bytes key, Bytes value) const;

  // The columns of append_csv, with a line feed. "key.saddr,value.packets"; per-CPU maps have a
  // column "cpu" before the value's.
  [[nodiscard]] std::string csv_header() const;
  // One line; of a per-CPU map one for each CPU and one for the sum.
  void append_csv(std::string& out, Bytes key, Bytes value) const;

  // The bytes of a key that is written as append_key does it (JSON or text), as its leaves with
  // commas between them, or as hex:0a0b. kUsage with an example of how one looks.
  [[nodiscard]] Result<std::vector<std::byte>> parse_key(std::string_view text) const;

  // The types in C by libbpf, with the sizes; what is shown in hexadecimal, and why.
  // `json`: one object on one line.
  [[nodiscard]] std::string schema(bool json) const;
  // Empty if key and value are shown by their types; else one sentence for people.
  [[nodiscard]] const std::string& why() const;
  [[nodiscard]] const KeyLeaves& key_leaves() const;
  [[nodiscard]] const MapFacts& facts() const;

 private:
  struct State;
  explicit Shape(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace pinscope::values
