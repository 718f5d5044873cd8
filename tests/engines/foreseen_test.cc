// What `pinscope explain` foresees and what the hook then does are the same, over generated lists
// of mounts: one start of a real container for each list. PINSCOPE_FORESEEN=N asks for N lists with
// each runtime, PINSCOPE_FORESEEN_SEED=S for others.
#include <sys/mount.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/mounts.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr unsigned kUsualLists = 60;

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

// Chooses by itself, because the distributions of the library differ between its releases.
class Chooser {
 public:
  explicit Chooser(unsigned seed) : engine_(seed) {}
  bool one_in(unsigned count) { return engine_() % count == 0; }
  template <typename T>
  const T& of(const std::vector<T>& list) {
    return list[engine_() % list.size()];
  }

 private:
  std::mt19937 engine_;
};

// What there is on the host: a bpffs in a tree, a tree that is shared, and links to both.
class HostTree {
 public:
  HostTree()
      : tree_(Mounted::tmpfs(directory_.make_directory("tree"))),
        bpf_(Mounted::bpf(directory_.make_directory("tree/bpf"))),
        plain_(Mounted::tmpfs(directory_.make_directory("tree/plain"))) {
    fs::create_directories(directory_.path("tree/plain/a/b"));
    fs::create_directory_symlink("tree", directory_.path("link"));
    fs::create_directory_symlink("/sys/fs/bpf", directory_.path("to-bpf"));
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_.path(name); }

 private:
  TempDirectory directory_;
  Mounted tree_;
  Mounted bpf_;
  Mounted plain_;
};

class Foreseen : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
  }

  static void furnish(const std::string& image) {
    fs::create_directories(image + "/mnt/x");
    fs::create_directory_symlink("/mnt", image + "/link");
    fs::create_directory_symlink("../sys/fs", image + "/mnt/around");
    fs::create_directory_symlink("/host/sys", image + "/far");
  }

  std::string policy(Chooser& choose) {
    static const std::vector<std::string> kAt = {"/sys/fs/bpf", "/sys/fs/bpf", "/run/bpf",
                                                 "/mnt/x/view", "/link/y",     "/mnt/around/bpf"};
    static const std::vector<std::string> kHow = {"mask", "mask", "mask", "reject", "allow"};
    static const std::vector<std::string> kLayouts = {"shared", "shared", "per-map"};
    std::string text = "select: {}\nview: {at: " + choose.of(kAt) +
                       ", hostBpffs: " + choose.of(kHow) + ", layout: " + choose.of(kLayouts) +
                       "}\n";
    if (choose.one_in(6)) return text;
    text += "grants:\n  - {pin: /sys/fs/bpf/flows}\n";
    if (choose.one_in(2)) text += "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";
    return text;
  }

  static std::vector<BundleMount> mounts(Chooser& choose, const HostTree& host) {
    const std::vector<std::string> sources = {"/",
                                              "/sys",
                                              "/sys/fs",
                                              "/sys/fs/bpf",
                                              "/sys/fs/bpf/flows",
                                              "/sys/../sys",
                                              "//sys///fs/bpf",
                                              host.path("tree"),
                                              host.path("tree/bpf"),
                                              host.path("link"),
                                              host.path("link/bpf"),
                                              host.path("to-bpf"),
                                              host.path("tree/plain/a")};
    static const std::vector<std::string> kPlaces = {
        "/host", "/host/sys",   "/host/sys/fs", "/host/sys/fs/bpf", "/mnt",    "/mnt/x",
        "/sys",  "/sys/fs/bpf", "/sys/fs",      "/mnt//x/../y",     "/link/x", "/link/around/bpf",
        "/run",  "/far",        "/mnt/x/view",  "/run/bpf"};
    // With an "r" for one that is bound without what is on it, runc and crun differ.
    static const std::vector<std::string> kPropagation = {"", "", "", "private", "slave", "shared"};
    std::vector<BundleMount> list;
    do {
      const std::string& place = choose.of(kPlaces);
      if (choose.one_in(5)) {
        list.push_back({place, "tmpfs", "tmpfs", {"mode=755"}});
      } else if (choose.one_in(8)) {
        list.push_back({place, "bpf", "bpf", {}});
      } else {
        BundleMount mount{place, "bind", choose.of(sources), {choose.one_in(3) ? "bind" : "rbind"}};
        const std::string& propagation = choose.of(kPropagation);
        const char* how = mount.options.front() == "rbind" ? "r" : "";
        if (!propagation.empty()) mount.options.push_back(how + propagation);
        list.push_back(std::move(mount));
      }
    } while (list.size() < 4 && !choose.one_in(3));
    return list;
  }

  static std::vector<std::string> masks(Chooser& choose) {
    static const std::vector<std::string> kPaths = {"/proc/kcore",
                                                    "/sys/firmware",
                                                    "/sys/fs/bpf",
                                                    "/sys",
                                                    "/sys/fs/bpf/flows",
                                                    "/mnt",
                                                    "/mnt/around/bpf",
                                                    "/link//x/.",
                                                    "/host/../sys/fs",
                                                    "/far/fs/bpf",
                                                    "/run",
                                                    "/mnt/x/view/flows",
                                                    "/nowhere"};
    std::vector<std::string> list;
    while (choose.one_in(3)) list.push_back(choose.of(kPaths));
    return list;
  }

  // The code of the first refusal; "" if it would start.
  std::string foreseen(const RuntimeContainer& container) {
    const auto explained =
        pinscope::test::run({kPinscope, "explain", "--bundle", container.bundle(), "--id",
                             container.id(), "--policy", installation_.policy_directory(),
                             "--cache-dir", installation_.cache_directory(), "--output", "json"});
    const auto document = JsonDocument::parse(explained.out, "explain", ErrorCode::kUsage);
    if (!document) return "no answer: " + explained.err + explained.out;
    explained_ = explained.out;
    const auto errors = document->root().find("errors");
    if (!errors || !*errors) return "no errors: " + explained.out;
    const auto elements = (*errors)->elements();
    if (elements->empty()) return explained.status == 0 ? "" : "another reason: " + explained.out;
    return std::string(*elements->front().string_or("code", "?"));
  }

  // Runtimes make mount points in what they have mounted before, the host's bpffs as well.
  static void remove_mount_points() {
    for (const auto& entry : fs::directory_iterator("/sys/fs/bpf"))
      if (entry.is_directory()) fs::remove_all(entry.path());
  }

  std::string explained_;
};

