-- name: settings
SELECT name, value FROM settings;

-- name: set_setting
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: add_recipe
INSERT INTO recipes (spec) VALUES (?);

-- name: recipes
SELECT id, spec FROM recipes;

-- name: recipe
SELECT spec FROM recipes WHERE id = ?;

-- name: add_runs
INSERT INTO runs (id, recipe, params, own, directory, identity)
VALUES (?, ?, ?, nullif(?, ''), CAST(nullif(?, '') AS TEXT), ?);

-- name: count_in
UPDATE counts SET number = number + ? WHERE state = ?;

-- name: record_runs
UPDATE runs SET state = ?, cause = ?, attempt = ?, step = ?, returncode = ?, message = CAST(? AS TEXT) WHERE id = ?;

-- name: record_attempts
INSERT INTO attempts (
    run, attempt, step, started, node, pid, cores, gpus, cause, returncode, message,
    wall_s, user_s, system_s, max_rss_bytes, rss_floor_bytes, tail
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, CAST(? AS TEXT))
ON CONFLICT (run, attempt, step) DO UPDATE SET
    started = coalesce(excluded.started, started), node = coalesce(excluded.node, node),
    pid = coalesce(excluded.pid, pid), cores = coalesce(excluded.cores, cores), gpus = coalesce(excluded.gpus, gpus),
    cause = excluded.cause, returncode = excluded.returncode, message = excluded.message, wall_s = excluded.wall_s,
    user_s = excluded.user_s, system_s = excluded.system_s, max_rss_bytes = excluded.max_rss_bytes,
    rss_floor_bytes = excluded.rss_floor_bytes, tail = excluded.tail;

-- name: record_results
INSERT OR REPLACE INTO results (run, kind, value) VALUES (?, ?, CAST(? AS TEXT));

-- name: forget_results
DELETE FROM results WHERE run = ?;

-- name: record_ends
INSERT INTO ends (run) VALUES (?);

-- name: ends_after
SELECT seq, run FROM ends WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: ended_after
SELECT ends.seq, runs.id, runs.directory, runs.state, results.kind
FROM ends JOIN runs ON runs.id = ends.run LEFT JOIN results ON results.run = ends.run
WHERE ends.seq > ? ORDER BY ends.seq LIMIT ?;

-- name: last_end
SELECT coalesce(max(seq), 0) FROM ends;

-- name: record_command
INSERT INTO commands (name, reply) VALUES (?, ?);

-- name: command
SELECT reply FROM commands WHERE name = ?;

-- name: forget_command
DELETE FROM commands WHERE name = ?;

-- name: add_guest
INSERT OR REPLACE INTO guests (name, who) VALUES (?, ?);

-- name: forget_guest
DELETE FROM guests WHERE name = ?;

-- name: guests
SELECT name, who FROM guests ORDER BY name;

-- name: add_claims
INSERT OR REPLACE INTO claims (run, guest) VALUES (?, ?);

-- name: forget_claim
DELETE FROM claims WHERE run = ?;

-- name: forget_claims
DELETE FROM claims WHERE guest = ?;

-- name: claims
SELECT run, guest, state FROM claims JOIN runs ON runs.id = claims.run ORDER BY run;

-- name: condemn
INSERT OR IGNORE INTO condemned (run) SELECT id FROM runs WHERE id = ? AND state IN (0, 5);

-- name: pardon
DELETE FROM condemned WHERE run = ?;

-- name: condemned
SELECT run FROM condemned JOIN runs ON id = run WHERE state IN (0, 5) AND run NOT IN (SELECT run FROM claims);

-- name: add_order
INSERT INTO orders (name, guest, what, arguments) VALUES (?, ?, ?, ?);

-- name: forget_order
DELETE FROM orders WHERE name = ?;

-- name: forget_orders
DELETE FROM orders WHERE guest = ?;

-- name: orders
SELECT name, what, arguments FROM orders WHERE guest = ? ORDER BY name;

-- name: add_events
INSERT INTO events (time, kind, text) VALUES (?, ?, CAST(? AS TEXT));

-- name: events
SELECT time, kind, text FROM events WHERE id > ? ORDER BY id;

-- name: add_agent
INSERT OR REPLACE INTO agents (place, spool, node, epoch, guest) VALUES (?, ?, ?, ?, ?);

-- name: forget_agents
DELETE FROM agents WHERE epoch <= ? AND guest IS ?;

-- name: adopt_agents
UPDATE agents SET guest = NULL WHERE guest NOT IN (SELECT name FROM guests);

-- name: agents
SELECT place, spool, node, epoch, guest FROM agents ORDER BY epoch, place;

-- name: lease
SELECT epoch, holder, beat, beat_boot_s FROM lease WHERE id = 1;

-- name: take_lease
UPDATE lease SET epoch = epoch + 1, holder = ?, beat = 0, beat_boot_s = ? WHERE id = 1 AND epoch = ?;

-- name: renew_lease
UPDATE lease SET beat = beat + 1, beat_boot_s = ? WHERE id = 1 AND epoch = ?;

-- name: release_lease
UPDATE lease SET holder = NULL WHERE id = 1 AND epoch = ?;

