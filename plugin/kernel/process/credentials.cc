#include "plugin/kernel/process/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/process/threads.h"

namespace pinscope::kernel {
namespace {

constexpr size_t kStatusLimit = size_t{1} << 20;  // bytes; a process may have 65536 groups

// What stands behind "Name:", up to the end of its line.
std::string_view field_of(std::string_view text, std::string_view name) {
  const size_t at = text.find("\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + name.size() + 2);
  return trimmed(text.substr(0, text.find('\n')));
}

std::vector<uint32_t> numbers_in(std::string_view text) {
  std::vector<uint32_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    while (at != end && (*at == ' ' || *at == '\t')) ++at;
    uint32_t value = 0;
    const auto [rest, error] = std::from_chars(at, end, value);
    if (error != std::errc{}) return numbers;
    numbers.push_back(value);
    at = rest;
  }
}

std::optional<uint64_t> capabilities_in(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

// Real, effective, saved and the file system's.
void take_ids(std::string_view text, uint32_t& id, std::vector<uint32_t>& all) {
  const auto ids = numbers_in(text);
  if (ids.size() != 4) return;
  id = ids.back();
  all.assign(ids.begin(), ids.end() - 1);
  std::ranges::sort(all);
  const auto same = std::ranges::unique(all);
  all.erase(same.begin(), same.end());
}

Result<bool> shares(int proc, const std::string& link, const char* own) {
  struct stat theirs {};
  struct stat ours {};
  if (::fstatat(proc, link.c_str(), &theirs, 0) != 0)
    return std::unexpected(Error::system("look at " + quoted(link), errno));
  return ::stat(own, &ours) == 0 && is_same_file(theirs, ours);
}

auto key_of(const model::IdMap& map) {
  std::vector<std::tuple<uint32_t, uint32_t, uint32_t>> key;
  key.reserve(map.size());
  for (const auto& range : map) key.emplace_back(range.container, range.host, range.size);
  return key;
}

Status read_status(int proc, const std::string& directory, Credentials& credentials) {
  PINSCOPE_TRY(const Fd file, open_at(proc, directory + "/status", O_RDONLY));
  PINSCOPE_TRY(const auto text, read_all(file.get(), kStatusLimit, "status"));
  parse_status(text, credentials);
  return {};
}

// `directory`: of the process, or of one of its threads.
Result<Credentials> read_from(int proc, pid_t pid, const std::string& directory) {
  Credentials credentials;
  credentials.pid = pid;
  PINSCOPE_CHECK(read_status(proc, directory, credentials));
  PINSCOPE_TRY(credentials.hosts_user_namespace,
               shares(proc, directory + "/ns/user", "/proc/self/ns/user"));
  PINSCOPE_TRY(credentials.hosts_pid_namespace,
               shares(proc, directory + "/ns/pid", "/proc/self/ns/pid"));
  if (credentials.hosts_user_namespace) return credentials;
  PINSCOPE_TRY(const auto process, ContainerProcess::open(pid));
  PINSCOPE_TRY(credentials.uid_map, process.uid_map());
  PINSCOPE_TRY(credentials.gid_map, process.gid_map());
  return credentials;
}

}  // namespace

bool is_same(const Credentials& left, const Credentials& right) {
  const auto key = [](const Credentials& one) {
    return std::tuple(one.uid, one.gid, one.groups, one.uids, one.gids, one.has_no_new_privileges,
                      one.permitted, one.attainable, one.hosts_user_namespace,
                      one.hosts_pid_namespace, one.has_seccomp_filter, key_of(one.uid_map),
                      key_of(one.gid_map));
  };
  return key(left) == key(right);
}

void parse_status(std::string_view text, Credentials& credentials) {
  take_ids(field_of(text, "Uid"), credentials.uid, credentials.uids);
  take_ids(field_of(text, "Gid"), credentials.gid, credentials.gids);
  credentials.groups = numbers_in(field_of(text, "Groups"));
  if (const auto permitted = capabilities_in(field_of(text, "CapPrm")))
    credentials.permitted = *permitted;
  credentials.attainable = credentials.permitted;
  credentials.has_no_new_privileges = field_of(text, "NoNewPrivs") == "1";
  if (const auto bounding = capabilities_in(field_of(text, "CapBnd"));
      bounding && !credentials.has_no_new_privileges)
    credentials.attainable |= *bounding;
  credentials.has_seccomp_filter = field_of(text, "Seccomp") != "0";
}

Result<Credentials> read_credentials(int proc, pid_t pid) {
  return read_from(proc, pid, living_thread(pid));
}

Result<std::vector<Credentials>> read_credentials_of_threads(int proc, pid_t pid) {
  const std::string path = std::to_string(pid) + "/task";
  PINSCOPE_TRY(const Fd tasks, open_at(proc, path, O_RDONLY | O_DIRECTORY));
  PINSCOPE_TRY(const auto threads, names_in(tasks.get(), path));
  std::vector<Credentials> found;
  std::optional<Error> why;
  for (const auto& thread : threads) {
    const std::string directory = path + "/" + thread;
    if (found.empty()) {
      auto first = read_from(proc, pid, directory);
      if (first)
        found.push_back(*std::move(first));
      else
        why = std::move(first).error();
      continue;
    }
    // Threads of one process are in the same user and PID namespaces.
    auto other = found.front();
    const auto read = read_status(proc, directory, other);
    if (!read && read.error().errnum() != ENOENT && read.error().errnum() != ESRCH)
      return std::unexpected(read.error());
    if (read && std::ranges::none_of(found, [&](const auto& one) { return is_same(one, other); }))
      found.push_back(std::move(other));
  }
  if (!found.empty()) return found;
  return std::unexpected(why ? *std::move(why) : Error::system("look at " + quoted(path), ESRCH));
}

}  // namespace pinscope::kernel
