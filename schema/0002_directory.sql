-- SPDX-License-Identifier: Apache-2.0
-- The directory mirror: where the directories are, what was seen in them, what differs, what was changed.

-- Configuration ----------------------------------------------------------------------------------------------

-- The LDAP endpoint of a store.
create table directory (
  store_id         bigint primary key references store on delete cascade,
  host             text not null,
  port             integer not null check (port between 1 and 65535),
  tls              text not null default 'implicit' check (tls in ('none', 'implicit', 'starttls')),
  tls_verify       boolean not null default true,
  tls_server_name  text not null default '',
  ca_pem           text not null default '',
  pin_sha256       text not null default '',
  certificate_file text not null default '',
  key_file         text not null default '',
  other_addresses  text[] not null default '{}',  -- "host:port", tried in turn when the first does not answer
  bind_method      text not null default 'simple' check (bind_method in ('simple', 'external')),
  bind_dn          text not null default '',
  password_sealed  bytea,                         -- never readable through the API
  base_dn          text not null,
  filter           text not null default '(objectClass=mmSubscriber)',
  page_size        integer not null default 0 check (page_size between 0 and 100000),  -- 0: pages only when limits ask
  plain_passwords  boolean not null default false, -- passwords over a connection without TLS: for tests
  row_version      bigint not null default 1,
  created_at       timestamptz not null default now()
);

-- What a link does with its stores' directories. No row: nothing.
create table directory_mirror (
  link_id            bigint primary key references link on delete cascade,
  times              text[] not null default '{02:00,08:00,14:00,20:00}',
  time_zone          text not null default 'UTC',
  interval_seconds   integer not null default 0 check (interval_seconds >= 0),  -- 0: at the times above
  jitter_seconds     integer not null default 300 check (jitter_seconds >= 0),
  scheduled          text not null default 'apply' check (scheduled in ('apply', 'plan', 'off')),
  key_attribute      text not null default 'MailboxNumber',  -- of production; identifies an entry where nothing better does
  rdn_attribute      text not null default '',               -- of the names on DR; empty: production's
  object_classes     text[] not null default '{mmSubscriber}',  -- of entries that are added
  fields             jsonb not null default '[]',            -- empty: the sixteen
  spelling           boolean not null default false,         -- values equal by their rule and written differently are a change
  deletions          text not null default 'disable' check (deletions in ('keep', 'disable', 'delete')),
  delete_after       bigint not null default 604800,         -- seconds between disabling and deleting
  foreign_entries    text not null default 'keep' check (foreign_entries in ('keep', 'remove')),
  guard_count        integer not null default 50 check (guard_count >= 0),
  guard_percent      integer not null default 5 check (guard_percent between 0 and 100),
  guard_shrink_percent integer not null default 10 check (guard_shrink_percent between 0 and 100),
  guarded_changes    text not null default 'go_on' check (guarded_changes in ('go_on', 'wait')),
  participation_filter text not null default '',             -- empty: mailboxes do not come from the directory
  mailbox_attribute  text not null default '',               -- empty: the key is the mailbox's name
  window_size        integer not null default 64 check (window_size between 1 and 128),
  operations_per_second integer not null default 0 check (operations_per_second >= 0),  -- 0: no ceiling
  next_run_at        timestamptz,                            -- null: to be reckoned
  row_version        bigint not null default 1,
  created_at         timestamptz not null default now()
);

-- Runs -------------------------------------------------------------------------------------------------------

alter table run drop constraint run_kind_check;
alter table run add constraint run_kind_check check (kind in ('first_copy', 'review', 'resync', 'verify', 'rebuild', 'store_test',
                                                              'estimate', 'directory'));
-- Of a directory run: {"apply": bool, "plan": id or null, "only": [kinds], "allow_mass_delete": bool}
alter table run add column options jsonb not null default '{}';

