// Everything at once, for as long as wanted: `./dev soak` for an hour, the suite for half a minute.
// While it runs nobody sees more than was granted and the service stays within its bounds; when it
// is left in peace every view is what `pinscope explain` says; and at the end nothing is left.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/engines/soak_machine.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::IsEmpty;

// For what takes its time on a machine that does other work; nothing is measured by it.
constexpr int kTimeout = 60;  // seconds
constexpr size_t kMaxQueues = 64;
constexpr size_t kMiB = size_t{1} << 20;

size_t setting(const char* name, size_t usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoul(text, nullptr, 10);
}

// Of what is sanitized nobody knows how much memory it may take.
constexpr bool is_sanitized() {
#ifdef __SANITIZE_ADDRESS__
  return true;
#else
  return false;
#endif
}

struct Peak {
  size_t memory = 0;
  size_t descriptors = 0;
  size_t queues = 0;
  void take(const FollowingService& service) {
    memory = std::max(memory, service.private_memory());
    descriptors = std::max(descriptors, service.descriptors().size());
    queues = std::max(queues, service.queues());
  }
};

// Somebody who uses the command line meanwhile.
class Others {
 public:
  Others(const SoakMachine& machine, uint32_t seed)
      : thread_([this, &machine, seed] {
          std::mt19937 random(seed);
          while (goes_on_) machine.run_a_command(random);
        }) {}
  ~Others() {
    goes_on_ = false;
    thread_.join();
  }
  Others(const Others&) = delete;
  Others& operator=(const Others&) = delete;

 private:
  std::atomic<bool> goes_on_ = true;
  std::thread thread_;
};

void expect_bounded(const Peak& peak, size_t at_rest, size_t containers) {
  std::printf("service: at most %.1f MiB private, %zu descriptors (%zu at rest), %zu queues\n",
              static_cast<double>(peak.memory) / kMiB, peak.descriptors, at_rest, peak.queues);
  if (!is_sanitized()) {
    EXPECT_LE(peak.memory, 16 * kMiB + containers * 4096);
  }
  EXPECT_LE(peak.queues, kMaxQueues);
  // The process of each container, and of those of whose end it has not heard yet, because it waits
  // for a change of views; a client, a container that is looked at, a child's pipes.
  EXPECT_LE(peak.descriptors, at_rest + 2 * containers + 16);
}

void expect_maps_gone(const std::set<uint32_t>& ids) {
  for (const uint32_t id : ids)
    if (!map_is_gone(id)) ADD_FAILURE() << "map " << id << " is still there";
}

bool is_at_rest(const FollowingService& service) {
  const auto status = service.status();
  return status.find("\"containers\":0,") != std::string::npos &&
         status.find("\"sources\":0,") != std::string::npos &&
         status.find("\"watches\":0,") != std::string::npos &&
         status.find("\"namespaces\":0,") != std::string::npos &&
         status.find("\"waiting\":0,") != std::string::npos;
}

class Soak : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* runtime : {"runc", "crun"})
      if (!has_program(runtime)) GTEST_SKIP() << runtime << " is not installed";
  }

  const uint32_t seed_ =
      static_cast<uint32_t>(setting("PINSCOPE_SOAK_SEED", std::random_device()() % 1'000'000));
};

TEST_F(Soak, LeavesEveryViewRightAndNothingBehind) {
  const auto seconds = setting("PINSCOPE_SOAK_SECONDS", 20);
  const size_t containers = setting("PINSCOPE_SOAK_CONTAINERS", 6);
  std::printf("PINSCOPE_SOAK_SEED=%u\n", seed_);
  std::fflush(stdout);
  SoakMachine machine(seed_, containers);
  ASSERT_TRUE(wait_until([&] { return is_at_rest(machine.service()); }, kTimeout));
  const size_t at_rest = machine.service().descriptors().size();

  Peak peak;
  {
    const Others others(machine, seed_ + 1);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < end) {
      machine.step();
      peak.take(machine.service());
    }
  }

  machine.calm_down();
  EXPECT_TRUE(wait_until([&] { return machine.is_settled(); }, kTimeout))
      << machine.drift() << machine.service().status();
  EXPECT_THAT(machine.differences(), IsEmpty());
  EXPECT_GT(machine.containers(), 0U);
  machine.lend_to_each();
  EXPECT_TRUE(wait_until([&] { return machine.is_settled(); }, kTimeout)) << machine.drift();
  EXPECT_THAT(machine.differences(), IsEmpty());
  peak.take(machine.service());

  machine.end_containers();
  std::printf("%s", machine.counts().c_str());
  EXPECT_THAT(machine.wrong(), IsEmpty());
  const auto swept = machine.sweep();
  EXPECT_EQ(swept.status, 0) << swept;
  EXPECT_THAT(machine.installation().records(), IsEmpty());
  EXPECT_TRUE(wait_until([&] { return is_at_rest(machine.service()); }, kTimeout))
      << machine.service().status();
  EXPECT_TRUE(
      wait_until([&] { return machine.service().descriptors().size() == at_rest; }, kTimeout))
      << testing::PrintToString(machine.service().descriptors()) << ", not " << at_rest;
  expect_bounded(peak, at_rest, containers);
  const auto log = machine.service().end(SIGTERM);
  EXPECT_EQ(log.status, 0) << log;
  machine.remove_sources();
  expect_maps_gone(machine.all_ids());
  if (HasFailure()) std::printf("%s\n", log.err.c_str());
}