TEST_P(Foreseen, IsWhatTheHookDoes) {
  const unsigned lists = number_from("PINSCOPE_FORESEEN", kUsualLists);
  const unsigned first = number_from("PINSCOPE_FORESEEN_SEED", 1);
  unsigned compared = 0;
  unsigned refused = 0;
  for (unsigned seed = first; seed < first + lists; ++seed) {
    Chooser choose(seed);
    const HostTree host;
    RuntimeContainer container(GetParam());
    furnish(container.image());
    installation_.write_policy(policy_text(policy(choose)));
    for (auto& mount : mounts(choose, host)) container.spec.mounts.push_back(std::move(mount));
    container.spec.masked_paths = masks(choose);
    if (choose.one_in(6)) container.spec.with_user_namespace();
    if (choose.one_in(6))
      container.spec.rootfs_propagation = choose.one_in(2) ? "rshared" : "rprivate";
    container.spec.readonly_rootfs = choose.one_in(6);
    container.spec.overlay_rootfs = choose.one_in(6);
    installation_.hook_into(container.spec);
    container.probe({"id"});
    container.write_bundle();
    const std::string code = foreseen(container);
    const auto result = container.run();
    remove_mount_points();
    std::string met;
    bool has_met = false;
    std::string sentence;
    for (const auto& line : installation_.audit()) {
      if (line.container != container.id()) continue;
      if (line.outcome == "granted") has_met = true;
      if (line.outcome != "refused") continue;
      has_met = true;
      met = line.code;
      sentence = line.error;
    }
    // What the runtime itself refuses never comes to the hook.
    if (!has_met && result.status != 0) continue;
    // crun opens what it binds before it enters the user namespace, which so locks nothing.
    if (is_crun() && !container.spec.uid_map.empty() && code == "host-bpffs" && met.empty())
      continue;
    ++compared;
    if (!met.empty()) ++refused;
    EXPECT_EQ(code, met) << "PINSCOPE_FORESEEN_SEED=" << seed << "\n"
                         << sentence << "\n"
                         << result.err << to_config_json(container.spec) << "\n"
                         << explained_;
  }
  EXPECT_GE(compared, lists / 2) << "most lists must come to the hook";
  EXPECT_GE(refused, compared / 10) << "and some be refused";
  RecordProperty("compared", static_cast<int>(compared));
}

