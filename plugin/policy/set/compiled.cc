#include "plugin/policy/set/compiled.h"

#include <algorithm>
#include <numeric>

#include "plugin/policy/set/codec.h"
#include "plugin/policy/set/compiled_generated.h"
#include "plugin/policy/set/index.h"

namespace pinscope::policy {
namespace {

constexpr uint32_t kFormatVersion = 10;
constexpr size_t kAlignment = 8;

const fb::Set& root_of(std::span<const std::byte> bytes) {
  return *fb::GetSet(bytes.data());
}

bool is_aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % kAlignment == 0;
}

// The verifier checks that a vector of structs is inside, but not that it is aligned as they need.
template <typename T>
bool is_aligned_vector(const flatbuffers::Vector<const T*>* vector) {
  return vector == nullptr || vector->size() == 0 || is_aligned(vector->Data());
}

// Part of the blob; nothing where it would reach outside.
std::optional<std::span<const std::byte>> slice(const fb::Set& set, uint32_t offset,
                                                uint32_t size) {
  const auto* blob = set.blob();
  const size_t total = blob == nullptr ? 0 : blob->size();
  if (offset > total || size > total - offset) return std::nullopt;
  if (size == 0) return std::span<const std::byte>();
  return std::span(reinterpret_cast<const std::byte*>(blob->Data()) + offset, size);
}

std::string build(const std::vector<model::Policy>& policies, const Origin& origin,
                  const std::string* refusal) {
  std::string blob;
  std::vector<fb::Extent> extents;
  for (const auto& policy : policies) {
    const std::string bytes = encode(policy);
    extents.emplace_back(static_cast<uint32_t>(blob.size()), static_cast<uint32_t>(bytes.size()));
    blob += bytes;
    blob.resize((blob.size() + kAlignment - 1) / kAlignment * kAlignment);
  }
  std::vector<fb::Stamp> stamps;
  for (const auto& file : origin.files) {
    const auto name_at = static_cast<uint32_t>(blob.size());
    blob += file.name;
    const auto text_at = static_cast<uint32_t>(blob.size());
    blob += file.text;
    stamps.emplace_back(file.size, file.mtime_ns, file.ctime_ns, file.inode, file.device, file.mode,
                        file.owner, name_at, static_cast<uint32_t>(file.name.size()), text_at,
                        static_cast<uint32_t>(file.text.size()), static_cast<uint32_t>(file.proof),
                        0);
  }
  const Index index = make_index(policies);
  std::vector<fb::IndexEntry> entries;
  entries.reserve(index.entries.size());
  for (const auto& [hash, position] : index.entries) entries.emplace_back(hash, position, 0);

  // FlatBuffers grow towards their start: the large part first, so that what every hook reads
  // shares the first pages.
  flatbuffers::FlatBufferBuilder builder(blob.size() + 64 * entries.size() + 1024);
  builder.ForceVectorAlignment(blob.size(), 1, kAlignment);
  const auto blob_put =
      builder.CreateVector(reinterpret_cast<const uint8_t*>(blob.data()), blob.size());
  const auto entries_put = builder.CreateVectorOfStructs(entries);
  const auto extents_put = builder.CreateVectorOfStructs(extents);
  const auto unindexed = builder.CreateVector(index.unindexed);
  const auto stamps_put = builder.CreateVectorOfStructs(stamps);
  const auto refusal_put = refusal == nullptr ? flatbuffers::Offset<flatbuffers::String>()
                                              : builder.CreateString(*refusal);
  const auto source = builder.CreateString(origin.path);
  const auto boot = builder.CreateString(origin.boot);
  fb::FinishSetBuffer(builder, fb::CreateSet(builder, kFormatVersion, source, origin.read_at_ns,
                                             refusal_put, stamps_put, extents_put, entries_put,
                                             unindexed, blob_put, boot, origin.born_ns));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace

std::string compile(const std::vector<model::Policy>& policies, const Origin& origin) {
  return build(policies, origin, nullptr);
}

std::string compile_refusal(const std::string& first_error, const Origin& origin) {
  return build({}, origin, &first_error);
}

Result<CompiledSet> CompiledSet::open(std::span<const std::byte> bytes) {
  if (!is_aligned(bytes.data())) return std::unexpected(damaged_set("it is not aligned in memory"));
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (!fb::VerifySetBuffer(verifier)) return std::unexpected(damaged_set("it does not verify"));
  const fb::Set& set = root_of(bytes);
  if (set.version() != kFormatVersion)
    return std::unexpected(damaged_set("it has format version " + std::to_string(set.version()) +
                                       ", not " + std::to_string(kFormatVersion)));
  if (!is_aligned_vector(set.files()) || !is_aligned_vector(set.index()))
    return std::unexpected(damaged_set("a part of it is not aligned"));
  return CompiledSet(bytes);
}

size_t CompiledSet::policy_count() const {
  const auto* policies = root_of(bytes_).policies();
  return policies == nullptr ? 0 : policies->size();
}

std::string_view CompiledSet::source_path() const {
  const auto* path = root_of(bytes_).source_path();
  return path == nullptr ? std::string_view() : path->string_view();
}

uint64_t CompiledSet::compiled_at_ns() const {
  return root_of(bytes_).compiled_at_ns();
}

std::optional<std::string_view> CompiledSet::refusal() const {
  const auto* text = root_of(bytes_).refusal();
  if (text == nullptr) return std::nullopt;
  return text->string_view();
}

Result<Origin> CompiledSet::origin() const {
  const fb::Set& set = root_of(bytes_);
  Origin origin;
  origin.path = source_path();
  origin.read_at_ns = compiled_at_ns();
  origin.born_ns = set.born_ns();
  if (set.boot() != nullptr) origin.boot = set.boot()->string_view();
  if (set.files() == nullptr) return origin;
  // Parts of the blob may be shared by many stamps, so each byte that is taken out is paid for.
  size_t budget = bytes_.size();
  const auto take = [&](std::string& out, uint32_t offset, uint32_t size) {
    const auto bytes = slice(set, offset, size);
    if (!bytes || bytes->size() > budget) return false;
    budget -= bytes->size();
    out.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    return true;
  };
  origin.files.reserve(set.files()->size());
  for (const fb::Stamp* stamp : *set.files()) {
    FileStamp& file = origin.files.emplace_back();
    if (!take(file.name, stamp->name_offset(), stamp->name_size()))
      return std::unexpected(damaged_set("the name of a file reaches outside"));
    if (!take(file.text, stamp->text_offset(), stamp->text_size()))
      return std::unexpected(damaged_set("the text of a file reaches outside"));
    if (stamp->proof() > static_cast<uint32_t>(FileStamp::Proof::kNothing))
      return std::unexpected(damaged_set("the stamp of a file is out of range"));
    file.size = stamp->size();
    file.mtime_ns = stamp->mtime_ns();
    file.ctime_ns = stamp->ctime_ns();
    file.inode = stamp->inode();
    file.device = stamp->device();
    file.mode = stamp->mode();
    file.owner = stamp->owner();
    file.proof = static_cast<FileStamp::Proof>(stamp->proof());
  }
  return origin;
}

Result<std::vector<model::Policy>> CompiledSet::read(const std::vector<uint32_t>& positions) const {
  const fb::Set& set = root_of(bytes_);
  std::vector<model::Policy> policies;
  // A position twice, or two policies in one place, could make a small file take any memory.
  uint64_t free_from = 0;
  for (const uint32_t position : positions) {
    if (position >= policy_count())
      return std::unexpected(damaged_set("its index names a policy that is not there"));
    const fb::Extent* extent = set.policies()->Get(position);
    const auto bytes = slice(set, extent->offset(), extent->size());
    if (!bytes || bytes->empty() || !is_aligned(bytes->data()) || extent->offset() < free_from)
      return std::unexpected(damaged_set("a policy in it is not where it should be"));
    free_from = uint64_t{extent->offset()} + extent->size();
    PINSCOPE_TRY(model::Policy policy, decode(*bytes));
    policies.push_back(std::move(policy));
  }
  return policies;
}

Result<std::vector<model::Policy>> CompiledSet::all() const {
  std::vector<uint32_t> positions(policy_count());
  std::iota(positions.begin(), positions.end(), 0U);
  return read(positions);
}

Result<std::vector<model::Policy>> CompiledSet::candidates(
    const model::Container& container) const {
  const fb::Set& set = root_of(bytes_);
  std::vector<uint32_t> positions;
  if (set.unindexed() != nullptr)
    positions.assign(set.unindexed()->begin(), set.unindexed()->end());
  if (const auto* index = set.index(); index != nullptr && index->size() != 0) {
    const auto* first = reinterpret_cast<const fb::IndexEntry*>(index->Data());
    const std::span entries(first, index->size());
    for (const uint64_t key : keys_of(container)) {
      auto entry = std::ranges::lower_bound(entries, key, {}, &fb::IndexEntry::hash);
      for (; entry != entries.end() && entry->hash() == key; ++entry)
        positions.push_back(entry->policy());
    }
  }
  std::ranges::sort(positions);
  positions.erase(std::ranges::unique(positions).begin(), positions.end());
  return read(positions);
}

}  // namespace pinscope::policy
