// The map that `pinscope dump` shows: found by what somebody calls it, opened for reading, with the
// shape of its entries.
#pragma once

#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/types/shape.h"

namespace pinscope::cli {

struct DumpSource {
  Fd map;
  values::Shape shape;
  [[nodiscard]] const values::MapFacts& facts() const { return shape.facts(); }
  // `map 12 "flows"`: how sentences call it.
  [[nodiscard]] std::string title() const;
};

// `word`: as for `who`, or id:12. Without root: the path of a pin that may be read, whose types are
// not shown then. kSourceMissing: no such object, or several; kSourceMismatch: it is no map.
Result<DumpSource> find_source(const std::string& word, const std::string& state_directory);

// Of a map that is open. Types that cannot be opened are a reason for hexadecimal, no error.
Result<DumpSource> source_of(Fd map);

}  // namespace pinscope::cli