// What a link, dots and doubled slashes lead to is what counts, for mounts and for namespaces.
TEST_P(Foreseen, FollowsTheSourcesOfMountsAndThePathsOfNamespaces) {
  const TempDirectory host;
  fs::create_directory_symlink("/proc", host.path("processes"));
  fs::create_directory_symlink("/sys/fs", host.path("kernel"));
  fs::create_symlink("/proc/1/ns/pid", host.path("namespace"));
  installation_.write_policy(policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  container_.probe({"id"});
  const auto remarks = [&](const std::string& source) {
    container_.spec.mounts = BundleSpec::default_mounts();
    if (!source.empty()) container_.spec.mounts.push_back({"/mnt//./x", "bind", source, {"rbind"}});
    container_.write_bundle();
    EXPECT_EQ(foreseen(container_), "");
    return explained_;
  };
  EXPECT_THAT(remarks(""), Not(HasSubstr("host-pid-namespace")));
  EXPECT_THAT(remarks(host.path("processes")), HasSubstr("\"host-proc\""));
  EXPECT_THAT(remarks("//proc/../proc"), HasSubstr("\"host-proc\""));
  EXPECT_THAT(remarks(host.path("kernel/./bpf")), HasSubstr("\"host-bpffs\""));
  for (const auto& path : {host.path("namespace"), std::string("/proc//1/ns/../ns/pid")}) {
    container_.spec.namespaces["pid"] = path;
    EXPECT_THAT(remarks(""), HasSubstr("\"host-pid-namespace\"")) << path;
  }
}

TEST_P(Foreseen, RejectsABpffsOfTheContainersOwn) {
  installation_.write_policy(policy_text("select: {}\nview: {hostBpffs: reject}\n"));
  container_.spec.mounts.push_back({"/mnt/fresh", "bpf", "bpf", {}});
  container_.probe({"id"});
  installation_.hook_into(container_.spec);
  container_.write_bundle();
  EXPECT_EQ(foreseen(container_), "host-bpffs");
  EXPECT_NE(container_.run().status, 0);
  EXPECT_EQ(installation_.last_audit().code, "host-bpffs");
}

// Whichever of the two is looked at first.
TEST_P(Foreseen, TakesAwayABpffsThatCoversAnother) {
  installation_.write_policy(policy_text("select: {}\n"));
  for (const auto& [first, second] :
       {std::pair{"/mnt/a/b", "/mnt/a"}, {"/mnt/a", "/mnt/a/b"}, {"/mnt/a", "/mnt/a"}}) {
    RuntimeContainer container(GetParam());
    installation_.hook_into(container.spec);
    container.spec.mounts.push_back({first, "bind", "/sys/fs/bpf", {"rbind"}});
    container.spec.mounts.push_back({second, "bpf", "bpf", {}});
    container.probe({"get-ro /mnt/a/flows", "get-ro /mnt/a/b/flows"}).write_bundle();
    EXPECT_EQ(foreseen(container), "");
    const auto result = container.run();
    remove_mount_points();
    EXPECT_EQ(answer(result, "get-ro /mnt/a/flows"), "ENOENT")
        << first << second << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "get-ro /mnt/a/b/flows"), "ENOENT");
  }
}

PINSCOPE_EACH_RUNTIME(Foreseen);

}  // namespace
}  // namespace pinscope::test
