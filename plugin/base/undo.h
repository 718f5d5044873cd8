// UndoStack: actions that undo what was done, unless everything succeeds. Each action runs once,
// newest first, when the stack is destroyed, unless keep() said that all went well.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace pinscope {

class UndoStack {
 public:
  UndoStack() = default;
  UndoStack(const UndoStack&) = delete;
  UndoStack& operator=(const UndoStack&) = delete;
  ~UndoStack() {
    for (auto action = actions_.rbegin(); action != actions_.rend(); ++action) (*action)();
  }

  // `action` must not throw; nobody is left to be told of a failure inside it.
  void push(std::function<void()> action) { actions_.push_back(std::move(action)); }
  void keep() { actions_.clear(); }

 private:
  std::vector<std::function<void()>> actions_;
};

}  // namespace pinscope