-- name: raise_epoch
UPDATE lease SET epoch = epoch + 1 WHERE id = 1 AND epoch = ?;

-- name: epoch
SELECT epoch FROM lease WHERE id = 1;

-- name: counts
SELECT state, number FROM counts;

-- name: last_id
SELECT max(id) FROM runs;

-- name: run
SELECT id, recipe, params, own, directory, state, cause, attempt, step, returncode, message, forgiven FROM runs WHERE id = ?;

-- name: runs_from
SELECT id, recipe, params, own, directory, state, cause, attempt, step, returncode, message,
    forgiven
FROM runs WHERE id >= ? ORDER BY id LIMIT ?;

-- name: runs_in_state
SELECT id, recipe, params, own, directory, state, cause, attempt, step, returncode, message,
    forgiven
FROM runs WHERE state = ? AND id >= ? ORDER BY id LIMIT ?;

-- name: ids_in_state
SELECT json_group_array(id) FROM (SELECT id FROM runs WHERE state = ? ORDER BY id);

-- name: ids
SELECT json_group_array(id) FROM (SELECT id FROM runs ORDER BY id);

-- name: by_identity
SELECT id FROM runs WHERE identity = ? ORDER BY id;

-- name: in_directory
SELECT id FROM runs WHERE directory = CAST(? AS TEXT) LIMIT 1;

-- name: below_directory
SELECT id FROM runs WHERE directory > CAST(? AS TEXT) AND directory < CAST(? AS TEXT) LIMIT 1;

-- name: index_identities
CREATE INDEX IF NOT EXISTS runs_by_identity ON runs (identity);

-- name: attempts
SELECT run, attempt, step, started, node, pid, cores, gpus, cause, returncode, message,
    wall_s, user_s, system_s, max_rss_bytes, rss_floor_bytes, tail
FROM attempts WHERE run = ? ORDER BY attempt, step;

-- name: identities
SELECT id, recipe, params, own, directory, state, cause, attempt, step, returncode, message,
    forgiven, identity
FROM runs ORDER BY id;

-- name: last_attempts_before
SELECT run, max(attempt), wall_s, coalesce(user_s, 0.0), coalesce(system_s, 0.0), coalesce(max_rss_bytes, 0),
    coalesce(rss_floor_bytes, 0), tail
FROM attempts WHERE run < ? GROUP BY run;

-- name: attempts_under_way
SELECT run, attempts.attempt, attempts.step, started, node, pid, cores, gpus, attempts.cause, attempts.returncode,
    attempts.message, wall_s, user_s, system_s, max_rss_bytes, rss_floor_bytes, tail
FROM attempts JOIN runs ON runs.id = attempts.run WHERE state IN (0, 5) ORDER BY run, attempts.attempt, attempts.step;

-- name: results_before
SELECT run, kind, value FROM results WHERE run < ?;

-- name: result
SELECT kind, value FROM results WHERE run = ?;

-- name: requeue
UPDATE runs SET state = 0, message = ?, step = ?, forgiven = attempt WHERE id = ? AND state NOT IN (0, 5);

-- name: forgive
UPDATE runs SET forgiven = attempt WHERE state IN (2, 3, 4, 6);

-- name: settle_ends
INSERT INTO ends (run) SELECT id FROM runs WHERE id = ? AND state IN (0, 5);

-- name: settle
UPDATE runs SET state = ?, cause = ?, message = ? WHERE id = ? AND state IN (0, 5);

-- name: attempts_of
SELECT run, attempt, step, started, node, pid, cores, gpus, cause, returncode, message,
    wall_s, user_s, system_s, max_rss_bytes, rss_floor_bytes, tail
FROM attempts WHERE run IN (?) ORDER BY run, attempt, step;

-- name: causes
SELECT cause, count(*) FROM runs WHERE state = ? GROUP BY cause ORDER BY 2 DESC;

-- name: latest_ends
SELECT run FROM (SELECT seq, run FROM ends ORDER BY seq DESC LIMIT ?) AS latest JOIN runs ON runs.id = latest.run
WHERE state IN (?) GROUP BY run ORDER BY max(seq) DESC LIMIT ?;

-- name: pending_before
SELECT count(*) FROM runs WHERE state = 0 AND id < ?;

-- name: pending_alike
SELECT recipe, step, count(*) FROM runs
WHERE state = 0 AND (own IS NULL OR json_extract(own, '$.steps') IS NULL) GROUP BY recipe, step ORDER BY min(id);

-- name: pending_apart
SELECT id, recipe, params, own, directory, state, cause, attempt, step, returncode, message, forgiven FROM runs
WHERE state = 0 AND id >= ? AND own IS NOT NULL AND json_extract(own, '$.steps') IS NOT NULL ORDER BY id LIMIT ?;

-- name: sample_attempts
SELECT attempts.run, attempts.attempt, runs.recipe, runs.own, attempts.step, attempts.cause, attempts.wall_s,
    attempts.user_s, attempts.system_s, attempts.max_rss_bytes
FROM ends JOIN runs ON runs.id = ends.run JOIN attempts ON attempts.run = ends.run
WHERE ends.seq BETWEEN ? AND ? AND attempts.cause IS NOT NULL AND attempts.wall_s IS NOT NULL;
