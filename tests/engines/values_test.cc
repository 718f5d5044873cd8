// Values in real containers, as far as the hook is concerned: their file system is there, sealed
// and nobody's, the holder keeps what serves it, and nothing is left. Nobody serves it here: what
// is in it is not looked at.
#include <bpf/bpf.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "plugin/model/values_lease.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kOnly =
    "select: {}\n"
    "view: {values: only}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows, mode: \"0444\", owner: {uid: 3, gid: 4}}\n";

std::string all_of(const Fd& file) {
  std::string text(size_t{1} << 20, '\0');
  text.resize(static_cast<size_t>(check(::pread(file.get(), text.data(), text.size(), 0), "read")));
  return text;
}

// What the links of a directory of descriptors lead to.
std::vector<std::string> open_files(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::error_code gone;
    files.push_back(std::filesystem::read_symlink(entry.path(), gone));
  }
  return files;
}

bool holder_is_empty() {
  const auto files = open_files("/proc/self/fd");
  return std::ranges::find(files, "/dev/fuse") == files.end();
}

class ValuesView : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(policy_text(kOnly));
  }

  // Everything that was handed over, and what it says.
  struct Leased {
    Given given;
    model::ValuesLease description;
    [[nodiscard]] const Fd& map(size_t at) const {
      return given.descriptors[2 + description.maps[at].map];
    }
  };
  Leased take_lease() {
    const Fd service = holder_->connect();
    say(service, {.kind = hold::Kind::kServe});
    (void)receive(service);  // the answer, with the memory of the request
    Leased leased{receive_lease(service), {}};
    auto read = model::values_lease_from_json(all_of(leased.given.descriptors.at(1)),
                                              leased.given.descriptors.size() - 2);
    EXPECT_TRUE(read) << read.error().sentence();
    if (read) leased.description = *std::move(read);
    return leased;
  }

  std::unique_ptr<HolderThread> holder_ =
      std::make_unique<HolderThread>(installation_.state_directory());
};

TEST_P(ValuesView, IsAFileSystemThatIsReadOnlyAndNothingElse) {
  const auto result = run({"mounts /run/bpf", "mounts /sys/fs/bpf", "stat /dev/fuse"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(answer(result, "mounts /run/bpf"), HasSubstr("fuse "));
  EXPECT_THAT(answer(result, "mounts /run/bpf"), HasSubstr("nosuid,nodev,noexec"));
  EXPECT_THAT(answer(result, "mounts /sys/fs/bpf"), Not(HasSubstr("bpf rw"))) << "there is no view";
  EXPECT_EQ(answer(result, "stat /dev/fuse"), "ENOENT");
  EXPECT_TRUE(wait_until(holder_is_empty)) << "the holder keeps what has ended";
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(ValuesView, HasItsSuperblockReadOnly) {
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  std::vector<std::string> lines;
  std::ifstream file("/proc/" + std::to_string(container_.pid()) + "/mountinfo");
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_THAT(lines, Contains(testing::AllOf(HasSubstr("/run/bpf "),
                                             HasSubstr(" - fuse pinscope ro,user_id=0,group_id=0"),
                                             HasSubstr("default_permissions,allow_other"))));
  EXPECT_THAT(open_files("/proc/" + std::to_string(container_.pid()) + "/fd"),
              Not(Contains("/dev/fuse")));
  const auto record = installation_.record(container_.id());
  EXPECT_THAT(record, HasSubstr("\"values_at\":\"/run/bpf\""));
  EXPECT_THAT(record, HasSubstr("\"type\"")) << record;
  EXPECT_THAT(installation_.last_audit().text, HasSubstr("\"values\":\"only\""));
  EXPECT_THAT(installation_.last_audit().text, HasSubstr("\"values_at\":\"/run/bpf\""));
}

TEST_P(ValuesView, GivesTheHolderMapsForReadingAlone) {
  pins_.map("/sys/fs/bpf/counters");
  pins_.program("/sys/fs/bpf/program");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: {mode: also, form: text, list: 7, maxAge: 2s}}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/counters, as: net/counters, access: read-write}\n"
                  "  - {pin: /sys/fs/bpf/flows, values: only, mode: \"0444\"}\n"
                  "  - {pin: /sys/fs/bpf/program, access: use}\n"));
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  const auto leased = take_lease();
  EXPECT_EQ(leased.given.id, container_.id());
  EXPECT_EQ(leased.description.container, container_.id());
  ASSERT_EQ(leased.description.maps.size(), 2U);
  const auto& counters = leased.description.maps[0];
  EXPECT_EQ(counters.name, "net/counters");
  EXPECT_EQ(counters.mode, 0440U) << "nobody writes a value";
  EXPECT_EQ(counters.values, (model::Values{model::ValueForm::kText, 7, 2000}));
  EXPECT_EQ(leased.description.maps[1].name, "flows");
  for (size_t i = 0; i < 2; ++i) {
    const int map = leased.map(i).get();
    bpf_map_info info = {};
    uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(map, &info, &size), 0);
    EXPECT_EQ(info.id, map_id(i == 0 ? "/sys/fs/bpf/counters" : "/sys/fs/bpf/flows"));
    const uint32_t key = 1;
    uint64_t value = 2;
    EXPECT_EQ(bpf_map_update_elem(map, &key, &value, BPF_ANY), -EPERM);
    EXPECT_EQ(bpf_map_lookup_elem(map, &key, &value), -ENOENT);
  }
  // The description cannot be changed any more, by whoever holds it.
  EXPECT_EQ(::pwrite(leased.given.descriptors[1].get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_P(ValuesView, DoesNotStartWithoutAHolder) {
  holder_.reset();
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0) << result;
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "refused");
  EXPECT_EQ(line.code, "values-holder");
  EXPECT_THAT(line.error, HasSubstr("pinscoped --hold"));
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(ValuesView, OfAProgramAloneIsRefused) {
  pins_.program("/sys/fs/bpf/flows2");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: only}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows2}\n"));
  expect_refused(
      "cannot grant \"/sys/fs/bpf/flows2\": it is a program, which has no values, and nothing but "
      "values is to be shown of it (say values: none for it to be pinned, or expect: {kind: map} "
      "if a map was meant); policy \"test\" at test.yaml:9:7",
      "access-unsupported");
  EXPECT_TRUE(wait_until(holder_is_empty));
}

