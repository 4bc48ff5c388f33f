// SPDX-License-Identifier: Apache-2.0
#include "imap/response_parser.hpp"

#include <algorithm>

#include "imap/utf7.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {

using base::Failure;
using base::Result;

void ResponseParser::feed(std::string_view octets) {
  if (at_ > 0) {
    in_.erase(0, at_);
    at_ = 0;
  }
  in_.append(octets);
}

bool ResponseParser::at_boundary() const noexcept {
  return step_ == Step::line && line_.empty() && at_ == in_.size();
}

bool ResponseParser::discard() {
  const bool had = !at_boundary();
  in_.clear();
  at_ = 0;
  start_line();
  step_ = Step::line;
  return had;
}

void ResponseParser::start_line() {
  line_.clear();
  if (line_.capacity() > 4096) line_.shrink_to_fit();  // an idle connection stays small
  streamed_.clear();
  literal_end_ = 0;
  passing_over_ = false;
}

Failure ResponseParser::fail(std::string_view why) {
  failure_ = Failure("MRD-IMAP-001", std::string(why) + ": " + printable(line_, 120));
  return *failure_;
}

Result<std::optional<ResponseEvent>> ResponseParser::next() {
  if (failure_) return *failure_;
  for (;;) {
    if (step_ == Step::body || step_ == Step::body_end) return take_body();
    if (step_ == Step::literal) {
      if (!take_literal()) return std::optional<ResponseEvent>();
      continue;
    }
    const bool whole = take_line();
    if (!within_bounds(0) && !pass_over()) return fail("response too long");
    if (!whole) return std::optional<ResponseEvent>();
    auto done = line_done();
    if (done.has_error() || done->has_value()) return done;
  }
}

// Moves octets up to the line's end into line_; false when the end has not come yet.
bool ResponseParser::take_line() {
  const std::string_view rest = unread();
  const auto end = rest.find('\n');
  const bool whole = end != std::string_view::npos;
  line_.append(rest.substr(0, whole ? end : rest.size()));
  at_ += whole ? end + 1 : rest.size();
  if (whole && line_.size() > literal_end_ && line_.back() == '\r') line_.pop_back();
  return whole;
}

bool ResponseParser::take_literal() {
  const std::string_view piece = unread().substr(0, std::min<std::uint64_t>(left_, unread().size()));
  if (!passing_over_) line_.append(piece);
  at_ += piece.size();
  left_ -= piece.size();
  if (left_ > 0) return false;
  literal_end_ = line_.size();
  step_ = Step::line;
  return true;
}

std::optional<ResponseEvent> ResponseParser::take_body() {
  if (left_ == 0) {
    step_ = Step::line;
    return BodyEnd{};
  }
  const std::string_view piece = unread().substr(0, std::min<std::uint64_t>(left_, unread().size()));
  if (piece.empty()) return std::nullopt;
  at_ += piece.size();
  left_ -= piece.size();
  return BodyChunk{piece};
}

bool ResponseParser::within_bounds(std::uint64_t more) const {
  const std::string_view head = std::string_view(line_).substr(0, 11);
  const bool set_line = iequals(head.substr(0, 8), "* SEARCH") || iequals(head.substr(0, 9), "* ESEARCH") ||
                        iequals(head.substr(0, 10), "* VANISHED");
  const std::uint64_t most = set_line ? k_longest_set_line : k_longest_line;
  return more <= most && line_.size() <= most - more;
}

// Drops what was kept of a FETCH with a BODYSTRUCTURE, but for its head and enough of its end to tell a
// literal.
bool ResponseParser::pass_over() {
  constexpr std::size_t k_tail = 32;
  const auto name = line_.find("FETCH ");
  if (name == std::string::npos || name > 16 || !streamed_.empty()) return false;
  if (!passing_over_ && line_.find("BODYSTRUCTURE (") == std::string::npos) return false;
  passing_over_ = true;
  const std::size_t head = name + 6;
  if (line_.size() <= head + k_tail) return true;
  const std::size_t cut = line_.size() - k_tail;
  line_.erase(head, cut - head);
  literal_end_ = literal_end_ > cut ? literal_end_ - (cut - head) : head;
  return true;
}

