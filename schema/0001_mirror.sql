-- SPDX-License-Identifier: Apache-2.0
-- The meeting point of all services: configuration, work, provenance, history. Times are PostgreSQL's.

-- Stores and links -------------------------------------------------------------------------------------------

create table store (
  id               bigint generated always as identity primary key,
  name             text not null unique check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
  host             text not null,
  port             integer not null check (port between 1 and 65535),
  tls              text not null default 'implicit' check (tls in ('none', 'implicit', 'starttls')),
  tls_verify       boolean not null default true,
  tls_server_name  text not null default '',
  ca_pem           text not null default '',
  pin_sha256       text not null default '',
  certificate_file text not null default '',
  key_file         text not null default '',
  profile          text not null default 'generic',
  login_method     text not null default 'plain_authzid'
                   check (login_method in ('plain_authzid', 'master_user', 'own_password', 'external', 'scram_sha_256')),
  login            text not null default '',
  master_separator text not null default '*' check (length(master_separator) = 1),
  password_sealed  bytea,                       -- never readable through the API
  octets_per_second bigint not null default 0,  -- 0: no ceiling
  state            text not null default 'unknown' check (state in ('unknown', 'up', 'down', 'refused')),
  state_code       text not null default '',
  state_text       text not null default '',
  state_since      timestamptz not null default now(),
  probe_at         timestamptz,                 -- while down or refused: when the one probe is due
  identity         jsonb not null default '{}', -- ID answer and certificate last seen: what the store is
  row_version      bigint not null default 1,
  created_at       timestamptz not null default now()
);

create table link (
  id              bigint generated always as identity primary key,
  name            text not null unique check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
  source_store_id bigint not null references store,
  target_store_id bigint not null references store,
  foreign_policy  text not null default 'keep' check (foreign_policy in ('keep', 'remove')),
  folder_include  text[] not null default '{*}',
  folder_exclude  text[] not null default '{}',
  guard_count     integer not null default 1000,  -- deletions of one mailbox in a day beyond which they are held
  guard_percent   integer not null default 50,    -- they are also held beyond this share of the mailbox
  guard_link_percent integer not null default 10, -- deletions of an hour, all mailboxes: held beyond this share of the link
  deletion_delay  bigint not null default 0,      -- seconds every deletion waits
  paused_reason   text not null default '',
  row_version     bigint not null default 1,
  created_at      timestamptz not null default now(),
  check (source_store_id <> target_store_id)
);

create table participation_rule (
  id        bigint generated always as identity primary key,
  link_id   bigint not null references link on delete cascade,
  action    text not null check (action in ('include', 'exclude')),
  mask      text not null,
  actor     text not null default '',
  created_at timestamptz not null default now(),
  unique (link_id, mask)
);

create table mailbox (
  id              bigint generated always as identity primary key,
  link_id         bigint not null references link,
  target_store_id bigint not null references store,
  name            text not null,               -- the owner on the source store
  target_name     text not null,               -- the owner on the target store
  origin          text not null default 'added' check (origin in ('added', 'import', 'directory')),
  participates    boolean not null default true,
  status          text not null default 'new'
                  check (status in ('new', 'in_sync', 'lagging', 'failed', 'excluded', 'paused')),
  error_code      text not null default '',
  error_text      text not null default '',
  error_since     timestamptz,
  failures        integer not null default 0,
  watch_method    text not null default 'none',   -- notify, idle, push, poll, none
  heard_at        timestamptz,                 -- watcher heard or poll answered
  compared_at     timestamptz,                 -- last pass that ended with equal counts
  full_compared_at timestamptz,
  verified_at     timestamptz,
  review_due_at   timestamptz not null default now(),
  rebuild_due_at  timestamptz not null default now() + interval '1 day',
  source_messages bigint not null default 0,
  target_messages bigint not null default 0,
  greetings       integer not null default 0,
  octets          bigint not null default 0,
  foreign_messages integer not null default 0,
  unknown_messages integer not null default 0,
  created_at      timestamptz not null default now(),
  unique (link_id, name),
  unique (target_store_id, target_name)        -- a target mailbox belongs to one link (law 7)
);
create index mailbox_review on mailbox (review_due_at) where participates;

-- The next turn of one of many in a period of so many seconds. Each has a place of its own in the period, and the golden
-- ratio spreads the places of consecutive ids evenly: however they began, they never come in a burst.
create function next_turn(id bigint, period float8) returns timestamptz language sql stable as $$
  select now() + make_interval(secs => period * (floor(x.at / period - x.place) + 1 + x.place) - x.at)
    from (select extract(epoch from now())::float8 as at, (mod(id * 0.6180339887498949, 1))::float8 as place) x
$$;

