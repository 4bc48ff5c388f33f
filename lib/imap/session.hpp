// SPDX-License-Identifier: Apache-2.0
#pragma once

// One authenticated IMAP connection acting for one mailbox owner. A thin coroutine shell around the pure
// parser (response_parser) and the pure conversation state (conversation). One caller at a time; commands are
// pipelined inside a call wherever the protocol permits. Every body streams: nothing here holds a whole
// message.
//
// Errors: an answer the server gives (NO, BAD, BYE before login) comes back as Reply or Result; a lost, mute
// or nonsensical peer throws base::Failed (scope store, retry later) and the session is unusable from then
// on: usable() is false, only close() may be called. Cancellation throws and makes it unusable too. Sources:
// RFC 3501 is the floor, RFC 9051 the vocabulary.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imap/access.hpp"
#include "imap/types.hpp"
#include "net/task.hpp"

namespace mirror::imap {

using net::Task;

enum class FlagAction { replace, add, remove };

struct FlagChange {
  UidSet uids;
  FlagAction action = FlagAction::replace;
  FlagSet flags;
};

// What a metadata FETCH asks for.
struct FetchWhat {
  bool flags = true;
  bool date = false;
  bool size = false;
  bool message_id = false;                   // BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]
  std::vector<std::string> header_fields{};  // more names for the same item
  // BODYSTRUCTURE. A message whose structure is beyond what is kept of a response is then not reported.
  bool file_names = false;
  std::optional<ModSeq> changed_since{};  // CONDSTORE
};

// One message of a streaming FETCH. First begin() with the literal's own length, then the octets in chunks,
// then end(). A message gone meanwhile is simply not reported; a NIL body is reported by gone().
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Task<void> begin(Uid uid, std::uint64_t length) = 0;
  virtual Task<void> chunk(std::string_view octets) = 0;
  virtual Task<void> end() = 0;
  virtual Task<void> gone(Uid uid) = 0;
};

// An event from NOTIFY or IDLE. It says that something changed, not what is true now.
struct WatchEvent {
  enum class Kind { folder_status, folder_list, arrived, expunged, flags, overflow, other };
  Kind kind = Kind::other;
  std::string folder;  // empty: the selected one
  std::optional<FolderStatus> status;
};

class AppendStream;

class Session {
 public:
  // Connects, greets, STARTTLS, capabilities, login for owner, ENABLE QRESYNC/CONDSTORE when offered. A
  // refused login is a Failure (MRD-IMAP-010 credentials, scope store; MRD-IMAP-011 this mailbox only and
  // MRD-IMAP-037 its own password, scope mailbox). own_password: the owner's where the method asks for one.
  static Task<base::Result<std::unique_ptr<Session>>> open(Access access, std::string owner,
                                                           base::SecretText own_password = {});
  virtual ~Session() = default;

  virtual bool usable() const noexcept = 0;
  virtual bool has(Cap cap) const noexcept = 0;     // offered, not hidden and (where needed) enabled
  virtual bool offers(Cap cap) const noexcept = 0;  // offered by the server, hidden or not
  virtual std::string capability_text() const = 0;
  virtual std::optional<std::uint64_t> append_limit() const = 0;  // APPENDLIMIT=n
  virtual const net::PeerInfo& peer() const noexcept = 0;
  virtual std::uint64_t octets_in() const noexcept = 0;
  virtual std::uint64_t octets_out() const noexcept = 0;
  virtual std::uint64_t round_trips() const noexcept = 0;  // times we waited for the server

  virtual Task<void> logout() = 0;    // polite, bounded by a short time
  virtual void close() noexcept = 0;  // at once; a withheld octet never leaves

  virtual Task<Reply> noop() = 0;
  virtual Task<base::Result<std::vector<std::pair<std::string, std::string>>>> id() = 0;  // name, value
  // The personal namespace's prefix and delimiter; ("", 0) where NAMESPACE is not offered.
  virtual Task<std::pair<std::string, char>> personal_namespace() = 0;
  // The login's rights on a folder, one letter each (RFC 4314); only where ACL is offered.
  virtual Task<base::Result<std::string>> my_rights(std::string folder) = 0;

