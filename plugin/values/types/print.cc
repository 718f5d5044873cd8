#include "plugin/values/types/print.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"
#include "plugin/values/types/addresses.h"

namespace pinscope::values {
namespace {

constexpr const char* kHexDigits = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr unsigned kBitsOfByte = 8;
constexpr unsigned kBitsOfWord = 64;

template <typename Number>
Number load(const std::byte* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

uint64_t load_unsigned(const std::byte* at, unsigned size) {
  switch (size) {
    case 1:
      return load<uint8_t>(at);
    case 2:
      return load<uint16_t>(at);
    case 4:
      return load<uint32_t>(at);
    default:
      return load<uint64_t>(at);
  }
}

int64_t load_signed(const std::byte* at, unsigned size) {
  switch (size) {
    case 1:
      return load<int8_t>(at);
    case 2:
      return load<int16_t>(at);
    case 4:
      return load<int32_t>(at);
    default:
      return load<int64_t>(at);
  }
}

uint64_t load_big_endian(const std::byte* at, unsigned size) {
  uint64_t number = 0;
  for (unsigned i = 0; i < size; ++i)
    number = number << kBitsOfByte | std::to_integer<uint64_t>(at[i]);
  return number;
}

// Up to 64 bits from bit `shift` of the byte at `at` on, as little-endian machines count; reads no
// byte that has none of them.
uint64_t load_bits(const std::byte* at, unsigned shift, unsigned bits) {
  uint64_t number = 0;
  const unsigned bytes = (shift + bits + kBitsOfByte - 1) / kBitsOfByte;
  for (unsigned i = 0; i < bytes; ++i) {
    const auto byte = std::to_integer<uint64_t>(at[i]);
    const int place = static_cast<int>(i * kBitsOfByte) - static_cast<int>(shift);
    if (place >= 0)
      number |= byte << static_cast<unsigned>(place);
    else
      number |= byte >> static_cast<unsigned>(-place);
  }
  return bits >= kBitsOfWord ? number : number & ((uint64_t{1} << bits) - 1);
}

int64_t sign_extended(uint64_t number, unsigned bits) {
  if (bits == 0 || bits >= kBitsOfWord) return static_cast<int64_t>(number);
  const unsigned up = kBitsOfWord - bits;
  return static_cast<int64_t>(number << up) >> up;
}

// One value, or what the values of all CPUs add up to, modulo 2^64.
template <bool kSum, typename Load>
auto total(const std::byte* at, Cpus cpus, const Load& load_one) {
  auto number = load_one(at);
  if constexpr (kSum) {
    using Number = decltype(number);
    for (uint32_t cpu = 1; cpu < cpus.count; ++cpu) {
      const auto next = load_one(at + cpu * cpus.stride);
      if constexpr (std::floating_point<Number>)
        number += next;
      else
        number = static_cast<Number>(static_cast<uint64_t>(number) + static_cast<uint64_t>(next));
    }
  }
  return number;
}

template <typename Number>
void print_float(Sink& out, Number number, bool json) {
  constexpr size_t kRoom = 64;
  if (json && !std::isfinite(number)) return out.append("null");
  if (std::isnan(number)) return out.append("nan");  // its sign says nothing
  char* at = out.room_for(kRoom);
  out.advance_to(std::to_chars(at, at + kRoom, number).ptr);
}

void print_pointer(Sink& out, uint64_t number) {
  constexpr size_t kRoom = 18;
  constexpr int kBase = 16;
  char* at = out.room_for(kRoom);
  *at++ = '0';
  *at++ = 'x';
  out.advance_to(std::to_chars(at, at + kRoom - 2, number, kBase).ptr);
}

void print_plain_hex(Sink& out, std::span<const std::byte> bytes) {
  char* at = out.room_for(2 * bytes.size());
  for (const std::byte byte : bytes) {
    *at++ = kHexDigits[std::to_integer<unsigned>(byte) >> 4U];
    *at++ = kHexDigits[std::to_integer<unsigned>(byte) & 0xfU];
  }
  out.advance_to(at);
}

void print_prefix(Sink& out, const std::byte* at, uint32_t address_bytes) {
  char* to = out.room_for(kIpv6Room + 1);
  constexpr uint32_t kIpv4Bytes = 4;
  const std::byte* address = at + sizeof(uint32_t);
  to = address_bytes == kIpv4Bytes ? write_ipv4(to, address) : write_ipv6(to, address);
  *to++ = '/';
  out.advance_to(to);
  out.append_number(load<uint32_t>(at));
}

std::string_view text_at(const std::byte* at, uint32_t size, bool whole) {
  const std::string_view text(reinterpret_cast<const char*>(at), size);
  if (!whole) return text.substr(0, text.find('\0'));
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

// Doubles the quotes of what stands behind `start`, and puts it in quotes.
void make_cell(Sink& out, size_t start) {
  const std::string text = out.take_from(start);
  out.append('"');
  for (const char character : text) {
    if (character == '"') out.append('"');
    out.append(character);
  }
  out.append('"');
}

struct Loop {
  const std::byte* outer;  // what offsets counted from before it
  uint32_t left;           // elements after this one
  uint32_t body;           // the operation behind kLoop
};

template <bool kSum>
class Printer {
 public:
  // A loop is written when it is entered. NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  Printer(Sink& out, const Program& program, std::span<const std::byte> bytes, Cpus cpus)
      : out_(out), program_(program), base_(bytes.data()), cpus_(cpus) {}

  void run() {
    const size_t end = program_.ops.size();
    const char* literals = program_.literals.data();
    for (next_ = 0; next_ < end;) {
      const Op& op = program_.ops[next_++];
      if (op.kind != OpKind::kNext && op.text_size > 0)
        out_.append({literals + op.text, op.text_size});
      print_op(op, base_ + op.offset);
    }
  }

 private:
  void print_op(const Op& op, const std::byte* at) {
    switch (op.kind) {
      case OpKind::kUnsigned:
        return out_.append_number(
            total<kSum>(at, cpus_, [&](auto* from) { return load_unsigned(from, op.size); }));
      case OpKind::kSigned:
        return out_.append_number(
            total<kSum>(at, cpus_, [&](auto* from) { return load_signed(from, op.size); }));
      case OpKind::kUnsignedBits:
        return out_.append_number(
            total<kSum>(at, cpus_, [&](auto* from) { return load_bits(from, op.shift, op.bits); }));
      case OpKind::kSignedBits:
        return out_.append_number(total<kSum>(at, cpus_, [&](auto* from) {
          return sign_extended(load_bits(from, op.shift, op.bits), op.bits);
        }));
      case OpKind::kFloat:
        return op.size == sizeof(float)
                   ? print_float(out_, total<kSum>(at, cpus_, load<float>), op.quote)
                   : print_float(out_, total<kSum>(at, cpus_, load<double>), op.quote);
      case OpKind::kLiteral:
        return;
      case OpKind::kNull:
        return out_.append("null");
      case OpKind::kLoop:
        return begin(op, at);
      case OpKind::kNext:
        return step(op);
      case OpKind::kCell:
        cell_ = out_.size();
        return;
      case OpKind::kCellEnd:
        return make_cell(out_, cell_);
      default:
        return print_other(op, at);
    }
  }

  // Whether the bytes of this operation are the same on all CPUs.
  bool agree(const Op& op, const std::byte* at) const {
    const size_t size = op.extra > 0 && op.kind != OpKind::kEnum ? op.extra : op.size;
    for (uint32_t cpu = 1; cpu < cpus_.count; ++cpu)
      if (std::memcmp(at, at + cpu * cpus_.stride, size) != 0) return false;
    return true;
  }

  // What cannot be added up.
  [[gnu::noinline]] void print_other(const Op& op, const std::byte* at) {
    if (kSum && !agree(op, at)) return out_.append("null");
    if (op.kind == OpKind::kEnum) return print_enum(op, at);
    if (op.kind == OpKind::kBool)
      return out_.append(load_bits(at, op.shift, op.bits) != 0 ? "true" : "false");
    if (op.kind == OpKind::kBigEndian) return out_.append_number(load_big_endian(at, op.size));
    if (op.quote) out_.append('"');
    print_words(op, at);
    if (op.quote) out_.append('"');
  }

  void print_words(const Op& op, const std::byte* at) {
    if (op.kind == OpKind::kIpv4) return out_.advance_to(write_ipv4(out_.room_for(kIpv4Room), at));
    if (op.kind == OpKind::kIpv6) return out_.advance_to(write_ipv6(out_.room_for(kIpv6Room), at));
    if (op.kind == OpKind::kMac) return out_.advance_to(write_mac(out_.room_for(kMacRoom), at));
    if (op.kind == OpKind::kPrefix)
      return print_prefix(out_, at, op.extra - static_cast<uint32_t>(sizeof(uint32_t)));
    if (op.kind == OpKind::kPointer) return print_pointer(out_, load_unsigned(at, op.size));
    if (op.kind == OpKind::kHex) return print_hex(out_, {at, op.extra});
    print_escaped(out_, text_at(at, op.extra, op.kind == OpKind::kWholeText));
  }

  void print_enum(const Op& op, const std::byte* at) {
    const uint64_t bits = load_bits(at, op.shift, op.bits);
    const int64_t number = op.is_signed ? sign_extended(bits, op.bits) : static_cast<int64_t>(bits);
    const auto& names = program_.enums[op.extra].names;
    const auto found =
        std::ranges::lower_bound(names, number, {}, [](auto& each) { return each.first; });
    if (found == names.end() || found->first != number)
      return op.is_signed ? out_.append_number(number) : out_.append_number(bits);
    if (op.quote) out_.append('"');
    out_.append(found->second);
    if (op.quote) out_.append('"');
  }

  void begin(const Op& op, const std::byte* at) {
    loops_[depth_++] = {base_, op.extra - 1, static_cast<uint32_t>(next_)};
    base_ = at;
  }

  void step(const Op& op) {
    Loop& loop = loops_[depth_ - 1];
    if (loop.left == 0) {
      base_ = loop.outer;
      --depth_;
      return;
    }
    --loop.left;
    base_ += op.stride;
    next_ = loop.body;
    out_.append(program_.text_of(op));
  }

  Sink& out_;
  const Program& program_;
  const std::byte* base_;
  Cpus cpus_;
  size_t next_ = 0;
  size_t cell_ = 0;
  size_t depth_ = 0;
  std::array<Loop, kMaxLoops> loops_;
};

}  // namespace

void print(Sink& out, const Program& program, std::span<const std::byte> bytes, Cpus cpus) {
  if (cpus.count > 1)
    Printer<true>(out, program, bytes, cpus).run();
  else
    Printer<false>(out, program, bytes, cpus).run();
}

void print_hex(Sink& out, std::span<const std::byte> bytes) {
  out.append("hex:");
  print_plain_hex(out, bytes);
}

void print_escaped(Sink& out, std::string_view text) {
  while (!text.empty()) {
    const auto plain = static_cast<size_t>(
        std::ranges::find_if(text,
                             [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; }) -
        text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const size_t length = utf8_length(text);
    const uint32_t point = length == 0 ? 0 : code_point(text, length);
    if (length == 0) {
      out.append(kReplacement);
    } else if (text.front() == '"' || text.front() == '\\') {
      out.append('\\');
      out.append(text.front());
    } else if (disturbs(point)) {
      std::string escaped;
      append_escaped(escaped, point);
      out.append(escaped);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(1, length));
  }
}

}  // namespace pinscope::values
