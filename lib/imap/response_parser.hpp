// SPDX-License-Identifier: Apache-2.0
#pragma once

// Incremental parser of what a server sends (RFC 9051 sections 7 and 9). Pure: octets in, events out, in any
// split. Bounded: a line 1 MiB (16 MiB where it lists UIDs: SEARCH, ESEARCH, VANISHED), its literals count
// with it, lists 32 deep; a message body (BODY[], RFC822, BINARY[] of a FETCH) is never kept but streamed,
// and a FETCH whose BODYSTRUCTURE is beyond these bounds is passed over: what a sender put together is no
// nonsense of the server's. Any octets are safe; nonsense gives the Failure MRD-IMAP-001 and the parser stays
// in that state.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "imap/response.hpp"

namespace mirror::imap {

class ResponseParser {
 public:
  static constexpr std::size_t k_longest_line = std::size_t{1} << 20;
  static constexpr std::size_t k_longest_set_line = std::size_t{16} << 20;

  // Call next() until it has no more before feeding again, so that the buffer stays as small as a read.
  void feed(std::string_view octets);
  // The next complete event; no value when more octets are needed.
  base::Result<std::optional<ResponseEvent>> next();
  // Nothing of a response has been read yet: a clean place for the stream to end.
  bool at_boundary() const noexcept;
  // Drops octets read ahead (RFC 9051 section 11.1: nothing from before STARTTLS counts). True if there were
  // any.
  bool discard();

 private:
  enum class Step { line, literal, body, body_end };

  std::string_view unread() const { return std::string_view(in_).substr(at_); }
  bool take_line();
  bool take_literal();
  std::optional<ResponseEvent> take_body();
  bool within_bounds(std::uint64_t more) const;
  bool pass_over();
  bool may_hold_literal() const;
  std::optional<std::uint64_t> literal_at_end(std::size_t& brace) const;
  bool names_body(std::size_t brace) const;
  BodyBegin body_begin(std::uint64_t length) const;
  base::Result<std::optional<ResponseEvent>> line_done();
  base::Failure fail(std::string_view why);
  void start_line();

  std::string in_;  // what was fed and not yet read
  std::size_t at_ = 0;
  std::string line_;                   // the response so far, literals in place
  std::size_t literal_end_ = 0;        // end of the last literal in line_
  std::vector<std::size_t> streamed_;  // where bodies were taken out
  std::uint64_t left_ = 0;             // octets of the literal or body still to come
  bool passing_over_ = false;          // of this line only its head and its last octets are kept
  Step step_ = Step::line;
  std::optional<base::Failure> failure_;
};

// Parses one whole response as the parser collects it; exposed for tests.
base::Result<Response> parse_response(std::string_view buffer, const std::vector<std::size_t>& streamed);

}  // namespace mirror::imap
