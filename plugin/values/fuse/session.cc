#include "plugin/values/fuse/session.h"

#define FUSE_USE_VERSION 312
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/values/fuse/request_buffer.h"

namespace pinscope::values {

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr blksize_t kBlockSize = 4096;
constexpr blkcnt_t kSectorSize = 512;
constexpr unsigned long kLongestName = 255;

struct stat stat_of(const Attributes& found) {
  struct stat status {};
  status.st_ino = found.number;
  status.st_mode = found.mode;
  status.st_uid = found.uid;
  status.st_gid = found.gid;
  status.st_nlink = found.links;
  status.st_size = static_cast<off_t>(found.size);
  status.st_blksize = kBlockSize;
  status.st_blocks = (status.st_size + kSectorSize - 1) / kSectorSize;
  status.st_mtim.tv_sec = static_cast<time_t>(found.time_ns / kNanosecondsPerSecond);
  status.st_mtim.tv_nsec = static_cast<long>(found.time_ns % kNanosecondsPerSecond);
  status.st_ctim = status.st_atim = status.st_mtim;
  return status;
}

std::span<const std::byte> without_header(std::span<const std::byte> init) {
  return init.subspan(sizeof(fuse_in_header));
}

uint64_t number_of(std::span<const std::byte> request) {
  fuse_in_header header{};
  std::memcpy(&header, request.data(), sizeof header);
  return header.unique;
}

void refuse(std::span<const std::byte> request, const Session::Send& send) {
  fuse_out_header header{
      .len = sizeof(fuse_out_header), .error = -EIO, .unique = number_of(request)};
  const iovec part{&header, sizeof header};
  send({&part, 1});
}

}  // namespace

// libfuse's calls. What they throw away is the outcome of an answer, which its sender has seen.
struct Session::Calls {
  static Session& of(fuse_req_t request) {
    return *static_cast<Session*>(::fuse_req_userdata(request));
  }
  static FileSystem& files_of(fuse_req_t request) { return *of(request).files_; }

  static void init(void* session, fuse_conn_info* terms) {
    // Directories may be read by several at a time: nobody waits for another's reply. All else
    // that libfuse would ask for is about writing and caching.
    terms->want = terms->capable & FUSE_CAP_PARALLEL_DIROPS;
    terms->max_write = kMaxRead;
    terms->max_readahead = 0;
    static_cast<Session*>(session)->ready_ = true;
  }

  static void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    const auto found = files_of(request).look_up(parent, name);
    if (!found) return fail(request, found.error());
    fuse_entry_param entry{};
    entry.ino = found->number;
    entry.attr = stat_of(*found);
    entry.attr_timeout = entry.entry_timeout = found->timeout_s;
    ::fuse_reply_entry(request, &entry);
  }

  static void getattr(fuse_req_t request, fuse_ino_t number, fuse_file_info*) {
    const auto found = files_of(request).attributes(number);
    if (!found) return fail(request, found.error());
    const struct stat status = stat_of(*found);
    ::fuse_reply_attr(request, &status, found->timeout_s);
  }

  static void open(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
    if ((info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0)
      return fail(request, EROFS);
    const auto opened = files_of(request).open_file(number);
    if (!opened) return fail(request, opened.error());
    info->fh = opened->handle;
    // Readers get what is there, past the size as well, and nothing can be mapped shared.
    info->direct_io = 1;
    // sendfile(2) from file to file refuses what cannot be sought, and programs read.
    info->nonseekable = opened->is_stream ? 1 : 0;
    ::fuse_reply_open(request, info);
  }

  static void opendir(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
    const auto opened = files_of(request).open_directory(number);
    if (!opened) return fail(request, opened.error());
    info->fh = opened->handle;
    ::fuse_reply_open(request, info);
  }

  static void release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    files_of(request).close(info->fh);
    ::fuse_reply_err(request, 0);
  }

  static void read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset,
                   fuse_file_info* info) {
    // A reader is told apart from the kernel's own pages by the owner that locks would have: the
    // kernel gives it with each read of a file that is open with direct_io, and only then.
    const auto whom = info->lock_owner == 0 ? FileSystem::For::kPage : FileSystem::For::kReader;
    const auto content = files_of(request).read(info->fh, static_cast<uint64_t>(offset),
                                                std::min(size, kMaxRead), whom);
    if (!content) return fail(request, content.error());
    ::fuse_reply_buf(request, content->data(), content->size());
  }

  static void readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t position,
                      fuse_file_info* info) {
    std::string& out = files_of(request).answer();
    out.resize(std::min(size, kMaxRead));
    size_t used = 0;
    std::string name;
    const auto take = [&](const ListedFile& file) {
      struct stat status {};
      status.st_ino = file.number;
      status.st_mode = file.type;
      name = file.name;
      const size_t needed =
          ::fuse_add_direntry(request, out.data() + used, out.size() - used, name.c_str(), &status,
                              static_cast<off_t>(file.next));
      if (needed > out.size() - used) return false;
      used += needed;
      return true;
    };
    const auto listed =
        files_of(request).list(number, info->fh, static_cast<uint64_t>(position), take);
    if (!listed && used == 0) return fail(request, listed.error());
    ::fuse_reply_buf(request, out.data(), used);
  }

  static void statfs(fuse_req_t request, fuse_ino_t) {
    struct statvfs status {};
    status.f_bsize = status.f_frsize = static_cast<unsigned long>(kBlockSize);
    status.f_namemax = kLongestName;
    ::fuse_reply_statfs(request, &status);
  }

  static void fail(fuse_req_t request, int error) {
    if (error != kLater) {
      ::fuse_reply_err(request, error);
      return;
    }
    of(request).later_ = true;
    ::fuse_reply_none(request);
  }

  static ssize_t writev(int, iovec* parts, int count, void* session) {
    const std::span all(parts, static_cast<size_t>(count));
    (*static_cast<Session*>(session)->send_)(all);
    // As if the kernel had taken it: what libfuse would do about it is print.
    size_t bytes = 0;
    for (const iovec& part : all) bytes += part.iov_len;
    return static_cast<ssize_t>(bytes);
  }
  // Requests are handed in.
  static ssize_t no_read(int, void*, size_t, void*) { return -ENOSYS; }
  static void no_log(fuse_log_level, const char*, va_list) {}

  static fuse_lowlevel_ops operations() {
    fuse_lowlevel_ops calls{};
    calls.init = init;
    calls.lookup = lookup;
    calls.getattr = getattr;
    calls.open = open;
    calls.read = read;
    calls.release = release;
    calls.opendir = opendir;
    calls.readdir = readdir;
    calls.releasedir = release;
    calls.statfs = statfs;
    return calls;
  }
};

