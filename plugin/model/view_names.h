// Names in a view that are its own: no grant has them as a component.
#pragma once

namespace pinscope::model {

// Where layout `shared` keeps the instance of what can be written, if it has one for reading, too.
inline constexpr const char* kReadWriteDirectory = "_rw";

}  // namespace pinscope::model
