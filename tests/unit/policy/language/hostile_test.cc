// Text that was made to hurt: bounded memory and time, and an error that names the place. Memory is
// the peak of this process, so each case is measured in a child of its own.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>

#include "plugin/policy/language/limits.h"
#include "plugin/policy/language/load.h"

#if defined(__SANITIZE_ADDRESS__)
#define PINSCOPE_TEST_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINSCOPE_TEST_HAS_ASAN 1
#endif
#endif

namespace pinscope::policy {
namespace {

#ifdef PINSCOPE_TEST_HAS_ASAN
constexpr bool kIsInstrumented = true;  // its shadow memory alone is larger than the limit
#else
constexpr bool kIsInstrumented = false;
#endif

std::string repeated(std::string_view text, size_t size) {
  std::string all;
  all.reserve(size + text.size());
  while (all.size() < size) all += text;
  return all;
}

// Loads `text` with 1 MiB of stack, 256 MiB of memory and 10 seconds, and expects its first error
// to start with `message`.
void expect_refused(const std::string& text, const std::string& message) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!kIsInstrumented) {
      const rlimit memory{size_t{256} << 20, size_t{256} << 20};
      const rlimit time{10, 10};
      const rlimit stack{size_t{1} << 20, size_t{1} << 20};
      if (::setrlimit(RLIMIT_AS, &memory) != 0 || ::setrlimit(RLIMIT_CPU, &time) != 0 ||
          ::setrlimit(RLIMIT_STACK, &stack) != 0)
        ::_exit(3);
    }
    const Loaded loaded = load_text(text, "f.yaml");
    if (loaded.ok() || !loaded.policies.empty()) ::_exit(1);
    if (!loaded.diagnostics.front().message.starts_with(message)) {
      const std::string said = to_string(loaded.diagnostics.front()) + "\n";
      [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, said.data(), said.size());
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

constexpr size_t kWholeDocument = kMaxDocumentBytes - 100;
constexpr const char* kTooDeep = "values are nested more than 32 deep";

TEST(HostileText, DeepFlowSequences) {
  expect_refused(repeated("[", kWholeDocument), kTooDeep);
}

TEST(HostileText, DeepFlowMappings) {
  expect_refused(repeated("{a: ", kWholeDocument), kTooDeep);
}

TEST(HostileText, DeepFlowSequencesOnTheirOwnLines) {
  expect_refused(repeated("[\n", kWholeDocument), kTooDeep);
}

TEST(HostileText, DeepBlockSequences) {
  expect_refused(repeated("- ", kWholeDocument), kTooDeep);
}

TEST(HostileText, DeepBlockKeys) {
  expect_refused(repeated("? ", kWholeDocument), kTooDeep);
}

TEST(HostileText, DeepIndentation) {
  std::string text;
  for (size_t depth = 0; text.size() + depth + 3 < kWholeDocument; ++depth)
    text += std::string(depth, ' ') + "a:\n";
  expect_refused(text, kTooDeep);
}

TEST(HostileText, AliasesThatExpand) {
  std::string text = "a0: &a0 x\n";
  for (int i = 1; i < 64; ++i) {
    const std::string before = "*a" + std::to_string(i - 1) + " ";
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + "," + before +
            "," + before + "]\n";
  }
  expect_refused(text, "");
}

TEST(HostileText, ManyValuesInOneList) {
  expect_refused("[" + repeated("a,", kWholeDocument) + "a]",
                 "the document has more than 200000 values");
}

TEST(HostileText, ManyValuesInBlockLists) {
  expect_refused(repeated("-\n", kWholeDocument), "the document has more than 200000 values");
}

TEST(HostileText, ManyKeys) {
  std::string text;
  for (int i = 0; text.size() < kWholeDocument; ++i) text += "k" + std::to_string(i) + ": x\n";
  expect_refused(text, "unknown key \"k0\" in a policy");
}

TEST(HostileText, ManyAnchors) {
  expect_refused(repeated("- &a b\n", kWholeDocument), "anchors");
}

TEST(HostileText, OneLongDocument) {
  expect_refused(repeated("# comment\n", kMaxDocumentBytes) + "a: b\n",
                 "the document has more than 524288 bytes");
}

TEST(HostileText, OneLongScalar) {
  expect_refused(repeated("a", kWholeDocument), "a policy must");
}

TEST(HostileText, OneLongKey) {
  expect_refused(repeated("a", kWholeDocument) + ": b", "this is not valid YAML");
}

TEST(HostileText, ManyDocuments) {
  expect_refused(repeated("---\na\n", kMaxFileBytes - 100),
                 "the file has more than 16384 documents");
}

TEST(HostileText, ManyEmptyDocumentsAreNothing) {
  const std::clock_t start = std::clock();
  EXPECT_TRUE(load_text(repeated("---\n", kMaxFileBytes - 100), "f.yaml").ok());
  EXPECT_TRUE(load_text(repeated("\n", kMaxFileBytes - 100), "f.yaml").ok());
  EXPECT_LT((std::clock() - start) / CLOCKS_PER_SEC, 20);
}

TEST(HostileText, ALargeText) {
  expect_refused(std::string(kMaxFileBytes + 1, ' '), "the text has more than 16777216 bytes");
}

TEST(HostileText, ManyControlCharacters) {
  expect_refused(std::string(kMaxFileBytes - 1, '\x01'),
                 "the control character U+0001 is not allowed in a policy");
}

TEST(HostileText, ManyGrants) {
  std::string text;
  for (int i = 0; i < 32; ++i)
    text += "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p" + std::to_string(i) +
            "}\nspec:\n  select: {}\n  deny:\n" + repeated("  - pin: /a\n", kWholeDocument - 200);
  expect_refused(text, "the set has more than 200000 grants and denials");
}

TEST(HostileText, NamesThatAllNeedEachOther) {
  std::string text =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  select: {}\n  "
      "grants:\n";
  for (int i = 0; text.size() < kWholeDocument; ++i) {
    text += "  - {pin: /sys/fs/bpf/x, as: a";
    for (int depth = 0; depth < 120; ++depth) text += "/b";
    text += std::to_string(i) + "}\n";
  }
  text += "  - {pin: /sys/fs/bpf/x, as: a}\n";
  expect_refused(text, "\"a/b");
}

}  // namespace
}  // namespace pinscope::policy
