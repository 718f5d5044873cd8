#include "plugin/policy/set/compiled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "plugin/base/text.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"
#include "tests/unit/policy/set/samples.h"

namespace pinscope::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A copy at an aligned address and not a byte longer, so that a sanitizer sees each step outside.
class Bytes {
 public:
  explicit Bytes(const std::string& content)
      : size_(content.size()), data_(new (std::align_val_t{8}) std::byte[content.size()]) {
    std::memcpy(data_.get(), content.data(), size_);
  }
  [[nodiscard]] std::span<std::byte> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const { operator delete[](data, std::align_val_t{8}); }
  };
  size_t size_;
  std::unique_ptr<std::byte[], Free> data_;
};

const Origin kOrigin = {
    "/etc/pinscope/policy.d",
    12345,
    "a boot",
    {{"", 1, 2, 3, 4, 5, 040755, 0, FileStamp::Proof::kStat, ""},
     {"full.yaml", 100, 200, 300, 400, 5, 0100644, 0, FileStamp::Proof::kContent, "the text"}}};

std::string compiled(const std::vector<model::Policy>& policies) {
  return compile(policies, kOrigin);
}

std::string why_not(std::span<const std::byte> bytes) {
  const auto set = CompiledSet::open(bytes);
  return set ? "" : set.error().sentence();
}

std::vector<std::string> names(const std::vector<model::Policy>& policies) {
  std::vector<std::string> all;
  all.reserve(policies.size());
  for (const auto& policy : policies) all.push_back(policy.name);
  return all;
}

// Reads everything that can be read; for what a damaged set might break.
void read_all(std::span<const std::byte> bytes) {
  const auto set = CompiledSet::open(bytes);
  if (!set) return;
  model::Container container;
  container.uid = 1000;
  container.bundle = "/run/bundle";
  (void)set->source_path();
  (void)set->refusal();
  (void)set->origin();
  (void)set->candidates(container);
  (void)set->all();
}

TEST(Compiled, KeepsEveryFieldOfAPolicy) {
  const model::Policy full = full_policy();
  model::Policy bare;
  const Bytes bytes(compiled({full, bare}));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set) << set.error().sentence();
  EXPECT_EQ(set->policy_count(), 2U);
  EXPECT_EQ(set->compiled_at_ns(), 12345U);
  EXPECT_EQ(set->source_path(), "/etc/pinscope/policy.d");
  EXPECT_EQ(set->refusal(), std::nullopt);
  const auto origin = set->origin();
  ASSERT_TRUE(origin);
  EXPECT_EQ(*origin, kOrigin);
  const auto all = set->all();
  ASSERT_TRUE(all) << all.error().sentence();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0), full);
  EXPECT_EQ(all->at(1), bare);
}

TEST(Compiled, KeepsRandomPolicies) {
  Random random(1);
  std::vector<model::Policy> policies;
  for (uint32_t i = 0; i < 500; ++i) policies.push_back(random.policy(i));
  const Bytes bytes(compiled(policies));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set);
  const auto all = set->all();
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, policies);
}

TEST(Compiled, SetWithoutPoliciesIsOne) {
  const Bytes bytes(compile({}, {}));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set);
  EXPECT_EQ(set->policy_count(), 0U);
  EXPECT_THAT(*set->all(), IsEmpty());
  EXPECT_THAT(*set->candidates({}), IsEmpty());
  EXPECT_THAT(set->origin()->files, IsEmpty());
}

TEST(Compiled, RefusalKeepsItsErrorAndHasNoPolicies) {
  const Bytes bytes(compile_refusal("flow.yaml:1:1: error: no", kOrigin));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set);
  EXPECT_EQ(set->refusal(), "flow.yaml:1:1: error: no");
  EXPECT_EQ(set->policy_count(), 0U);
  EXPECT_EQ(*set->origin(), kOrigin);
}

