// SPDX-License-Identifier: Apache-2.0
#include "base/failure.hpp"

#include "base/codes.hpp"

namespace mirror::base {

std::string_view to_text(Scope scope) {
  switch (scope) {
    case Scope::message:
      return "message";
    case Scope::folder:
      return "folder";
    case Scope::mailbox:
      return "mailbox";
    case Scope::store:
      return "store";
    case Scope::process:
      return "process";
  }
  return "process";
}

std::string_view to_text(Retry retry) {
  switch (retry) {
    case Retry::now:
      return "now";
    case Retry::later:
      return "later";
    case Retry::never:
      return "never";
  }
  return "never";
}

Failure::Failure() : Failure(catalogue().front().id, {}) {}

Failure::Failure(std::string_view code, std::string detail)
    : Failure(code, code_of(code).scope, code_of(code).retry, std::move(detail)) {}

Failure::Failure(std::string_view code, Scope scope, Retry retry, std::string detail)
    : code_(code_of(code).id), scope_(scope), retry_(retry), detail_(std::move(detail)) {
  // An unknown id is a bug of ours; keep the id that was asked for, so that it can be found.
  if (code_ != code) detail_ = std::string(code) + ": " + detail_;
}

std::string_view Failure::next_step() const noexcept {
  return code_of(code_).next_step;
}

std::string Failure::text() const {
  const Code& row = code_of(code_);
  std::string out{row.id};
  out += ' ';
  out += row.what;
  if (!detail_.empty()) out += ": " + detail_;
  return out;
}

}  // namespace mirror::base
