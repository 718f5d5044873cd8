#include "plugin/model/finding.h"

namespace pinscope::model {

const char* name_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kWarn:
      return "warn";
    case Finding::Level::kFail:
      return "fail";
  }
  return "";
}

}  // namespace pinscope::model
