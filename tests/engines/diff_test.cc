// `pinscope diff` beside real containers: what other policies would change for them.
#include <filesystem>

#include "tests/engines/whole_machine.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DiffOfContainers : public InventoryOfContainers {
 protected:
  CommandResult diff(const std::string& policy) {
    return test::run({kPinscope, "diff", "--policy", installation_.policy_directory(),
                      "--cache-dir", installation_.cache_directory(), "--state-dir",
                      installation_.state_directory(),
                      proposed_.write("new.yaml", policy_text(policy))});
  }
  const TempDirectory proposed_;
  const WithoutEngines engines_;
};

TEST_P(DiffOfContainers, FindsNoneBetweenThePoliciesThatAreInForceAndTheSame) {
  start(kTwoGrants);
  const auto result = diff(kTwoGrants);
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("no difference for "));
}

TEST_P(DiffOfContainers, ShowsWiderAccessFirstAndSaysItByTheExitStatus) {
  start(kTwoGrants);
  const auto result = diff(
      "select: {}\ngrants:\n  - {pin: /sys/fs/bpf/counters}\n"
      "  - {pin: /sys/fs/bpf/flows, access: read-write}\n");
  EXPECT_EQ(result.status, 4) << result;
  EXPECT_THAT(result.out, HasSubstr(container_.id() + "\nCHANGE"));
  EXPECT_LT(result.out.find("widened   /sys/fs/bpf/flows"),
            result.out.find("narrowed  /sys/fs/bpf/counters"));
}

TEST_P(DiffOfContainers, ShowsWhatWouldBeLostAndWhatTheDenialIs) {
  start(kTwoGrants);
  const auto result = diff(std::string(kTwoGrants) + "deny:\n  - {pin: /sys/fs/bpf/flows}\n");
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("lost"), HasSubstr("new.yaml:11:7"),
                                Not(HasSubstr("/sys/fs/bpf/counters"))));
}

TEST_P(DiffOfContainers, SaysWhoWouldNotStartAnyMore) {
  start(kTwoGrants);
  const auto result = diff("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/nowhere}\n");
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("would not start any more"), HasSubstr("/sys/fs/bpf/nowhere")));
}

TEST_P(DiffOfContainers, SaysThatItCouldNotReadOne) {
  start(kTwoGrants);
  std::filesystem::rename(container_.bundle() + "/config.json",
                          container_.bundle() + "/elsewhere.json");
  const auto result = diff(kTwoGrants);
  std::filesystem::rename(container_.bundle() + "/elsewhere.json",
                          container_.bundle() + "/config.json");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("not read " + container_.id()), HasSubstr("could not be read")));
}

TEST_P(DiffOfContainers, CallsAGrantInsteadOfTheHostsBpffsLess) {
  container_.spec.mounts.push_back({"/mnt/bpf", "bind", "/sys/fs/bpf", {"rbind"}});
  start("select: {}\nview: {hostBpffs: allow}\ngrants:\n  - {pin: /sys/fs/bpf/counters}\n");
  const auto result = diff("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("narrowed  /sys/fs/bpf/flows "), HasSubstr("all past the view"),
                    HasSubstr("narrowed  view.hostBpffs"), Not(HasSubstr("with more access"))));
}

TEST_P(DiffOfContainers, CallsTheHostsBpffsInsteadOfAGrantMore) {
  container_.spec.mounts.push_back({"/mnt/bpf", "bind", "/sys/fs/bpf", {"rbind"}});
  start(kTwoGrants);
  const auto result = diff("select: {engine: crio}\n");
  EXPECT_EQ(result.status, 4) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("widened  view.hostBpffs"), HasSubstr("mask"),
                                HasSubstr("widened  /sys/fs/bpf/flows")));
}

TEST_P(DiffOfContainers, SaysNothingOfTheHostsBpffsWhereNoneIsMounted) {
  start(kTwoGrants);
  const auto result = diff("select: {engine: crio}\n");
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out, Not(HasSubstr("hostBpffs")));
}

TEST_P(DiffOfContainers, CallsNothingMoreThanEverything) {
  container_.spec.capabilities = BundleSpec::all_capabilities();
  start("select: {}\n");
  const auto result = diff(kTwoGrants);
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out, HasSubstr("its view is void before and after, by cap-sys-admin"));
}

TEST_P(DiffOfContainers, SaysThatAnOlderSetIsInForceAndThatOneFileIsTheWholeSet) {
  start(kTwoGrants);
  installation_.write_policy("nonsense: 1\n");
  const auto result = diff("select: {}\n");
  EXPECT_THAT(result.out, HasSubstr("note the policy files are not in force, an older set is: "));
  EXPECT_EQ(result.status, 3) << result;
}

PINSCOPE_EACH_RUNTIME(DiffOfContainers);

}  // namespace
}  // namespace pinscope::test
