// The socket at which the service of values says how it is: whoever connects is sent one text, and
// the connection is closed. Nothing that a client does or leaves undone holds anybody up.
#pragma once

#include <poll.h>

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::daemon {

class StatusSocket {
 public:
  // At `path`, root's alone. An error says if another process listens there.
  static Result<StatusSocket> open(const std::string& path);

  // What to wait for, and what came of it, in the same order.
  void add_to(std::vector<struct pollfd>& fds) const;
  [[nodiscard]] size_t watched() const { return 1 + clients_.size(); }
  void serve(const struct pollfd* fds);

  // Somebody waits for a text.
  [[nodiscard]] bool is_asked() const;
  // For how long the one has waited that has waited for the longest.
  [[nodiscard]] std::chrono::milliseconds waited() const;
  // The text for all that wait.
  void answer(const std::shared_ptr<const std::string>& text);
  // Lets those go that take too long. Milliseconds until the next one does; -1: there is none.
  int expire();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Client {
    Fd socket;
    Time since;
    std::shared_ptr<const std::string> text = {};
    size_t sent = 0;
    bool is_done = false;
  };
  explicit StatusSocket(Fd listener) : listener_(std::move(listener)) {}
  static void send(Client& client);

  Fd listener_;
  std::list<Client> clients_;
};

}  // namespace pinscope::daemon
