#include "plugin/kernel/bpf/pin_walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/host/directory.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr uint64_t kStay = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
constexpr size_t kMaxLeftOut = 8;

// A program has no mode for reading: what was asked for is not what its descriptor says.
model::ObjectKind kind_of(int object, bool is_link) {
  if (is_link) return model::ObjectKind::kLink;
  const int flags = ::fcntl(object, F_GETFL);
  return (flags & O_ACCMODE) == O_RDONLY ? model::ObjectKind::kMap : model::ObjectKind::kProgram;
}

WalkedPin look(int directory, const std::string& name, std::string path,
               const WalkOptions& options) {
  WalkedPin pin;
  pin.path = std::move(path);
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    pin.mode = status.st_mode;
    pin.uid = status.st_uid;
    pin.gid = status.st_gid;
  }
  if (options.with_attributes) pin.attributes = read_attributes(directory, name);
  auto object = get_object_at(directory, name, true, options.by_path_fd);
  const bool is_link = !object && object.error().errnum() == EINVAL;
  if (is_link) object = get_object_at(directory, name, false, options.by_path_fd);
  const auto info = object ? short_info(object->get()) : Result<ShortInfo>();
  if (!object) {
    pin.error = object.error().errnum();
    if (is_link) pin.object.kind = model::ObjectKind::kLink;
  } else if (!info) {
    pin.error = info.error().errnum();
  } else {
    pin.object = {kind_of(object->get(), is_link), info->id};
  }
  return pin;
}

class Walk {
 public:
  explicit Walk(const WalkOptions& options) : options_(options) {}

  void read(Fd fd, const std::string& path, size_t depth) {
    Directory directory(std::move(fd));
    while (const auto* entry = directory.next()) {
      const std::string name = entry->d_name;
      std::string inner = path.empty() ? name : path + "/" + name;
      if (entry->d_type == DT_DIR)
        enter(directory.fd(), name, inner, depth);
      else if (entry->d_type == DT_REG && !is_full())
        result_.pins.push_back(look(directory.fd(), name, std::move(inner), options_));
    }
  }

  WalkedPins take() { return std::move(result_); }

  void leave_out(const std::string& path, const std::string& why) {
    if (result_.left_out.size() < kMaxLeftOut)
      result_.left_out.push_back(quoted(path) + ": " + why);
    else if (result_.left_out.size() == kMaxLeftOut)
      result_.left_out.emplace_back("and more");
  }

 private:
  bool is_full() {
    if (result_.pins.size() < kMaxWalkedPins) return false;
    if (!told_full_)
      result_.left_out.push_back("more than " + std::to_string(kMaxWalkedPins) + " pins");
    return told_full_ = true;
  }

  void enter(int directory, const std::string& name, const std::string& path, size_t depth) {
    if (depth >= kMaxWalkDepth) return leave_out(path, "it is nested too deeply");
    auto fd = open_resolved(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, kStay);
    if (fd) return read(*std::move(fd), path, depth + 1);
    if (fd.error().errnum() == EXDEV)
      return result_.covered.push_back("what is below " + quoted(path));
    if (fd.error().errnum() != ENOENT) leave_out(path, fd.error().sentence());
  }

  WalkOptions options_;
  bool told_full_ = false;
  WalkedPins result_;
};

// What of a pin has a fixed size.
struct Fixed {
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  model::ObjectIdentity object;
  int error = 0;
  uint32_t path_size = 0;
  uint32_t container_size = 0;  // 0: nor are there other attributes
  uint32_t source_size = 0;
  uint32_t rule_size = 0;
  [[nodiscard]] size_t text_size() const {
    return size_t{path_size} + container_size + source_size + rule_size;
  }
};

uint32_t size_of(const std::string& text) {
  return static_cast<uint32_t>(text.size());
}

template <typename T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
bool take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

}  // namespace

WalkedPins walk_pins(int directory, const WalkOptions& options) {
  Walk walk(options);
  if (auto readable = open_at(directory, ".", O_RDONLY | O_DIRECTORY))
    walk.read(*std::move(readable), "", 0);
  else
    walk.leave_out("", readable.error().sentence());
  return walk.take();
}

WalkedPin look_at_pin(const Fd& file, const std::string& path, const WalkOptions& options) {
  WalkedPin pin;
  const size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  const auto directory =
      open_resolved(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash), O_RDONLY | O_DIRECTORY,
                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!directory) {
    pin.error = directory.error().errnum();
    return pin;
  }
  pin = look(directory->get(), name, "", options);
  struct stat opened {};
  struct stat now {};
  if (::fstat(file.get(), &opened) != 0 ||
      ::fstatat(directory->get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 ||
      !is_same_file(opened, now)) {
    pin.object.id = 0;
    pin.error = ESTALE;
  }
  return pin;
}

std::string to_bytes(const WalkedPins& pins) {
  std::string bytes;
  append(bytes, pins.pins.size());
  for (const auto& pin : pins.pins) {
    const auto& [container, source, rule] = pin.attributes;
    append(bytes, Fixed{pin.mode, pin.uid, pin.gid, pin.object, pin.error, size_of(pin.path),
                        size_of(container), size_of(source), size_of(rule)});
    for (const auto* text : {&pin.path, &container, &source, &rule}) bytes += *text;
  }
  append(bytes, pins.left_out.size());
  for (const auto* texts : {&pins.left_out, &pins.covered})
    for (const auto& text : *texts) bytes += text + '\0';
  return bytes;
}

WalkedPins walked_pins_from(std::string_view bytes) {
  WalkedPins result;
  size_t count = 0;
  if (!take(bytes, count)) return result;
  const auto text = [&](uint32_t size) {
    std::string taken(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return taken;
  };
  for (Fixed fixed; count > 0 && take(bytes, fixed) && fixed.text_size() <= bytes.size(); --count) {
    auto& pin = result.pins.emplace_back();
    pin.path = text(fixed.path_size);
    pin.mode = fixed.mode;
    pin.uid = fixed.uid;
    pin.gid = fixed.gid;
    pin.object = fixed.object;
    pin.error = fixed.error;
    pin.attributes.container = text(fixed.container_size);
    pin.attributes.source = text(fixed.source_size);
    pin.attributes.rule = text(fixed.rule_size);
  }
  if (!take(bytes, count) || bytes.empty()) return result;
  bytes.remove_suffix(1);
  for (const auto word : split(bytes, '\0'))
    (result.left_out.size() < count ? result.left_out : result.covered).emplace_back(word);
  return result;
}

}  // namespace pinscope::kernel
