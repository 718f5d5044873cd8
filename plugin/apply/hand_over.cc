#include "plugin/apply/hand_over.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "plugin/base/hex.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"

namespace pinscope::apply {
namespace {

// Sent at once: far below what a process may have open, and what one message takes.
constexpr size_t kPiece = 32;
constexpr uint32_t kReadBits = 0444;

Result<std::string> make_secret() {
  std::array<unsigned char, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return std::unexpected(Error::system("make a secret for values", errno));
  return hex_of(std::as_bytes(std::span(bytes)));
}

// Where the kernel keeps types from whoever asks, as a security module may, values are shown
// without, and the container starts.
bool are_kept_back(const Error& error) {
  return error.errnum() == EPERM || error.errnum() == EACCES || error.errnum() == ENOENT;
}

}  // namespace

Result<HandOver> HandOver::begin(const std::string& state_directory, const std::string& container) {
  PINSCOPE_TRY(auto put, hold::Put::begin(hold::socket_path(state_directory), container));
  PINSCOPE_TRY(auto fuse, kernel::make_unserved_fuse());
  Fd description(::memfd_create("pinscope-values", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!description.valid())
    return std::unexpected(Error::system("make the description of values", errno));
  HandOver made(std::move(fuse), std::move(description), std::move(put));
  made.lease_.container = container;
  PINSCOPE_TRY(made.lease_.secret, make_secret());
  const int first[] = {made.fuse_.device.get(), made.description_.get()};
  PINSCOPE_CHECK(made.put_.add(first));
  return made;
}

Status HandOver::add(const model::GrantedPin& grant, const kernel::SourceOpener::Source& source,
                     uint32_t uid, uint32_t gid, bool by_path_fd, int proc_self_fd) {
  // The very pin that was opened: its object cannot be another one.
  PINSCOPE_TRY(Fd map, kernel::get_object_at(proc_self_fd, std::to_string(source.pin.get()), true,
                                             by_path_fd));
  model::LeasedMap leased{grant.name, uid, gid, grant.mode & kReadBits, *grant.values, 0, {}};
  PINSCOPE_TRY(leased.btf, types_of(map.get()));
  PINSCOPE_TRY(leased.map, take(std::move(map)));
  lease_.maps.push_back(std::move(leased));
  return {};
}

// Many maps have the types of one program.
Result<std::optional<uint32_t>> HandOver::types_of(int map) {
  PINSCOPE_TRY(const uint32_t id, kernel::btf_id_of(map));
  if (id == 0) return std::nullopt;
  const auto known = std::ranges::find(types_, id, &std::pair<uint32_t, uint32_t>::first);
  if (known != types_.end()) return known->second;
  auto btf = kernel::open_btf(id);
  if (!btf && are_kept_back(btf.error())) return std::nullopt;
  if (!btf) return std::unexpected(std::move(btf).error());
  PINSCOPE_TRY(const uint32_t position, take(*std::move(btf)));
  types_.emplace_back(id, position);
  return position;
}

Result<uint32_t> HandOver::take(Fd descriptor) {
  waiting_.push_back(std::move(descriptor));
  if (waiting_.size() == kPiece) PINSCOPE_CHECK(send());
  return taken_++;
}

Status HandOver::send() {
  std::array<int, kPiece> numbers{};
  std::ranges::transform(waiting_, numbers.begin(), &Fd::get);
  PINSCOPE_CHECK(put_.add(std::span(numbers).first(waiting_.size())));
  waiting_.clear();
  return {};
}

Status HandOver::finish() {
  PINSCOPE_CHECK(send());
  const std::string text = to_json(lease_);
  constexpr int kForGood = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::write(description_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fcntl(description_.get(), F_ADD_SEALS, kForGood) != 0)
    return std::unexpected(Error::system("describe the values", errno));
  PINSCOPE_CHECK(put_.finish());
  fuse_.device = Fd();
  return {};
}

}  // namespace pinscope::apply
