// SPDX-License-Identifier: Apache-2.0
#pragma once

// What can go wrong, as a value: how much is broken (scope), when to try again (retry class), a stable code
// that docs/errors.md explains, and the words a person needs. Failure is for expected outcomes (a NO, a
// refused login, a vanished folder) and crosses rooms inside Result<T>; the exception Failed carries the same
// value where a lost connection ends a whole conversation. Cancellation is never a Failure.

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mirror::base {

enum class Scope { message, folder, mailbox, store, process };
enum class Retry { now, later, never };

std::string_view to_text(Scope scope);
std::string_view to_text(Retry retry);

class Failure {
 public:
  Failure();  // MRD-BASE-001: what error() of a successful Result gives
  // code: one of the catalogue in base/codes.hpp, "MRD-IMAP-014". detail: the particular words (a server's
  // answer, a name); never a secret.
  Failure(std::string_view code, std::string detail);
  Failure(std::string_view code, Scope scope, Retry retry, std::string detail);

  std::string_view code() const noexcept { return code_; }
  Scope scope() const noexcept { return scope_; }
  Retry retry() const noexcept { return retry_; }
  const std::string& detail() const noexcept { return detail_; }
  std::string_view next_step() const noexcept;  // the catalogue's advice for the administrator
  std::string text() const;                     // "MRD-IMAP-014 what: detail"

 private:
  std::string_view code_;  // points into the catalogue
  Scope scope_;
  Retry retry_;
  std::string detail_;
};

class Failed : public std::runtime_error {
 public:
  explicit Failed(Failure failure) : std::runtime_error(failure.text()), failure_(std::move(failure)) {}
  const Failure& failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

template <class T>
using Result = boost::system::result<T, Failure>;

// result::value() on a Failure throws Failed.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw Failed(failure);
}

}  // namespace mirror::base
