// The floor: the system calls of the hook's main job, one after the other, with nothing in between.
// The benchmark divides the hook's time by the time of this program.
//
// In it, in the hook's order and number (layout shared, read grants, a kernel with all features,
// container ids that are the host's):
//   - not dumpable, a saved group of its own; the standard descriptors, umask, directory,
//     close_range, no_new_privs, capabilities;
//   - stdin and config.json; one look at the policy directory and at each file in it, the boot's
//     id, and the compiled set, opened and mapped;
//   - the container's process: pidfd, start time, namespaces, program;
//   - the probes of the kernel; the audit file and the place for lines that wait, opened, and the
//     journal's socket, tried; the record of the intent;
//   - a look at whose mount namespace the sources are in;
//   - the view: a bpffs and the mount of its subdirectory; each source opened, identified and
//     pinned, its mode set; the superblock sealed;
//   - the container's mount namespace: its root, its mounts one by one, the target; the attach; a
//     second look at what is there now, and at what the runtime will mask;
//   - capabilities again, the final record, renamed over the first under a lock, and one audit line
//     behind a look at how the file ends and at whether lines wait.
// Not in it: understanding what was read (JSON, policies, selectors) and composing what is written
// (the record and the audit line have the hook's lengths, and are filler); what libraries ask for
// on their own account (libcap counts the capabilities of the kernel, the allocator asks for
// memory).
//
//   floor PID COUNT BUNDLE ROOTFS PINS STATE_DIR POLICY_DIR FILES SET AUDIT
//         RECORD_SIZE AUDIT_SIZE
//   floor --view-only PID COUNT ROOTFS PINS     the view alone: no records, audit, policy, config
//   floor --unselected BUNDLE POLICY_DIR FILES SET    what is left when no policy selects the
//   container
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin/kernel/uapi.h"

