// The two parts of pinscoped that values are read through, beside a test: the holder of what serves
// them, and the service that answers. Each may be ended and started again.
#pragma once

#include <sys/types.h>

#include <string>

namespace pinscope::test {

// All entries of a map without types that has 42 at the key 1, as the probe shows a file: in one
// line.
inline constexpr const char* kEntryOf42 =
    R"({"key":"hex:01000000","value":"hex:2a00000000000000"} )";

class ValuesDaemons {
 public:
  // Both run, and the service serves, when this returns.
  explicit ValuesDaemons(std::string state_directory);
  ~ValuesDaemons();
  ValuesDaemons(const ValuesDaemons&) = delete;
  ValuesDaemons& operator=(const ValuesDaemons&) = delete;

  void start_holder();
  void start_service();
  void end_holder();
  void end_service();

 private:
  [[nodiscard]] pid_t start(const char* part, const char* option) const;

  const std::string state_directory_;
  pid_t holder_ = -1;
  pid_t service_ = -1;
};

}  // namespace pinscope::test
