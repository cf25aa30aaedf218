-- What a study's file holds. One row per run says where it stands now; attempts are only ever appended.

-- Settings of the study by name, as JSON.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What many runs have in common: commands, needs, files. JSON.
CREATE TABLE recipes (
    id INTEGER PRIMARY KEY,
    spec TEXT NOT NULL
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    recipe INTEGER NOT NULL,
    params TEXT NOT NULL,               -- JSON, with exact types; see the codec
    own TEXT,                           -- what this run alone has, JSON; NULL: nothing
    directory TEXT,                     -- relative to the study's, or absolute; NULL: the id
    identity BLOB,                      -- of parameters, command and inputs; NULL: not known
    state INTEGER NOT NULL DEFAULT 0,   -- see records.STATUSES
    cause INTEGER,                      -- why the last attempt ended; see records.CAUSES
    attempt INTEGER NOT NULL DEFAULT 0, -- attempts made
    step INTEGER NOT NULL DEFAULT 0,    -- the step that comes next, or was last
    returncode INTEGER,
    message TEXT,                       -- how the last attempt ended, where that is not plain from the cause
    forgiven INTEGER NOT NULL DEFAULT 0 -- attempts that count against no limit: the run was queued again after them
);
CREATE INDEX runs_by_state ON runs (state);
CREATE INDEX runs_by_directory ON runs (directory) WHERE directory IS NOT NULL;

-- How many runs are in which state, so that counting never scans. Whoever inserts runs counts them in; a trigger does
-- the rest.
CREATE TABLE counts (
    state INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
);
INSERT INTO counts (state, number) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0);

CREATE TRIGGER runs_moved AFTER UPDATE OF state ON runs WHEN OLD.state <> NEW.state BEGIN
    UPDATE counts SET number = number - 1 WHERE state = OLD.state;
    UPDATE counts SET number = number + 1 WHERE state = NEW.state;
END;

-- Attempts that have ended, or the one under way (cause NULL).
CREATE TABLE attempts (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,           -- from 1
    step INTEGER NOT NULL,              -- from 0
    started REAL,                       -- UTC epoch seconds; NULL: never started
    node TEXT,
    pid INTEGER,
    cores TEXT,                         -- ids, separated by commas
    gpus TEXT,
    cause INTEGER,
    returncode INTEGER,
    message TEXT,
    wall_s REAL,
    user_s REAL,
    system_s REAL,
    max_rss_bytes INTEGER,
    rss_floor_bytes INTEGER,
    tail TEXT,                          -- the end of its output, where that was kept
    PRIMARY KEY (run, attempt, step)
) WITHOUT ROWID;

-- What runs posted.
CREATE TABLE results (
    run INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                 -- text, file, bad; see the agent's harvest
    value TEXT NOT NULL                 -- JSON text, size in bytes, reason
);

-- Runs in the order in which they ended; one that is run again may end again.
CREATE TABLE ends (
    seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL
);

-- Commands of other processes that were carried out, so that none is twice.
CREATE TABLE commands (
    name TEXT PRIMARY KEY,
    reply TEXT NOT NULL                 -- JSON
) WITHOUT ROWID;

-- What happened to the study as a whole.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,                 -- UTC epoch seconds
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);

-- Agents that may know of runs what is not written here yet.
CREATE TABLE agents (
    place TEXT PRIMARY KEY,             -- its directory
    spool TEXT NOT NULL,
    node TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    guest TEXT                          -- whose; NULL: the driver's
) WITHOUT ROWID;

-- Who may write: one driver at a time.
CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,             -- grows with every holder
    holder TEXT,                        -- JSON; NULL: nobody
    beat INTEGER NOT NULL DEFAULT 0,    -- grows while the holder lives
    beat_boot_s REAL NOT NULL DEFAULT 0 -- when the last beat was, seconds since the holder's boot
);
INSERT INTO lease (id, epoch) VALUES (1, 0);

-- Further drivers that take part: what they do is written down by the one that may write.
CREATE TABLE guests (
    name TEXT PRIMARY KEY,
    who TEXT NOT NULL                   -- JSON, as the holder of the lease
) WITHOUT ROWID;

-- Runs that are a guest's, until they have ended or it has.
CREATE TABLE claims (
    run INTEGER PRIMARY KEY,
    guest TEXT NOT NULL
);

-- Runs that were killed while they were under way, until they are queued again: should their driver die before it hears
-- of their end, the next one knows.
CREATE TABLE condemned (
    run INTEGER PRIMARY KEY
);

-- What guests are to do; an order goes when it was carried out.
CREATE TABLE orders (
    name TEXT PRIMARY KEY,              -- in the order of time
    guest TEXT NOT NULL,
    what TEXT NOT NULL,
    arguments TEXT NOT NULL             -- JSON
) WITHOUT ROWID;
