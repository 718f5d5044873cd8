// Whose a pin of a view is, written on the pin itself. A bpffs keeps extended attributes in memory
// since Linux 7.2 (commit 9722955b5430). Those whose names begin with "trusted." are set, removed
// and read by CAP_SYS_ADMIN of the initial user namespace only, whoever owns the superblock
// (fs/xattr.c, xattr_permission); in a sealed instance nobody changes them (EROFS).
#pragma once

#include <string>

#include "plugin/base/result.h"

namespace pinscope::kernel {

inline constexpr const char* kContainerAttribute = "trusted.pinscope.container";
inline constexpr const char* kSourceAttribute = "trusted.pinscope.source";
inline constexpr const char* kRuleAttribute = "trusted.pinscope.rule";

struct PinAttributes {
  std::string container;  // its id; empty: the pin has no attributes
  std::string source;     // the pin on the host that was granted
  std::string rule;       // policy "reader" at reader.yaml:11:7
  friend bool operator==(const PinAttributes&, const PinAttributes&) = default;
};

// Writes them on the pin at `path` below the directory. False with errno, and nothing written,
// where the kernel has no attributes for pins, or this process may not write them: a view does
// without.
Result<bool> write_attributes(int directory, const std::string& path,
                              const PinAttributes& attributes);

// What the pin `name` in the directory has; empty with errno if it has none, or may not be asked.
PinAttributes read_attributes(int directory, const std::string& name);

// Whether errno says that no pin of this kernel has attributes.
bool is_without_attributes(int errnum);

}  // namespace pinscope::kernel
