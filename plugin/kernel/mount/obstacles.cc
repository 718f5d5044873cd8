#include "plugin/kernel/mount/obstacles.h"

#include <cerrno>

#include "plugin/base/text.h"

namespace pinscope::kernel {

Error cannot_hide(const std::string& mount_point, Obstacle obstacle) {
  Error error(ErrorCode::kHostBpffs,
              "hide the bpffs that the container mounts at " + quoted(mount_point));
  switch (obstacle) {
    case Obstacle::kIsRoot:
      return std::move(error).reason("it is the container's root");
    case Obstacle::kRejected:
      return std::move(error)
          .reason("the policy says hostBpffs: reject")
          .hint("remove the mount from the container, or say mask");
    case Obstacle::kOutOfReach:
      return std::move(error).reason("it cannot be opened");
    case Obstacle::kCovered:
      return std::move(error)
          .reason("another mount is over it")
          .hint("mount one of the two elsewhere");
    case Obstacle::kOnSharedMount:
      return std::move(error)
          .reason("it is on a shared mount, where unmounting it would reach the host")
          .hint("mount the tree above it with propagation private or rslave");
    case Obstacle::kLocked:
      return std::move(error)
          .reason("it cannot be unmounted")
          .hint(
              "it came with a tree of mounts into a user namespace, which locks it there; "
              "mount that tree without it");
  }
  return error;
}

Error target_is_shared(const std::string& at) {
  return Error::system("attach view at " + quoted(at), EPERM, ErrorCode::kTargetShared)
      .hint("the target is on a shared mount");
}

Error target_is_in_proc(const std::string& at) {
  return Error(ErrorCode::kTargetInvalid, "use " + quoted(at) + " in the container")
      .reason("it is a part of a proc file system");
}

Error target_leads_nowhere(const std::string& at, const std::string& link) {
  return Error(ErrorCode::kTargetInvalid, "use " + quoted(at) + " in the container")
      .reason(quoted(link) + " is a link that leads nowhere");
}

Error target_cannot_be_made(const std::string& at, const std::string& directory, int errnum) {
  if (errnum == ENOTDIR)
    return Error::system("use " + quoted(at) + " in the container", errnum,
                         ErrorCode::kTargetInvalid)
        .hint("a component of it is not a directory");
  return Error::system("make directory " + quoted(directory) + " in the container", errnum,
                       ErrorCode::kTargetInvalid)
      .hint("make it part of the image, or choose another view.at");
}

Error masked_later(const std::string& at, const std::string& path) {
  return Error(ErrorCode::kTargetInvalid, "show the view at " + quoted(at))
      .reason("the runtime masks " + quoted(path) + " after its hooks")
      .hint("leave it out of linux.maskedPaths, or choose another view.at");
}

Error read_only_later(const std::string& at, const std::string& path) {
  return Error(ErrorCode::kTargetInvalid, "let the container pin at " + quoted(at))
      .reason("the runtime makes " + quoted(path) + " read-only after its hooks")
      .hint("leave it out of linux.readonlyPaths, or say pinning: false");
}

Error values_masked_later(const std::string& at, const std::string& path) {
  return Error(ErrorCode::kTargetInvalid, "show values at " + quoted(at))
      .reason("the runtime masks " + quoted(path) + " after its hooks")
      .hint("leave it out of linux.maskedPaths, or choose another view.values.at");
}

Error values_read_only_later(const std::string& at, const std::string& path) {
  return Error(ErrorCode::kTargetInvalid, "show values at " + quoted(at))
      .reason("the runtime mounts " + quoted(path) + " anew after its hooks, to make it read-only")
      .hint("leave it out of linux.readonlyPaths, for values are read-only anyway");
}

Error unknown_later(const std::string& path, int errnum) {
  return Error::system("tell where the runtime mounts for " + quoted(path), errnum,
                       ErrorCode::kTargetInvalid)
      .hint("it goes through a link of /proc; leave it out of the container's configuration");
}

}  // namespace pinscope::kernel
