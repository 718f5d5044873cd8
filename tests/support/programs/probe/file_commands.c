// The probe's commands on files, directories and mounts.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/programs/probe/probe.h"

// <sys/mount.h> and <linux/mount.h> of glibc 2.36 do not go together.
enum { kMsRdonly = 1, kMsRemount = 32, kMsBind = 4096, kMsMove = 8192, kMntDetach = 2 };
extern int mount(const char*, const char*, const char*, unsigned long, const void*);
extern int umount2(const char*, int);

static int list(char** words, struct answer* answer) {
  struct dirent** entries = NULL;
  const int count = scandir(words[0], &entries, NULL, alphasort);
  if (count < 0) return -1;
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    const char* name = entries[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && used < sizeof(answer->text)) {
      used += (size_t)snprintf(answer->text + used, sizeof(answer->text) - used, "%s%s",
                               used ? " " : "", name);
    }
    free(entries[i]);
  }
  free(entries);
  return 0;
}

static int read_link(char** words, struct answer* answer) {
  return readlink(words[0], answer->text, sizeof(answer->text) - 1) < 0 ? -1 : 0;
}

static const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "symlink";
  return "other";
}

static int status(char** words, struct answer* answer) {
  struct stat found;
  if (lstat(words[0], &found) < 0) return -1;
  snprintf(answer->text, sizeof(answer->text), "%s mode=%04o uid=%u gid=%u", kind_of(found.st_mode),
           found.st_mode & 07777, found.st_uid, found.st_gid);
  return 0;
}

static int file_system(char** words, struct answer* answer) {
  struct statfs found;
  if (statfs(words[0], &found) < 0) return -1;
  snprintf(answer->text, sizeof(answer->text), "type=0x%lx %s", (unsigned long)found.f_type,
           found.f_flags & kMsRdonly ? "ro" : "rw");
  return 0;
}

// Every mount at exactly this path, bottom first: "bpf ro,nosuid|rw,…; …".
static int mounts_at(char** words, struct answer* answer) {
  FILE* table = fopen("/proc/self/mountinfo", "re");
  if (!table) return -1;
  char line[kTextSize], point[kTextSize], options[512], type[64], super[512];
  size_t used = 0;
  while (fgets(line, sizeof(line), table)) {
    const char* rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*s %*s %*s %*s %4095s %511s", point, options) != 2) continue;
    if (strcmp(point, words[0]) != 0 || sscanf(rest, " - %63s %*s %511s", type, super) != 2)
      continue;
    if (used < sizeof(answer->text)) {
      used += (size_t)snprintf(answer->text + used, sizeof(answer->text) - used, "%s%s %s|%s",
                               used ? "; " : "", type, options, super);
    }
  }
  fclose(table);
  return 0;
}

