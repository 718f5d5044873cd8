#include "plugin/record/chain.h"

// The plain functions, which OpenSSL keeps but calls old: what it offers instead looks for
// providers and is ten times the hook's size.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>

#include "plugin/base/hex.h"

namespace pinscope::record {
namespace {

constexpr std::string_view kDigestKey = R"(,"digest":")";
constexpr std::string_view kEnd = R"("})";
static_assert(kDigestKey.size() + kDigestSize + kEnd.size() == kDigestMemberSize);
constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

std::string sha256(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> bytes{};
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, text.data(), text.size());
  SHA256_Final(bytes.data(), &context);
  return hex_of(std::as_bytes(std::span(bytes)));
}

std::string cut_digest_of(std::string_view lines) {
  const size_t first = lines.find_first_not_of('\n');
  if (first == std::string_view::npos) return "";
  return sha256(lines.substr(first, lines.find_last_not_of('\n') + 1 - first));
}

std::string chained(std::string_view line, const ChainLink& link) {
  std::string text;
  text.reserve(line.size() + 4 * kDigestMemberSize);
  text.append(line.substr(0, line.size() - 1))
      .append(R"(,"prev":")")
      .append(link.prev)
      .append("\"");
  if (!link.cut_digest.empty())
    text.append(R"(,"cut_digest":")").append(link.cut_digest).append("\"");
  if (link.first) text.append(R"(,"first":true)");
  if (link.unlocked) text.append(R"(,"unlocked":true)");
  const std::string digest = sha256(text);
  return text.append(kDigestKey).append(digest).append(kEnd);
}

std::optional<std::string_view> digest_of(std::string_view line) {
  if (line.size() < kDigestMemberSize) return std::nullopt;
  const std::string_view member = line.substr(line.size() - kDigestMemberSize);
  const std::string_view digest = member.substr(kDigestKey.size(), kDigestSize);
  if (!member.starts_with(kDigestKey) || !member.ends_with(kEnd) ||
      digest.find_first_not_of(kHexDigits) != std::string_view::npos)
    return std::nullopt;
  return digest;
}

bool has_right_digest(std::string_view line) {
  return digest_of(line) == sha256(line.substr(0, line.size() - kDigestMemberSize));
}

}  // namespace pinscope::record
