CREATE TABLE directory_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    -- Entries of the audit log from before this time may be deleted; zero but while that is done.
    forget_before INTEGER NOT NULL
) STRICT;

INSERT INTO directory_state VALUES (1, 0, 0);

CREATE TABLE directory_objects (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, name)
) STRICT;

CREATE INDEX directory_objects_path ON directory_objects (kind, path);

-- Apart from the objects, so that what is noted now and then changes nobody's version.
CREATE TABLE directory_uses (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE directory_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    revision INTEGER NOT NULL,
    before TEXT,
    after TEXT
) STRICT;

CREATE INDEX directory_audit_at ON directory_audit (at);
CREATE INDEX directory_audit_object ON directory_audit (kind, object);

CREATE TRIGGER directory_audit_stays BEFORE UPDATE ON directory_audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- A replacing insert would otherwise delete without the trigger for deletions.
CREATE TRIGGER directory_audit_is_not_replaced BEFORE INSERT ON directory_audit
WHEN EXISTS (SELECT 1 FROM directory_audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER directory_audit_is_kept BEFORE DELETE ON directory_audit
WHEN OLD.at >= (SELECT forget_before FROM directory_state)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE directory_captures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    client_key TEXT,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX directory_captures_at ON directory_captures (at);
CREATE INDEX directory_captures_request ON directory_captures (request_id);
