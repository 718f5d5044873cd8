#include "tests/bench/values.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/base/fd.h"
#include "plugin/values/fuse/server.h"
#include "plugin/values/read/walk.h"
#include "plugin/values/types/shape.h"
#include "tests/bench/floor/values.h"

namespace pinscope::bench {
namespace {

struct Sizes {
  uint32_t listed;
  uint32_t streamed;
  int opened;  // times a value is opened in one run
};
constexpr Sizes kFull = {100'000, 1'000'000, 5000};
constexpr Sizes kQuick = {100, 1000, 10};
constexpr double kGoalOfAFile = 1.5;
constexpr double kGoalOfAStream = 1.25;  // 80 % of the speed

long call_bpf(int command, union bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

// A hash of numbers, each with itself as its value; invalid if the kernel refuses.
Fd make_filled_map(uint32_t count) {
  union bpf_attr attributes {};
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(uint64_t);
  attributes.max_entries = count;
  Fd map(static_cast<int>(call_bpf(BPF_MAP_CREATE, attributes)));
  std::vector<uint32_t> keys(count);
  std::vector<uint64_t> elements(count);
  for (uint32_t i = 0; i < count; ++i) elements[i] = keys[i] = i;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.batch.keys = reinterpret_cast<uint64_t>(keys.data());
  attributes.batch.values = reinterpret_cast<uint64_t>(elements.data());
  attributes.batch.count = count;
  attributes.batch.map_fd = static_cast<uint32_t>(map.get());
  if (!map.valid() || call_bpf(BPF_MAP_UPDATE_BATCH, attributes) != 0) return Fd();
  return map;
}

// A mounted file system with a process that serves it, for the life of this object.
class Served {
 public:
  using Serve = std::function<void(int device)>;
  Served(std::string directory, const Serve& serve) : directory_(std::move(directory)) {
    ::mkdir(directory_.c_str(), 0755);
    const Fd device(::open("/dev/fuse", O_RDWR));
    const std::string options = "fd=" + std::to_string(device.get()) +
                                ",rootmode=40555,user_id=0,group_id=0,allow_other,"
                                "default_permissions";
    mounted_ = ::mount("bench", directory_.c_str(), "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV,
                       options.c_str()) == 0;
    server_ = ::fork();
    if (server_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(device.get());
    ::_exit(1);
  }
  ~Served() {
    ::umount2(directory_.c_str(), MNT_DETACH);
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    ::rmdir(directory_.c_str());
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  [[nodiscard]] bool works(const std::string& name) const {
    struct stat status {};
    return mounted_ && ::stat(path(name).c_str(), &status) == 0;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

 private:
  std::string directory_;
  bool mounted_ = false;
  pid_t server_ = -1;
};

void serve_map(int device, int map) {
  void* buffer = ::mmap(nullptr, values::kRequestBufferBytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto server =
      values::Server::open({static_cast<std::byte*>(buffer), values::kRequestBufferBytes}, {});
  values::Lease lease;
  lease.tag = 1;
  lease.shown.container = "bench";
  lease.shown.secret = std::string(64, 'a');
  lease.shown.maps.push_back(
      {.name = "map", .mode = 0444, .values = {.list = 10'000'000}, .map = 0, .btf = std::nullopt});
  lease.device = Fd(::dup(device));
  lease.descriptors.emplace_back(::dup(map));
  if (server && server->add(std::move(lease))) (void)server->run();
}

void open_read_and_close(const std::string& file, int times) {
  char text[4096];
  for (int i = 0; i < times; ++i) {
    const Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (::read(opened.get(), text, sizeof text) <= 0) return;
  }
}

// ls(1), which sorts.
void list(const std::string& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::execlp("ls", "ls", directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::waitpid(child, nullptr, 0);
}

void read_to_the_end(const std::string& file) {
  static char text[1 << 17];
  const Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  while (::read(opened.get(), text, sizeof text) > 0) continue;
}

// What `entries` has in it, written to nowhere.
void write_lines(int map) {
  const auto facts = values::map_facts(map);
  const auto shape = values::Shape::hexadecimal(*facts);
  const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  values::Walk walk(map, *facts);
  values::EntryBlock block;
  std::string lines;
  for (auto count = walk.next(block); count && *count > 0; count = walk.next(block)) {
    lines.clear();
    for (size_t i = 0; i < *count; ++i)
      shape.append_entry(lines, model::ValueForm::kJson, block.key(i), block.value(i));
    if (::write(nowhere.get(), lines.data(), lines.size()) < 0) return;
  }
}

struct Measured {
  std::string program;
  std::function<void()> run;
};

// Each in turn, so that what else the machine does meets all of them.
Scenario in_turns(std::string name, const std::vector<Measured>& programs, int times,
                  double limit) {
  Scenario scenario{.name = std::move(name)};
  for (const Measured& program : programs) scenario.series.push_back({.program = program.program});
  for (int i = 0; i < times; ++i) {
    for (size_t at = 0; at < programs.size(); ++at) {
      const uint64_t start = monotonic_ns();
      programs[at].run();
      scenario.series[at].wall_ns.push_back(monotonic_ns() - start);
    }
  }
  for (Series& series : scenario.series) series.cpu_ns = series.wall_ns;
  scenario.goals.push_back({programs[1].program, programs[0].program, limit});
  return scenario;
}

Error refused(const char* what) {
  return Error::system(std::string("prepare ") + what, errno);
}

}  // namespace

Result<std::vector<Scenario>> measure_values(const Options& options) {
  const Sizes& sizes = options.quick ? kQuick : kFull;
  const int times = options.quick ? 1 : options.inventory_iterations;
  // Nobody else sees this one.
  if (::mount("bench", "/mnt", "tmpfs", 0, "mode=0755") != 0)
    return std::unexpected(refused("a directory"));
  const Fd small = make_filled_map(sizes.listed), large = make_filled_map(sizes.streamed);
  if (!small.valid() || !large.valid()) return std::unexpected(refused("maps"));
  const Served floor("/mnt/floor",
                     [&](int device) { serve_floor_of_values(device, sizes.listed); });
  const Served listed("/mnt/listed", [&](int device) { serve_map(device, small.get()); });
  const Served streamed("/mnt/streamed", [&](int device) { serve_map(device, large.get()); });
  if (!floor.works("value") || !listed.works("map/keys") || !streamed.works("map/entries"))
    return std::unexpected(refused("file systems"));
  std::vector<Scenario> all;
  const std::string value = listed.path("map/keys/%%%07%00%00%00");
  all.push_back(
      in_turns("value-opened-read-closed",
               {{"floor", [&] { open_read_and_close(floor.path("value"), sizes.opened); }},
                {"values", [&] { open_read_and_close(value, sizes.opened); }}},
               times, kGoalOfAFile));
  all.push_back(in_turns("keys-listed",
                         {{"floor", [&] { list(floor.path("keys")); }},
                          {"values", [&] { list(listed.path("map/keys")); }}},
                         times, kGoalOfAFile));
  all.push_back(in_turns("entries-streamed",
                         {{"lines", [&] { write_lines(large.get()); }},
                          {"values", [&] { read_to_the_end(streamed.path("map/entries")); }}},
                         times, kGoalOfAStream));
  return all;
}

}  // namespace pinscope::bench
