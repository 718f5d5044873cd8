#include "plugin/kernel/watch/mount_events.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace pinscope::kernel {
namespace {

// include/uapi/linux/fanotify.h of Linux 6.15.
constexpr unsigned kReportMounts = 0x4000;  // FAN_REPORT_MNT
constexpr unsigned kMarkNamespace = 0x110;  // FAN_MARK_MNTNS
constexpr uint64_t kAttached = 0x01000000;  // FAN_MNT_ATTACH
constexpr uint64_t kDetached = 0x02000000;  // FAN_MNT_DETACH
constexpr uint8_t kInfoOfMount = 7;         // FAN_EVENT_INFO_TYPE_MNT
struct InfoOfMount {
  fanotify_event_info_header header;
  uint32_t padding;
  uint64_t mount;
};

constexpr size_t kBytes = size_t{32} << 10;

MountEvents::Event event_of(const char* bytes, const fanotify_event_metadata& metadata) {
  MountEvents::Event event;
  event.were_lost = (metadata.mask & FAN_Q_OVERFLOW) != 0;
  event.is_attached = (metadata.mask & kAttached) != 0;
  event.is_detached = (metadata.mask & kDetached) != 0;
  InfoOfMount info{};
  if (metadata.event_len < metadata.metadata_len + sizeof info) return event;
  std::memcpy(&info, bytes + metadata.metadata_len, sizeof info);
  if (info.header.info_type == kInfoOfMount) event.mount = info.mount;
  return event;
}

}  // namespace

Result<MountEvents> MountEvents::open() {
  Fd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | kReportMounts, 0));
  if (!fd.valid()) return std::unexpected(Error::system("watch mounts", errno));
  return MountEvents(std::move(fd));
}

Status MountEvents::watch(int space) const {
  if (::fanotify_mark(fd_.get(), FAN_MARK_ADD | kMarkNamespace, kAttached | kDetached, space,
                      nullptr) != 0)
    return std::unexpected(Error::system("watch the mounts of a namespace", errno));
  return {};
}

void MountEvents::unwatch(int space) const {
  ::fanotify_mark(fd_.get(), FAN_MARK_REMOVE | kMarkNamespace, kAttached | kDetached, space,
                  nullptr);
}

void MountEvents::unwatch_all() const {
  ::fanotify_mark(fd_.get(), FAN_MARK_FLUSH | kMarkNamespace, 0, AT_FDCWD, nullptr);
}

bool MountEvents::read(const std::function<void(const Event&)>& use) const {
  std::array<char, kBytes> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read(2) does
  const ssize_t size = ::read(fd_.get(), bytes.data(), bytes.size());
  for (size_t at = 0; size > 0 && at < static_cast<size_t>(size);) {
    fanotify_event_metadata metadata{};
    std::memcpy(&metadata, bytes.data() + at, sizeof metadata);
    if (metadata.event_len < sizeof metadata) break;
    use(event_of(bytes.data() + at, metadata));
    at += metadata.event_len;
  }
  return size > 0;
}

}  // namespace pinscope::kernel