-- What both sides held when they were last read. A reading replaces only what changed. Lost by a crash of PostgreSQL: the
-- next reading then puts down everything.
create unlogged table directory_image (
  link_id    bigint not null,
  side       "char" not null check (side in ('s', 't')),
  uuid       text collate "C" not null,               -- entryUUID
  key        text collate "C" not null,               -- canonical; empty: the entry has none, or more than one
  dn         text not null,
  target_dn  text not null default '',    -- of the source's: the name it shall have on the target
  name_hash  bytea not null,              -- of the name on the target, as its rules compare names
  csn        text not null default '',
  fields     bytea not null,              -- 16 octets a field of the map: a keyed hash; zeros: no value
  mailbox    text not null default '',    -- of the source's: its mailbox on the message store
  problem    text not null default '',    -- why it cannot be mirrored
  row_hash   bytea not null,              -- of the entry as it came, the settings and the schemas
  primary key (link_id, side, uuid)
);
create unlogged table directory_member (run_id bigint not null, uuid text collate "C" not null, mailbox text not null default '');

-- Its subscriber left production's directory: it takes part no more; its messages stay.
alter table mailbox add column left_directory boolean not null default false;

-- Who is who: an entry keeps its partner whatever its name becomes.
create table directory_pair (
  link_id       bigint not null references link on delete cascade,
  source_uuid   text collate "C" not null,
  target_uuid   text collate "C" not null,
  key           text collate "C" not null,
    source_fields bytea not null,           -- as production was when both were last equal: what tells drift
  name_hash     bytea not null default '', -- the same of the name
  mailbox       text not null default '',
  state         text not null default 'active' check (state in ('active', 'disabled')),
  disabled_at   timestamptz,
  primary key (link_id, source_uuid),
  unique (link_id, target_uuid)
);
create index directory_pair_key on directory_pair (link_id, key);

create table directory_plan (
  id              bigint generated always as identity primary key,
  link_id         bigint not null references link on delete cascade,
  run_id          bigint not null,
  state           text not null default 'reading'
                  check (state in ('reading', 'planned', 'applying', 'applied', 'superseded', 'failed')),
  map_hash        text not null default '',
  source_entries  bigint not null default 0,
  target_entries  bigint not null default 0,
  source_complete boolean not null default false,
  target_complete boolean not null default false,
  equal_entries   bigint not null default 0,
  foreign_entries bigint not null default 0,
  incomplete      text not null default '',   -- why the reading is no ground for deletions
  guard           text not null default '',   -- why deletions wait for an operator
  guard_released_by text not null default '',
  judged          boolean not null default false, -- by the guard; only such a plan is what later ones are held against
  created_at      timestamptz not null default now(),
  finished_at     timestamptz
);
create index directory_plan_link on directory_plan (link_id, id);

create table directory_change (
  id          bigint generated always as identity primary key,
  plan_id     bigint not null references directory_plan on delete cascade,
  kind        text not null check (kind in ('add', 'modify', 'rename', 'disable', 'delete')),
  state       text not null default 'found'
              check (state in ('found', 'planned', 'held', 'waiting', 'sent', 'done', 'refused', 'unneeded', 'unknown')),
  key         text collate "C" not null,
  source_uuid text collate "C" not null default '',
  target_uuid text collate "C" not null default '',
  source_dn   text not null default '',
  target_dn   text not null default '',      -- as it is; empty: there is none yet
  new_dn      text not null default '',      -- as it shall be: of an add and a rename
  source_csn  text not null default '',
  target_csn  text not null default '',
  source_fields bytea,
  known_fields  bytea,                       -- production's when both were last equal
  drift       boolean not null default false,
  attributes  jsonb not null default '[]',   -- [{"attribute", "name", "before": [..], "after": [..], "drift"}]; secrets never
  code        text not null default '',
  detail      text not null default '',
  sent_at     timestamptz,
  ended_at    timestamptz
);
create index directory_change_plan on directory_change (plan_id, kind, state);
create index directory_change_key on directory_change (plan_id, key);

-- Law 12 for the directory: every change made on a target, in the transaction that records its result.
create table directory_history (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default now(),
  link_id     bigint not null,
  plan_id     bigint not null,
  run_id      bigint not null,
  kind        text not null,
  key         text not null,
  target_uuid text not null default '',
  target_dn   text not null default '',
  new_dn      text not null default '',
  drift       boolean not null default false,
  before      jsonb not null default '{}',   -- by attribute; of secrets and audio a hash
  after       jsonb not null default '{}',
  reason      text not null default ''
);
create index directory_history_link on directory_history (link_id, id);
create index directory_history_key on directory_history (link_id, key, id);
