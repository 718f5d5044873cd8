#include "tests/bench/floor/view.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/kernel/uapi.h"
#include "tests/bench/floor/calls.h"

namespace pinscope::bench {
namespace {

namespace uapi = kernel::uapi;

// Opens each source, looks at the object and pins it again in `view`.
void pin_all(int view, int descriptors, const char* pins, int count) {
  struct stat status;
  must("stat a namespace", stat("/proc/self/ns/mnt", &status));
  (void)stat("/proc/1/ns/mnt", &status);  // may be refused
  const int sources = open_resolved(AT_FDCWD, pins, O_PATH | O_DIRECTORY,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  for (int i = 0; i < count; ++i) {
    char path[24];
    char link[16];
    char kind[64];
    snprintf(path, sizeof path, "view/m%04d", i);
    const int pin = open_at(sources, path + 5, O_PATH | O_NOFOLLOW);

    snprintf(link, sizeof link, "%d", pin);
    uapi::BpfObjAttr get{};
    get.pathname = address(link);
    get.file_flags = BPF_F_RDONLY | uapi::kBpfPathFd;
    get.path_fd = descriptors;
    const int object = must_fd("open a pin", call_bpf(BPF_OBJ_GET, &get, 20));

    snprintf(link, sizeof link, "%d", object);
    must("read a link", readlinkat(descriptors, link, kind, sizeof kind));
    struct bpf_map_info info {};
    union bpf_attr query {};
    query.info.bpf_fd = static_cast<uint32_t>(object);
    query.info.info_len = sizeof info;
    query.info.info = address(&info);
    must("read the info of an object", call_bpf(BPF_OBJ_GET_INFO_BY_FD, &query, sizeof query));
    close(pin);

    uapi::BpfObjAttr put{};
    put.pathname = address(path);
    put.bpf_fd = static_cast<uint32_t>(object);
    put.file_flags = uapi::kBpfPathFd;
    put.path_fd = view;
    must("pin an object", call_bpf(BPF_OBJ_PIN, &put, 20));
    must("set a mode", fchmodat(view, path, 0440, 0));
    close(object);
  }
  close(sources);
}

uapi::Statmount stat_mount(uint64_t id) {
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = id;
  request.param = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic;
  must("look at a mount",
       syscall(uapi::kSysStatmount, &request, buffer, sizeof(uapi::Statmount) + PATH_MAX, 0));
  uapi::Statmount status;
  memcpy(&status, buffer, sizeof status);
  return status;
}

uint64_t mount_id(int fd) {
  struct statx status;
  must("stat a mount", syscall(SYS_statx, fd, "", AT_EMPTY_PATH, uapi::kStatxMntIdUnique, &status));
  return status.stx_mnt_id;
}

constexpr uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

// Where the masks of the benchmark's config.json will be, beside the view.
void look_at_masks(int root, int descriptors) {
  constexpr const char* kPaths[] = {"sys/fs/bpf", "proc/acpi", "proc/kcore", "proc/keys"};
  for (const char* path : kPaths) {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = kInRoot;
    char link[16];
    const int fd = static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (fd < 0) continue;  // not there
    snprintf(link, sizeof link, "%d", fd);
    must("ask for a path", readlinkat(descriptors, link, buffer, PATH_MAX));
    close(fd);
  }
}

}  // namespace

int build_view(int descriptors, const char* pins, int count) {
  const int context = must_fd("open bpffs", syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC));
  must("make bpffs", syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
  const int root =
      must_fd("mount bpffs", syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                                     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  must("make a directory", mkdirat(root, "view", 0755));
  const int tree = must_fd(
      "clone the view", syscall(SYS_open_tree, root, "view", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  pin_all(root, descriptors, pins, count);
  must("set ro", syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", nullptr, 0));
  must("seal", syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0));
  return tree;
}

void attach(int tree, int process, const char* rootfs, int descriptors) {
  struct stat status;
  must("stat the host's root", stat("/", &status));
  must("stat the rootfs", stat(rootfs, &status));
  must("enter the namespace", setns(process, CLONE_NEWNS));
  const int top = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  must("stat the root", fstat(top, &status));
  const int root = open_at(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY);
  mount_id(root);
  must("stat the rootfs", fstat(root, &status));
  close(top);
  stat_mount(mount_id(root));

  static uint64_t ids[256];
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = mount_id(root);
  const long count = must("list mounts", syscall(uapi::kSysListmount, &request, ids, 256, 0));
  for (long i = 0; i < count; ++i) stat_mount(ids[i]);
  const int target = open_resolved(root, "sys/fs/bpf", O_PATH | O_DIRECTORY, kInRoot);
  struct statfs filesystem;
  must("stat the target", fstatfs(target, &filesystem));
  stat_mount(mount_id(target));

  must("attach the view", syscall(SYS_move_mount, tree, "", target, "",
                                  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
  const int seen = open_resolved(root, "sys/fs/bpf", O_PATH | O_DIRECTORY, kInRoot);
  must("stat the view", fstatfs(seen, &filesystem));
  must("stat the view", fstat(seen, &status));
  must("stat the view", fstat(tree, &status));
  close(seen);
  look_at_masks(root, descriptors);
}

}  // namespace pinscope::bench