static int touch(char** words, struct answer* answer) {
  (void)answer;
  const int fd = open(words[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  return fd < 0 ? -1 : close(fd);
}
static int open_file(char** words, struct answer* answer) {
  (void)answer;
  const int fd = open(words[0], O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -1 : close(fd);
}
static int show(char** words, struct answer* answer) {
  const int fd = open(words[0], O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t size = read(fd, answer->text, sizeof(answer->text) - 1);
  const int saved = errno;
  close(fd);
  errno = saved;
  for (char* end; (end = strchr(answer->text, '\n'));) *end = ' ';
  return size < 0 ? -1 : 0;
}
static int change_mode(char** words, struct answer* answer) {
  (void)answer;
  return chmod(words[0], (mode_t)strtoul(words[1], NULL, 8));
}
static int change_owner(char** words, struct answer* answer) {
  (void)answer;
  return chown(words[0], (uid_t)strtoul(words[1], NULL, 0), (gid_t)strtoul(words[2], NULL, 0));
}
static int set_attribute(char** words, struct answer* answer) {
  (void)answer;
  return setxattr(words[0], words[1], words[2], strlen(words[2]), 0);
}
static int remove_attribute(char** words, struct answer* answer) {
  (void)answer;
  return removexattr(words[0], words[1]);
}
static int show_attribute(char** words, struct answer* answer) {
  const ssize_t size = getxattr(words[0], words[1], answer->text, sizeof(answer->text) - 1);
  return size < 0 ? -1 : 0;
}
static int remove_file(char** words, struct answer* answer) {
  (void)answer;
  return unlink(words[0]);
}
static int remove_directory(char** words, struct answer* answer) {
  (void)answer;
  return rmdir(words[0]);
}
static int rename_file(char** words, struct answer* answer) {
  (void)answer;
  return rename(words[0], words[1]);
}
static int hard_link(char** words, struct answer* answer) {
  (void)answer;
  return link(words[0], words[1]);
}
static int make_directory(char** words, struct answer* answer) {
  (void)answer;
  return mkdir(words[0], 0755);
}
static int make_symlink(char** words, struct answer* answer) {
  (void)answer;
  return symlink(words[0], words[1]);
}

static int mount_bpf(char** words, struct answer* answer) {
  (void)answer;
  return mount("bpf", words[0], "bpf", 0, NULL);
}
static int bind(char** words, struct answer* answer) {
  (void)answer;
  return mount(words[0], words[1], NULL, kMsBind, NULL);
}
static int move(char** words, struct answer* answer) {
  (void)answer;
  return mount(words[0], words[1], NULL, kMsMove, NULL);
}
static int unmount(char** words, struct answer* answer) {
  (void)answer;
  return umount2(words[0], kMntDetach);
}
static int remount_superblock(char** words, struct answer* answer) {
  (void)answer;
  return mount(NULL, words[0], NULL, kMsRemount, NULL);
}
static int remount_mount(char** words, struct answer* answer) {
  (void)answer;
  return mount(NULL, words[0], NULL, kMsRemount | kMsBind, NULL);
}
static int clear_read_only(char** words, struct answer* answer) {
  (void)answer;
  struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
  return (int)syscall(SYS_mount_setattr, AT_FDCWD, words[0], 0, &attributes, sizeof(attributes));
}
static int reconfigure(char** words, struct answer* answer) {
  (void)answer;
  const int fd = (int)syscall(SYS_fspick, AT_FDCWD, words[0], FSPICK_CLOEXEC);
  if (fd < 0) return -1;
  int result = (int)syscall(SYS_fsconfig, fd, FSCONFIG_SET_FLAG, "rw", NULL, 0);
  if (result == 0) result = (int)syscall(SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
  const int saved = errno;
  close(fd);
  errno = saved;
  return result;
}
// An option of the superblock behind PATH, then reconfiguration.
static int reconfigure_option(char** words, struct answer* answer) {
  (void)answer;
  const int fd = (int)syscall(SYS_fspick, AT_FDCWD, words[0], FSPICK_CLOEXEC);
  if (fd < 0) return -1;
  int result = (int)syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, words[1], words[2], 0);
  if (result == 0) result = (int)syscall(SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
  const int saved = errno;
  close(fd);
  errno = saved;
  return result;
}
static int clone_tree(char** words, struct answer* answer) {
  (void)answer;
  const int fd = (int)syscall(SYS_open_tree, AT_FDCWD, words[0], OPEN_TREE_CLONE);
  return fd < 0 ? -1 : close(fd);
}

const struct command kFileCommands[] = {
    {"ls", 1, list, "PATH: names, sorted"},
    {"readlink", 1, read_link, "PATH"},
    {"stat", 1, status, "PATH: kind, mode, owner; does not follow links"},
    {"statfs", 1, file_system, "PATH: file system type, ro or rw"},
    {"mounts", 1, mounts_at, "PATH: type and options of every mount at it"},
    {"touch", 1, touch, "PATH: open for writing, create"},
    {"open", 1, open_file, "PATH: open for reading"},
    {"cat", 1, show, "PATH: the beginning of a file, in one line"},
    {"chmod", 2, change_mode, "PATH OCTAL"},
    {"chown", 3, change_owner, "PATH UID GID"},
    {"set-attribute", 3, set_attribute, "PATH NAME VALUE: an extended attribute"},
    {"remove-attribute", 2, remove_attribute, "PATH NAME"},
    {"attribute", 2, show_attribute, "PATH NAME"},
    {"unlink", 1, remove_file, "PATH"},
    {"rmdir", 1, remove_directory, "PATH"},
    {"rename", 2, rename_file, "FROM TO"},
    {"link", 2, hard_link, "FROM TO"},
    {"mkdir", 1, make_directory, "PATH"},
    {"symlink", 2, make_symlink, "TARGET PATH"},
    {"mount-bpf", 1, mount_bpf, "PATH: a bpffs of our own"},
    {"bind", 2, bind, "FROM TO: a bind mount"},
    {"move-mount", 2, move, "FROM TO"},
    {"umount", 1, unmount, "PATH: lazily"},
    {"remount-rw", 1, remount_superblock, "PATH: the superblock, mount(2)"},
    {"bind-remount-rw", 1, remount_mount, "PATH: the mount, mount(2)"},
    {"setattr-rw", 1, clear_read_only, "PATH: the mount, mount_setattr(2)"},
    {"reconfigure-rw", 1, reconfigure, "PATH: the superblock, fsconfig(2)"},
    {"reconfigure", 3, reconfigure_option, "PATH KEY VALUE: an option of the superblock"},
    {"open-tree", 1, clone_tree, "PATH: open_tree(2) with OPEN_TREE_CLONE"},
    {0},
};
