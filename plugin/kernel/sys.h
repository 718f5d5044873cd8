// System calls as Results: one thin function each, named after the call, nothing decided here.
// `what` in an error is the caller's words for the object.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

// fsopen(2) of `type`: a context without a superblock yet.
Result<Fd> open_filesystem(const char* type);
// fsopen(2) of `type`, then FSCONFIG_CMD_CREATE: a new superblock. The descriptor is the context.
Result<Fd> create_filesystem(const char* type);
// fsconfig(2) FSCONFIG_SET_STRING on a context that is not created yet, or before reconfigure.
Status set_option(int context, const char* key, const char* value);
Status set_flag(int context, const char* flag);
// fsconfig(2) FSCONFIG_CMD_CREATE, for a context with options; `type` is for the error.
Status create_superblock(int context, const char* type);
// fsconfig(2) "ro" and FSCONFIG_CMD_RECONFIGURE: the superblock becomes read-only.
Status make_superblock_read_only(int context);
// fsmount(2): a mount of the context's superblock, nosuid, nodev and noexec, attached nowhere. An
// O_PATH descriptor.
Result<Fd> mount_filesystem(int context);

// open_tree(2) with OPEN_TREE_CLONE: a new mount of what `path` (relative to `dirfd`; "" for
// itself) shows, attached nowhere, without the mounts below it.
Result<Fd> clone_mount(int dirfd, const std::string& path);
// The same with the mounts below it. `mount`: a mount of this namespace, or one that is attached
// nowhere.
Result<Fd> clone_tree(int mount);
// mount_setattr(2): MOUNT_ATTR_RDONLY, NOSUID, NODEV and NOEXEC on this one mount.
Status make_mount_read_only(int mount);
// mount_setattr(2): this mount and those on it stop sharing changes with others.
Status make_tree_private(int mount);
// move_mount(2): attaches `mount` at `path` below `dirfd` ("" for dirfd itself).
Status attach_mount(int mount, int dirfd, const std::string& path);
// The same, beneath the mount whose root `top` is, or the topmost one of those that lie on it: what
// is seen at that place does not change (MOVE_MOUNT_BENEATH, Linux 6.5).
Status attach_beneath(int mount, int top);
// Whether this kernel has it.
bool has_attach_beneath();
// umount2(2) of the mount whose root `fd` is, lazily. Needs the descriptor directory of this
// process.
Status detach_mount(int fd, int proc_self_fd);

// openat2(2) with the given RESOLVE_ flags; the error keeps errno.
Result<Fd> open_resolved(int dirfd, const std::string& path, uint64_t flags, uint64_t resolve);

Result<Fd> open_pidfd(pid_t pid);

// Moves this process, which must have one thread, into a mount namespace of its own: a copy, none
// of whose mounts shares changes with others.
Status enter_private_mount_namespace();

// /proc/self/fd, opened while /proc is still the host's: magic links of our descriptors, wherever
// the process goes later. Checked to be procfs.
Result<Fd> open_descriptor_directory();
// Called in a child: the same number then leads to the child's own descriptors. "self" was the
// parent when the directory was opened, and the parent's table says nothing of what the child
// opens.
Status renew_descriptor_directory(int proc_self_fd);

}  // namespace pinscope::kernel