TEST_P(ValuesView, LeavesAnEmptyDirectoryWhereRootTakesItAway) {
  container_.spec.capabilities.push_back("CAP_SYS_ADMIN");
  const auto result = run({"umount /run/bpf", "ls /run/bpf", "mounts /run/bpf"});
  EXPECT_EQ(answer(result, "umount /run/bpf"), "ok");
  EXPECT_EQ(answer(result, "ls /run/bpf"), "ok");
  EXPECT_TRUE(wait_until(holder_is_empty));
}

TEST_P(ValuesView, HoldsAgainstRootOfAUserNamespace) {
  container_.spec.with_user_namespace();
  container_.spec.capabilities.push_back("CAP_SYS_ADMIN");
  const auto result = run({"remount-rw /run/bpf", "reconfigure-rw /run/bpf", "mounts /run/bpf"});
  EXPECT_EQ(answer(result, "remount-rw /run/bpf"), "EPERM") << result;
  EXPECT_EQ(answer(result, "reconfigure-rw /run/bpf"), "EPERM") << result;
}

TEST_P(ValuesView, BelongsToTheHostsIdsOfTheContainersOwners) {
  container_.spec.with_user_namespace();
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  const auto leased = take_lease();
  ASSERT_EQ(leased.description.maps.size(), 1U);
  EXPECT_EQ(leased.description.maps[0].uid, container_.spec.uid_map.front().host + 3);
  EXPECT_EQ(leased.description.maps[0].gid, container_.spec.gid_map.front().host + 4);
}

TEST_P(ValuesView, IsRefusedWhereTheRuntimeWouldReachIntoIt) {
  for (const std::string path : {"/run/bpf", "/run/bpf/flows", "/run"}) {
    RuntimeContainer container(GetParam());
    container.spec.masked_paths = {path};
    const auto result = run(container, {"id"});
    EXPECT_NE(result.status, 0) << path;
    EXPECT_THAT(installation_.last_audit().error, HasSubstr(path)) << path;
    EXPECT_THAT(installation_.last_audit().error, HasSubstr("cannot show values at")) << path;
    EXPECT_EQ(installation_.last_audit().code, "target-invalid");
  }
  RuntimeContainer container(GetParam());
  container.spec.readonly_paths = {"/run/bpf/flows"};
  EXPECT_NE(run(container, {"id"}).status, 0);
  EXPECT_EQ(installation_.last_audit().code, "target-invalid");
  EXPECT_THAT(installation_.last_audit().error,
              HasSubstr("cannot show values at \"/run/bpf\": the runtime mounts "
                        "\"/run/bpf/flows\" anew after its hooks"));
}

// The place is the container's to make: what is attached is looked for there again.
TEST_P(ValuesView, IsRefusedWhereALinkLeadsItOntoTheRoot) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: {mode: only, at: /run/bpf/x}}\n"
                  "grants: [{pin: /sys/fs/bpf/flows}]\n"));
  std::filesystem::create_directories(container_.image() + "/run/bpf");
  std::filesystem::create_symlink("/", container_.image() + "/run/bpf/x");
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0) << result;
  EXPECT_EQ(installation_.last_audit().code, "target-invalid");
  EXPECT_THAT(installation_.last_audit().error,
              HasSubstr("the values at \"/run/bpf/x\": something else is there"));
  EXPECT_TRUE(wait_until(holder_is_empty));
}

TEST_P(ValuesView, OfAThousandMapsFitsIntoTheUsualLimitOfDescriptors) {
  rlimit limit = {};
  check(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  if (limit.rlim_max < 4096) GTEST_SKIP() << "the holder of this test may not have 1,000 maps open";
  rlimit more = limit;
  more.rlim_cur = 4096;
  check(setrlimit(RLIMIT_NOFILE, &more), "setrlimit");
  for (int i = 0; i < 1000; ++i) pins_.map("/sys/fs/bpf/many/m" + std::to_string(i));
  installation_.write_policy(
      policy_text("select: {}\n"
                  "view: {values: only}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/many/*}\n"));
  installation_.wrapper = {"/usr/bin/prlimit", "--nofile=1024:1024"};
  installation_.hook_into(container_.spec);
  container_.probe({"sleep 60"});
  ASSERT_THAT(container_.create(), Succeeds());
  EXPECT_EQ(take_lease().description.maps.size(), 1000U);
  check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

PINSCOPE_EACH_RUNTIME(ValuesView);

}  // namespace
}  // namespace pinscope::test
