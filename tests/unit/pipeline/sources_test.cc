// Which failures to open a source stop a start, and which only leave the pin out.
#include "plugin/pipeline/sources.h"

#include <gtest/gtest.h>

namespace pinscope {
namespace {

using model::GrantedPin;
using model::Missing;

Error failure(ErrorCode code) {
  return Error(code, "open \"/sys/fs/bpf/x\"").reason("it is another thing");
}

TEST(LeftOut, AMissingSourceIfThePolicySaysSkipOrWait) {
  GrantedPin grant;
  EXPECT_EQ(left_out(grant, failure(ErrorCode::kSourceMissing)), LeftOut::kNot);
  for (const auto word : {Missing::kSkip, Missing::kWait}) {
    grant.missing = word;
    EXPECT_EQ(left_out(grant, failure(ErrorCode::kSourceMissing)), LeftOut::kMissing);
    EXPECT_EQ(left_out(grant, failure(ErrorCode::kSourceMismatch)), LeftOut::kNot);
  }
}

TEST(LeftOut, WhatAGlobMatchesAndCannotBeGranted) {
  for (const auto code : {ErrorCode::kSourceMismatch, ErrorCode::kAccessUnsupported}) {
    GrantedPin grant;
    grant.missing = Missing::kSkip;
    EXPECT_EQ(left_out(grant, failure(code)), LeftOut::kNot) << code_name(code);
    grant.is_match = true;
    EXPECT_EQ(left_out(grant, failure(code)), LeftOut::kUngrantable) << code_name(code);
  }
}

TEST(LeftOut, NeverWhatTheMachineFailsAt) {
  GrantedPin grant;
  grant.missing = Missing::kSkip;
  grant.is_match = true;
  EXPECT_EQ(left_out(grant, failure(ErrorCode::kSystem)), LeftOut::kNot);
  EXPECT_EQ(left_out(grant, failure(ErrorCode::kDelegation)), LeftOut::kNot);
}

TEST(LeftOut, IsToldWithTheRule) {
  GrantedPin grant;
  grant.source = "/sys/fs/bpf/x";
  grant.rule = {"readers", {"a.yaml", 8, 5}};
  EXPECT_EQ(note_of(grant, failure(ErrorCode::kSourceMismatch)),
            "left out \"/sys/fs/bpf/x\": cannot open \"/sys/fs/bpf/x\": it is another thing; "
            "policy \"readers\" at a.yaml:8:5");
}

}  // namespace
}  // namespace pinscope
