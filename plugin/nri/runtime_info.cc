#include "plugin/nri/runtime_info.h"

#include <array>

#include "plugin/base/text.h"

namespace pinscope::nri {
namespace {

constexpr Version kOldest{0, 2, 0};

struct Release {
  Version runtime;
  Version nri;
};

// The version of NRI in the go.mod of each release, newest first.
constexpr auto kContainerd = std::to_array<Release>({
    {{2, 3, 0}, {0, 12, 0}},
    {{2, 2, 1}, {0, 11, 0}},
    {{2, 2, 0}, {0, 10, 0}},
    {{2, 0, 0}, {0, 8, 0}},
    {{1, 7, 26}, {0, 8, 0}},
    {{1, 7, 16}, {0, 6, 1}},
    {{1, 7, 7}, {0, 4, 0}},
    {{1, 7, 0}, {0, 3, 0}},
});
constexpr auto kCrio = std::to_array<Release>({
    {{1, 35, 0}, {0, 11, 0}},
    {{1, 34, 0}, {0, 10, 0}},
    {{1, 32, 0}, {0, 9, 0}},
    {{1, 31, 0}, {0, 6, 1}},
    {{1, 29, 0}, {0, 4, 0}},
    {{1, 26, 0}, {0, 3, 0}},
});

template <size_t N>
Version nri_in(const std::array<Release, N>& releases, Version runtime) {
  for (const auto& release : releases)
    if (release.runtime <= runtime) return release.nri;
  return kOldest;
}

// Takes a number off the front of `text`.
std::optional<unsigned> take_number(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = parse_unsigned(text.substr(0, digits));
  if (!number || *number > 1'000'000) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<unsigned>(*number);
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view event_name(Event event) {
  switch (event) {
    case Event::kUnknown:
      return "";
    case Event::kRunPodSandbox:
      return "RunPodSandbox";
    case Event::kStopPodSandbox:
      return "StopPodSandbox";
    case Event::kRemovePodSandbox:
      return "RemovePodSandbox";
    case Event::kCreateContainer:
      return "CreateContainer";
    case Event::kPostCreateContainer:
      return "PostCreateContainer";
    case Event::kStartContainer:
      return "StartContainer";
    case Event::kPostStartContainer:
      return "PostStartContainer";
    case Event::kUpdateContainer:
      return "UpdateContainer";
    case Event::kPostUpdateContainer:
      return "PostUpdateContainer";
    case Event::kStopContainer:
      return "StopContainer";
    case Event::kRemoveContainer:
      return "RemoveContainer";
    case Event::kUpdatePodSandbox:
      return "UpdatePodSandbox";
    case Event::kPostUpdatePodSandbox:
      return "PostUpdatePodSandbox";
    case Event::kValidateContainerAdjustment:
      return "ValidateContainerAdjustment";
  }
  return "";
}

std::optional<Version> parse_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  const auto major = take_number(text);
  if (!major || !take_dot(text)) return std::nullopt;
  const auto minor = take_number(text);
  if (!minor) return std::nullopt;
  const auto patch = take_dot(text) ? take_number(text) : std::nullopt;
  return Version{*major, *minor, patch.value_or(0)};
}

Version nri_version_of(const RuntimeInfo& runtime) {
  if (const auto told = parse_version(runtime.nri_version)) return *told;
  const auto version = parse_version(runtime.version);
  if (!version) return kOldest;
  if (runtime.name == "containerd") return nri_in(kContainerd, *version);
  if (runtime.name == "cri-o") return nri_in(kCrio, *version);
  return kOldest;
}

EventMask events_known_to(Version nri) {
  constexpr EventMask kFirst = mask_of(Event::kRemoveContainer) * 2 - 1;
  constexpr EventMask kSince10 = mask_of(Event::kValidateContainerAdjustment) * 2 - 1;
  static_assert(kFirst == 0x7FF && kSince10 == 0x3FFF);
  return nri < Version{0, 10, 0} ? kFirst : kSince10;
}

}  // namespace pinscope::nri
