// An NRI plugin: derive from Plugin, call run(). The library registers it with the runtime, answers
// the runtime's calls through it, one at a time, and connects again when the runtime was restarted.
//
//   struct Mine : nri::Plugin { ... };
//   Mine plugin;
//   auto ended = nri::run(plugin, {.identity = {"mine", "50"}, .socket_path =
//   nri::kDefaultSocket});
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/nri/nri.pb.h"
#include "plugin/nri/runtime_info.h"

namespace pinscope::nri {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// What the runtime calls a plugin. `index` is two digits: plugins are asked in its order.
struct Identity {
  std::string name;
  std::string index;
};

// The handlers. An error that one returns goes to the runtime as its sentence and makes what was
// asked for fail: the container is not created, not started, and so on. A handler that does not
// return by its deadline does the opposite: the runtime gives the plugin up and goes on without it.
class Plugin {
 public:
  Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  virtual ~Plugin() = default;

  // Once for each connection, first. The events that the plugin wants to be told of; those which
  // this runtime does not know are left out.
  virtual Result<EventMask> configure(const RuntimeInfo& runtime) = 0;

  // What is there already, in as many parts as the runtime needs; `more` says that others follow.
  // Must be quick.
  virtual Status synchronize(const SynchronizeRequest& part) = 0;

  virtual Result<ContainerAdjustment> create_container(const PodSandbox& pod,
                                                       const Container& container,
                                                       Time deadline) = 0;

  // Every other event that the plugin asked for, in whichever form the runtime sends it. For one
  // that is about a pod, `container` is empty.
  virtual Status state_change(Event event, const PodSandbox& pod, const Container& container,
                              Time deadline) = 0;

  // The conversation is over or could not begin, and why: "the runtime ended the connection" or an
  // error that run() does not return because it will try again. Told once for a reason in a row.
  virtual void disconnected(const std::string& why) = 0;
};

inline constexpr const char* kDefaultSocket = "/var/run/nri/nri.sock";

struct RunOptions {
  Identity identity;
  // The socket that a runtime gave to a plugin which it has started itself: one conversation. If
  // this is not valid, the path is connected to, again and again.
  Fd connection;
  std::string socket_path = kDefaultSocket;
  // Readable when the plugin shall end: of a signalfd or an eventfd, say. -1: never.
  int stop_fd = -1;
  // Between attempts to connect: from the first to the longest, doubled each time, and a quarter
  // more or less so that the plugins of a node do not come all at once.
  std::chrono::milliseconds first_wait{100};
  std::chrono::milliseconds longest_wait{5000};
};

// Until `stop_fd` says so (no error), or a conversation over RunOptions::connection has ended: no
// error if the runtime ended it, at the boundary of a message. Never blocks but in poll(2) and in
// the plugin's handlers.
Status run(Plugin& plugin, RunOptions options);

// What a runtime tells a plugin that it starts, from its environment (NRI_PLUGIN_NAME,
// NRI_PLUGIN_IDX, NRI_PLUGIN_SOCKET); nothing if none of these is set. kProtocol if they make no
// sense, or the descriptor is no socket. `environment` is getenv(3) but in tests. The descriptor is
// taken over.
struct Preinstalled {
  Identity identity;
  Fd connection;
};
Result<std::optional<Preinstalled>> preinstalled(
    const std::function<const char*(const char*)>& environment);

// The rules of the runtimes: an index is two digits; a name is letters, digits and "_.+-".
Status check_identity(const Identity& identity);

}  // namespace pinscope::nri
