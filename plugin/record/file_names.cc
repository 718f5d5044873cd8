#include "plugin/record/file_names.h"

#include "plugin/base/text.h"

namespace pinscope::record {

Result<std::string> file_name_of(const std::string& id) {
  if (!model::is_container_id(id))
    return std::unexpected(Error(ErrorCode::kRecord, "find a record for " + quoted(id))
                               .reason("that is not an id of a container"));
  return id + std::string(kRecordSuffix);
}

std::string directory_of_more(const std::string& id) {
  return id + std::string(kMoreSuffix);
}

std::string name_beside(const model::Record& record) {
  return directory_of_more(record.given.id) + "/" + std::to_string(record.given.pid) + "-" +
         std::to_string(record.process_start) + "-" + std::to_string(record.mount_namespace) +
         std::string(kRecordSuffix);
}

bool is_in_store(std::string_view file_name) {
  const size_t slash = file_name.find('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view name = file_name.substr(slash + 1);
  return file_name.substr(0, slash).ends_with(kMoreSuffix) && name != ".." &&
         name.find('/') == std::string_view::npos;
}

}  // namespace pinscope::record
