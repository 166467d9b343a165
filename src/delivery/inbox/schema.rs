//! The inbox's tables, and how an older file becomes a newer one.
//!
//! ```text
//! alerts   one row an alert; `rank` is its money, `shelf` 0 open, 1 snoozed, 2 closed, 3 shadow
//! changes  one row a change; `seq` only grows, also after old rows are gone
//! deeds    one row for what somebody did with an alert: its history, its comments
//! reps     one row a rep, by the reference data: who is whose manager
//! deliveries, outbox_marks, escalations    see `delivery::outbox`
//! identity, origins                        see `delivery::inbox::copy`
//! ```
//!
//! Add a migration at the end; never edit one that has shipped.

/// The steps of [`tables::migrate`](crate::tables::migrate).
pub(super) const MIGRATIONS: [&str; 7] = [
    "
    CREATE TABLE alerts (
        row         INTEGER PRIMARY KEY,
        id          TEXT    NOT NULL UNIQUE,
        family      TEXT    NOT NULL,
        entity_kind TEXT    NOT NULL,
        entity_id   TEXT    NOT NULL,
        owner       TEXT    NOT NULL,
        shelf       INTEGER NOT NULL,
        state_name  TEXT    NOT NULL,
        state       TEXT    NOT NULL,
        rank        INTEGER NOT NULL,
        currency    TEXT,
        opened_at   INTEGER NOT NULL,
        changed_at  INTEGER NOT NULL,
        seq         INTEGER NOT NULL,
        words       TEXT    NOT NULL,
        body        TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX alerts_by_rank   ON alerts (shelf, rank, opened_at, id);
    CREATE INDEX alerts_by_owner  ON alerts (shelf, owner, rank, opened_at, id);
    CREATE INDEX alerts_by_tally  ON alerts (shelf, owner, family, currency, rank);
    CREATE INDEX alerts_by_entity ON alerts (entity_kind, entity_id);
    CREATE INDEX alerts_by_seq    ON alerts (shelf, seq);
    CREATE TABLE changes (
        seq    INTEGER PRIMARY KEY AUTOINCREMENT,
        id     TEXT    NOT NULL,
        opened INTEGER NOT NULL,
        owner  TEXT    NOT NULL,
        family TEXT    NOT NULL,
        state  TEXT    NOT NULL,
        at     INTEGER NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE alerts ADD COLUMN rule TEXT NOT NULL DEFAULT '';
    ALTER TABLE alerts ADD COLUMN amount INTEGER;
    ALTER TABLE alerts ADD COLUMN answered_at INTEGER;
    ALTER TABLE alerts ADD COLUMN severity TEXT NOT NULL DEFAULT '';
    UPDATE alerts SET rule = COALESCE(json_extract(body, '$.rule'), ''),
        severity = COALESCE(json_extract(body, '$.severity'), '');
    CREATE INDEX alerts_by_change ON alerts (shelf, changed_at, opened_at, id);
    CREATE INDEX alerts_by_rule ON alerts (rule, opened_at);
    CREATE TABLE deeds (
        row      INTEGER PRIMARY KEY,
        alert    TEXT    NOT NULL,
        at       INTEGER NOT NULL,
        by       TEXT    NOT NULL,
        action   TEXT    NOT NULL,
        is_taken_back INTEGER NOT NULL DEFAULT 0,
        UNIQUE (alert, at, by, action)
    ) STRICT;
",
    "
    ALTER TABLE alerts ADD COLUMN keeper TEXT NOT NULL DEFAULT '';
    ALTER TABLE alerts ADD COLUMN owned_at INTEGER NOT NULL DEFAULT 0;
    UPDATE alerts SET keeper = owner, owned_at = opened_at;
    CREATE TABLE reps (
        id          TEXT PRIMARY KEY,
        name        TEXT,
        manager     TEXT,
        territories TEXT NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE deliveries (
        row        INTEGER PRIMARY KEY AUTOINCREMENT,
        id         TEXT    NOT NULL UNIQUE,
        lane       TEXT    NOT NULL,
        alert      TEXT    NOT NULL,
        entity     TEXT    NOT NULL,
        rule       TEXT    NOT NULL,
        channel    TEXT    NOT NULL,
        address    TEXT    NOT NULL,
        person     TEXT    NOT NULL,
        about      TEXT    NOT NULL,
        status     TEXT    NOT NULL,
        reason     TEXT    NOT NULL,
        route      TEXT    NOT NULL,
        state      TEXT    NOT NULL,
        reference  TEXT    NOT NULL DEFAULT '',
        attempts   INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        due_at     INTEGER NOT NULL,
        first_at   INTEGER NOT NULL DEFAULT 0,
        changed_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX deliveries_by_lane   ON deliveries (lane, row);
    CREATE INDEX deliveries_by_alert  ON deliveries (alert, row);
    CREATE INDEX deliveries_by_status ON deliveries (status, row);
    CREATE INDEX deliveries_by_person ON deliveries (person, due_at);
    CREATE INDEX deliveries_due       ON deliveries (channel, due_at)
        WHERE status IN ('pending', 'uncertain');
    CREATE TABLE outbox_marks (
        name  TEXT    PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE escalations (
        alert    TEXT    NOT NULL,
        receiver TEXT    NOT NULL,
        owner    TEXT    NOT NULL,
        due_at   INTEGER NOT NULL,
        PRIMARY KEY (alert, receiver)
    ) STRICT;
    CREATE INDEX escalations_due ON escalations (due_at);
",
    "
    ALTER TABLE reps ADD COLUMN seniority TEXT;
",
    "
    CREATE INDEX deliveries_by_entity ON deliveries (entity, rule);
",
    "
    CREATE TABLE identity (name TEXT NOT NULL) STRICT;
    INSERT INTO identity VALUES (lower(hex(randomblob(16))));
    CREATE TABLE origins (
        address TEXT PRIMARY KEY,
        inbox   TEXT,
        place   TEXT
    ) STRICT;
    ALTER TABLE alerts ADD COLUMN origin TEXT NOT NULL DEFAULT '';
    ALTER TABLE alerts ADD COLUMN is_stale INTEGER NOT NULL DEFAULT 0;
",
];