namespace {

namespace uapi = pinscope::kernel::uapi;

char buffer[1 << 20];

// Of a record before anything is done: it says who the container is, and holds no pins.
constexpr size_t kIntentSize = 700;

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

void write_file(int dirfd, const char* path, size_t size) {
  const int fd = open_at(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
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

// What building a view needs, and what undoing it needs.
constexpr uint64_t kBuilding = bit(CAP_SYS_ADMIN) | bit(CAP_SYS_CHROOT) | bit(CAP_SYS_PTRACE) |
                               bit(CAP_DAC_OVERRIDE) | bit(CAP_DAC_READ_SEARCH) | bit(CAP_CHOWN) |
                               bit(CAP_FOWNER) | bit(CAP_BPF);
constexpr uint64_t kUndoing = bit(CAP_SYS_ADMIN) | bit(CAP_DAC_OVERRIDE);

void begin() {
  must("hide the memory", prctl(PR_SET_DUMPABLE, 0));
  must("set the saved group", syscall(SYS_setresgid, -1, -1, 65534));
  for (int fd = 0; fd <= 2; ++fd) must("use a standard descriptor", fcntl(fd, F_GETFD));
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  must("ignore a signal", sigaction(SIGPIPE, &ignore, nullptr));
  must("ignore a signal", sigaction(SIGXFSZ, &ignore, nullptr));
  umask(022);
  must("close inherited descriptors", syscall(SYS_close_range, 3U, ~0U, 0U));
  must("change directory", chdir("/"));
  must("set no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  set_capabilities(get_capabilities() & kBuilding);
}

// `files` policy files, as the benchmark names them.
void read_policies(const char* policy_directory, int files, const char* set) {
  struct stat status;
  must("stat the policies", stat(policy_directory, &status));
  const int fd = open_at(AT_FDCWD, set, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  must("stat the set", fstat(fd, &status));
  const void* mapped =
      mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  must("map the set", mapped == MAP_FAILED ? -1 : 0);
  close(fd);
  buffer[0] = *static_cast<const volatile char*>(mapped);
  for (int i = 0; i < files; ++i) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/policies-%d.yaml", policy_directory, i);
    must("stat a policy", stat(path, &status));
  }
  const int boot = open_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY);
  must("read the boot's id", read(boot, buffer, 64));
  close(boot);
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

int open_descriptors() {
  struct statfs status;
  const int descriptors = open_at(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY);
  must("look at /proc", fstatfs(descriptors, &status));
  return descriptors;
}

// Opens each source, looks at the object and pins it again in `view`.
void pin_all(int view, int descriptors, const char* pins, int count) {
  struct stat status;
  must("stat a namespace", stat("/proc/self/ns/mnt", &status));
  (void)stat("/proc/1/ns/mnt", &status);  // may be refused
  const int sources = open_resolved(AT_FDCWD, pins, O_PATH | O_DIRECTORY,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  must("change directory", fchdir(descriptors));
  for (int i = 0; i < count; ++i) {
    char path[24];
    char link[16];
    char kind[64];
    snprintf(path, sizeof path, "view/m%04d", i);
    const int pin = open_at(sources, path + 5, O_PATH | O_NOFOLLOW);

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

// A sealed bpffs that holds the pins, as a detached mount of its subdirectory.
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

// Moves the view in below the rootfs, having looked at every mount that is there.
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

int open_process(const char* pid) {
  return must_fd("open the process", syscall(SYS_pidfd_open, atoi(pid), 0));
}

void look_at_process(const char* pid, int process) {
  char path[64];
  struct stat status;
  snprintf(path, sizeof path, "/proc/%s", pid);
  const int directory = open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  must("stat a namespace", fstatat(directory, "ns/mnt", &status, 0));
  must("stat a namespace", fstatat(directory, "ns/user", &status, 0));
  must("stat a namespace", fstatat(AT_FDCWD, "/proc/self/ns/mnt", &status, 0));
  fstatat(AT_FDCWD, "/proc/1/ns/mnt", &status, 0);  // may be refused
  must("stat a namespace", fstatat(AT_FDCWD, "/proc/self/ns/user", &status, 0));
  read_file(directory, "stat");
  must("ask for the process", syscall(SYS_pidfd_send_signal, process, 0, nullptr, 0));
  read_file(directory, "cmdline");
}

// Calls that tell by their error whether the kernel knows them.
void probe() {
  uapi::BpfObjAttr attributes{};
  attributes.pathname = address("x");
  attributes.file_flags = uapi::kBpfPathFd;
  attributes.path_fd = -1;
  call_bpf(BPF_OBJ_GET, &attributes, 20);
  syscall(uapi::kSysListmount, nullptr, nullptr, 0, 0);
}

void try_journal() {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, "/run/systemd/journal/socket");
  const int fd = must_fd("make a socket", socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0) close(fd);
}

int open_directory(const char* path) {
  struct stat status;
  const int directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  must("stat a directory", fstat(directory, &status));
  return directory;
}

int open_state(const char* path) {
  struct stat status;
  const int state = open_directory(path);
  const int containers = open_at(state, "containers", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  must("stat the state directory", fstat(containers, &status));
  close(state);
  return containers;
}

int main_view_only(char** arguments) {
  const int process = open_process(arguments[0]);
  const int descriptors = open_descriptors();
  attach(build_view(descriptors, arguments[3], atoi(arguments[1])), process, arguments[2],
         descriptors);
  return 0;
}

int main_unselected(char** arguments) {
  begin();
  read_inputs(arguments[0]);
  read_policies(arguments[1], atoi(arguments[2]), arguments[3]);
  return 0;
}

int main_whole(char** arguments) {
  const char* pid = arguments[0];
  struct stat status;
  begin();
  read_inputs(arguments[2]);
  read_policies(arguments[6], atoi(arguments[7]), arguments[8]);
  const int process = open_process(pid);
  look_at_process(pid, process);
  const int descriptors = open_descriptors();
  probe();
  const int audit =
      open_at(AT_FDCWD, arguments[9], O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0600);
  must("stat the audit file", fstat(audit, &status));
  const int waiting = open_directory(arguments[5]);
  try_journal();
  const int state = open_state(arguments[5]);
  write_file(state, ".floor.tmp", kIntentSize);
  must("put a record in place",
       syscall(SYS_renameat2, state, ".floor.tmp", state, "floor.json", RENAME_NOREPLACE));

  const int tree = build_view(descriptors, arguments[4], atoi(arguments[1]));
  attach(tree, process, arguments[3], descriptors);

  set_capabilities(get_capabilities() & kUndoing);
  const int lock = open_at(state, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  must("lock the records", flock(lock, LOCK_EX | LOCK_NB));
  must("stat the record", fstatat(state, "floor.json", &status, AT_SYMLINK_NOFOLLOW));
  write_file(state, ".floor.tmp", static_cast<size_t>(atol(arguments[10])));
  must("replace the record", renameat(state, ".floor.tmp", state, "floor.json"));
  close(lock);
  const off_t end = lseek(audit, 0, SEEK_END);
  if (end > 0) must("read the last byte", pread(audit, buffer + sizeof buffer - 1, 1, end - 1));
  must("write the audit line", write(audit, buffer, static_cast<size_t>(atol(arguments[11]))));
  const int lines =
      openat(waiting, "audit.waiting", O_RDWR | O_APPEND | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (lines >= 0) close(lines);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "--view-only") == 0) return main_view_only(argv + 2);
  if (argc == 6 && strcmp(argv[1], "--unselected") == 0) return main_unselected(argv + 2);
  if (argc == 13) return main_whole(argv + 1);
  dprintf(STDERR_FILENO, "floor: wrong arguments; see its first comment\n");
  return 2;
}
