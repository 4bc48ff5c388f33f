// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the client tells the rest of the program about a server: folders, states, messages, outcomes. Plain
// data. Folder names are UTF-8 here whatever the wire used (modified UTF-7); a name that is no valid UTF-7 is
// kept octet for octet and marked raw, so that it goes back to the server unchanged.

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/ids.hpp"
#include "base/message_facts.hpp"
#include "base/uid_set.hpp"

namespace mirror::imap {

using base::FlagSet;
using base::InternalDate;
using base::ModSeq;
using base::Uid;
using base::UidSet;
using base::UidValidity;

// Extensions this client knows how to use; each is used when offered and never required.
enum class Cap {
  sasl_ir,
  auth_plain,
  auth_external,
  auth_scram_sha_256,
  login_disabled,
  starttls,
  id,
  namespace_,
  list_extended,
  list_status,
  special_use,
  create_special_use,
  enable,
  condstore,
  qresync,
  uidplus,
  literal_plus,
  literal_minus,
  multiappend,
  notify,
  idle,
  esearch,
  unselect,
  metadata,
  appendlimit,
  move,
  objectid,
  children,
  quota,
  imap4rev2,
  unauthenticate,
  compress_deflate,
  binary,
  acl
};
std::string_view to_text(Cap cap);  // the wire name, "LIST-STATUS"

// STATUS of a folder (RFC 9051 section 7.3.4). Used to see whether something changed, never as a checkpoint.
struct FolderStatus {
  std::optional<UidValidity> uidvalidity;
  std::optional<Uid> uidnext;
  std::optional<std::uint32_t> messages;
  std::optional<std::uint32_t> unseen;
  std::optional<ModSeq> highestmodseq;
  std::string mailboxid;  // RFC 8474, empty when not offered
};

struct Folder {
  std::string name;
  bool raw = false;                  // the name is not UTF-8 text but octets
  char delimiter = 0;                // 0: NIL, a flat name
  std::set<std::string> attributes;  // as sent but lower case: "\\noselect", "\\nonexistent", "\\sent", ...
  bool subscribed = false;
  std::optional<FolderStatus> status;
  bool selectable() const {
    return !attributes.contains("\\noselect") && !attributes.contains("\\nonexistent");
  }
};

// One FETCH response; what was not sent is empty.
struct MessageData {
  std::uint32_t sequence = 0;
  std::optional<Uid> uid;
  std::optional<FlagSet> flags;
  std::optional<InternalDate> date;
  std::optional<std::uint64_t> size;  // RFC822.SIZE: a claim, ranks candidates, never a length
  std::optional<ModSeq> modseq;
  std::optional<std::string> header;    // BODY[HEADER.FIELDS (...)]
  std::vector<std::string> file_names;  // of the attachments, from BODYSTRUCTURE
};

// Where the last look at a folder ended, for QRESYNC (RFC 7162).
struct QresyncPoint {
  UidValidity uidvalidity{};
  ModSeq modseq{};
  UidSet known;  // may be empty
};

// EXAMINE's or SELECT's own answer.
struct Selected {
  UidValidity uidvalidity{};
  std::optional<Uid> uidnext;
  std::uint32_t exists = 0;
  ModSeq highestmodseq{};  // 0: none kept (or NOMODSEQ)
  bool read_only = false;
  FlagSet permanent_flags;        // without "\\*"
  bool keywords_allowed = false;  // PERMANENTFLAGS has "\\*"
  bool permanent_flags_known = false;
  bool uids_sticky = true;  // false: UIDNOTSTICKY
  std::string mailboxid;
  UidSet vanished;                   // VANISHED (EARLIER)
  std::vector<MessageData> changed;  // QRESYNC: messages changed since the point
};

// The tagged answer of one command. failure() gives scope and retry class by response code (facts of the
// field: [INUSE] later, [OVERQUOTA] hold the mailbox, [TOOBIG] quarantine the message, ...).
struct Reply {
  enum class Status { ok, no, bad };
  Status status = Status::ok;
  std::string code;       // "TRYCREATE", upper case, empty when none
  std::string code_text;  // its arguments: "1234 5:7" of APPENDUID
  std::string text;       // human text, bounded, control characters replaced
  std::string store;      // the name of the store that said it; empty outside a session
  bool ok() const noexcept { return status == Status::ok; }
};

struct AppendUid {
  UidValidity uidvalidity{};
  UidSet uids;  // in the order of the literals when contiguous (RFC 4315: ascending)
};
std::optional<AppendUid> append_uid(const Reply& reply);

// Exchange: "... Suggested Backoff Time: 299961 milliseconds"; the connection is closed soon after. In a
// reply's text, or in the detail of the failure made of it.
std::optional<std::chrono::milliseconds> suggested_backoff(std::string_view text);

// Maps a refused command to the program's failure, whose detail begins with the store's name. command: the
// wire name, object: folder or mailbox.
base::Failure failure_of(const Reply& reply, std::string_view command, std::string_view object);
// Whether the words of a failure begin with this store's name; and the failure with words that do.
bool names_store(const base::Failure& failure, std::string_view store);
base::Failure with_store(const base::Failure& failure, std::string_view store);
// Of a BYE that nobody asked for: MRD-IMAP-019 when the server wants a pause, else MRD-IMAP-002.
base::Failure failure_of_bye(const Reply& bye, std::string_view store);

}  // namespace mirror::imap
