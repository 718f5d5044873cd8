#include "plugin/node/programs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"

namespace pinscope::node {
namespace {

constexpr const char* kBin = "bin";
constexpr const char* kReleases = "releases";
constexpr std::array kNeeded = {"pinscope", "pinscope-hook"};
constexpr const char* kShim = "pinscope-runtime";
constexpr std::array kOptional = {kShim, "pinscoped"};
// The shim takes the engine from its own name.
constexpr std::array kEngines = {"containerd", "crio", "docker", "podman"};
constexpr size_t kBlock = size_t{1} << 16;

// Calls `take` with each block of a file from its start.
template <typename Take>
Status each_block(int file, const std::string& name, Take take) {
  std::vector<char> block(kBlock);
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(file, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(Error::system("read " + quoted(name), errno));
    if (count == 0) return {};
    PINSCOPE_CHECK(take(std::string_view(block.data(), static_cast<size_t>(count))));
    at += count;
  }
}

Status copy_file(int from, int directory, const std::string& name) {
  PINSCOPE_TRY(const Fd to,
               open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0755));
  PINSCOPE_CHECK(each_block(from, name, [&](std::string_view block) -> Status {
    while (!block.empty()) {
      const ssize_t count = ::write(to.get(), block.data(), block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return std::unexpected(Error::system("write " + quoted(name), errno));
      block.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }));
  // Whatever the umask is.
  if (::fchmod(to.get(), 0755) != 0 || ::fsync(to.get()) != 0)
    return std::unexpected(Error::system("write " + quoted(name), errno));
  return {};
}

Status sync_directory(int directory, const std::string& name) {
  if (::fsync(directory) != 0 && errno != EINVAL)
    return std::unexpected(Error::system("sync " + quoted(name), errno));
  return {};
}

enum class Leave { kNothing, kTheShim };

// A release holds files and links, no directories.
Status remove_release(int releases, const std::string& name, Leave leave = Leave::kNothing) {
  PINSCOPE_TRY(const Fd directory, open_at(releases, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  PINSCOPE_TRY(const auto files, names_in(directory.get(), name));
  for (const auto& file : files) {
    if (leave == Leave::kTheShim && file.starts_with(kShim)) continue;
    if (::unlinkat(directory.get(), file.c_str(), 0) != 0)
      return std::unexpected(Error::system("remove " + quoted(join(name, file)), errno));
  }
  if (leave == Leave::kTheShim) return {};
  if (::unlinkat(releases, name.c_str(), AT_REMOVEDIR) != 0)
    return std::unexpected(Error::system("remove " + quoted(name), errno));
  return {};
}

// The release that bin points at; nothing if there is no bin. An error if somebody else made it.
Result<std::optional<std::string>> chosen(int prefix) {
  struct stat status {};
  if (::fstatat(prefix, kBin, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return std::unexpected(Error::system("stat " + quoted(kBin), errno));
  }
  const auto target = read_link_at(prefix, kBin);
  const std::string head = std::string(kReleases) + "/";
  if (!target || !target->starts_with(head))
    return std::unexpected(Error(ErrorCode::kSystem, "replace " + quoted(kBin))
                               .reason("it is not a link that this program made")
                               .hint("choose another --prefix"));
  return target->substr(head.size());
}

}  // namespace

Result<Programs> Programs::open(const std::string& directory) {
  Programs all;
  PINSCOPE_TRY(const Fd from, open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY));
  uint64_t hash = fnv1a64("");
  const auto add = [&](const std::string& name, bool needed) -> Status {
    auto file = open_at(from.get(), name, O_RDONLY);
    if (!file && !needed && file.error().errnum() == ENOENT) return {};
    if (!file)
      return std::unexpected(
          Error::system("open " + quoted(join(directory, name)), file.error().errnum()));
    hash = fnv1a64(name, hash);
    PINSCOPE_CHECK(each_block(file->get(), name, [&](std::string_view block) -> Status {
      hash = fnv1a64(block, hash);
      return {};
    }));
    all.programs_.push_back({name, *std::move(file)});
    return {};
  };
  for (const char* name : kNeeded) PINSCOPE_CHECK(add(name, true));
  for (const char* name : kOptional) PINSCOPE_CHECK(add(name, false));
  if (std::ranges::any_of(all.programs_,
                          [](const Program& program) { return program.name == kShim; }))
    for (const char* engine : kEngines) {
      all.links_.push_back({std::string(kShim) + "-" + engine, kShim});
      hash = fnv1a64(all.links_.back().name, hash);
    }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  all.release_ = std::string(PINSCOPE_VERSION "-") + text.data();
  return all;
}

Status Programs::copy_to(int directory) const {
  for (const auto& program : programs_)
    PINSCOPE_CHECK(copy_file(program.file.get(), directory, program.name));
  for (const auto& link : links_)
    if (::symlinkat(link.target.c_str(), directory, link.name.c_str()) != 0)
      return std::unexpected(Error::system("make link " + quoted(link.name), errno));
  return sync_directory(directory, release_);
}

// Sizes are enough: a release gets its name when every byte of it is on the disk.
bool Programs::is_whole(int releases) const {
  const auto directory = open_at(releases, release_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return false;
  const auto programs = std::ranges::all_of(programs_, [&](const Program& program) {
    struct stat wanted {};
    struct stat found {};
    return ::fstat(program.file.get(), &wanted) == 0 &&
           ::fstatat(directory->get(), program.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(found.st_mode) && found.st_size == wanted.st_size &&
           (found.st_mode & 0111U) == 0111U;
  });
  return programs && std::ranges::all_of(links_, [&](const Link& link) {
           return read_link_at(directory->get(), link.name) == link.target;
         });
}

Status Programs::install(const std::string& prefix) const {
  PINSCOPE_TRY(const Fd made, make_directory(join(prefix, kReleases), 0755));
  PINSCOPE_TRY(const Fd top, open_trusted_directory(prefix, ErrorCode::kSystem));
  PINSCOPE_TRY(const Fd releases,
               open_trusted_directory(join(prefix, kReleases), ErrorCode::kSystem));
  PINSCOPE_TRY(const auto before, chosen(top.get()));

  if (!is_whole(releases.get())) {
    const std::string half = "." + release_;
    const auto clear = [&](const std::string& name) -> Status {
      if (::faccessat(releases.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return {};
      return remove_release(releases.get(), name);
    };
    PINSCOPE_CHECK(clear(half));
    if (::mkdirat(releases.get(), half.c_str(), 0755) != 0)
      return std::unexpected(Error::system("make directory " + quoted(half), errno));
    PINSCOPE_TRY(const Fd directory,
                 open_at(releases.get(), half, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::fchmod(directory.get(), 0755) != 0)
      return std::unexpected(Error::system("set the mode of " + quoted(half), errno));
    PINSCOPE_CHECK(copy_to(directory.get()));
    // One of this name that is not whole has been tampered with, its disk lost something, or it is
    // the shim alone that was left.
    PINSCOPE_CHECK(clear(release_));
    if (::renameat(releases.get(), half.c_str(), releases.get(), release_.c_str()) != 0)
      return std::unexpected(Error::system("rename " + quoted(half), errno));
    PINSCOPE_CHECK(sync_directory(releases.get(), kReleases));
  }

  if (before != release_) {
    const std::string target = std::string(kReleases) + "/" + release_;
    const std::string fresh = std::string(".") + kBin;
    ::unlinkat(top.get(), fresh.c_str(), 0);
    if (::symlinkat(target.c_str(), top.get(), fresh.c_str()) != 0 ||
        ::renameat(top.get(), fresh.c_str(), top.get(), kBin) != 0)
      return std::unexpected(Error::system("point " + quoted(kBin) + " at the release", errno));
    PINSCOPE_CHECK(sync_directory(top.get(), prefix));
  }

  // A hook of the release before may be about to start its compiler: that one stays.
  PINSCOPE_TRY(const auto names, names_in(releases.get(), kReleases));
  for (const auto& name : names)
    if (name != release_ && name != before.value_or(release_))
      PINSCOPE_CHECK(remove_release(releases.get(), name));
  return {};
}

std::string why_the_shim_stays(const std::string& prefix) {
  return "An engine was told of " + join(prefix, kBin) +
         "/pinscope-runtime-NAME. It may run since before that was taken back, and containers "
         "that\n"
         "were started by it are ended by it. Without policies it passes everything on.\n"
         "When the engine was restarted and those containers are gone: rm -r " +
         prefix + "\n";
}

Status remove_programs(const std::string& prefix) {
  auto top = open_trusted_directory(prefix, ErrorCode::kSystem);
  if (!top && top.error().errnum() == ENOENT) return {};
  if (!top) return std::unexpected(std::move(top).error());
  PINSCOPE_TRY(const auto before, chosen(top->get()));
  const bool shim_stays =
      before && ::faccessat(top->get(), kShimStays, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  if (before && !shim_stays && ::unlinkat(top->get(), kBin, 0) != 0)
    return std::unexpected(Error::system("remove " + quoted(join(prefix, kBin)), errno));
  const auto releases = open_at(top->get(), kReleases, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (releases) {
    PINSCOPE_TRY(const auto names, names_in(releases->get(), kReleases));
    for (const auto& name : names)
      PINSCOPE_CHECK(remove_release(
          releases->get(), name, shim_stays && name == before ? Leave::kTheShim : Leave::kNothing));
    if (shim_stays) return {};
    if (::unlinkat(top->get(), kReleases, AT_REMOVEDIR) != 0)
      return std::unexpected(Error::system("remove " + quoted(join(prefix, kReleases)), errno));
  }
  // Not ours alone: a mount point or somebody's files keep it there.
  ::rmdir(prefix.c_str());
  return {};
}

}  // namespace pinscope::node
