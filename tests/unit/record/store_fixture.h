// What the tests of the store share: one in a directory of its own, and records to keep in it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "plugin/record/store.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {

inline model::Record a_record(const std::string& id) {
  model::Record record = a_full_record();
  record.given.id = id;
  return record;
}

class RecordStore : public testing::Test {
 protected:
  Store open(bool create = true) {
    auto store = Store::open(state_, create);
    if (!store) throw std::runtime_error(store.error().sentence());
    return *std::move(store);
  }
  std::string open_error(bool create = true) {
    const auto store = Store::open(state_, create);
    if (store) return "no error";
    EXPECT_EQ(store.error().code(), ErrorCode::kRecord);
    return store.error().sentence();
  }
  template <typename T>
  static std::string error_of(const Result<T>& status, ErrorCode code = ErrorCode::kRecord) {
    if (status) return "no error";
    EXPECT_EQ(status.error().code(), code);
    return status.error().sentence();
  }
  mode_t mode_of(const std::string& name) {
    struct stat status {};
    test::check(::stat(directory_.path(name).c_str(), &status), "stat " + name);
    return status.st_mode & 07777U;
  }

  // The only record of this id; nothing if there is none.
  static std::optional<Store::Found> find(const Store& store, const std::string& id) {
    auto of_id = store.find(id);
    EXPECT_TRUE(of_id);
    EXPECT_LE(of_id->found.size(), 1U);
    if (!of_id || of_id->found.empty()) return std::nullopt;
    return std::move(of_id->found.front());
  }

  test::TempDirectory directory_;
  std::string state_ = directory_.path("state");
};

}  // namespace pinscope::record
