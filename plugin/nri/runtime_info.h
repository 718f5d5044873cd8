// Who the runtime is, which version of NRI it speaks, and which events that version has.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pinscope::nri {

// The numbers are those of the API.
enum class Event : int32_t {
  kUnknown = 0,
  kRunPodSandbox = 1,
  kStopPodSandbox = 2,
  kRemovePodSandbox = 3,
  kCreateContainer = 4,
  kPostCreateContainer = 5,
  kStartContainer = 6,
  kPostStartContainer = 7,
  kUpdateContainer = 8,
  kPostUpdateContainer = 9,
  kStopContainer = 10,
  kRemoveContainer = 11,
  kUpdatePodSandbox = 12,  // 0.10, and the two below
  kPostUpdatePodSandbox = 13,
  kValidateContainerAdjustment = 14,  // this library does not serve it
};

// "RunPodSandbox", as the call for it is named; "" for one that is not known.
std::string_view event_name(Event event);

using EventMask = uint32_t;

template <typename... Events>
constexpr EventMask mask_of(Events... events) {
  return ((EventMask{1} << (static_cast<unsigned>(events) - 1U)) | ... | 0U);
}

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  auto operator<=>(const Version&) const = default;
};

// "v0.12.2", "1.7.24~ds1", "2.2": up to three numbers with whatever behind them. Nothing if it does
// not start with two numbers.
std::optional<Version> parse_version(std::string_view text);

struct RuntimeInfo {
  std::string name;         // "containerd", "cri-o", "docker"
  std::string version;      // as the runtime writes it
  std::string config;       // of a plugin that the runtime starts; empty otherwise
  std::string nri_version;  // from 0.12 on
  // For each call of the runtime to the plugin; 2 seconds before NRI 0.7, which did not tell.
  std::chrono::milliseconds request_timeout{2000};
};

// The version of NRI in this runtime: what it says or, before 0.12, what is known of containerd's
// and CRI-O's releases. For a runtime that is not known, 0.2: the oldest with this protocol.
Version nri_version_of(const RuntimeInfo& runtime);

// The events of that version. A runtime refuses a plugin that asks for others.
EventMask events_known_to(Version nri);

}  // namespace pinscope::nri
