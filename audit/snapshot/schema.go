package snapshot

// version is the schema's version, kept in the file's user_version. A file
// with a higher one comes from a newer passkey-audit and is refused.
const version = 4

// applicationID marks the file as ours (SQLite's application_id): "PKA1".
const applicationID = 0x504b4131

// migrations[i] brings a file from version i to version i+1. They are never
// edited once released, only added to.
var migrations = [version]string{`
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: how far the listing of users has come.
CREATE TABLE listing (
  one       INTEGER PRIMARY KEY CHECK (one = 1),
  next_link TEXT NOT NULL DEFAULT '',
  pages     INTEGER NOT NULL DEFAULT 0,
  restarts  INTEGER NOT NULL DEFAULT 0,
  done      INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO listing (one) VALUES (1);

CREATE TABLE users (
  seq          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  upn          TEXT NOT NULL,
  upn_key      TEXT NOT NULL,          -- in lower case, to sort by
  display_name TEXT NOT NULL,
  user_type    TEXT NOT NULL,
  enabled      INTEGER,                -- null: not known
  admin        INTEGER,                -- null: not known
  outcome      TEXT NOT NULL DEFAULT 'pending'
) STRICT;
CREATE INDEX users_pending ON users (seq) WHERE outcome = 'pending';

CREATE TABLE passkeys (
  user_seq     INTEGER NOT NULL REFERENCES users (seq),
  id           TEXT NOT NULL,
  name         TEXT NOT NULL,
  aaguid       TEXT NOT NULL,          -- as Graph sent it; empty for null
  model        TEXT NOT NULL,
  type         TEXT NOT NULL,
  attestation  TEXT NOT NULL,
  created_at   TEXT NOT NULL,          -- RFC 3339 in UTC; empty: not known
  last_used_at TEXT NOT NULL,
  PRIMARY KEY (user_seq, id)
) STRICT, WITHOUT ROWID;

-- What was read whole and is kept as Graph sent it, such as the policy.
CREATE TABLE documents (
  name TEXT PRIMARY KEY,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
  id        TEXT PRIMARY KEY,          -- in lower case
  name      TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  next_link TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE group_members (
  user_id  TEXT NOT NULL,
  group_id TEXT NOT NULL,
  PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
  what       TEXT NOT NULL,
  id         TEXT NOT NULL,
  upn        TEXT NOT NULL,
  status     INTEGER NOT NULL,
  code       TEXT NOT NULL,
  message    TEXT NOT NULL,
  request_id TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  PRIMARY KEY (what, id)
) STRICT, WITHOUT ROWID;

-- One row for each run of the program on this snapshot.
CREATE TABLE runs (
  n           INTEGER PRIMARY KEY,
  version     TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  ended_at    TEXT NOT NULL DEFAULT '',
  requests    INTEGER NOT NULL DEFAULT 0,
  batches     INTEGER NOT NULL DEFAULT 0,
  throttled   INTEGER NOT NULL DEFAULT 0,
  retried     INTEGER NOT NULL DEFAULT 0,
  failed      INTEGER NOT NULL DEFAULT 0,
  waited_ms   INTEGER NOT NULL DEFAULT 0,  -- kept waiting by the service
  active_ms   INTEGER NOT NULL DEFAULT 0   -- from the run's start to its last word
) STRICT;
`, `
-- What the registration report says of a user's passkeys. Null: the report was
-- not seen to list the user; 0: it names no passkey; otherwise it names one,
-- and likely holders are numbered from 1 in the order in which that was learnt.
ALTER TABLE users ADD COLUMN likely INTEGER;
CREATE INDEX users_likely ON users (likely) WHERE likely > 0;

-- 1: read a second time, since the report names a passkey and none was found.
ALTER TABLE users ADD COLUMN checked INTEGER NOT NULL DEFAULT 0;

-- Rows of the report whose users are not listed yet.
CREATE TABLE registrations (
  user_id TEXT PRIMARY KEY,
  holder  INTEGER NOT NULL,
  admin   INTEGER
) STRICT, WITHOUT ROWID;

-- How far the reading of the registration report has come.
CREATE TABLE reports (
  name      TEXT PRIMARY KEY,            -- which rows of the report
  state     TEXT NOT NULL,
  next_link TEXT NOT NULL DEFAULT '',
  pages     INTEGER NOT NULL DEFAULT 0,
  restarts  INTEGER NOT NULL DEFAULT 0,
  users     INTEGER NOT NULL DEFAULT 0,
  oldest    TEXT NOT NULL DEFAULT '',    -- the rows' lastUpdatedDateTime
  newest    TEXT NOT NULL DEFAULT '',
  left_out  INTEGER NOT NULL DEFAULT 0,  -- users who were not read on its word
  status    INTEGER NOT NULL DEFAULT 0,  -- why it could not be read
  code      TEXT NOT NULL DEFAULT '',
  message   TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
`, `
-- To keep it cost more with every user than it saved: whoever is pending comes
-- after those who are not, but for the few that are tried again.
DROP INDEX users_pending;
`, `
-- How many passkeys were read, 9 for 9 and more; null: not known. It saves a
-- search for the passkeys of those who hold none, which is most of a tenant.
ALTER TABLE users ADD COLUMN holds INTEGER;

-- 1: a member through another group alone; 0: a direct member; null: not known.
ALTER TABLE group_members ADD COLUMN nested INTEGER;

-- What became of reading the direct members; 'pending': not read.
ALTER TABLE groups ADD COLUMN direct TEXT NOT NULL DEFAULT 'pending';

-- Active assignments of directory roles.
CREATE TABLE roles (
  principal_id   TEXT NOT NULL,          -- a user's, a group's or an application's
  principal_type TEXT NOT NULL,          -- empty: not sent
  role_id        TEXT NOT NULL,
  scope          TEXT NOT NULL,          -- / for the whole tenant
  PRIMARY KEY (principal_id, role_id, scope)
) STRICT, WITHOUT ROWID;
`}
