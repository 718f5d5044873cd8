// A container that does not exist, described by options: one for each key of a policy's `select`,
// and none besides, so that `explain` can say whom policies are for before anybody starts anything.
// A key that is new does not compile in plugin/policy/decide/told.cc before it is thought of, and
// tests/golden compares these options with the schema's keys.
#pragma once

#include <string>
#include <vector>

#include "plugin/advice/remarks.h"
#include "plugin/base/result.h"
#include "plugin/cli/term/command.h"
#include "plugin/model/container.h"
#include "plugin/oci/pod_labels.h"
#include "plugin/policy/decide/told.h"

namespace pinscope::cli {

// Beside --engine and --label, which a container with a configuration has as well.
struct Description {
  std::string kubernetes_namespace;
  std::string kubernetes_pod;
  std::string kubernetes_container;
  std::string image;
  std::string uid;
  std::string gid;
  std::vector<std::string> namespaces;   // KIND=host, KIND=private, KIND=/PATH
  std::vector<std::string> annotations;  // KEY=VALUE
  std::string bundle;                    // a path that is only compared

  // Whether any of it is given.
  [[nodiscard]] bool is_given() const { return *this != Description(); }
  friend bool operator==(const Description&, const Description&) = default;
};

void add_description_options(Command& command, Description& description);

struct Described {
  model::Container container;
  policy::Told told;
  std::vector<advice::Remark> remarks;  // what cannot be known without a configuration
};

// kUsage: a value that makes no sense.
Result<Described> read_description(const Description& description, const std::string& engine,
                                   const oci::PodLabels& pod_labels);

}  // namespace pinscope::cli
