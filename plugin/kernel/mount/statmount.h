// What statmount(2) says of a mount, for the files that ask it by themselves.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {

// About a mount of any namespace, by its id; or the mounts of one, behind `parameter`.
inline uapi::MntIdReqOfNamespace request_for(uint64_t space, uint64_t mount, uint64_t parameter) {
  uapi::MntIdReqOfNamespace request{};
  request.request.size = uapi::kMntIdReqSize1;
  request.request.mnt_id = mount;
  request.request.param = parameter;
  request.mnt_ns_id = space;
  return request;
}

class MountAnswer {
 public:
  [[nodiscard]] const uapi::Statmount& header() const {
    return *reinterpret_cast<const uapi::Statmount*>(bytes_.data());
  }
  // A text of the answer, by its place in the header.
  [[nodiscard]] const char* text(uint32_t at) const {
    return bytes_.data() + offsetof(uapi::Statmount, str) + at;
  }

  // False with errno if the mount is gone, or its paths are longer than any that somebody needs:
  // a container can make a mount point of any length.
  bool ask(const uapi::MntIdReqOfNamespace& request, unsigned flags = 0);

 private:
  static constexpr size_t kUsual = sizeof(uapi::Statmount) + size_t{3} * PATH_MAX;
  std::vector<char> bytes_ = std::vector<char>(kUsual);
};

inline constexpr uint64_t kAllOfMount = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic |
                                        uapi::kStatmountMntPoint | uapi::kStatmountMntRoot |
                                        uapi::kStatmountMntOpts;

// What is left where the paths are too long.
inline constexpr uint64_t kAllButPaths = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic;

// Of an answer that has all of it, or all but the paths; a mount that is attached nowhere has no
// mount point.
BpffsMount mount_of(const MountAnswer& answer);

}  // namespace pinscope::kernel