Result<std::shared_ptr<Session>> Session::open() {
  ::fuse_set_log_func(Calls::no_log);
  std::shared_ptr<Session> made(new Session);
  char name[] = "pinscope";
  char* words[] = {name, nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(1, words);
  static const fuse_lowlevel_ops calls = Calls::operations();
  made->session_ = ::fuse_session_new(&arguments, &calls, sizeof calls, made.get());
  ::fuse_opt_free_args(&arguments);  // libfuse made a copy of the words
  if (made->session_ == nullptr)
    return std::unexpected(Error(ErrorCode::kSystem, "serve a file system of values")
                               .reason("libfuse makes no session"));
  // It wants a descriptor to close, and uses it for nothing else.
  Fd any(::eventfd(0, EFD_CLOEXEC));
  fuse_custom_io io{};
  io.writev = Calls::writev;
  io.read = Calls::no_read;
  if (const int refused = ::fuse_session_custom_io(made->session_, &io, any.get()); refused != 0)
    return std::unexpected(Error::system("serve a file system of values", -refused));
  [[maybe_unused]] const int owned_by_the_session = any.release();
  return made;
}

Session::~Session() {
  if (session_ != nullptr) ::fuse_session_destroy(session_);
}

bool Session::process(std::span<std::byte> request, FileSystem& files, const Send& send) {
  files_ = &files;
  send_ = &send;
  later_ = false;
  fuse_buf buffer{};
  buffer.size = request.size();
  buffer.mem = request.data();
  ::fuse_session_process_buf(session_, &buffer);
  files_ = nullptr;
  send_ = nullptr;
  return !later_;
}

// INIT of the first connection. False: libfuse has not taken it.
bool Session::begin(std::span<std::byte> init, FileSystem& files, const Send& send) {
  const auto asked = without_header(init);
  asked_.assign(asked.begin(), asked.end());
  const Send keep = [&](std::span<const iovec> parts) {
    for (const iovec& part : parts) {
      const std::span bytes(static_cast<const std::byte*>(part.iov_base), part.iov_len);
      answered_.insert(answered_.end(), bytes.begin(), bytes.end());
    }
    send(parts);
  };
  process(init, files, keep);
  return ready_;
}

bool Session::began_with(std::span<const std::byte> init) const {
  return std::ranges::equal(asked_, without_header(init));
}

void Session::answer_again(std::span<const std::byte> init, const Send& send) const {
  std::vector<std::byte> answer = answered_;
  const uint64_t number = number_of(init);
  std::memcpy(answer.data() + offsetof(fuse_out_header, unique), &number, sizeof number);
  const iovec part{answer.data(), answer.size()};
  send({&part, 1});
}

std::shared_ptr<Session> Sessions::begin(std::span<std::byte> init, FileSystem& files,
                                         const Session::Send& send) {
  std::erase_if(known_, [](const auto& session) { return session.expired(); });
  for (const auto& known : known_) {
    auto session = known.lock();
    if (!session->began_with(init)) continue;
    session->answer_again(init, send);
    return session;
  }
  auto made = Session::open();
  if (!made) {
    refuse(init, send);
    return nullptr;
  }
  if (!(*made)->begin(init, files, send)) return nullptr;
  known_.push_back(*made);
  return std::move(*made);
}

size_t Sessions::size() const {
  return static_cast<size_t>(
      std::ranges::count_if(known_, [](const auto& session) { return !session.expired(); }));
}

}  // namespace pinscope::values
