// What a container has by its configuration, whatever policies grant it: only what is certain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "plugin/policy/decide/past_view.h"

namespace pinscope::policy {
namespace {

using model::Bypass;
using testing::ElementsAre;
using testing::IsEmpty;

const Surroundings kHost{true, false, {"/sys/fs/bpf", "/run/bpf"}, {}};

model::Container root_with(std::vector<model::ConfiguredMount> mounts, uint64_t capabilities = 0) {
  model::Container container;
  container.mounts = std::move(mounts);
  container.capabilities = capabilities | 1ULL << CAP_DAC_OVERRIDE;
  return container;
}

model::ConfiguredMount volume(const std::string& source, const std::string& option = "rbind") {
  return {"/mnt", "bind", source, {option}};
}

TEST(PastView, OfAnOrdinaryContainerIsNothing) {
  const auto past = find_past_view(root_with({volume("/srv")}), kHost);
  EXPECT_EQ(past.mounts_bpffs, false);
  EXPECT_THAT(past.open_pins, IsEmpty());
  EXPECT_THAT(past.everything, IsEmpty());
}

TEST(PastView, HasThePinsThatAVolumeShows) {
  EXPECT_THAT(find_past_view(root_with({volume("/sys/fs/bpf", "bind")}), kHost).open_pins,
              ElementsAre("/sys/fs/bpf"));
  EXPECT_THAT(find_past_view(root_with({volume("/sys/fs/bpf/app")}), kHost).open_pins,
              ElementsAre("/sys/fs/bpf/app"));
  EXPECT_THAT(find_past_view(root_with({volume("/")}), kHost).open_pins,
              ElementsAre("/sys/fs/bpf", "/run/bpf"));
  EXPECT_THAT(find_past_view(root_with({volume("/", "bind")}), kHost).open_pins, IsEmpty());
}

// Pins are the root user's, and nobody else's.
TEST(PastView, HasNoPinsThatItMayNotOpen) {
  auto user = root_with({volume("/sys/fs/bpf")}, 1ULL << CAP_SYS_ADMIN);
  user.uid = 1000;
  auto plain = root_with({volume("/sys/fs/bpf")});
  plain.capabilities = 0;
  auto elsewhere = kHost;
  elsewhere.shares_user_namespace = false;
  for (const auto& past :
       {find_past_view(user, kHost), find_past_view(plain, kHost),
        find_past_view(root_with({volume("/sys/fs/bpf")}, 1ULL << CAP_SYS_ADMIN), elsewhere)}) {
    EXPECT_EQ(past.mounts_bpffs, true);
    EXPECT_THAT(past.open_pins, IsEmpty());
    EXPECT_THAT(past.everything, IsEmpty());
  }
}

TEST(PastView, KnowsABpffsOfItsOwnAsAMountWithoutPinsOfTheHost) {
  const auto past = find_past_view(root_with({{"/bpf", "bpf", "bpf", {}}}), kHost);
  EXPECT_EQ(past.mounts_bpffs, true);
  EXPECT_THAT(past.open_pins, IsEmpty());
}

TEST(PastView, IsEverythingByWhatReachesEveryObject) {
  EXPECT_THAT(find_past_view(root_with({volume("/etc/pinscope")},
                                       1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_MODULE),
                             kHost)
                  .everything,
              ElementsAre(Bypass::kCapSysAdmin, Bypass::kCapSysModule, Bypass::kOwnFiles));
}

// They make a view void, and yet a grant may add to them.
TEST(PastView, IsNotEverythingByAnyBypass) {
  auto container = root_with({volume("/proc")}, 1ULL << CAP_BPF | 1ULL << CAP_DAC_READ_SEARCH);
  model::namespace_of(container, model::NamespaceKind::kPid).mode = model::Namespace::Mode::kPath;
  auto around = kHost;
  around.shares_pid_namespace = true;
  EXPECT_THAT(find_past_view(container, around).everything, IsEmpty());
}

}  // namespace
}  // namespace pinscope::policy
