// SPDX-License-Identifier: Apache-2.0
#include "cli/help_pages.hpp"

#include <algorithm>
#include <iterator>

namespace mirror::cli {

namespace {

constexpr std::string_view k_exits_of_runs = R"(0    Both directories are equal, or were made equal.
1    The run failed: the message says why, its code is in docs/errors.md.
3    Not now: the site is suspended, another run is under way, or a newer plan is there.
4    No such plan, or the link mirrors no directory.
5    Something differs: it waits, is held by a guard, or was refused.
75   It goes on and was not waited for to its end (Ctrl-C).)";

constexpr HelpPage k_pages[] = {
    {"",
     "Asks mirrord, over its control socket, and prints what it answers: tables for people,\n"
     "--json for programs. Nothing but --secret-file and standard input takes a secret.",
     R"(0    Done.
1    Failed.
2    The command line is wrong.
3    Not in this state of the site.
4    There is no such thing.
5    Something differs.
6    Some mailboxes failed.
69   mirrord cannot be reached.
75   Try again: it took too long, or was changed meanwhile.
77   You may not do this.
78   The configuration is wrong.)",
     "mirrorctl status --watch\n"
     "mirrorctl mailbox import numbers.txt && mirrorctl resync --all --wait",
     "docs/mirrorctl.md, docs/errors.md"},
    {"directory",
     "Administration happens on production. A few times a day mirrord reads both directories\n"
     "completely, compares them and makes DR equal: subscribers added, changed, renamed and\n"
     "removed, passwords and recorded names included. Nothing is written to production.\n"
     "\n"
     "What is doubtful waits for you: a reading that ended early, a directory that shrank, more\n"
     "deletions than usual, a field that would be emptied everywhere. \"status\" says so, \"plan\"\n"
     "shows it entry by entry, \"apply --allow-mass-delete\" lets it go.",
     k_exits_of_runs,
     "mirrorctl directory store set production --host ldap1.example --port 636 \\\n"
     "    --base-dn ou=People,dc=production,dc=example --bind-dn cn=reader,dc=production,dc=example\n"
     "mirrorctl directory credential set production --secret-file reader.password\n"
     "mirrorctl directory link set dr --scheduled plan\n"
     "mirrorctl directory plan\n"
     "mirrorctl directory run\n"
     "mirrorctl directory link set dr --scheduled apply",
     "docs/directory.md: setting it up for OpenLDAP, what is mirrored, what each guard does"},
    {"directory status",
     "Of each link: when it runs next, what the last reading saw on both sides, what the last\n"
     "plan found, did, holds and could not do, and each problem with what to do about it.",
     "0    Told.\n4    No such link.", "mirrorctl directory status\nmirrorctl directory status dr --json",
     "mirrorctl directory history"},
    {"directory run",
     "Reads both directories, compares them and applies what differs, as the schedule does. Waits\n"
     "for its end and prints what was done; --no-wait prints the run's number instead.",
     k_exits_of_runs, "mirrorctl directory run --reason \"number range moved\"",
     "mirrorctl directory plan, mirrorctl run show"},
    {"directory plan",
     "Reads both directories, compares them and shows what a run would do, entry by entry and\n"
     "attribute by attribute, like a code review. Of passwords it says only that they differ, of\n"
     "recorded names length and SHA-256. Writes nothing.\n"
     "\n"
     "Each entry has a state: planned, held (a guard), waiting (it lacks a required field),\n"
     "refused, and a mark when it is drift: changed on DR by hand.",
     k_exits_of_runs,
     "mirrorctl directory plan\nmirrorctl directory plan --json | jq '.items[] | select(.drift)'",
     "mirrorctl directory apply"},
    {"directory show",
     "One entry by its mailbox number: where it is on both sides, what differs now as of the newest\n"
     "plan, and what was changed on DR before.",
     "0    Told.\n4    No such entry.", "mirrorctl directory show 4711", "mirrorctl directory history"},
    {"directory apply",
     "Applies a plan that \"plan\" or a run left: the newest one, or nothing. What has changed since on\n"
     "either side is read again first; what production has again is not removed.\n"
     "\n"
     "--only takes a list of add, modify, rename, disable, delete; the rest of the plan stays.\n"
     "--allow-mass-delete releases what the guards hold. It asks for a reason, which is kept.",
     k_exits_of_runs,
     "mirrorctl directory apply --only add,modify\n"
     "mirrorctl directory apply --plan 17 --allow-mass-delete --reason \"site closed, ticket 4711\"",
     "mirrorctl directory plan, mirrorctl directory status"},
    {"directory history",
     "Every change made on DR's directory, newest first: when, by which plan, what was before and\n"
     "after, and whether it was drift. Passwords are keyed hashes, recorded names length and SHA-256.",
     "0    Told.\n4    No such link.",
     "mirrorctl directory history\nmirrorctl directory history 4711 --limit 20 --json",
     "mirrorctl directory show"},
    {"directory store set",
     "Says where a store's directory is, as whom to log in, and where the subscribers are. Only what\n"
     "is named changes. Production's account needs to read the subscribers with all mirrored fields,\n"
     "and should be able to do nothing else; DR's writes below the base.",
     "0    Set.\n2    A value is wrong; nothing was changed.\n4    No such store.",
     "mirrorctl directory store set dr --host ldap2.example --port 636 --ca-file ca.pem \\\n"
     "    --base-dn ou=People,dc=dr,dc=example --bind-dn cn=writer,dc=dr,dc=example",
     "mirrorctl directory credential set, docs/directory.md"},
    {"directory link set",
     "Mirrors the directory of a link's source to its target's: when it runs, which attributes under\n"
     "which names (--map-file), what becomes of who was removed, how much may go at once, and which\n"
     "subscribers' mailboxes are mirrored (--participation-filter). Only what is named changes.",
     "0    Set.\n2    A value is wrong; nothing was changed.\n4    No such link.",
     "mirrorctl directory link set dr --scheduled apply --times 06:00,12:00,18:00,23:00\n"
     "mirrorctl directory link set dr --map-file fields.json\n"
     "mirrorctl directory link set dr --deletions disable --delete-after 1209600",
     "mirrorctl directory plan, docs/settings.md, docs/directory.md"},
};

}  // namespace

std::span<const HelpPage> help_pages() {
  return k_pages;
}

const HelpPage& help_page(std::string_view words) {
  static constexpr HelpPage k_none{};
  const auto* found = std::ranges::find(k_pages, words, &HelpPage::words);
  return found == std::end(k_pages) ? k_none : *found;
}

}  // namespace mirror::cli
