// Docker: an additional runtime in daemon.json, whose program is our shim; with --set-default also
// the default one. Docker has neither hook directories nor drop-ins, so its one file is edited, as
// text, so that everything else in it stays byte for byte. dockerd reads runtimes again on SIGHUP.
// Its command line counts as well: start.h.
#pragma once

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

extern const Wiring kDockerWiring;

}  // namespace pinscope::engine
