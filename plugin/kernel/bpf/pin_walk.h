// Every pin of a bpffs, with the object that it names: for whoever wants to see all of them. What a
// glob names is in pin_list.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "plugin/model/object.h"

namespace pinscope::kernel {

struct WalkedPin {
  std::string path;   // below the directory
  uint32_t mode = 0;  // as in st_mode
  uint32_t uid = 0;
  uint32_t gid = 0;
  model::ObjectIdentity object;   // no id: it could not be opened
  int error = 0;                  // errno of that
  PinAttributes attributes = {};  // where they were asked for
  friend bool operator==(const WalkedPin&, const WalkedPin&) = default;
};

struct WalkedPins {
  std::vector<WalkedPin> pins;        // in the order of the kernel's directories
  std::vector<std::string> left_out;  // what was not read, and why
  std::vector<std::string> covered;   // directories on which something is mounted
};

// Limits that nobody comes near who pins for a purpose.
inline constexpr size_t kMaxWalkedPins = 250'000;
inline constexpr size_t kMaxWalkDepth = 64;

// How pins are looked at.
struct WalkOptions {
  bool by_path_fd = true;        // the kernel has BPF_F_PATH_FD; without it, the working directory
                                 // changes
  bool with_attributes = false;  // a view's pins have them, if any
};

// The pins below `directory`, which is on a bpffs. No link is followed and no other mount entered.
//
// A pin is opened for reading, which a sealed bpffs allows for maps and programs. A link opens for
// writing only, so those on a sealed bpffs are pins without an object (EROFS).
WalkedPins walk_pins(int directory, const WalkOptions& options);

// The pin that `file` is open as (O_PATH), where a single one is mounted, at the absolute `path`.
// No error code but errno: ESTALE if the path leads elsewhere.
WalkedPin look_at_pin(const Fd& file, const std::string& path, const WalkOptions& options);

// As bytes, for another process of this program.
std::string to_bytes(const WalkedPins& pins);
WalkedPins walked_pins_from(std::string_view bytes);

}  // namespace pinscope::kernel
