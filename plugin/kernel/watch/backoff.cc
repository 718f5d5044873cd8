#include "plugin/kernel/watch/backoff.h"

#include <algorithm>

namespace pinscope::kernel {

bool Backoff::is_calm(const State& state, Time now) const {
  return !state.is_waiting && now - state.last >= std::max(limits_.calm, 2 * state.wait);
}

Backoff::State& Backoff::state_of(uint64_t key, Time now) {
  const auto [entry, is_new] = states_.try_emplace(key);
  State& state = entry->second;
  if (is_new || is_calm(state, now)) {
    state = {};
    state.wait = limits_.first;
    state.next_turn = state.window = now;
  }
  state.last = now;
  return state;
}

void Backoff::lengthen(State& state) const {
  state.wait = std::min(2 * state.wait, limits_.longest);
}

void Backoff::act(State& state, Time now) const {
  if (++state.acts > limits_.short_waits) lengthen(state);
  state.next_turn = now + state.wait;
}

void Backoff::wait(uint64_t key, State& state) {
  state.is_waiting = true;
  turns_.emplace(state.next_turn, key);
}

bool Backoff::count(uint64_t key, Time now) {
  State& state = state_of(key, now);
  if (now - state.window >= limits_.window) {
    state.window = now;
    state.events = 0;
  }
  return ++state.events <= limits_.burst;
}

bool Backoff::may_act(uint64_t key, Time now) {
  State& state = state_of(key, now);
  if (state.is_waiting) return false;
  if (now >= state.next_turn) {
    act(state, now);
    return true;
  }
  wait(key, state);
  return false;
}

void Backoff::pause(uint64_t key, Time now) {
  State& state = state_of(key, now);
  if (state.is_waiting) turns_.erase({state.next_turn, key});
  state.wait = std::max(state.wait, limits_.window);
  lengthen(state);
  state.acts = limits_.short_waits;
  state.next_turn = now + state.wait;
  wait(key, state);
}

std::vector<uint64_t> Backoff::due(Time now, size_t most) {
  std::vector<uint64_t> keys;
  while (!turns_.empty() && turns_.begin()->first <= now && keys.size() < most) {
    const uint64_t key = turns_.begin()->second;
    turns_.erase(turns_.begin());
    State& state = states_[key];
    state.is_waiting = false;
    state.last = state.window = now;
    state.events = 0;
    act(state, now);
    keys.push_back(key);
  }
  return keys;
}

bool Backoff::waits(uint64_t key) const {
  const auto found = states_.find(key);
  return found != states_.end() && found->second.is_waiting;
}

std::optional<Backoff::Time> Backoff::next() const {
  if (turns_.empty()) return std::nullopt;
  return turns_.begin()->first;
}

void Backoff::forget(uint64_t key) {
  const auto found = states_.find(key);
  if (found == states_.end()) return;
  if (found->second.is_waiting) turns_.erase({found->second.next_turn, key});
  states_.erase(found);
}

size_t Backoff::slowed(Time now) const {
  return static_cast<size_t>(std::ranges::count_if(states_, [&](const auto& entry) {
    return entry.second.wait > limits_.first && !is_calm(entry.second, now);
  }));
}

}  // namespace pinscope::kernel
