// SPDX-License-Identifier: Apache-2.0
#include "base/codes.hpp"

#include <algorithm>
#include <array>

namespace mirror::base {
namespace {

// Sorted by id. A number is never used again for something else.
constexpr auto k_codes = std::to_array<Code>({
    {"MRD-BASE-001", Scope::process, Retry::never, "an error without a code of its own",
     "This is a bug: keep the log lines around it and report them with the version that mirrord "
     "--version prints."},
    {"MRD-BASE-002", Scope::process, Retry::later, "the program met a condition that it did not expect",
     "The service was restarted by itself. If it happens again, report the log lines around it with the "
     "version."},
    {"MRD-BASE-003", Scope::process, Retry::never, "the key file cannot be read",
     "Check that the file named by key_file exists and belongs to the user mirrord runs as (or is a "
     "systemd credential); mirrord generate-key makes one."},
    {"MRD-BASE-004", Scope::process, Retry::never, "the key file may be read by others",
     "Run chmod 600 on the key file; if others could read it, make a new key and enter the stores' "
     "passwords again."},
    {"MRD-BASE-005", Scope::process, Retry::never, "the key file holds no key",
     "It must hold 64 hexadecimal digits or 32 octets. Restore it from your backup; a new key means "
     "entering the stores' passwords again."},
    {"MRD-BASE-006", Scope::store, Retry::never, "a stored secret cannot be opened with this key",
     "The key file is not the one the secret was sealed with, or the row was changed. Restore the right "
     "key, or enter the password again with mirrorctl store credential set or mirrorctl mailbox credential "
     "set."},
    {"MRD-BASE-007", Scope::process, Retry::later, "the program runs out of file descriptors or memory",
     "Raise LimitNOFILE or MemoryMax in the systemd unit, or lower the number of watched connections "
     "(engine.watch_limit)."},
    {"MRD-BASE-008", Scope::process, Retry::later, "a hook failed or ran too long",
     "Run the script named in the event by hand as mirrord's user; a hook has 30 seconds and must exit "
     "with 0."},
    {"MRD-CONF-001", Scope::process, Retry::never, "the configuration is wrong",
     "Correct the lines named; mirrorctl config check FILE shows all of them at once without a restart."},
    {"MRD-CONF-002", Scope::process, Retry::never, "the configuration file cannot be read",
     "Check the path given with --config and that mirrord's user may read it."},
    {"MRD-CONF-003", Scope::store, Retry::never, "the profile is not known",
     "Choose one of the profiles in the profile directory, or copy generic.toml there and adapt it; a file "
     "that "
     "is there has an error, which the detail names."},
    {"MRD-CONF-004", Scope::process, Retry::never, "a name is used that is not defined",
     "Define the store or link before it is used, or correct the spelling; mirrorctl config show lists "
     "what is defined."},
    {"MRD-CONF-005", Scope::store, Retry::never, "source and target are the same store",
     "Certificate, ID or content show one server under two addresses. Give the link two different "
     "stores."},
    {"MRD-CONF-006", Scope::store, Retry::never, "the links form a circle",
     "A target cannot be a source back to its source. Remove one of the two links; restore is a command "
     "of its own."},
    {"MRD-CONF-007", Scope::store, Retry::never, "this target mailbox belongs to another link",
     "Give each link its own mailboxes on the target (participation masks), or remove one of the links."},
    {"MRD-CONF-008", Scope::process, Retry::never, "the listener cannot be opened",
     "Another process uses the address, or the user may not bind it. Change the listen setting or stop "
     "the other process (ss -ltnp shows it)."},
    {"MRD-DB-001", Scope::process, Retry::later, "the database connection was lost",
     "mirrord connects again by itself. Check that PostgreSQL runs and that the network to it works "
     "(mirrorctl db status)."},
    {"MRD-DB-002", Scope::process, Retry::later, "the database refused the connection",
     "Check address, user, password and pg_hba.conf; the PostgreSQL log names the reason."},
    {"MRD-DB-003", Scope::process, Retry::never, "the database has another schema version",
     "Stop mirrord, make a backup, run mirrorctl db migrate, start it again. A newer schema needs the "
     "newer mirrord."},
    {"MRD-DB-004", Scope::process, Retry::never, "a migration was changed after it was applied",
     "The files in schema/ are not those the database was made with. Install the released package again; "
     "never edit an applied migration."},
    {"MRD-DB-005", Scope::process, Retry::never, "the database refused a statement",
     "This is a bug or a missing right: the PostgreSQL log has the statement. Check that the role owns "
     "the schema, else report it."},
    {"MRD-DB-006", Scope::process, Retry::later, "the database took too long",
     "Look for locks and slow disks on the PostgreSQL host (pg_stat_activity). The work is repeated by "
     "itself."},
    {"MRD-DB-007", Scope::process, Retry::later, "the database is busy with a conflicting transaction",
     "It is repeated by itself. If it goes on, look for long transactions in pg_stat_activity."},
    {"MRD-DB-008", Scope::process, Retry::later, "the database has no room left",
     "Free or add disk space on the PostgreSQL host; mirroring goes on by itself afterwards."},
    {"MRD-DB-009", Scope::process, Retry::later, "the database is read only",
     "It is a standby or in recovery. Point the database setting at the primary."},
    {"MRD-DB-010", Scope::process, Retry::never, "the database is not the one this daemon worked with",
     "It was restored, cloned or failed over. mirrord started suspended: check its state, then mirrorctl "
     "resume --reason."},
    {"MRD-DIR-001", Scope::store, Retry::later, "a directory could not be read completely",
     "Nothing was added and nothing removed. Give the account set for the directory limits that let it read "
     "everything (sizelimit, size.prtotal), or set page_size; the detail names what ended the reading."},
    {"MRD-DIR-002", Scope::store, Retry::never, "changes of the directory wait for an operator",
     "Look at mirrorctl directory plan. If production really lost these entries: mirrorctl directory apply "
     "--plan ID --allow-mass-delete --reason TEXT."},
    {"MRD-DIR-003", Scope::message, Retry::later, "an entry lacks what DR needs",
     "Enter the missing fields on production, where administration happens: the next run takes it along."},
    {"MRD-DIR-004", Scope::message, Retry::later, "an entry has no key of its own, or was not given whole",
     "Give it a mailbox number that no other entry of that directory has, or let the server give all values "
     "of an attribute at once (Active Directory: MaxValRange). Until then nothing of it is touched on DR."},
    {"MRD-DIR-005", Scope::message, Retry::later, "DR's directory refused a change",
     "The server's words say why. Rights, schema and uniqueness rules of DR must allow what production has; "
     "the next run tries again."},
    {"MRD-DIR-006", Scope::store, Retry::never, "the directory mirror is not set up completely",
     "mirrorctl directory store set for both stores and mirrorctl directory link set for the link; the "
     "detail says what is wrong or missing."},
    {"MRD-DIR-007", Scope::message, Retry::later, "the outcome of a change is not known",
     "The connection was lost before DR answered. The next run reads both directories and does what is "
     "left to do."},
    {"MRD-DIR-008", Scope::message, Retry::later, "an entry has no name that DR could have",
     "Its name must lie below the base DN set for production's directory, and hold the attribute that names "
     "entries on DR."},
    {"MRD-DIR-009", Scope::store, Retry::later, "an attribute of the map is not known to DR's directory",
     "Load the schema that has it on DR, or take the field out of the map (mirrorctl directory link set "
     "--map-file)."},
    {"MRD-HTTP-001", Scope::process, Retry::never, "the request is not understood",
     "Correct the request; the answer names the field. openapi.yaml describes every request."},
    {"MRD-HTTP-002", Scope::process, Retry::never, "there is no such thing",
     "Check the name; the list verb of the same noun shows what exists."},
    {"MRD-HTTP-003", Scope::process, Retry::never, "the state does not allow this now",
     "Look at mirrorctl status: the answer names the state that is needed."},
    {"MRD-HTTP-004", Scope::process, Retry::never, "you may not do this",
     "Call as root or as a member of the group that the daemon's settings name (mirrord)."},
    {"MRD-HTTP-005", Scope::process, Retry::never, "this method does not exist here",
     "The answer's Allow header lists the methods; see openapi.yaml."},
    {"MRD-HTTP-006", Scope::process, Retry::never, "it exists already",
     "Choose another name, or change the existing one with config apply."},
    {"MRD-HTTP-007", Scope::process, Retry::never, "the request is too large",
     "Send it in parts; lists of mailboxes go in with mailbox import."},
    {"MRD-HTTP-008", Scope::process, Retry::later, "too many requests",
     "Wait the time named in Retry-After."},
    {"MRD-HTTP-009", Scope::process, Retry::later, "mirrord cannot be reached",
     "Check systemctl status mirrord, the path given with --socket, and that you are a member of the "
     "group mirrord."},
    {"MRD-HTTP-010", Scope::process, Retry::later, "the service is not ready",
     "mirrord is starting or stopping, or its database is away; mirrorctl status says which."},
    {"MRD-HTTP-011", Scope::process, Retry::now, "it was changed meanwhile",
     "Read it again and repeat the change on what you see."},
    {"MRD-HTTP-012", Scope::process, Retry::never, "the request names no version to change",
     "Send If-Match with the row_version that was read; mirrorctl does."},
    {"MRD-IMAP-001", Scope::store, Retry::later, "the server's answer is no IMAP",
     "Check that host and port are the IMAP service (993, or 143 with starttls); the detail shows what "
     "came."},
    {"MRD-IMAP-002", Scope::store, Retry::later, "the server closed the connection with a BYE",
     "The detail has the server's words. If it repeats, look at the server's log and its limits per user "
     "and address."},
    {"MRD-IMAP-003", Scope::store, Retry::later, "the server refused a command as wrong",
     "The server does not know or not like what we sent. Hide the extension in the store's profile and "
     "report the detail."},
    {"MRD-IMAP-004", Scope::store, Retry::later, "the server refused a command",
     "The detail has the server's words; look at the server's log for the same time."},
    {"MRD-IMAP-005", Scope::store, Retry::later, "the server's answer is too long or too deep",
     "The answer passed the limits that protect mirrord. If the server is right, report the detail."},
    {"MRD-IMAP-006", Scope::store, Retry::later, "the server answered without what it was asked for",
     "A server bug or a proxy between. Report the command and the answer in the detail; hide the "
     "extension in the profile."},
    {"MRD-IMAP-007", Scope::store, Retry::later, "the server sent less of a message than it announced",
     "Nothing was stored on the target. If it repeats for one message, that message is damaged on the "
     "source: check it with the server's own tools."},
    {"MRD-IMAP-008", Scope::store, Retry::never, "the server offers no way to log in that the profile allows",
     "Compare the profile's login method with mirrorctl store caps; LOGINDISABLED means that TLS is "
     "needed first."},
    {"MRD-IMAP-009", Scope::store, Retry::later, "the server did not greet",
     "The port answers but no IMAP greeting came; check that it is the IMAP service and not overloaded."},
    {"MRD-IMAP-010", Scope::store, Retry::later, "the server refused the trusted login",
     "Check user and password of the store (mirrorctl store test). Only one attempt is made from time to "
     "time, so that the account is not locked."},
    {"MRD-IMAP-011", Scope::mailbox, Retry::later, "the server refused the login for this mailbox",
     "The mailbox may be disabled or missing there, or the trusted login may not act for it; mirrorctl "
     "store test tries a few owners."},
    {"MRD-IMAP-012", Scope::folder, Retry::later, "the trusted login has no right to do this",
     "Give it the right: read and lookup on the source; on the target also insert, delete, expunge, "
     "write flags and create (ACL)."},
    {"MRD-IMAP-013", Scope::mailbox, Retry::later, "the mailbox is over its quota",
     "Raise the quota on the target: it must be at least the source's. The mailbox goes on by itself "
     "afterwards."},
    {"MRD-IMAP-014", Scope::message, Retry::never, "the message is too big for the target",
     "Raise the target's size limit (APPENDLIMIT, message size), then mirrorctl quarantine retry. Until "
     "then it is quarantined."},
    {"MRD-IMAP-015", Scope::message, Retry::never, "the target refused the message",
     "The detail has the server's reason (a NUL octet, a bare line feed, a bad header). Change the "
     "target's setting, then mirrorctl quarantine retry."},
    {"MRD-IMAP-016", Scope::folder, Retry::now, "the folder does not exist",
     "It was removed meanwhile; the mailbox is compared again by itself."},
    {"MRD-IMAP-017", Scope::folder, Retry::now, "the target wants the folder created first",
     "The mailbox is planned again by itself. If it repeats, somebody removes folders on the target."},
    {"MRD-IMAP-018", Scope::mailbox, Retry::later, "the mailbox is in use",
     "Another program holds a lock on it; it is tried again by itself. If it goes on, look at the "
     "server's log for that user."},
    {"MRD-IMAP-019", Scope::store, Retry::later, "the server throttles us",
     "It is tried again by itself, more slowly. Lower engine.workers or the store's octets_per_second, or "
     "lift the "
     "server's limit for our address."},
    {"MRD-IMAP-020", Scope::store, Retry::later, "the server is not available now",
     "The server works but a part behind it does not (storage, directory). It is tried again by itself; "
     "look at the server's log."},
    {"MRD-IMAP-021", Scope::folder, Retry::never, "the server refused the folder's name",
     "Length, depth or characters of the name are not allowed there. Rename it on the source or add an "
     "escape to the target's profile."},
    {"MRD-IMAP-022", Scope::store, Retry::never, "the server lacks an extension that is asked for",
     "Choose a profile that does not need it; mirrorctl store caps shows what is offered."},
    {"MRD-IMAP-023", Scope::folder, Retry::now, "it exists already",
     "Another program made it meanwhile; the mailbox is compared again by itself."},
    {"MRD-IMAP-024", Scope::store, Retry::later, "the server met a bug of its own",
     "Look at the server's log for the same time. It is tried again by itself."},
    {"MRD-IMAP-025", Scope::folder, Retry::later, "the folder cannot be opened",
     "Its storage may be damaged: check it with the server's own tools (doveadm force-resync, "
     "reconstruct). The other folders go on."},
    {"MRD-IMAP-026", Scope::mailbox, Retry::later, "a limit of the server is reached",
     "The detail names the limit (folders, connections, keywords). Raise it on the server; it is tried "
     "again by itself."},
    {"MRD-IMAP-027", Scope::store, Retry::later, "the server cannot write",
     "Its disk is full or read only. Free space there; mirroring goes on by itself."},
    {"MRD-IMAP-028", Scope::store, Retry::never, "the server is below the profile's minimum",
     "mirrorctl store caps shows the verdict per feature. Use a newer server or the profile generic."},
    {"MRD-IMAP-029", Scope::mailbox, Retry::later, "too many connections for this user",
     "Raise the server's limit per user and address (Dovecot: mail_max_userip_connections) for mirrord's "
     "host, above two for the mirror and what the owner's clients need."},
    {"MRD-IMAP-030", Scope::store, Retry::never, "the password or account has expired",
     "Renew the trusted login's password on the server and with mirrorctl store credential set."},
    {"MRD-IMAP-031", Scope::store, Retry::never, "the server wants a protected connection",
     "Set tls to implicit or starttls for the store."},
    {"MRD-IMAP-032", Scope::store, Retry::later, "the server's own login service failed",
     "The server cannot check passwords now (directory, database, proxy behind it). Its log says why; it "
     "is tried again by itself."},
    {"MRD-IMAP-033", Scope::mailbox, Retry::later, "the mailbox's storage is damaged",
     "Repair it with the server's own tools (doveadm force-resync, reconstruct). The other mailboxes go "
     "on."},
    {"MRD-IMAP-034", Scope::store, Retry::later, "the server's watch was lost or cannot follow",
     "Everything is compared again by itself. If it repeats, raise the server's notify or inotify "
     "limits."},
    {"MRD-IMAP-035", Scope::store, Retry::later, "the server ends every login without a word",
     "It restarts, or a limit of its connections is reached: look at its log. It is tried again by itself."},
    {"MRD-IMAP-036", Scope::mailbox, Retry::later, "the owner's own password is not set",
     "The store lets each owner in with a password of its own: mirrorctl mailbox credential set NAME --store "
     "STORE, or mirrorctl mailbox credential import STORE FILE for many. The mailbox is tried at once."},
    {"MRD-IMAP-037", Scope::mailbox, Retry::later, "the server refused the owner's own password",
     "Enter the right one with mirrorctl mailbox credential set NAME --store STORE: it is tried at once. The "
     "same one is tried again only from time to time, so that the account is not locked."},
    {"MRD-LDAP-001", Scope::store, Retry::never, "the directory refused the login",
     "Check the DN and the password set for the store's directory, and that the server lets this account "
     "bind from here; its log says why it did not."},
    {"MRD-LDAP-002", Scope::store, Retry::later, "what the directory sends is no LDAP",
     "Check port and TLS mode (ldaps is 636, StartTLS goes with 389). The detail says whether one message "
     "was too long."},
    {"MRD-LDAP-003", Scope::process, Retry::never, "a request to the directory cannot be written",
     "Correct the filter or the name that the detail shows (RFC 4515, RFC 4514)."},
    {"MRD-LDAP-004", Scope::store, Retry::later, "the directory ended the conversation",
     "It restarts, or a limit of its connections or of waiting requests is reached: look at its log. It is "
     "tried again by itself."},
    {"MRD-LDAP-005", Scope::store, Retry::never, "a password would go to the directory without TLS",
     "Set the directory's address to ldaps, or to StartTLS. Nothing was sent."},
    {"MRD-LDAP-006", Scope::store, Retry::later, "the directory did not answer a question",
     "Check the rights and the limits of the account set for the store's directory: it has to read what is "
     "mirrored."},
    {"MRD-LDAP-007", Scope::store, Retry::never, "the directory refuses StartTLS",
     "Give the server a certificate, or use its ldaps port."},
    {"MRD-MIR-001", Scope::message, Retry::never, "the target altered the message",
     "Both digests are kept in the quarantine row. See docs/limits.md for what servers change. Once the "
     "setting is changed, remove the target's copy: it is copied again. Or mirrorctl quarantine drop."},
    {"MRD-MIR-002", Scope::message, Retry::never, "the target does not keep a flag as it is wanted",
     "The target drops a keyword, or keeps a flag (\"not WORD\") that was taken away: raise its limit, give "
     "the DR account the right, or leave it. The message itself is mirrored."},
    {"MRD-MIR-003", Scope::message, Retry::never, "the target does not keep the message",
     "It was appended three times in a week and was gone each time. Look for a filter, an expiry rule or "
     "a program that deletes on the target."},
    {"MRD-MIR-004", Scope::folder, Retry::never, "the target altered the folder's name",
     "The folder is listed under another name than asked. Rename it on the source or add an escape to "
     "the target's profile."},
    {"MRD-MIR-005", Scope::mailbox, Retry::never, "too many deletions at once: they are held",
     "New messages still flow, and the held ones stay on the target. Find out who deletes on the source; "
     "mirrorctl guard show NAME lists each of them, mirrorctl guard release NAME (or a mask) lets them go."},
    {"MRD-MIR-006", Scope::mailbox, Retry::now, "the lease on the mailbox was lost",
     "Another mirrord works on it or the database was slow. It is taken up again by itself; check the "
     "clocks and the database if it repeats."},
    {"MRD-MIR-007", Scope::folder, Retry::now, "the numbers of messages do not agree",
     "The folder is compared in full by itself. If it repeats, run mirrorctl verify --deep on the "
     "mailbox."},
    {"MRD-MIR-008", Scope::process, Retry::never, "mirroring is suspended",
     "Nothing is written to any store. mirrorctl resume --reason starts it again with a full review."},
    {"MRD-MIR-009", Scope::folder, Retry::now, "the folder was made anew on the server",
     "Its UIDVALIDITY changed: the messages are matched again by content, nothing is copied twice, "
     "deletions are held until the match is complete."},
    {"MRD-MIR-010", Scope::folder, Retry::never, "the folder went back in time",
     "The server's storage was restored from a backup. The messages are matched again; check the held "
     "deletions before you release them."},
    {"MRD-MIR-011", Scope::folder, Retry::now, "a message to be deleted is not what we stored",
     "It was not deleted. The folder is compared in full; somebody else changes this folder on the "
     "target."},
    {"MRD-MIR-012", Scope::folder, Retry::later, "a vanished folder still holds messages of others",
     "It stays as foreign. Move or delete its messages on the target if they are not wanted."},
    {"MRD-MIR-013", Scope::mailbox, Retry::later, "the mailbox changed faster than it could be read",
     "It is compared again by itself. If it goes on, look for a program that changes it without pause."},
    {"MRD-MIR-014", Scope::message, Retry::later, "a message came twice",
     "A late copy of an interrupted transfer is removed once the ledger proves it; nothing to do."},
    {"MRD-MIR-015", Scope::message, Retry::never, "a message on the target is unknown",
     "After lost memory it matches nothing on the source. It is kept; look at mirrorctl mailbox diff and "
     "decide."},
    {"MRD-MIR-016", Scope::message, Retry::never, "the source's message cannot be read",
     "The source server gives no content for it. Repair it with that server's own tools, then mirrorctl "
     "quarantine retry."},
    {"MRD-MIR-017", Scope::store, Retry::never, "the mirror's login may write on the source",
     "Mirroring works, but give the login read rights only (docs/quickstart.md), so that the server "
     "itself guards production."},
    {"MRD-MIR-018", Scope::mailbox, Retry::later, "the mailbox is paused",
     "Its link is paused: mirrorctl link edit LINK --paused-reason '' lets it go on."},
    {"MRD-MIR-019", Scope::process, Retry::now, "a service of the daemon failed and was restarted",
     "The others ran on. If it repeats, report the log lines around it with the version."},
    {"MRD-MIR-020", Scope::process, Retry::later, "suspending took too long",
     "A worker did not acknowledge; it counts as stopped when its lease has run out. mirrorctl status "
     "names its host."},
    {"MRD-MIR-021", Scope::mailbox, Retry::later, "verify found differences",
     "mirrorctl verify lists each of them; mirrorctl resync NAME makes the mailbox equal."},
    {"MRD-MIR-022", Scope::folder, Retry::later, "the target kept a message it was told to expunge",
     "It is tried again by itself. If it goes on, look into the target's log; force-resync or reconstruct "
     "repairs a folder's index."},
    {"MRD-MIR-023", Scope::mailbox, Retry::later, "more foreign messages than may be removed at once",
     "They stay. Look at them (mirrorctl mailbox show NAME); then raise the link's guard_count or "
     "guard_percent for a while, or set its foreign_policy to keep."},
    {"MRD-MIR-024", Scope::folder, Retry::later, "a folder is not listed on the source, but it is there",
     "Nothing of it is removed, and a fresh session asks again. If it goes on, repair the source's list of "
     "folders (doveadm force-resync, ctl_mboxlist, reconstruct)."},
    {"MRD-MIR-025", Scope::folder, Retry::later,
     "a folder of the target stands under a name it was to leave by",
     "It may be any of those that are missing, so none of them is made anew. Rename it by hand; mirrorctl "
     "mailbox diff shows what is missing."},
    {"MRD-NET-001", Scope::store, Retry::later, "the server cannot be reached",
     "Check that the server runs, host and port, and firewalls between: mirrorctl store test shows each "
     "step."},
    {"MRD-NET-002", Scope::store, Retry::later, "the server did not answer in time",
     "Server or network are overloaded or a firewall drops the connection silently; mirrorctl store test "
     "shows each step with its time. It is tried again by itself."},
    {"MRD-NET-003", Scope::store, Retry::later, "the connection was lost",
     "It is made again by itself. If it repeats, look at the server's log and at idle limits of "
     "firewalls between."},
    {"MRD-NET-004", Scope::store, Retry::later, "the host name is not found",
     "Check the spelling and the DNS servers of this machine (getent hosts NAME)."},
    {"MRD-NET-005", Scope::store, Retry::later, "the server's certificate is refused",
     "The detail says why. Give the CA with ca_file, correct the host name, renew the certificate, or "
     "pin it (mirrorctl store test shows the fingerprint)."},
    {"MRD-NET-006", Scope::store, Retry::later, "TLS could not be set up",
     "Check that the port speaks TLS (implicit) or offers STARTTLS, and that the server offers TLS 1.2 "
     "or newer; check the client certificate and key."},
});

}  // namespace

std::span<const Code> catalogue() noexcept {
  return k_codes;
}

const Code& code_of(std::string_view id) noexcept {
  const auto at = std::lower_bound(k_codes.begin(), k_codes.end(), id,
                                   [](const Code& row, std::string_view wanted) { return row.id < wanted; });
  return at != k_codes.end() && at->id == id ? *at : k_codes.front();
}

}  // namespace mirror::base
