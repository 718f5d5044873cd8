#include "tests/bench/floor/values.h"

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::bench {
namespace {

constexpr fuse_ino_t kValue = 2;
constexpr fuse_ino_t kKeys = 3;
constexpr fuse_ino_t kFirstName = 4;
// A hash map has its keys in no order. A prime: every name comes once.
constexpr uint64_t kStride = 61'803;
constexpr std::string_view kContent = "\"hex:0700000000000000\"\n";

uint64_t names_of_keys = 0;

struct stat status_of(fuse_ino_t number) {
  struct stat status {};
  status.st_ino = number;
  status.st_mode = number == kValue || number >= kFirstName ? S_IFREG | 0444 : S_IFDIR | 0555;
  status.st_nlink = 1;
  status.st_size = number == kValue ? static_cast<off_t>(kContent.size()) : 0;
  return status;
}

void look_up(fuse_req_t request, fuse_ino_t, const char* name) {
  fuse_entry_param entry{};
  if (std::string_view(name) == "value") entry.ino = kValue;
  if (std::string_view(name) == "keys") entry.ino = kKeys;
  if (entry.ino == 0) {
    ::fuse_reply_err(request, ENOENT);
    return;
  }
  entry.attr = status_of(entry.ino);
  ::fuse_reply_entry(request, &entry);
}

void get_attributes(fuse_req_t request, fuse_ino_t number, fuse_file_info*) {
  const struct stat status = status_of(number);
  ::fuse_reply_attr(request, &status, 0);
}

void open_file(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  info->direct_io = 1;
  ::fuse_reply_open(request, info);
}

void open_directory(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  ::fuse_reply_open(request, info);
}

void read_file(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
  const size_t start = std::min(static_cast<size_t>(offset), kContent.size());
  const std::string_view rest = kContent.substr(start, size);
  ::fuse_reply_buf(request, rest.data(), rest.size());
}

void read_directory(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                    fuse_file_info*) {
  static std::vector<char> out;
  out.resize(size);
  size_t used = 0;
  char name[] = "%%%00%00%00%00";
  for (auto at = static_cast<uint64_t>(offset); number == kKeys && at < names_of_keys; ++at) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    const uint64_t key = at * kStride % names_of_keys;
    for (size_t byte = 0; byte < 4; ++byte) {
      name[3 + 3 * byte] = kDigits[key >> (8 * byte + 4) & 0xfU];
      name[4 + 3 * byte] = kDigits[key >> (8 * byte) & 0xfU];
    }
    struct stat status {};
    status.st_ino = kFirstName + key;
    status.st_mode = S_IFREG;
    const size_t needed = ::fuse_add_direntry(request, out.data() + used, size - used, name,
                                              &status, static_cast<off_t>(at + 1));
    if (needed > size - used) break;
    used += needed;
  }
  ::fuse_reply_buf(request, out.data(), used);
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  ::fuse_reply_err(request, 0);
}

}  // namespace

void serve_floor_of_values(int device, uint64_t names) {
  names_of_keys = names;
  fuse_lowlevel_ops calls{};
  calls.lookup = look_up;
  calls.getattr = get_attributes;
  calls.open = open_file;
  calls.read = read_file;
  calls.release = release;
  calls.opendir = open_directory;
  calls.readdir = read_directory;
  calls.releasedir = release;
  char name[] = "floor";
  char* words[] = {name, nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(1, words);
  fuse_session* session = ::fuse_session_new(&arguments, &calls, sizeof calls, nullptr);
  const std::string mounted = "/dev/fd/" + std::to_string(device);
  if (session == nullptr || ::fuse_session_mount(session, mounted.c_str()) != 0) ::_exit(1);
  ::fuse_session_loop(session);
  ::_exit(0);
}

}  // namespace pinscope::bench
