// The floor: the system calls of the hook's main job, one after the other, with nothing in between.
// The benchmark divides the hook's time by the time of this program.
//
// In it, in the hook's order and number (layout shared, read grants, a kernel with all features):
//   - giving up privileges: no_new_privs, two capset calls, closing inherited descriptors;
//   - reading stdin and config.json; checking the policy directory and each file in it, and opening
//     and mapping the compiled set;
//   - the intent record; the process's pidfd, start time and id maps; the comparison of mount
//     namespaces;
//   - the view: a bpffs, each source opened, identified and pinned in it, mode set, the superblock
//     sealed, its subdirectory cloned and made read-only;
//   - the container's mount namespace, its rootfs and the target resolved in it, the list of its
//     mounts, the attach, a second look at what is there now;
//   - the final record, renamed over the first, and one audit line.
// Not in it: understanding any of what was read (JSON, policies, selectors), and composing any of
// what is written (the record and the audit line are as long as the hook's, and filler).
//
//   floor PID COUNT BUNDLE ROOTFS PINS STATE_DIR POLICY_DIR SET AUDIT
//         RECORD_SIZE AUDIT_SIZE
//   floor --view-only PID COUNT ROOTFS PINS     the view alone: no records, audit, policy, config
//   floor --unselected BUNDLE POLICY_DIR SET    what is left when no policy selects the container
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/kernel/uapi.h"

namespace {

namespace uapi = pinscope::kernel::uapi;

char buffer[1 << 20];

long must(const char* what, long result) {
  if (result >= 0) return result;
  dprintf(STDERR_FILENO, "floor: cannot %s: %s\n", what, strerror(errno));
  exit(1);
}

int must_fd(const char* what, long result) {
  return static_cast<int>(must(what, result));
}

int open_at(int dirfd, const char* path, int flags, mode_t mode = 0) {
  return must_fd(path, openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode));
}

int open_resolved(int dirfd, const char* path, uint64_t flags, uint64_t resolve) {
  struct open_how how {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return must_fd(path, syscall(SYS_openat2, dirfd, path, &how, sizeof how));
}

void read_to_end(int fd) {
  while (must("read", read(fd, buffer, sizeof buffer)) > 0) continue;
}

void read_file(int dirfd, const char* path) {
  const int fd = open_at(dirfd, path, O_RDONLY);
  read_to_end(fd);
  close(fd);
}

void write_file(int dirfd, const char* path, int flags, size_t size) {
  const int fd = open_at(dirfd, path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  must("write", write(fd, buffer, size));
  close(fd);
}

void set_capabilities(uint64_t capabilities) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  data[0].effective = data[0].permitted = static_cast<uint32_t>(capabilities);
  data[1].effective = data[1].permitted = static_cast<uint32_t>(capabilities >> 32);
  must("set capabilities", syscall(SYS_capset, &header, data));
}

uint64_t get_capabilities() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  must("get capabilities", syscall(SYS_capget, &header, data));
  return data[0].permitted | uint64_t{data[1].permitted} << 32;
}

constexpr uint64_t bit(int capability) {
  return uint64_t{1} << capability;
}

void give_up_privileges() {
  must("set no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const uint64_t wanted = bit(CAP_SYS_ADMIN) | bit(CAP_SYS_CHROOT) | bit(CAP_SYS_PTRACE) |
                          bit(CAP_DAC_OVERRIDE) | bit(CAP_CHOWN) | bit(CAP_FOWNER) | bit(CAP_BPF);
  set_capabilities(get_capabilities() & wanted);
  must("close inherited descriptors", syscall(SYS_close_range, 3U, ~0U, 0U));
}

// Walks an absolute path one component at a time and looks at each, as a check of trust has to.
int open_trusted(const char* path, int flags) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path + 1);
  int directory = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  char* rest = nullptr;
  for (char* name = strtok_r(copy, "/", &rest); name != nullptr;) {
    struct stat status;
    char* next = strtok_r(nullptr, "/", &rest);
    const int found = open_at(directory, name, O_PATH | O_NOFOLLOW);
    must("stat", fstat(found, &status));
    close(directory);
    directory = found;
    name = next;
  }
  const int fd = open_at(directory, ".", flags);
  close(directory);
  return fd;
}

void read_policies(const char* policy_directory, const char* set) {
  const int directory = open_trusted(policy_directory, O_RDONLY | O_DIRECTORY);
  struct stat status;
  long length;
  while ((length = must("list policies", syscall(SYS_getdents64, directory, buffer, 32768))) > 0) {
    for (long offset = 0; offset < length;) {
      const auto* entry = reinterpret_cast<const struct dirent64*>(buffer + offset);
      offset += entry->d_reclen;
      if (entry->d_name[0] == '.') continue;
      must("stat a policy", fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW));
    }
  }
  close(directory);
  const int fd = open_at(AT_FDCWD, set, O_RDONLY | O_NOFOLLOW);
  must("stat the set", fstat(fd, &status));
  const void* mapped =
      mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  must("map the set", mapped == MAP_FAILED ? -1 : 0);
  close(fd);
  buffer[0] = *static_cast<const volatile char*>(mapped);
}

void read_inputs(const char* bundle) {
  read_to_end(STDIN_FILENO);
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/config.json", bundle);
  read_file(AT_FDCWD, path);
}

long call_bpf(int command, void* attributes, size_t size) {
  return syscall(SYS_bpf, command, attributes, size);
}

