// Receipt: what `pinscope engine install` has made on a machine for one engine, so that it knows
// its own files again, sees whether anybody has changed them, and can undo all of it. Kept in
// /etc/pinscope/engine/NAME.json: written before anything else is, removed last.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/engine/wiring/tree.h"
#include "plugin/model/container.h"

namespace pinscope::engine {

struct Receipt {
  // In the order in which they were made. `sum` is of the content that we gave the file.
  struct Made {
    std::string path;
    uint64_t sum = 0;
    friend bool operator==(const Made&, const Made&) = default;
  };
  // A file of somebody else's that we have a part in. `backup` is the file that holds what it was
  // before; empty if there was none.
  struct Edited {
    std::string path;
    std::string backup;
    uint64_t sum = 0;
    friend bool operator==(const Edited&, const Edited&) = default;
  };
  // That containers which name no runtime were to meet Pinscope, too (--set-default).
  bool set_default = false;
  std::vector<std::string> directories;
  std::vector<Made> files;
  std::vector<Edited> edits;
  friend bool operator==(const Receipt&, const Receipt&) = default;

  [[nodiscard]] const Made* made(std::string_view path) const;
  [[nodiscard]] const Edited* edited(std::string_view path) const;
};

uint64_t sum_of(std::string_view text);

inline constexpr const char* kReceipts = "/etc/pinscope/engine";
std::string receipt_path(model::Engine engine);
Result<Receipt> parse_receipt(std::string text, const std::string& path);
std::string to_json(const Receipt& receipt);
// Nothing if this engine was never wired, or was unwired.
Result<std::optional<Receipt>> read_receipt(const Tree& tree, model::Engine engine);

}  // namespace pinscope::engine