TEST(Compiled, CandidatesAreThoseOfTheContainersKeysAndThoseWithoutAKey) {
  const auto with = [](std::string name, model::Select select) {
    model::Policy policy;
    policy.name = std::move(name);
    policy.select = std::move(select);
    return policy;
  };
  const std::vector<model::Policy> policies = {
      with("other uid", {.uids = {0}}),
      with("annotation", {.annotations = {{"team", {"net"}}}}),
      with("glob", {.kubernetes_namespaces = {"web-*"}}),
      with("any of", {.kubernetes_namespaces = {"db", "web", "web"}}),
      with("other value", {.annotations = {{"team", {"web"}}}}),
      with("path", {.namespaces = {{model::NamespaceKind::kNet,
                                    {model::Namespace::Mode::kPath, "/run/netns/a"}}}}),
      with("bundle", {.bundles = {"/b"}}),
      with("uid", {.uids = {1000}}),
      with("everyone", {})};
  const Bytes bytes(compiled(policies));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set);
  model::Container container;
  container.uid = 1000;
  container.bundle = "/b";
  container.annotations = {{"team", "net"}};
  container.identity.kubernetes_namespace = {{"web", "test"}};
  const auto candidates = set->candidates(container);
  ASSERT_TRUE(candidates);
  EXPECT_THAT(names(*candidates),
              ElementsAre("annotation", "glob", "any of", "path", "bundle", "uid", "everyone"));
  EXPECT_THAT(names(*set->candidates({})), ElementsAre("other uid", "glob", "path", "everyone"));
}

TEST(Compiled, KeyThatFewPoliciesShareIsTheOneThatCounts) {
  std::vector<model::Policy> policies;
  for (int i = 0; i < 100; ++i) {
    model::Policy policy;
    policy.name = std::to_string(i);
    policy.select.engines = {model::Engine::kCrio};
    policy.select.kubernetes_namespaces = {"web"};
    policy.select.annotations = {{"app", {"app-" + std::to_string(i)}}};
    policies.push_back(policy);
  }
  const Bytes bytes(compiled(policies));
  const auto set = CompiledSet::open(bytes.span());
  ASSERT_TRUE(set);
  model::Container container;
  container.engine = model::Engine::kCrio;
  container.identity.kubernetes_namespace = {{"web", "test"}};
  container.annotations = {{"app", "app-42"}};
  EXPECT_THAT(names(*set->candidates(container)), ElementsAre("42"));
}

// What the index leaves out, selects() must refuse; and nothing is found twice or out of order.
TEST(Compiled, IndexFindsWhatAFullScanFinds) {
  Random random(2);
  const auto host = host_without_pins();
  size_t found = 0;
  size_t looked_at = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<model::Policy> policies;
    for (uint32_t i = 0; i < 60; ++i) policies.push_back(random.policy(i));
    const Bytes bytes(compiled(policies));
    const auto set = CompiledSet::open(bytes.span());
    ASSERT_TRUE(set);
    for (int i = 0; i < 40; ++i) {
      const auto container = random.container();
      const auto candidates = set->candidates(container);
      ASSERT_TRUE(candidates);
      looked_at += candidates->size();
      const auto selecting = [&](const std::vector<model::Policy>& all) {
        std::vector<std::string> selected;
        for (const auto& policy : all)
          if (selects(policy, container, host, nullptr)) selected.push_back(policy.name);
        return selected;
      };
      const auto expected = selecting(policies);
      found += expected.size();
      EXPECT_EQ(selecting(*candidates), expected);
    }
  }
  EXPECT_GT(found, 1000U);                  // the samples do match
  EXPECT_LT(looked_at, 40U * 40 * 60 / 2);  // and the index does leave out
}

TEST(Compiled, ForeignBytesAreAnErrorThatSaysSo) {
  EXPECT_EQ(why_not({}), "cannot read the compiled policy set: it does not verify");
  EXPECT_EQ(why_not(Bytes("apiVersion: pinscope/v1\nkind: Policy\n").span()),
            "cannot read the compiled policy set: it does not verify");
  const Bytes bytes(compiled({full_policy()}) + "x");
  EXPECT_EQ(why_not(bytes.span().subspan(1)),
            "cannot read the compiled policy set: it is not aligned in memory");
}

// What compiled.fbs was for each kFormatVersion, from kFirstVersion on: the hash of its lines
// without comments and blanks around them. A change of the schema appends one, and raises
// kFormatVersion; none is ever changed, or sets that a running machine has are read wrong.
constexpr uint32_t kFirstVersion = 6;
constexpr uint64_t kSchemas[] = {0x59094e8a1261f09U, 0x3a5c870f88543029U, 0x2f2e4ddc950fdd77U,
                                 0x3ce11cc08fb68e5eU, 0xad99cc0bf4fc45dcU};
constexpr uint32_t kVersion = kFirstVersion + std::size(kSchemas) - 1;