uint64_t address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Opens each source, looks at the object and pins it again in `view`.
void pin_all(int view, const char* pins, int count) {
  const int descriptors = open_at(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY);
  const int sources = open_resolved(AT_FDCWD, pins, O_PATH | O_DIRECTORY,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  must("change directory", fchdir(descriptors));
  for (int i = 0; i < count; ++i) {
    char name[16];
    char link[16];
    char kind[64];
    snprintf(name, sizeof name, "m%04d", i);
    const int pin = open_at(sources, name, O_PATH | O_NOFOLLOW);

    snprintf(link, sizeof link, "%d", pin);
    uapi::BpfObjAttr get{};
    get.pathname = address(link);
    get.file_flags = BPF_F_RDONLY;
    const int object = must_fd("open a pin", call_bpf(BPF_OBJ_GET, &get, 16));

    snprintf(link, sizeof link, "%d", object);
    must("read a link", readlinkat(descriptors, link, kind, sizeof kind));
    struct bpf_map_info info {};
    union bpf_attr query {};
    query.info.bpf_fd = static_cast<uint32_t>(object);
    query.info.info_len = sizeof info;
    query.info.info = address(&info);
    must("read the info of an object", call_bpf(BPF_OBJ_GET_INFO_BY_FD, &query, sizeof query));

    uapi::BpfObjAttr put{};
    put.pathname = address(name);
    put.bpf_fd = static_cast<uint32_t>(object);
    put.file_flags = uapi::kBpfPathFd;
    put.path_fd = view;
    must("pin an object", call_bpf(BPF_OBJ_PIN, &put, 20));
    must("set a mode", fchmodat(view, name, 0440, 0));
    close(object);
    close(pin);
  }
  close(sources);
  close(descriptors);
}

// A sealed bpffs that holds the pins, as a detached read-only mount of its subdirectory.
int build_view(const char* pins, int count) {
  const int context = must_fd("open bpffs", syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC));
  must("make bpffs", syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
  const int root = must_fd("mount bpffs", syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
  must("make a directory", mkdirat(root, "view", 0755));
  const int view = open_at(root, "view", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  pin_all(view, pins, count);
  must("set ro", syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", nullptr, 0));
  must("seal", syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0));
  const int tree = must_fd(
      "clone the view", syscall(SYS_open_tree, root, "view", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  struct mount_attr attributes {};
  attributes.attr_set =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  must("make the mount read-only",
       syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
  close(view);
  close(root);
  close(context);
  return tree;
}

uapi::Statmount stat_mount(uint64_t id) {
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = id;
  request.param = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic | uapi::kStatmountMntPoint;
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

// Moves the view in below the rootfs, having looked at every mount that is there.
void attach(int tree, int process, const char* rootfs) {
  must("enter the namespace", setns(process, CLONE_NEWNS));
  const int root = open_resolved(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
  const int target = open_resolved(root, "sys/fs/bpf", O_PATH | O_DIRECTORY, kInRoot);

  static uint64_t ids[512];
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = mount_id(root);
  const long count = must("list mounts", syscall(uapi::kSysListmount, &request, ids, 512, 0));
  for (long i = 0; i < count; ++i) stat_mount(ids[i]);
  stat_mount(mount_id(target));

  must("attach the view", syscall(SYS_move_mount, tree, "", target, "",
                                  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
  const int seen = open_resolved(root, "sys/fs/bpf", O_PATH | O_DIRECTORY, kInRoot);
  struct stat status;
  must("stat the view", fstat(seen, &status));
  must("stat the view", fstat(tree, &status));
  close(seen);
  close(target);
  close(root);
}

int open_process(const char* pid) {
  return must_fd("open the process", syscall(SYS_pidfd_open, atoi(pid), 0));
}

void look_at_process(const char* pid) {
  char path[64];
  struct stat status;
  snprintf(path, sizeof path, "/proc/%s", pid);
  const int directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  read_file(directory, "stat");
  read_file(directory, "uid_map");
  read_file(directory, "gid_map");
  must("stat a namespace", fstatat(directory, "ns/mnt", &status, 0));
  must("stat a namespace", fstatat(AT_FDCWD, "/proc/self/ns/mnt", &status, 0));
  close(directory);
}

int main_view_only(char** arguments) {
  const int process = open_process(arguments[0]);
  attach(build_view(arguments[3], atoi(arguments[1])), process, arguments[2]);
  return 0;
}

int main_unselected(char** arguments) {
  give_up_privileges();
  read_inputs(arguments[0]);
  read_policies(arguments[1], arguments[2]);
  return 0;
}

int main_whole(char** arguments) {
  const char* pid = arguments[0];
  const size_t record_size = static_cast<size_t>(atol(arguments[9]));
  give_up_privileges();
  read_inputs(arguments[2]);
  read_policies(arguments[6], arguments[7]);
  const int process = open_process(pid);
  look_at_process(pid);
  const int state = open_at(AT_FDCWD, arguments[5], O_RDONLY | O_DIRECTORY);
  const int audit = open_at(AT_FDCWD, arguments[8], O_WRONLY | O_APPEND | O_CREAT, 0600);
  write_file(state, "floor.json", O_EXCL, record_size);

  attach(build_view(arguments[4], atoi(arguments[1])), process, arguments[3]);

  set_capabilities(0);
  write_file(state, ".floor.json.tmp", O_EXCL, record_size);
  must("replace the record", renameat(state, ".floor.json.tmp", state, "floor.json"));
  must("write the audit line", write(audit, buffer, static_cast<size_t>(atol(arguments[10]))));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "--view-only") == 0) return main_view_only(argv + 2);
  if (argc == 5 && strcmp(argv[1], "--unselected") == 0) return main_unselected(argv + 2);
  if (argc == 12) return main_whole(argv + 1);
  dprintf(STDERR_FILENO, "floor: wrong arguments; see its first comment\n");
  return 2;
}
