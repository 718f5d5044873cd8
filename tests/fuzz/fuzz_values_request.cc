// Requests of a kernel that has gone mad, to the file system of values: an answer or none, never a
// crash. Each request of the input is four bytes and what they announce: opcode, which of the known
// files, which of the known handles, length. Opcode 255: what follows is the whole request.
#include <fcntl.h>
#include <linux/fuse.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugin/values/fuse/connection.h"

namespace {

namespace values = pinscope::values;

// Ten keys of one digit each, whose values grow.
class Digits : public values::Source {
 public:
  bool has_keys() const override { return true; }
  bool has_entries() const override { return true; }
  std::string schema() const override { return "digits\n"; }
  pinscope::Result<std::optional<Key>> key_of(std::string_view name) override {
    if (name.size() != 1 || name[0] < '0' || name[0] > '9') return std::nullopt;
    return Key{static_cast<std::byte>(name[0])};
  }
  pinscope::Result<bool> render(std::span<const std::byte> key, std::string& out) override {
    out.append(std::to_integer<size_t>(key[0]) * 100, 'x');
    return true;
  }
  pinscope::Status list(values::Place& place, const NumberOf& number, values::Block& out) override {
    return walk(place, out, [&](char digit) {
      out.text += digit;
      const std::byte key{static_cast<unsigned char>(digit)};
      out.numbers.push_back(number({&key, 1}));
    });
  }
  pinscope::Status stream(values::Place& place, values::Block& out) override {
    return walk(place, out, [&](char digit) { out.text.append(2000, digit); });
  }

 private:
  template <typename Add>
  pinscope::Status walk(values::Place& place, values::Block& out, Add add) {
    out = {};
    for (int i = 0; i < 3 && place.seen < 10; ++i) {
      add(static_cast<char>('0' + place.seen++));
      out.ends.push_back(out.text.size());
    }
    return {};
  }
};

// What the kernel would have learnt by now.
struct Known {
  std::vector<uint64_t> files = {FUSE_ROOT_ID, 0, ~uint64_t{0}};
  std::vector<uint64_t> handles = {0};
  uint32_t asked = 0;

  void learn(std::span<const iovec> parts) {
    std::array<char, sizeof(fuse_out_header) + sizeof(fuse_entry_out)> start{};
    size_t size = 0;
    for (const iovec& part : parts) {
      const size_t some = std::min(part.iov_len, start.size() - size);
      std::memcpy(start.data() + size, part.iov_base, some);
      size += some;
    }
    uint64_t number = 0;
    std::memcpy(&number, start.data() + sizeof(fuse_out_header), sizeof number);
    if (asked == FUSE_LOOKUP && files.size() < 200) files.push_back(number);
    if ((asked == FUSE_OPEN || asked == FUSE_OPENDIR) && handles.size() < 200)
      handles.push_back(number);
  }
};

void process(values::Connection& connection, const std::string& request) {
  std::vector<std::byte> buffer(request.size() + values::kRoomBehindRequest, std::byte{0xff});
  std::memcpy(buffer.data(), request.data(), request.size());
  connection.process(std::span(buffer).first(request.size()));
}

std::string request_of(uint32_t opcode, uint64_t file, const std::string& body) {
  fuse_in_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = opcode;
  header.unique = 2;
  header.nodeid = file;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

std::string init_request() {
  fuse_init_in init{};
  init.major = FUSE_KERNEL_VERSION;
  init.minor = FUSE_KERNEL_MINOR_VERSION;
  init.flags = FUSE_MAX_PAGES | FUSE_PARALLEL_DIROPS;
  return request_of(FUSE_INIT, 0, {reinterpret_cast<const char*>(&init), sizeof init});
}

std::unique_ptr<values::Connection> make_connection(values::BlockCache& cache,
                                                    values::Sessions& sessions, Known& known) {
  std::vector<values::ShownMap> maps;
  maps.push_back({.tree = {.name = "a/b", .mode = 0444},
                  .list_limit = 8,
                  .max_age_ms = 0,
                  .source = std::make_unique<Digits>()});
  const auto numbers = values::Numbers::from_secret(std::string(64, '1'));
  auto files = values::FileSystem::of(std::move(maps), *numbers, 1, cache,
                                      {.keys = 4, .handles = 8, .snapshot_bytes = 10'000});
  return std::make_unique<values::Connection>(
      pinscope::Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      std::make_unique<values::FileSystem>(std::move(*files)), sessions,
      [&known](std::span<const iovec> parts) { known.learn(parts); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  values::BlockCache cache(4096);
  Known known;
  values::Sessions sessions;
  const auto connection = make_connection(cache, sessions, known);
  if (size == 0) return 0;
  if (data[0] % 8 != 0) process(*connection, init_request());
  std::span<const uint8_t> rest(data + 1, size - 1);
  while (rest.size() >= 4) {
    const uint8_t opcode = rest[0];
    const uint64_t file = known.files[rest[1] % known.files.size()];
    const uint64_t handle = known.handles[rest[2] % known.handles.size()];
    const size_t length = std::min<size_t>(rest[3], rest.size() - 4);
    std::string body(reinterpret_cast<const char*>(rest.data()) + 4, length);
    rest = rest.subspan(4 + length);
    known.asked = opcode;
    if (opcode == 255) {
      process(*connection, body);
      continue;
    }
    if (opcode >= FUSE_READ && body.size() >= sizeof handle)
      std::memcpy(body.data(), &handle, sizeof handle);
    process(*connection, request_of(opcode, file, body));
  }
  return 0;
}
