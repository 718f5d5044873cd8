// Result<T>: how a function of this tree says that it may fail.
//
//   Result<Fd> open_pin(...);                        // declare
//   PINSCOPE_TRY(Fd fd, open_pin(...));              // propagate: returns the error to the caller
//   if (auto fd = open_pin(...); !fd) { ... }        // handle: look at fd.error()
//   return in_context(open_pin(...), "make view");   // add what we were doing, on the way up
//
// An expected failure is a value; exceptions are for the libraries that throw them and are caught
// in the one file that uses such a library. (GCC 12's std::expected has no monadic operations yet.)
#pragma once

#include <expected>
#include <utility>

#include "plugin/base/error.h"

namespace pinscope {

template <typename T>
using Result = std::expected<T, Error>;

using Status = Result<void>;

template <typename T>
Result<T> in_context(Result<T> result, std::string context) {
  if (result) return result;
  return std::unexpected(std::move(result).error().in(std::move(context)));
}

}  // namespace pinscope

#define PINSCOPE_CONCAT_INNER(a, b) a##b
#define PINSCOPE_CONCAT(a, b) PINSCOPE_CONCAT_INNER(a, b)

// PINSCOPE_TRY(declaration, expression): evaluates a Result, returns its error from the enclosing
// function, or moves its value into the declaration.
#define PINSCOPE_TRY(declaration, ...) \
  PINSCOPE_TRY_INNER(PINSCOPE_CONCAT(result_, __LINE__), declaration, __VA_ARGS__)
#define PINSCOPE_TRY_INNER(result, declaration, ...)              \
  auto result = (__VA_ARGS__);                                    \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)

// PINSCOPE_CHECK(expression): PINSCOPE_TRY for a Status, which has no value.
#define PINSCOPE_CHECK(...)                                       \
  do {                                                            \
    if (auto pinscope_status = (__VA_ARGS__); !pinscope_status)   \
      return std::unexpected(std::move(pinscope_status).error()); \
  } while (false)