// A source is replaced over and over while everybody reads it.
TEST_F(Soak, ShowsReadersTheOldMapOrTheNewOne) {
  const size_t replacements = setting("PINSCOPE_SOAK_REPLACEMENTS", 100);
  const size_t count = setting("PINSCOPE_SOAK_READERS", 5);
  constexpr size_t kTogether = 10;  // replacements, before every view is waited for
  constexpr const char* kFlows = "/sys/fs/bpf/flows";
  constexpr const char* kCounters = "/sys/fs/bpf/counters";
  HostPins pins;
  pins.map(kFlows);
  pins.map(kCounters);
  std::set<uint32_t> ids = {map_id(kFlows)};
  const std::set<uint32_t> kept = {map_id(kCounters)};
  Installation installation;
  // A source that is not there for a moment leaves what was given.
  installation.write_policy(
      policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows, follow: true}\n"
                  "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
  FollowingService service(installation);
  service.start();
  std::vector<std::unique_ptr<RuntimeContainer>> containers;
  std::vector<std::unique_ptr<Reader>> readers;
  std::vector<pid_t> pids;
  for (size_t i = 0; i < count; ++i) {
    auto& container =
        *containers.emplace_back(std::make_unique<RuntimeContainer>(i % 2 == 0 ? "runc" : "crun"));
    installation.hook_into(container.spec);
    container.probe({"sleep 100000"});
    const auto created = container.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container.start(), Succeeds());
    pids.push_back(container.pid());
    readers.push_back(std::make_unique<Reader>(pids.back(), kFlows, kCounters,
                                               std::chrono::microseconds(100 * count)));
  }
  Peak peak;
  for (size_t done = 1; done <= replacements; ++done) {
    pins.remove(kFlows);
    const Fd map = make_map({});
    pins.object(map, kFlows);
    ids.insert(map_id(kFlows));
    if (done % kTogether != 0 && done != replacements) continue;
    const std::string view = "counters:" + std::to_string(*kept.begin()) +
                             ":rw flows:" + std::to_string(map_id(kFlows)) + ":ro";
    for (const pid_t pid : pids)
      ASSERT_TRUE(wait_until([&] { return view_of(pid) == view; }, kTimeout))
          << view_of(pid) << ", not " << view << " after " << done << "\n"
          << service.status();
    peak.take(service);
  }
  uint64_t opened = 0;
  std::set<uint32_t> met;
  for (const auto& reader : readers) {
    reader->end();
    EXPECT_EQ(reader->written(), 0U);
    EXPECT_EQ(reader->errors(), "");
    opened += reader->opened();
    const auto ids_met = reader->ids();
    met.insert(ids_met.begin(), ids_met.end());
  }
  for (const uint32_t id : met) EXPECT_TRUE(ids.contains(id) || kept.contains(id)) << id;
  std::printf("%zu replacements, %zu readers: opened %llu times, %zu maps met\n", replacements,
              count, static_cast<unsigned long long>(opened), met.size() - 1);
  EXPECT_GT(met.size(), 2U);  // the kept one, and more than the first of the others
  readers.clear();
  for (auto& container : containers) {
    (void)container->kill();
    container->wait_stopped();
    (void)container->remove();
  }
  EXPECT_THAT(installation.records(), IsEmpty());
  EXPECT_TRUE(wait_until([&] { return is_at_rest(service); }, kTimeout)) << service.status();
  expect_bounded(peak, service.descriptors().size(), count);
  const auto log = service.end(SIGTERM);
  EXPECT_EQ(log.status, 0) << log;
  pins.remove(kFlows);
  expect_maps_gone(ids);
}

}  // namespace
}  // namespace pinscope::test
