// `pinscope apply` and the values of real containers: their file system stays where nothing of them
// is different, and another one is in its place where something is. Nobody serves them here.
#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "plugin/model/values_lease.h"
#include "tests/support/bpf/type_table.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/machine/held.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kValuesOfFlows = "{pin: /sys/fs/bpf/flows, values: only}";
constexpr const char* kPinOfCounters = "{pin: /sys/fs/bpf/counters, values: none}";

// Of what drift prints: nobody serves values here.
testing::Matcher<const std::string&> IsOnlyUnserved() {
  return HasSubstr("drifted: 1 values-unserved\n");
}

class ApplyValues : public SwapTest {
 protected:
  void SetUp() override {
    SwapTest::SetUp();
    if (IsSkipped()) return;
    if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
    holder_ = std::make_unique<HolderThread>(installation_.state_directory());
  }

  void order(const std::vector<std::string>& grants) { policy("shared, values: also", grants); }

  // "ID … /run/bpf …" of each file system of values in it.
  [[nodiscard]] std::vector<std::string> values() {
    std::ifstream file("/proc/" + std::to_string(container_.pid()) + "/mountinfo");
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);)
      if (line.find(" - fuse pinscope ") != std::string::npos) found.push_back(line);
    return found;
  }
  // Of how many file systems the holder has the device. It is a thread of this process.
  static size_t held() {
    size_t count = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      if (std::filesystem::read_symlink(entry.path(), gone) == "/dev/fuse") ++count;
    return count;
  }
  // The names and ids of the maps that the newest of `count` leases shows.
  [[nodiscard]] std::string shown(size_t count) const { return maps_of(newest_of(count)); }
  // How many of the maps that it shows have types.
  [[nodiscard]] size_t typed(size_t count) const {
    const auto maps = lease_of(newest_of(count)).maps;
    return static_cast<size_t>(std::ranges::count_if(
        maps, [](const model::LeasedMap& map) { return map.btf.has_value(); }));
  }
  static std::string expected_values(const char* source) {
    const std::string path = source;
    return path.substr(path.rfind('/') + 1) + ":" + std::to_string(map_id(path));
  }
  [[nodiscard]] std::string drift(const std::vector<std::string>& arguments = {}) const {
    const auto result = pinscope::test::run(argv("drift", arguments));
    return result.out + result.err;
  }

  std::unique_ptr<HolderThread> holder_;

 private:
  [[nodiscard]] Given newest_of(size_t count) const {
    const Fd service = holder_->connect();
    say(service, {.kind = hold::Kind::kServe});
    (void)receive(service);  // the answer, with the memory of the request
    Given given;
    for (size_t i = 0; i < count; ++i) given = receive_lease(service);
    return given;
  }
  static model::ValuesLease lease_of(const Given& given) {
    std::string json(size_t{1} << 20, '\0');
    const Fd& description = given.descriptors.at(1);
    json.resize(static_cast<size_t>(
        check(::pread(description.get(), json.data(), json.size(), 0), "read")));
    return model::values_lease_from_json(json, given.descriptors.size() - 2).value();
  }
  static std::string maps_of(const Given& given) {
    std::string text;
    for (const auto& map : lease_of(given).maps) {
      bpf_map_info info = {};
      uint32_t size = sizeof info;
      check(bpf_obj_get_info_by_fd(given.descriptors.at(2 + map.map).get(), &info, &size), "ask");
      text += (text.empty() ? "" : " ") + map.name + ":" + std::to_string(info.id);
    }
    return text;
  }
};