  // Every folder of the owner with subscriptions, special use and (with_status) STATUS. One LIST-STATUS where
  // offered, else LIST + LSUB + pipelined STATUS. Complete or a failure, never a part.
  virtual Task<base::Result<std::vector<Folder>>> list(bool with_status) = 0;
  virtual Task<base::Result<FolderStatus>> status(std::string folder) = 0;
  virtual Task<Reply> create(std::string folder, std::string special_use = {}) = 0;  // special_use: "\\Sent"
  virtual Task<Reply> remove(std::string folder) = 0;                                // DELETE
  virtual Task<Reply> rename(std::string from, std::string to) = 0;
  virtual Task<Reply> subscribe(std::string folder, bool wanted) = 0;

  // EXAMINE (read only) or SELECT. point is used only where QRESYNC is enabled.
  virtual Task<base::Result<Selected>> select(std::string folder, bool read_only,
                                              std::optional<QresyncPoint> point = {}) = 0;
  virtual Task<void> unselect() = 0;  // UNSELECT, else a failed EXAMINE; never CLOSE
  virtual const std::string& selected() const noexcept = 0;

  // Messages of the selected folder. Unsolicited data of other messages is not passed on.
  virtual Task<Reply> fetch(UidSet uids, FetchWhat what, std::function<void(const MessageData&)> each) = 0;
  // All UIDs of the selected folder (ESEARCH where offered).
  virtual Task<base::Result<UidSet>> search_all() = 0;
  // Streams whole messages (UID BODY.PEEK[]) in one pipelined fetch. A server that names the UID after the
  // literal is asked again one by one. Ends with the tagged reply.
  virtual Task<Reply> fetch_bodies(UidSet uids, BodySink& sink) = 0;

  // STORE .SILENT for every change, pipelined; one reply each.
  virtual Task<std::vector<Reply>> store(std::vector<FlagChange> changes) = 0;
  // Marks \Deleted and expunges exactly these: UID EXPUNGE where offered; else other \Deleted messages are
  // unmarked first and marked again afterwards (RFC 4549 section 4.2.4 practice).
  virtual Task<Reply> expunge(UidSet uids) = 0;

  // A window of messages to append to one folder; see AppendStream. expected: how many messages will come.
  virtual std::unique_ptr<AppendStream> append(std::string folder, std::size_t expected,
                                               bool allow_multi) = 0;

  // Watching. notify(): NOTIFY SET on the personal mailboxes, nothing selected; Reply NO/BAD when refused.
  virtual Task<Reply> notify() = 0;
  // Waits up to limit for events with NOTIFY set (or inside IDLE on the selected folder). Empty on time-out.
  virtual Task<std::vector<WatchEvent>> next_events(std::chrono::milliseconds limit) = 0;
  virtual Task<Reply> idle_start() = 0;  // ok() when the server said "+"
  virtual Task<Reply> idle_stop() = 0;   // DONE
};

// Appends one window of messages. With MULTIAPPEND it is one command, else pipelined APPENDs; with LITERAL+
// (or LITERAL- for small ones) non-synchronising literals, else each literal waits for "+".
//
// The last octet of every message handed to octets() before its release is WITHHELD by the stream, and for
// the last message the closing CRLF as well: closing the session before the release leaves nothing stored
// (law 3).
//   begin(): header of the next message. flags must already be acceptable to the server.
//   octets(): the message's octets, in all exactly length; the last one is kept back.
//   release(): sends the octet withheld by the current message, for a single APPEND with its CRLF. Called
//   once
//     per message, after the caller's commit and before the next begin().
//   finish(): closes the window (for MULTIAPPEND by its CRLF) and reads the replies: one for MULTIAPPEND,
//   else
//     one for each message that begin() did not refuse, in their order.
// A begin() refused within a MULTIAPPEND refuses the whole window: every further begin() and finish() give
// the same reply. An empty message is refused by us with [CANNOT]; the window goes on. Destroyed unfinished,
// the stream closes the connection. Calls out of this order are bugs and throw std::logic_error.
class AppendStream {
 public:
  virtual ~AppendStream() = default;
  virtual bool multi() const noexcept = 0;  // one command for the window
  // A Reply when the server refused before the literal could be sent (NO instead of "+"), else nullopt.
  virtual Task<std::optional<Reply>> begin(FlagSet flags, InternalDate date, std::uint64_t length) = 0;
  virtual Task<void> octets(std::string_view octets) = 0;
  virtual Task<void> release() = 0;
  virtual Task<std::vector<Reply>> finish() = 0;
};

}  // namespace mirror::imap
