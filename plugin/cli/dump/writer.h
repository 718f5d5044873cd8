// How `pinscope dump` writes entries: the three outputs, the maps in a map of maps, and changes.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/cli/dump/source.h"

namespace pinscope::cli {

enum class DumpFormat : uint8_t { kText, kJson, kCsv };
enum class Change : uint8_t { kAdded, kChanged, kRemoved };

class EntryWriter {
 public:
  // `inner`: show the entries of the maps in a map of maps, too.
  EntryWriter(const DumpSource& source, DumpFormat format, bool inner)
      : source_(source), format_(format), inner_(inner) {}

  // What stands above all entries. `changes`: they are from append_change.
  void append_header(std::string& out, bool changes) const;
  void append(std::string& out, values::Bytes key, values::Bytes value) const;
  // `was`: the value before, of what was changed or removed. `value`: now.
  void append_change(std::string& out, Change change, values::Bytes key, values::Bytes was,
                     values::Bytes value) const;

 private:
  void append_with_inner(std::string& out, values::Bytes key, values::Bytes value) const;

  const DumpSource& source_;
  DumpFormat format_;
  bool inner_;
};

}  // namespace pinscope::cli