// Status responses end in human text, which may look like a literal; no other line can end in "{5}" by
// chance.
bool ResponseParser::may_hold_literal() const {
  const std::string_view line = line_;
  if (!line.starts_with("* ")) return false;
  const std::string_view word = line.substr(2, line.find(' ', 2) - 2);
  for (const std::string_view status : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    if (iequals(word, status)) return false;
  }
  return true;
}

std::optional<std::uint64_t> ResponseParser::literal_at_end(std::size_t& brace) const {
  const std::string_view tail = std::string_view(line_).substr(literal_end_);
  if (!tail.ends_with('}')) return std::nullopt;
  const auto open = tail.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  brace = literal_end_ + open;
  std::string_view digits = tail.substr(open + 1, tail.size() - open - 2);
  if (digits.ends_with('+')) digits.remove_suffix(1);
  return parse_number(digits);
}

bool ResponseParser::names_body(std::size_t brace) const {
  std::string_view before = std::string_view(line_).substr(0, brace);
  if (before.ends_with('~')) before.remove_suffix(1);
  if (!before.ends_with(' ')) return false;
  before.remove_suffix(1);
  const auto gap = before.find_last_of(" (");
  if (gap == std::string_view::npos) return false;
  const std::string_view item = before.substr(gap + 1);
  if (!iequals(item.substr(0, 6), "BODY[]") && !iequals(item.substr(0, 8), "BINARY[]") &&
      !iequals(item, "RFC822"))
    return false;
  const auto number_end = line_.find(' ', 2);
  return number_end != std::string::npos &&
         iequals(std::string_view(line_).substr(number_end + 1, 6), "FETCH ");
}

BodyBegin ResponseParser::body_begin(std::uint64_t length) const {
  BodyBegin begin;
  begin.length = length;
  const std::size_t number_end = line_.find(' ', 2);
  begin.sequence = parse_number32(std::string_view(line_).substr(2, number_end - 2)).value_or(0);
  const auto values = parse_values(line_, number_end + 7, streamed_, true);
  if (!values || values->empty() || !values->front().is_list()) return begin;
  const auto& items = values->front().items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (!iequals(items[i].text, "UID")) continue;
    const auto uid = parse_number32(items[i + 1].text);
    if (uid && *uid != 0) begin.uid = base::Uid{*uid};
  }
  return begin;
}

Result<std::optional<ResponseEvent>> ResponseParser::line_done() {
  std::size_t brace = 0;
  const auto length = may_hold_literal() ? literal_at_end(brace) : std::nullopt;
  if (length) {
    line_.push_back('\n');
    left_ = *length;
    if (names_body(brace)) {
      if (passing_over_) return fail("response too long");
      if (*length > (std::uint64_t{1} << 62)) return fail("absurd body length");
      if (streamed_.size() >= 16) return fail("too many bodies in one response");
      streamed_.push_back(brace);
      literal_end_ = line_.size();
      step_ = Step::body;
      return std::optional<ResponseEvent>(body_begin(*length));
    }
    if (!within_bounds(*length) && !pass_over()) return fail("literal too long");
    step_ = Step::literal;
    return std::optional<ResponseEvent>();
  }
  auto response = parse_response(line_, streamed_);
  if (passing_over_ || (response.has_error() && pass_over())) {
    Response passed;
    passed.name = "FETCH";
    passed.passed_over = true;
    response = std::move(passed);
  }
  if (response.has_error()) return fail(response.error().detail());
  start_line();
  return std::optional<ResponseEvent>(std::move(*response));
}

}  // namespace mirror::imap
