// Whose exceptions have run out, by records that are written here.
#include "plugin/follow/containers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::follow {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kEnd = 1000;

class RunOut : public testing::Test {
 protected:
  void write() {
    if (!held_)
      held_ = std::move(store_.begin(record_)).value();
    else
      ASSERT_TRUE(store_.update(record_, *held_));
  }
  void make_exception(uint64_t until_ns) {
    record_.exceptions.emplace_back().until_ns = until_ns;
    record_.exceptions.back().number = static_cast<uint32_t>(record_.exceptions.size());
  }

  test::TempDirectory directory_{0700};
  record::Store store_ = std::move(record::Store::open(directory_.path("state"), true)).value();
  std::optional<record::Store::Held> held_;
  model::Record record_ = [] {
    model::Record record;
    record.state = model::Record::State::kApplied;
    record.given.id = "web";
    record.given.bundle = "/run/web";
    record.given.pid = ::getpid();
    return record;
  }();
};

// A container that cannot be brought up to date now does not ask for it without end.
TEST_F(RunOut, IsToldOnceUntilTheRecordIsWritten) {
  make_exception(kEnd);
  make_exception(0);
  write();
  auto containers = std::move(Containers::open(directory_.path("state"))).value();
  (void)containers.look_at_all();
  EXPECT_EQ(containers.first_end(), kEnd);
  EXPECT_THAT(containers.run_out(kEnd - 1), IsEmpty());
  const auto told = containers.run_out(kEnd);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(containers.has_run_out(told.front(), kEnd));
  EXPECT_THAT(containers.run_out(kEnd + 1), IsEmpty());
  EXPECT_EQ(containers.first_end(), 0U) << "nobody has to wake up for it";

  make_exception(kEnd + 5);
  write();
  (void)containers.take();
  EXPECT_THAT(containers.run_out(kEnd + 1), SizeIs(1));
  (void)containers.look_at_all();
  EXPECT_THAT(containers.run_out(kEnd + 1), SizeIs(1)) << "and from time to time";
}

}  // namespace
}  // namespace pinscope::follow
