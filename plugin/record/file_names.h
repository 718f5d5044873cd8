// The names of the store's files. Internal to record/.
//
//   web.json              a record of container "web"
//   web.more/12-34-56.json  one of another container "web", by its process: number, start time,
//                         mount namespace
//   .1234-5678.tmp        one that thread 1234 is writing
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/result.h"
#include "plugin/model/record.h"

namespace pinscope::record {

inline constexpr std::string_view kRecordSuffix = ".json";
inline constexpr std::string_view kMoreSuffix = ".more";
static_assert(kMoreSuffix.size() <= kRecordSuffix.size(), "model::kLongestId counts on it");

// kRecord if that is no id of a container.
Result<std::string> file_name_of(const std::string& id);
std::string directory_of_more(const std::string& id);
std::string name_beside(const model::Record& record);
// Whether the name leads to a file of the store and nowhere else.
bool is_in_store(std::string_view file_name);

}  // namespace pinscope::record
