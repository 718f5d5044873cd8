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
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin/kernel/uapi.h"
#include "tests/bench/floor/calls.h"
#include "tests/bench/floor/view.h"

namespace pinscope::bench {
namespace {

namespace uapi = kernel::uapi;

// Of a record before anything is done: it says who the container is, and holds no pins.
constexpr size_t kIntentSize = 700;

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
  char link[32];
  const int directory = open_at(AT_FDCWD, bundle, O_PATH | O_DIRECTORY);
  snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  must("ask for the bundle's path", readlink(link, buffer, PATH_MAX));
  read_file(directory, "config.json");
  close(directory);
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
  constexpr off_t kEnd = 78;  // of the line before: its digest
  must("lock the audit file", flock(audit, LOCK_EX | LOCK_NB));
  const off_t end = lseek(audit, 0, SEEK_END);
  if (end >= kEnd)
    must("read the digest", pread(audit, buffer + sizeof buffer - kEnd, kEnd, end - kEnd));
  must("write the audit line", write(audit, buffer, static_cast<size_t>(atol(arguments[11]))));
  must("unlock the audit file", flock(audit, LOCK_UN));
  const int lines =
      openat(waiting, "audit.waiting", O_RDWR | O_APPEND | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (lines >= 0) close(lines);
  return 0;
}

int run_floor(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "--view-only") == 0) return main_view_only(argv + 2);
  if (argc == 6 && strcmp(argv[1], "--unselected") == 0) return main_unselected(argv + 2);
  if (argc == 13) return main_whole(argv + 1);
  dprintf(STDERR_FILENO, "floor: wrong arguments; see its first comment\n");
  return 2;
}

}  // namespace
}  // namespace pinscope::bench

int main(int argc, char** argv) {
  return pinscope::bench::run_floor(argc, argv);
}
