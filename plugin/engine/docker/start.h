// How dockerd is started: its command line, in its unit and as it runs. dockerd does not start if
// an option is both there and in daemon.json, even with the same value; runtimes are the exception,
// those of both count (moby: daemon/config/config.go, findConfigurationConflicts; tried with 20.10,
// 26.1 and 28.5).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugin/engine/wiring/tree.h"

namespace pinscope::engine {

struct DockerStart {
  std::string config_file = "/etc/docker/daemon.json";
  std::string where = "dockerd";                // "docker.service" or "process 123"
  std::string default_runtime;                  // --default-runtime; empty: none
  std::string default_where;                    // where that is set
  std::map<std::string, std::string> runtimes;  // --add-runtime NAME=PATH
  // "/srv/x.json (process 123)": a file that a process alone names, which is told and not followed.
  std::string other_file;
  // Those options of the unit that dockerd needs to know to judge our part of the file.
  std::vector<std::string> checked_with;
};

// What the unit says counts before what runs, because it is what will run next.
DockerStart docker_start(const Tree& tree);

// The paths of the sockets on which dockerd is told to listen, by its unit, its processes and its
// file; the default one where none of them says anything, or leaves it to systemd.
std::vector<std::string> docker_sockets(const Tree& tree);

}  // namespace pinscope::engine
