// TOML, read only: edits of files that belong to others are made in their text (see containerd.cc),
// so that comments and layout survive. toml.cc is the only file that knows the TOML library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::engine {

using TomlPath = std::vector<std::string_view>;

class Toml {
 public:
  // `name` is for errors: cannot read "/etc/x.toml": line 3, column 5: ….
  static Result<Toml> parse(std::string_view text, const std::string& name);
  Toml(Toml&&) noexcept;
  Toml& operator=(Toml&&) noexcept;
  ~Toml();

  [[nodiscard]] bool has(const TomlPath& path) const;
  // The value at a path; nothing if there is none or it is of another type.
  [[nodiscard]] std::optional<std::string> text(const TomlPath& path) const;
  [[nodiscard]] std::optional<int64_t> number(const TomlPath& path) const;
  [[nodiscard]] std::optional<bool> flag(const TomlPath& path) const;
  // The texts of an array, others in it left out; and whether it holds a table with `append = true`
  // (containers.conf of Podman 5: this list is added to those of earlier files).
  struct Texts {
    std::vector<std::string> items;
    std::optional<bool> append;
  };
  [[nodiscard]] std::optional<Texts> texts(const TomlPath& path) const;
  // The names in a table, sorted; none if there is no such table.
  [[nodiscard]] std::vector<std::string> names(const TomlPath& path) const;
  // `name = value` for a value that is no table, as TOML.
  [[nodiscard]] std::string written(const TomlPath& path) const;

  // Where a value begins and ends in the text, as offsets in bytes.
  struct Region {
    size_t begin = 0;
    size_t end = 0;
  };
  [[nodiscard]] std::optional<Region> region(const TomlPath& path) const;
  // Whether two documents say the same, except at `paths` and in empty tables.
  [[nodiscard]] bool equals_without(const Toml& other, const std::vector<TomlPath>& paths) const;

 private:
  struct State;
  explicit Toml(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A TOML basic string, quoted and escaped.
std::string toml_string(std::string_view text);

}  // namespace pinscope::engine