-- For stores with login method own_password. Of the owner on that store, whichever links lead there: either side of a
-- link may want one, and the two may differ.
create table mailbox_password (
  store_id bigint not null references store on delete cascade,
  owner    text not null,
  sealed   bytea not null,                     -- never readable through the API
  set_at   timestamptz not null default now(),
  primary key (store_id, owner)
);

-- Work -------------------------------------------------------------------------------------------------------

create sequence dirty_generation;
create sequence lease_epoch;

create table dirty (
  mailbox_id bigint primary key references mailbox on delete cascade,
  generation bigint not null,
  cause      text not null,
  class      smallint not null default 1,      -- 0 live, 1 first copy, 2 review
  full_compare boolean not null default false,
  first_seen timestamptz not null default now(),
  last_seen  timestamptz not null default now(),
  due_at     timestamptz not null default now()
);
create index dirty_due on dirty (class, due_at);

create table retry (
  mailbox_id bigint primary key references mailbox on delete cascade,
  since      timestamptz not null default now(),
  due_at     timestamptz not null,
  attempts   integer not null default 1,
  blocking   boolean not null default true,   -- false: a part is left undone, the rest of the mailbox goes on at once
  code       text not null,
  scope      text not null,
  detail     text not null
);

create table lease (
  mailbox_id bigint primary key references mailbox on delete cascade,
  epoch      bigint not null,
  holder     text not null,
  until      timestamptz not null
);

create table node (
  id           text primary key,
  host         text not null,
  version      text not null,
  started_at   timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  site_epoch   bigint not null default 0,      -- the last site state this node has put into effect
  beat         bigint not null default 1       -- heartbeats; the node knows the last one: fewer here, and the database went back
);

create table service (
  node_id  text not null references node on delete cascade,
  name     text not null,
  state    text not null check (state in ('starting', 'running', 'backing_off', 'stopped')),
  restarts integer not null default 0,
  error    text not null default '',
  since    timestamptz not null default now(),
  restart_requested boolean not null default false,
  primary key (node_id, name)
);

create table site (
  only_row boolean primary key default true check (only_row),
  state    text not null default 'mirroring'
           check (state in ('mirroring', 'suspending', 'suspended', 'failed_over', 'restoring', 'resync', 'drill')),
  epoch    bigint not null default 1,
  actor    text not null default 'install',
  reason   text not null default '',
  since    timestamptz not null default now(),
  full_review_run bigint,
  timeline bigint not null default 0  -- of the WAL, when the site was suspended for a database that is another
);
insert into site default values;

-- Provenance: folders, the map, the ledger --------------------------------------------------------------------

create table folder (
  id                 bigint generated always as identity primary key,
  mailbox_id         bigint not null references mailbox on delete cascade,
  source_name        text not null,
  target_name        text not null,
  source_uidvalidity bigint not null default 0,
  source_uidnext     bigint not null default 0,  -- checkpoint: EXAMINE's own answers at the start of the pass
  source_modseq      bigint not null default 0,
  source_exists      bigint not null default 0,
  target_uidvalidity bigint not null default 0,
  target_uidnext     bigint not null default 0,  -- floor: everything below was seen
  target_modseq      bigint not null default 0,
  target_exists      bigint not null default 0,
  source_status      text not null default '',   -- STATUS as it was before the last complete pass began
  target_status      text not null default '',
  mailboxid          text not null default '',
  special_use        text not null default '',
  subscribed         boolean not null default false,
  greetings          boolean not null default false,
  state              text not null default 'active' check (state in ('active', 'refused', 'leaving')),
  memory             boolean not null default true,  -- false: rows were lost; unmatched DR messages are unknown
  made_anew          boolean not null default false, -- the source's UIDVALIDITY changed, and no pass judged the deletions since
  unique (mailbox_id, source_name) deferrable initially deferred,
  unique (mailbox_id, target_name) deferrable initially deferred
);

create table message (
  folder_id          bigint not null references folder on delete cascade,
  source_uidvalidity bigint not null,
  source_uid         bigint not null,
  target_uidvalidity bigint not null,
  target_uid         bigint not null,
  size               bigint not null,          -- octets as fetched from the source
  internaldate       bigint not null,
  zone_minutes       integer not null default 0,
  flags              text not null default '', -- as last made equal
  message_id_hash    bigint not null default 0,
  source_digest      bytea,
  target_digest      bytea,
  target_size        bigint not null default 0,  -- as the target's server says; what a deletion checks
  target_date        bigint not null default 0,
  greeting           boolean not null default false,
  copied_at          timestamptz not null default now(),
  suspect            boolean not null default false,  -- a verify found it wrong: the next pass matches anew, by content
  primary key (folder_id, source_uidvalidity, source_uid),
  unique (folder_id, target_uidvalidity, target_uid)
);
create index message_suspect on message (folder_id) where suspect;

