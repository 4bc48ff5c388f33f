// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "imap/fetch_parser.hpp"
#include "imap/session_detail.hpp"
#include "imap/status_parser.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {

using base::Failure;
using base::Result;

namespace {

// Fits no naming scheme; EXAMINE of it fails, and a failed EXAMINE leaves nothing selected (RFC 9051 6.3.3).
constexpr std::string_view k_no_such_folder = "mirrord.nothing-is-selected.7f3a";

// Gathers what SELECT says; malformed data is kept as the failure it is.
class Gathering {
 public:
  explicit Gathering(Selected& into) : into_(into) {}

  void take(const Response& response) {
    const Reply& reply = response.reply;
    if (reply.code == "CLOSED") {  // RFC 7162 section 3.2.11: all before it was the old folder's
      into_ = Selected();
    } else if (response.name == "EXISTS") {
      into_.exists = response.number;
    } else if (response.name == "VANISHED") {
      take_vanished(response);
    } else if (response.name == "FETCH") {
      take_fetch(response);
    } else if (response.name == "OK" || response.name == "NO") {
      take_code(reply);
    }
  }
  const std::optional<Failure>& failure() const noexcept { return failure_; }

 private:
  void take_vanished(const Response& response) {
    const auto vanished = parse_vanished(response);
    if (vanished.has_error())
      failure_ = vanished.error();
    else
      for (const auto& [first, last] : vanished->uids.ranges()) into_.vanished.add(Uid{first}, Uid{last});
  }

  void take_fetch(const Response& response) {
    auto data = parse_fetch(response);
    if (data.has_error())
      failure_ = data.error();
    else if (data->message.uid)
      into_.changed.push_back(std::move(data->message));
  }

  void take_code(const Reply& reply) {
    const auto small = parse_number32(reply.code_text);
    if (reply.code == "UIDVALIDITY" && small) into_.uidvalidity = UidValidity{*small};
    if (reply.code == "UIDNEXT" && small && *small != 0) into_.uidnext = Uid{*small};
    if (reply.code == "HIGHESTMODSEQ")
      into_.highestmodseq = ModSeq{parse_number(reply.code_text).value_or(0)};
    if (reply.code == "NOMODSEQ") into_.highestmodseq = ModSeq{0};
    if (reply.code == "UIDNOTSTICKY") into_.uids_sticky = false;
    if (reply.code == "PERMANENTFLAGS") {
      into_.permanent_flags = FlagSet::parse(reply.code_text);
      into_.keywords_allowed = into_.permanent_flags.contains("\\*");
      into_.permanent_flags.remove("\\*");
      into_.permanent_flags_known = true;
    }
    if (reply.code == "MAILBOXID" && reply.code_text.size() > 2)
      into_.mailboxid = reply.code_text.substr(1, reply.code_text.size() - 2);
  }

  Selected& into_;
  std::optional<Failure> failure_;
};

std::string qresync_argument(const QresyncPoint& point) {
  // The known UIDs only trim the answer; a set too long for a portable line is left out.
  std::string known = point.known.text();
  if (known.size() > k_longest_set) known.clear();
  return fmt::format("(QRESYNC ({} {}{}{}))", base::raw(point.uidvalidity), base::raw(point.modseq),
                     known.empty() ? "" : " ", known);
}

}  // namespace

Task<Result<Selected>> SessionImpl::select(std::string folder, bool read_only,
                                           std::optional<QresyncPoint> point) {
  Turn turn(*this);
  if (!has(Cap::qresync) || (point && (base::raw(point->modseq) == 0 || base::raw(point->uidvalidity) == 0)))
    point.reset();
  selected_.clear();
  Selected answer;
  Reply reply = co_await run_select(folder, read_only, point, answer);
  // ENABLE was sent without waiting: a server that then did not enable refuses the parameter.
  if (!reply.ok() && point && !has(Cap::qresync)) {
    point.reset();
    reply = co_await run_select(folder, read_only, point, answer);
  }
  turn.done();
  if (!reply.ok()) co_return failure_of(reply, read_only ? "EXAMINE" : "SELECT", folder);
  answer.read_only = reply.code == "READ-ONLY" || (read_only && reply.code != "READ-WRITE");
  // RFC 3501 section 6.3.1: no UIDVALIDITY means that UIDs do not last.
  if (base::raw(answer.uidvalidity) == 0) answer.uids_sticky = false;
  selected_ = std::move(folder);
  co_return answer;
}

Task<Reply> SessionImpl::run_select(const std::string& folder, bool read_only,
                                    const std::optional<QresyncPoint>& point, Selected& into) {
  into = Selected();
  Gathering gathering(into);
  Listening listening(*wire_, [&](const Response& response) { gathering.take(response); });
  Command select = command(read_only ? "EXAMINE" : "SELECT");
  select.folder(wire_name(folder));
  if (point) {
    select.text(qresync_argument(*point));
  } else if (has(Cap::condstore)) {
    select.text("(CONDSTORE)");
  }
  Reply reply = co_await wire_->run(std::move(select));
  if (gathering.failure()) throw base::Failed(*gathering.failure());
  co_return reply;
}

Task<void> SessionImpl::unselect() {
  if (selected_.empty()) co_return;
  Turn turn(*this);
  selected_.clear();
  if (has(Cap::unselect)) {
    co_await wire_->run(command("UNSELECT"));
  } else {
    co_await wire_->run(command("EXAMINE").folder(k_no_such_folder));
  }
  turn.done();
}

}  // namespace mirror::imap
