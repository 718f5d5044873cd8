#include "plugin/model/policy.h"

namespace pinscope::model {

std::string to_string(const Place& place) {
  return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

bool opens_for_writing(Access access) {
  return access != Access::kRead;
}

const char* name_of(Access access) {
  switch (access) {
    case Access::kRead:
      return "read";
    case Access::kReadWrite:
      return "read-write";
    case Access::kUse:
      return "use";
  }
  return "";
}

const char* name_of(Missing missing) {
  switch (missing) {
    case Missing::kFail:
      return "fail";
    case Missing::kSkip:
      return "skip";
    case Missing::kWait:
      return "wait";
  }
  return "";
}

const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::kShared:
      return "shared";
    case Layout::kPerMap:
      return "per-map";
    case Layout::kBind:
      return "bind";
  }
  return "";
}

const char* name_of(HostBpffs host_bpffs) {
  switch (host_bpffs) {
    case HostBpffs::kMask:
      return "mask";
    case HostBpffs::kReject:
      return "reject";
    case HostBpffs::kAllow:
      return "allow";
  }
  return "";
}

const char* name_of(VoidView void_view) {
  switch (void_view) {
    case VoidView::kAllow:
      return "allow";
    case VoidView::kReject:
      return "reject";
  }
  return "";
}

const char* name_of(OnChange on_change) {
  switch (on_change) {
    case OnChange::kReport:
      return "report";
    case OnChange::kApply:
      return "apply";
    case OnChange::kApplyAlways:
      return "apply-always";
  }
  return "";
}

const char* name_of(ProgramReach reach) {
  switch (reach) {
    case ProgramReach::kContainer:
      return "container";
    case ProgramReach::kWholeMachine:
      return "whole-machine";
  }
  return "";
}

}  // namespace pinscope::model