-- The ledger of sends: an answered intent stays while the folder lives.
create table intent (
  id                 bigint generated always as identity primary key,
  folder_id          bigint not null references folder on delete cascade,
  source_uidvalidity bigint not null,
  source_uid         bigint not null,
  target_uidvalidity bigint not null,
  target_floor       bigint not null,
  size               bigint not null,
  internaldate       bigint not null,
  message_id_hash    bigint not null,
  digest             bytea,
  epoch              bigint not null,
  state              text not null default 'open'
                     check (state in ('open', 'stored', 'absent', 'refused', 'removed')),
  target_uid         bigint,
  sent_at            timestamptz not null default now(),
  looks              smallint not null default 0, -- for a copy that the server stores late, once it is absent
  lost               boolean not null default false  -- the connection ended with this send
);
create index intent_absent on intent (sent_at) where state = 'absent' and looks < 9;
create unique index intent_open on intent (folder_id, source_uidvalidity, source_uid) where state = 'open';
create index intent_folder on intent (folder_id, state);

create table tombstone (
  folder_id          bigint not null references folder on delete cascade,
  source_uidvalidity bigint not null,
  source_uid         bigint not null,
  target_uidvalidity bigint not null,
  target_uid         bigint not null,
  digest             bytea,
  size               bigint not null default 0,
  deleted_at         timestamptz not null default now(),
  lost               boolean not null default false,  -- the target had it no more
  primary key (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid)
);

-- DR messages that did not come from production (foreign), or of which memory was lost (unknown).
create table extra_message (
  folder_id          bigint not null references folder on delete cascade,
  target_uidvalidity bigint not null,
  target_uid         bigint not null,
  kind               text not null check (kind in ('foreign', 'unknown')),
  size               bigint not null default 0,
  internaldate       bigint not null default 0,
  digest             bytea,
  first_seen         timestamptz not null default now(),
  primary key (folder_id, target_uidvalidity, target_uid)
);

create table held_deletion (
  folder_id          bigint not null references folder on delete cascade,
  source_uidvalidity bigint not null,
  source_uid         bigint not null,
  target_uidvalidity bigint not null,
  target_uid         bigint not null,
  -- Whose limit holds it; delay: it only waits for its time.
  scope              text not null default 'mailbox' check (scope in ('mailbox', 'link', 'delay')),
  reason             text not null,
  held_at            timestamptz not null default now(),
  due_at             timestamptz,              -- it only waits for its time (link.deletion_delay); null: for a person
  released_at        timestamptz,
  primary key (folder_id, source_uidvalidity, source_uid)
);
create index held_deletion_due on held_deletion (due_at) where released_at is null;
create index held_deletion_link on held_deletion (folder_id) where scope = 'link' and released_at is null;

-- What the guard let through, for its limits of a day.
create table guarded_deletion (
  mailbox_id bigint not null references mailbox on delete cascade,
  at         timestamptz not null default now(),
  messages   bigint not null
);
create index guarded_deletion_mailbox on guarded_deletion (mailbox_id, at);
create index guarded_deletion_at on guarded_deletion (at);

create table quarantine (
  id                 bigint generated always as identity primary key,
  mailbox_id         bigint not null references mailbox on delete cascade,
  folder_id          bigint references folder on delete cascade,
  folder_name        text not null default '',
  kind               text not null check (kind in ('message', 'altered', 'flag', 'folder', 'not_kept')),
  source_uidvalidity bigint not null default 0,
  source_uid         bigint not null default 0,
  code               text not null,
  wanted             text not null default '',
  got                text not null default '',
  server_text        text not null default '',
  size               bigint not null default 0,
  attempts           integer not null default 1,
  since              timestamptz not null default now(),
  last_at            timestamptz not null default now(),
  retry_at           timestamptz default now() + interval '1 hour',  -- null: with the next complete compare
  unique (mailbox_id, folder_name, kind, source_uidvalidity, source_uid, wanted)
);
create index quarantine_folder on quarantine (folder_id);
create index quarantine_due on quarantine (retry_at) where kind in ('message', 'not_kept', 'folder');

-- So often is a message sent that does not stay, before it waits: what the target had and did not keep, what it or the
-- source ended the connection at with a BYE; more often where the connection just broke, since the line may be to blame.
create function quarantine_sends(code text) returns integer language sql immutable as $$
  select case when code in ('MRD-NET-002', 'MRD-NET-003') then 10 else 3 end
$$;

-- Until when a row waits that was tried so often; null: tried again at once, or (altered) never. What was lost with its connection waits for
-- seconds first.
create function quarantine_until(kind text, code text, attempts integer) returns timestamptz language sql stable as $$
  select now() + case when kind = 'altered' then null
                      when kind <> 'not_kept' then least(interval '1 hour' * power(2, least(attempts - 1, 5)), interval '1 day')
                      when attempts < quarantine_sends(code) then null
                      when code = 'MRD-MIR-003' then least(interval '1 hour' * power(2, least(attempts - 3, 5)), interval '1 day')
                      else least(interval '15 s' * power(2, least(attempts - quarantine_sends(code), 13)), interval '1 day') end