TEST(Compiled, SchemaIsThatOfTheFormatVersion) {
  std::ifstream file(PINSCOPE_SOURCE_DIR "/plugin/policy/set/compiled.fbs");
  uint64_t hash = fnv1a64("");
  for (std::string line; std::getline(file, line);)
    hash = fnv1a64(trimmed(std::string_view(line).substr(0, line.find("//"))), hash);
  EXPECT_EQ(hash, kSchemas[std::size(kSchemas) - 1])
      << "the schema has changed: raise kFormatVersion, and append 0x" << std::hex << hash;
}

// By which SchemaIsThatOfTheFormatVersion knows kFormatVersion.
TEST(Compiled, SetOfAnotherFormatVersionIsAnError) {
  const std::string content = compiled({});
  int changed = 0;
  // One byte of those that are the version's number is the version.
  for (size_t at = 0; at < content.size(); ++at) {
    if (content[at] != kVersion) continue;
    std::string other = content;
    other[at] = 1;
    if (why_not(Bytes(other).span()) ==
        "cannot read the compiled policy set: it has format version 1, not " +
            std::to_string(kVersion))
      ++changed;
  }
  EXPECT_EQ(changed, 1);
}

TEST(Compiled, TruncatedBytesNeverCrash) {
  const std::string content = compiled({full_policy(), full_policy()});
  for (size_t length = 0; length < content.size(); ++length)
    read_all(Bytes(content.substr(0, length)).span());
}

TEST(Compiled, FlippedBytesNeverCrash) {
  const Bytes bytes(compiled({full_policy(), Random(3).policy(1)}));
  for (auto& byte : bytes.span()) {
    const std::byte before = byte;
    for (const unsigned flip : {0x01U, 0x04U, 0x7fU, 0x80U, 0xffU}) {
      byte = before ^ static_cast<std::byte>(flip);
      read_all(bytes.span());
    }
    byte = before;
  }
}

TEST(Compiled, RandomDamageNeverCrashes) {
  Random random(4);
  const std::string content = compiled({full_policy(), random.policy(1), random.policy(2)});
  for (int round = 0; round < 20000; ++round) {
    const Bytes bytes(content);
    for (uint32_t i = 1 + random.below(8); i != 0; --i)
      bytes.span()[random.below(static_cast<uint32_t>(content.size()))] =
          static_cast<std::byte>(random.below(256));
    read_all(bytes.span());
  }
}

TEST(Compiled, OpeningAndFindingTakeTheSameTimeInALargeSet) {
  const auto set_of = [](int count) {
    std::vector<model::Policy> policies(static_cast<size_t>(count), full_policy());
    for (int i = 0; i < count; ++i) {
      auto& select = policies[static_cast<size_t>(i)].select;
      select = {};
      select.kubernetes_namespaces = {"ns-" + std::to_string(i)};
    }
    return compiled(policies);
  };
  const Bytes small(set_of(1));
  const Bytes large(set_of(20000));
  model::Container container;
  container.identity.kubernetes_namespace = {{"ns-0", "test"}};
  const auto best_of = [&](const Bytes& bytes) {
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 50; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const auto set = CompiledSet::open(bytes.span());
      const auto candidates = set->candidates(container);
      best = std::min(best, std::chrono::steady_clock::now() - start);
      EXPECT_EQ(candidates->size(), 1U);
    }
    return best;
  };
  // Reading all would take thousands of times as long.
  EXPECT_LT(best_of(large), 20 * best_of(small) + std::chrono::microseconds(20));
}

// The seeds of the fuzzer must stay sets that can be read. PINSCOPE_WRITE_SEEDS=1 makes them again
// after a change of the format.
TEST(Compiled, SeedsOfTheFuzzerAreReadable) {
  model::Policy exact;
  exact.name = "exact";
  exact.select.kubernetes_namespaces = {"web"};
  const std::map<std::string, std::string> seeds = {
      {"empty", compile({}, {})},
      {"full", compiled({full_policy()})},
      {"indexed", compiled({exact, full_policy(), Random(5).policy(1)})},
      {"refusal", compile_refusal("flow.yaml:1:1: error: no", kOrigin)}};
  const std::string directory = PINSCOPE_SOURCE_DIR "/tests/fuzz/corpus/compiled/";
  for (const auto& [name, content] : seeds) {
    if (std::getenv("PINSCOPE_WRITE_SEEDS") != nullptr)
      std::ofstream(directory + name, std::ios::binary) << content;
    std::ifstream file(directory + name, std::ios::binary);
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(why_not(Bytes(found).span()), "") << name;
  }
}

}  // namespace
}  // namespace pinscope::policy
