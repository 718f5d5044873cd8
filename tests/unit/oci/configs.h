// The config.json files beside this, and small ones with one change.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "plugin/oci/config.h"

namespace pinscope::oci {

inline std::string config_file(const std::string& name) {
  std::ifstream file(std::string(PINSCOPE_OCI_CONFIGS) + "/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline State a_state(const std::string& bundle = "/run/web-1") {
  State state;
  state.id = "web-1";
  state.pid = 4711;
  state.bundle = bundle;
  return state;
}

// A config.json with a root and `rest`, which begins with a comma if it is not empty.
inline std::string config_with(const std::string& rest) {
  return R"({"ociVersion":"1.0.2","root":{"path":"rootfs"})" + rest + "}";
}

}  // namespace pinscope::oci
