// What the running kernel answers to a test whose outcome may differ from kernel to kernel, for the
// table of docs/kernels.md. Every test of the fixtures that tests/vm/table.py names is a row of
// that table; its cell says "yes", what the test's name says holds, unless the test records one of
// these.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace pinscope::test {

// For the current test: "yes, since Linux 6.5 by anybody" and the like.
inline void record_answer(const std::string& answer) {
  testing::Test::RecordProperty("answer", answer);
}

// The kernel has not got it, and this is done instead.
inline void record_fallback(const std::string& instead) {
  record_answer("falls back: " + instead);
}

// The kernel says no, with this error.
inline void record_refusal(const std::string& message) {
  record_answer("refused: " + message);
}

}  // namespace pinscope::test