TEST_P(ApplyValues, KeepsThemWhereNothingOfThemIsDifferent) {
  order({kValuesOfFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto before = values();
  ASSERT_THAT(before, SizeIs(1));
  holder_.reset();  // nobody is needed who would keep others
  order({kValuesOfFlows, kPinOfCounters});
  expect_applied();
  EXPECT_EQ(values(), before);
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  EXPECT_THAT(drift(), IsOnlyUnserved());
  order({kValuesOfFlows});
  expect_applied();
  EXPECT_EQ(values(), before);
  EXPECT_EQ(seen(), "");
}

// As a security module may keep them: a start or a change does not fail for it.
TEST_P(ApplyValues, AreShownWithoutTypesThatTheKernelKeepsBack) {
  if (leaves_old_view()) GTEST_SKIP() << "a program has one supervisor, which plays the kernel";
  const auto pin_typed = [this] {
    TypeTable types;
    const uint32_t number = types.u32();
    const int table = types.load();
    DECLARE_LIBBPF_OPTS(bpf_map_create_opts, options, .btf_fd = static_cast<uint32_t>(table),
                        .btf_key_type_id = number, .btf_value_type_id = number);
    const Fd map(check(bpf_map_create(BPF_MAP_TYPE_ARRAY, "typed", 4, 4, 1, &options), "make"));
    pins_.object(map, kFlows);
  };
  pins_.remove(kFlows);
  pin_typed();
  order({kValuesOfFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(typed(1), 1U);

  const auto apply_without_types = [&](int errnum) {
    pins_.remove(kFlows);
    pin_typed();
    return run_supervised(argv("apply", {"--all"}), "", [&](const SystemCall& call) {
      const bool asks = call.number == SYS_bpf && call.arguments[0] == BPF_BTF_GET_FD_BY_ID;
      return asks ? Verdict::fail(errnum) : Verdict::run();
    });
  };
  const auto refused = apply_without_types(EPERM);
  EXPECT_EQ(refused.status, 0) << refused;
  EXPECT_TRUE(wait_until([] { return held() == 1; })) << "the holder keeps the old ones";
  EXPECT_EQ(shown(1), expected_values(kFlows));
  EXPECT_EQ(typed(1), 0U);
  // What may be better the next time is an error.
  const auto failed = apply_without_types(ENOMEM);
  EXPECT_EQ(failed.status, 1) << failed;
}

TEST_P(ApplyValues, ReplacesThoseOfAMapThatWasReplaced) {
  order({"{pin: /sys/fs/bpf/flows, values: also}", kPinOfCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto before = values();
  replace(kFlows);
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("replaced the values of \"flows\": map "));
  EXPECT_NE(values(), before);
  EXPECT_THAT(values(), SizeIs(leaves_old_view() ? 2 : 1));
  if (!leaves_old_view()) {
    EXPECT_TRUE(wait_until([] { return held() == 1; })) << "the holder keeps the old ones";
    EXPECT_EQ(shown(1), expected_values(kFlows));
  } else {
    EXPECT_EQ(shown(2), expected_values(kFlows));
  }
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  EXPECT_THAT(drift(), IsOnlyUnserved());
}

TEST_P(ApplyValues, AreGivenToOneThatHadNoneAndTakenAwayAgain) {
  policy("shared", {"{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_THAT(values(), IsEmpty());
  for (int i = 0; i < 2; ++i) {
    order({kValuesOfFlows});
    expect_applied();
    ASSERT_THAT(values(), SizeIs(1));
    EXPECT_THAT(values().front(), HasSubstr(" /run/bpf "));
    EXPECT_EQ(seen(), "");
    EXPECT_EQ(shown(1), expected_values(kFlows));
    EXPECT_THAT(installation_.record(container_.id()), HasSubstr("\"values_at\":\"/run/bpf\""));
    EXPECT_THAT(drift(), IsOnlyUnserved());
    // Others, twice: on old kernels each stays below the next one.
    order({"{pin: /sys/fs/bpf/other, values: only}"});
    expect_applied();
    policy("shared", {"{pin: /sys/fs/bpf/counters}"});
    expect_applied();
    EXPECT_THAT(values(), IsEmpty());
    EXPECT_EQ(seen(), expected(kCounters, "ro"));
    EXPECT_TRUE(wait_until([] { return held() == 0; })) << "the holder keeps what nobody sees";
    EXPECT_THAT(installation_.record(container_.id()), Not(HasSubstr("values_at")));
    EXPECT_THAT(drift(), HasSubstr("no drift"));
  }
}

TEST_P(ApplyValues, AreNotReplacedWithoutAHolderAndNothingElseIs) {
  order({kValuesOfFlows, kPinOfCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto before = values();
  holder_.reset();
  order({"{pin: /sys/fs/bpf/other, values: only}"});
  const auto result = apply();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("pinscoped --hold"));
  EXPECT_EQ(installation_.last_audit().code, "values-holder");
  EXPECT_EQ(values(), before);
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(ApplyValues, ThatWereUnmountedAreMadeAgain) {
  order({kValuesOfFlows, kPinOfCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  in_container([] {
    check(umount2("/run/bpf", MNT_DETACH), "unmount the values");
    check(umount2("/sys/fs/bpf", MNT_DETACH), "unmount the view");
  });
  EXPECT_THAT(values(), IsEmpty());
  EXPECT_THAT(drift({"--repair"}), IsOnlyUnserved());
  EXPECT_THAT(values(), SizeIs(1));
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(ApplyValues, ThatAreMountedElsewhereAsWellAreReplacedThere) {
  if (leaves_old_view()) GTEST_SKIP() << "the old view stays below the new one";
  order({kValuesOfFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  in_container([] {
    mkdir("/tmp", 0755);
    check(mkdir("/tmp/copy", 0755), "mkdir");
    check(mount("/run/bpf", "/tmp/copy", nullptr, MS_BIND, nullptr), "bind");
  });
  replace(kFlows);
  expect_applied();
  EXPECT_THAT(values(), SizeIs(2));
  EXPECT_TRUE(wait_until([] { return held() == 1; })) << "the holder keeps the old ones";
}

TEST_P(ApplyValues, TellsWhoHasOldOnesOpen) {
  order({kValuesOfFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  int ready[2];
  check(pipe(ready), "pipe");
  const pid_t reader = fork();
  if (reader == 0) {
    const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
    if (setns(open(path.c_str(), O_RDONLY), CLONE_NEWNS) != 0) _exit(1);
    // Nobody serves it: only its name can be opened.
    if (open("/run/bpf", O_PATH | O_DIRECTORY) < 0) _exit(2);
    if (write(ready[1], "x", 1) != 1) _exit(3);
    pause();
    _exit(0);
  }
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  order({"{pin: /sys/fs/bpf/other, values: only}"});
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("not taken back: process " + std::to_string(reader)),
                                HasSubstr("has files of the old values open")));
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

PINSCOPE_EACH_RUNTIME(ApplyValues);

}  // namespace
}  // namespace pinscope::test
