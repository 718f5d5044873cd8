#include "plugin/model/values.h"

namespace pinscope::model {

const char* name_of(ValueForm form) {
  switch (form) {
    case ValueForm::kJson:
      return "json";
    case ValueForm::kText:
      return "text";
    case ValueForm::kRaw:
      return "raw";
  }
  return "";
}

const char* name_of(ValuesMode mode) {
  switch (mode) {
    case ValuesMode::kNone:
      return "none";
    case ValuesMode::kAlso:
      return "also";
    case ValuesMode::kOnly:
      return "only";
  }
  return "";
}

}  // namespace pinscope::model