$$;

-- A step: one change on the target, committed before it is sent, so that recovery knows what may have happened.
create table step (
  id         bigint generated always as identity primary key,
  mailbox_id bigint not null references mailbox on delete cascade,
  folder_id  bigint,
  epoch      bigint not null,
  run_id     bigint,
  kind       text not null,
  detail     jsonb not null default '{}',
  created_at timestamptz not null default now()
);

-- History, events, runs, reports -------------------------------------------------------------------------------

create table history (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default now(),
  link_id     bigint not null,
  mailbox_id  bigint not null,
  folder_name text not null default '',
  kind        text not null,     -- message.copied, message.adopted, message.deleted, flags.changed, folder.created, ...
  source_uid  bigint,
  target_uid  bigint,
  target_uidvalidity bigint,
  before      text not null default '',
  after       text not null default '',
  digest      bytea,
  octets      bigint not null default 0,
  run_id      bigint,
  reason      text not null default '',
  epoch       bigint not null default 0
);
create index history_mailbox on history (mailbox_id, id);
create index history_at on history using brin (at);  -- rates of the last minute

create table event_head (only_row boolean primary key default true check (only_row), id bigint not null);
insert into event_head values (true, 0);
create table event (
  id       bigint primary key,                 -- without gaps: taken from event_head in the same transaction
  at       timestamptz not null default now(),
  type     text not null,
  severity text not null default 'info' check (severity in ('info', 'warning', 'error')),
  store    text not null default '',
  mailbox  text not null default '',
  run_id   bigint,
  actor    text not null default '',
  data     jsonb not null default '{}'
);

create function add_event(e_type text, e_severity text, e_store text, e_mailbox text, e_run bigint, e_actor text,
                          e_data jsonb) returns bigint language plpgsql as $$
declare next_id bigint;
begin
  update event_head set id = id + 1 returning id into next_id;
  insert into event (id, type, severity, store, mailbox, run_id, actor, data)
  values (next_id, e_type, e_severity, e_store, e_mailbox, e_run, e_actor, e_data);
  perform pg_notify('mirrord_event', next_id::text);
  return next_id;
end $$;

-- What the stores told us, by kind; impact false: counted, no work (S17).
create table store_event (
  store_id bigint not null references store on delete cascade,
  kind     text not null,                      -- login, deposit, flag, deletion, greeting, folder, gap, other
  impact   boolean not null,
  count    bigint not null default 0,
  last_at  timestamptz not null default now(),
  primary key (store_id, kind, impact)
);

create table run (
  id           bigint generated always as identity primary key,
  kind         text not null check (kind in ('first_copy', 'review', 'resync', 'verify', 'rebuild', 'store_test', 'estimate')),
  state        text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
  link_id      bigint references link,
  mask         text not null default '*',
  deep         boolean not null default false,
  dry_run      boolean not null default false,
  total        bigint not null default 0,
  done         bigint not null default 0,
  differing    bigint not null default 0,
  failed       bigint not null default 0,
  octets_done  bigint not null default 0,
  octets_total bigint not null default 0,
  requested_by text not null default '',
  reason       text not null default '',
  cancel_requested boolean not null default false,
  node_id      text not null default '',
  result       jsonb not null default '{}',
  created_at   timestamptz not null default now(),
  started_at   timestamptz,
  finished_at  timestamptz
);

create table run_mailbox (
  run_id     bigint not null references run on delete cascade,
  mailbox_id bigint not null references mailbox on delete cascade,
  state      text not null default 'waiting' check (state in ('waiting', 'equal', 'differs', 'repaired', 'done', 'failed', 'skipped')),
  detail     jsonb not null default '{}',
  finished_at timestamptz,
  primary key (run_id, mailbox_id)
);
create index run_mailbox_waiting on run_mailbox (mailbox_id) where state = 'waiting';

create table report (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default now(),
  kind   text not null,
  run_id bigint,
  body   jsonb not null
);

-- Octets and counts per link and day, for rates and S50.
create table traffic (
  store_id bigint not null references store on delete cascade,
  day      date not null default current_date,
  octets_in bigint not null default 0,
  octets_out bigint not null default 0,
  messages bigint not null default 0,
  primary key (store_id, day)
);

create table setting (
  key   text primary key,
  value jsonb not null
);

create table audit (
  id     bigint generated always as identity primary key,
  at     timestamptz not null default now(),
  actor  text not null,
  action text not null,
  object text not null default '',
  detail jsonb not null default '{}',
  reason text not null default '',
  result text not null default 'ok'
);
