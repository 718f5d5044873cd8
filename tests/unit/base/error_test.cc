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
  // kProtocol is the last one: a code that is not in the list of names would be called "internal".
  EXPECT_EQ(all_error_codes().size(), static_cast<size_t>(ErrorCode::kProtocol) + 1);
}

}  // namespace
}  // namespace pinscope
