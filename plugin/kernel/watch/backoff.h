// When somebody who makes events without end has their turn: at once while they are few, then after
// waits that double, and unheard in between if they are too many. Others are not made to wait for
// them. Pure: the time is an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pinscope::kernel {

class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  struct Limits {
    Milliseconds first{10};      // between two turns, for the first of them
    unsigned short_waits = 16;   // turns after which the wait doubles with each
    Milliseconds longest{2000};  // between two turns
    Milliseconds calm{1000};     // without events for so long, and two waits: all is forgotten
    Milliseconds window{100};    // in which events are counted
    unsigned burst = 512;        // events of a window that are listened to
  };

  explicit Backoff(const Limits& limits) : limits_(limits) {}

  // Counts an event of `key`, one that matters or not. False if there were too many in this window:
  // then its events should not be listened to any more, see pause().
  bool count(uint64_t key, Time now);
  // Something of `key` has to be done. True: now. False: when due() gives the key, once for all
  // that it was asked for until then.
  bool may_act(uint64_t key, Time now);
  // The key gets its next turn after a wait that is longer than the one before, and than a window.
  void pause(uint64_t key, Time now);
  // The keys that may act now, the one that has waited for longest first; at most `most`.
  std::vector<uint64_t> due(Time now, size_t most);
  // When the next key may act.
  [[nodiscard]] std::optional<Time> next() const;
  void forget(uint64_t key);

  [[nodiscard]] size_t waiting() const { return turns_.size(); }
  [[nodiscard]] bool waits(uint64_t key) const;
  // How many keys have waits that are longer than the first.
  [[nodiscard]] size_t slowed(Time now) const;

 private:
  struct State {
    Milliseconds wait{0};
    unsigned acts = 0;
    Time next_turn;  // not before
    Time last;       // event or turn
    bool is_waiting = false;
    Time window;  // its start
    unsigned events = 0;
  };
  State& state_of(uint64_t key, Time now);
  [[nodiscard]] bool is_calm(const State& state, Time now) const;
  void lengthen(State& state) const;
  void act(State& state, Time now) const;
  void wait(uint64_t key, State& state);

  Limits limits_;
  std::unordered_map<uint64_t, State> states_;
  std::set<std::pair<Time, uint64_t>> turns_;  // of those that wait
};

}  // namespace pinscope::kernel
