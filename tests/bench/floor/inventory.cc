// The floor of `pinscope inventory`: the system calls of a look at the whole machine, with nothing
// in between. The benchmark divides the command's time by the time of this program.
//
// In it, for a kernel with listmount(2) of other namespaces (Linux 6.11) and BPF_F_PATH_FD:
//   - each process: its mount namespace, how many threads it has, its descriptors, and the fdinfo
//   of
//     each that is a BPF object's;
//   - each mount namespace, once: opened, its id, its mounts, of each mount whether it is a bpffs,
//   of
//     each bpffs all that is shown of it;
//   - each bpffs, once: its namespace entered, the mount opened, its directory read, and of each
//   pin
//     owner and mode, the object, opened, and its id;
//   - each map and program of the machine, by its id, opened, with its info.
// Not in it: what is done with the answers.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/kernel/uapi.h"
#include "tests/bench/floor/calls.h"

namespace pinscope::bench {
namespace {

namespace uapi = kernel::uapi;

constexpr size_t kMaxSeen = 1U << 16;

// Numbers that were met before.
class Seen {
 public:
  bool is_new(uint64_t number) {
    for (size_t at = number * 0x9E3779B97F4A7C15U >> 48U;; at = (at + 1) % kMaxSeen) {
      if (numbers_[at] == number) return false;
      if (numbers_[at] != 0) continue;
      numbers_[at] = number;
      return true;
    }
  }

 private:
  uint64_t numbers_[kMaxSeen] = {};
};
Seen namespaces;
Seen instances;

struct Answer {
  uapi::Statmount header;
  char rest[3 * PATH_MAX];
};

bool has_only_digits(const char* name) {
  return name[strspn(name, "0123456789")] == '\0';
}

void look_at_descriptors(int process) {
  const int descriptors = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* directory = descriptors < 0 ? nullptr : fdopendir(descriptors);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    char link[256];
    const ssize_t size = readlinkat(descriptors, entry->d_name, link, sizeof link);
    if (size < 14 || strncmp(link, "anon_inode:bpf", 14) != 0) continue;
    char path[300];
    snprintf(path, sizeof path, "fdinfo/%s", entry->d_name);
    read_file(process, path);
  }
  closedir(directory);
}

void read_pins(int shown) {
  const int fd = open_at(shown, ".", O_RDONLY | O_DIRECTORY);
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_type != DT_REG) continue;
    struct stat status;
    fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW);
    uapi::BpfObjAttr get{};
    get.pathname = address(entry->d_name);
    get.file_flags = uapi::kBpfPathFd | BPF_F_RDONLY;
    get.path_fd = fd;
    const int object = static_cast<int>(call_bpf(BPF_OBJ_GET, &get, 20));
    if (object < 0) continue;
    uint32_t info[2];
    union bpf_attr ask;
    memset(&ask, 0, sizeof ask);
    ask.info.bpf_fd = static_cast<uint32_t>(object);
    ask.info.info_len = sizeof info;
    ask.info.info = address(info);
    call_bpf(BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof ask);
    fcntl(object, F_GETFL);
    close(object);
  }
  closedir(directory);
}

bool ask(uint64_t space, uint64_t mount, uint64_t wanted, Answer& answer) {
  const uapi::MntIdReqOfNamespace request{{uapi::kMntIdReqSize1, 0, mount, wanted}, space};
  return syscall(uapi::kSysStatmount, &request, &answer, sizeof answer, 0) == 0;
}

void look_at_namespace(int space) {
  static Answer answer;
  constexpr uint64_t kAll = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic |
                            uapi::kStatmountMntPoint | uapi::kStatmountMntRoot |
                            uapi::kStatmountMntOpts;
  uint64_t id = 0;
  must("ask for a namespace's id", ioctl(space, uapi::kNsGetMntNsId, &id));
  uint64_t mounts[512];
  const uapi::MntIdReqOfNamespace request{{uapi::kMntIdReqSize1, 0, uapi::kListmountRoot, 0}, id};
  const long count = must("list mounts", syscall(uapi::kSysListmount, &request, mounts, 512, 0));
  for (long i = 0; i < count; ++i) {
    if (!ask(id, mounts[i], uapi::kStatmountSbBasic, answer)) continue;
    if (answer.header.sb_magic != BPF_FS_MAGIC || !ask(id, mounts[i], kAll, answer)) continue;
    const auto& header = answer.header;
    if (!instances.is_new(uint64_t{header.sb_dev_major} << 32U | header.sb_dev_minor)) continue;
    must("enter a namespace", setns(space, CLONE_NEWNS));
    const int shown = open_resolved(AT_FDCWD, header.str + header.mnt_point, O_PATH,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    read_pins(shown);
    close(shown);
  }
}

void look_at_processes() {
  const int proc = open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
  DIR* directory = fdopendir(proc);
  while (const dirent* entry = readdir(directory)) {
    if (!has_only_digits(entry->d_name)) continue;
    const int process = openat(proc, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) continue;
    char link[64] = {};
    struct stat status;
    if (readlinkat(process, "ns/mnt", link, sizeof link - 1) > 5 &&
        namespaces.is_new(strtoull(link + 5, nullptr, 10))) {
      const int space = open_at(process, "ns/mnt", O_RDONLY);
      look_at_namespace(space);
      close(space);
    }
    fstatat(process, "task", &status, 0);
    look_at_descriptors(process);
    close(process);
  }
  closedir(directory);
}

template <typename Info>
void look_at_objects(int next, int open) {
  union bpf_attr step;
  memset(&step, 0, sizeof step);
  while (call_bpf(next, &step, sizeof step) == 0) {
    union bpf_attr get;
    memset(&get, 0, sizeof get);
    get.map_id = step.next_id;
    if (open == BPF_MAP_GET_FD_BY_ID) get.open_flags = BPF_F_RDONLY;
    const int object = static_cast<int>(call_bpf(open, &get, sizeof get));
    step.start_id = step.next_id;
    if (object < 0) continue;
    Info info{};
    union bpf_attr ask;
    memset(&ask, 0, sizeof ask);
    ask.info.bpf_fd = static_cast<uint32_t>(object);
    ask.info.info_len = sizeof info;
    ask.info.info = address(&info);
    call_bpf(BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof ask);
    close(object);
  }
}

}  // namespace
}  // namespace pinscope::bench

int main() {
  pinscope::bench::look_at_processes();
  pinscope::bench::look_at_objects<bpf_map_info>(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID);
  pinscope::bench::look_at_objects<bpf_prog_info>(BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID);
  return 0;
}
