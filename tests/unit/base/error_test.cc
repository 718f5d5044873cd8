// The one place that forms the sentence of an error, and its shape.
#include "plugin/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace pinscope {
namespace {

TEST(Error, HasTheShapeThatTheStyleGuidePrescribes) {
  const Error error = Error::system("attach view at \"/sys/fs/bpf\" in container \"web-1\"", EPERM)
                          .hint("the target is on a shared mount")
                          .rule("policy \"flow-readers\" at flow.yaml:14:5");
  EXPECT_EQ(error.sentence(),
            "cannot attach view at \"/sys/fs/bpf\" in container \"web-1\": Operation not permitted "
            "(the target is on a shared mount); policy \"flow-readers\" at flow.yaml:14:5");
}

TEST(Error, LeavesOutWhatItDoesNotHave) {
  EXPECT_EQ(Error(ErrorCode::kUsage, "open \"x\"").sentence(), "cannot open \"x\"");
  EXPECT_EQ(Error::system("open \"x\"", ENOENT).sentence(),
            "cannot open \"x\": No such file or directory");
  EXPECT_EQ(Error(ErrorCode::kUsage, "open \"x\"").reason("it is a fish").sentence(),
            "cannot open \"x\": it is a fish");
}

TEST(Error, SaysWhyASystemCallMayBeMissing) {
  EXPECT_EQ(Error::system("open \"x\"", ENOSYS).sentence(),
            "cannot open \"x\": Function not implemented (the kernel lacks this system call, or a "
            "seccomp filter refuses it; pinscope doctor says which)");
}

TEST(Error, PutsOurReasonBeforeTheKernels) {
  EXPECT_EQ(Error::system("open \"x\"", EIO).reason("second try").sentence(),
            "cannot open \"x\": second try: Input/output error");
}

TEST(Error, PrintsTheOutermostContextFirst) {
  const Error error =
      Error(ErrorCode::kUsage, "open \"x\"").in("read policies").in("start container \"web-1\"");
  EXPECT_EQ(error.sentence(), "start container \"web-1\": read policies: cannot open \"x\"");
}

TEST(Error, IsOneLineWhateverItWasGiven) {
  const Error error = Error(ErrorCode::kUsage, "open \"a\nb\"").reason("\x1b[2J\r\x7f");
  EXPECT_EQ(error.sentence(), "cannot open \"a\\nb\": \\x1b[2J\\x0d\\x7f");
}

TEST(Error, KeepsItsFields) {
  const Error error = Error::system("open \"x\"", EACCES, ErrorCode::kRecord).rule("policy \"a\"");
  EXPECT_EQ(error.code(), ErrorCode::kRecord);
  EXPECT_EQ(error.errnum(), EACCES);
  EXPECT_EQ(error.rule(), "policy \"a\"");
  EXPECT_EQ(Error(error).with_code(ErrorCode::kAudit).code(), ErrorCode::kAudit);
}

TEST(ErrorCode, HasANameOfItsOwnForEachKind) {
  std::set<std::string_view> names;
  for (const ErrorCode code : all_error_codes()) names.insert(code_name(code));
  EXPECT_EQ(names.size(), all_error_codes().size());
  EXPECT_EQ(code_name(ErrorCode::kSourceMissing), "source-missing");
  // kHolder is the last one: a code that is not in the list of names would be called "internal".
  EXPECT_EQ(all_error_codes().size(), static_cast<size_t>(ErrorCode::kHolder) + 1);
}

// The kernel has numbers of its own, such as ENOTSUPP, which libc has no words for.
TEST(Error, TellsANumberThatHasNoName) {
  EXPECT_EQ(Error::system("look up", 524).sentence(), "cannot look up: errno 524");
}

TEST(Error, CrossesToAnotherProcessWithItsFields) {
  const auto error = Error(ErrorCode::kTargetShared, std::string("a\0:b", 4))
                         .reason("3:x")
                         .rule("policy")
                         .rules({{"a", "a.yaml", 3, 5}, {"b", "b.yaml", 7, 9}})
                         .in("one")
                         .in("");
  const std::string bytes = error.to_bytes();
  const auto read = Error::from_bytes(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_bytes(), bytes);
  EXPECT_EQ(read->sentence(), error.sentence());
  EXPECT_EQ(read->code(), ErrorCode::kTargetShared);
  ASSERT_EQ(read->rules().size(), 2U);
  EXPECT_EQ(read->rules()[1].policy, "b");
  EXPECT_EQ(read->rules()[1].file, "b.yaml");
  EXPECT_EQ(read->rules()[1].line, 7U);
  EXPECT_EQ(read->rules()[1].column, 9U);
  const auto system = Error::from_bytes(Error::system("open", ENOENT).to_bytes());
  ASSERT_TRUE(system);
  EXPECT_EQ(system->errnum(), ENOENT);
}

// Whoever sends them may be in somebody else's hands.
TEST(Error, IsNotReadFromOtherBytes) {
  const std::string bytes = Error(ErrorCode::kUsage, "x").to_bytes();
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(Error::from_bytes(bytes.substr(0, length))) << length;
  for (const char* wrong :
       {"5:usage1:01:x0:0:0:1:", "5:other1:01:x0:0:0:1:0", "5:usage2:-11:x0:0:0:1:0",
        "5:usage10:42949672971:x0:0:0:1:0", "5:usage1:01:x0:0:0:1:01:x18446744073709551615:x",
        "5:usage1:01:x0:0:0:1:1"})
    EXPECT_FALSE(Error::from_bytes(wrong)) << wrong;
}

}  // namespace
}  // namespace pinscope
