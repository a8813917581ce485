CREATE TABLE directory_state (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL
);

INSERT INTO directory_state VALUES (1, 0);

-- The order of bytes, whatever language the database is set to, because lists are read in pieces by name.
CREATE TABLE directory_objects (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C",
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, name)
);

CREATE INDEX directory_objects_path ON directory_objects (kind, path);

-- Apart from the objects, so that what is noted now and then changes nobody's version.
CREATE TABLE directory_uses (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE directory_audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    revision BIGINT NOT NULL,
    before TEXT,
    after TEXT
);

CREATE INDEX directory_audit_at ON directory_audit (at);
CREATE INDEX directory_audit_object ON directory_audit (kind, object);

CREATE FUNCTION directory_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

-- Set for one transaction by whoever forgets what is older than a time.
CREATE FUNCTION directory_audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < coalesce(nullif(current_setting('tollgate.forget_before', true), ''), '0')::BIGINT THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER directory_audit_stays BEFORE UPDATE ON directory_audit
    FOR EACH ROW EXECUTE FUNCTION directory_audit_stays();
CREATE TRIGGER directory_audit_is_not_emptied BEFORE TRUNCATE ON directory_audit
    FOR EACH STATEMENT EXECUTE FUNCTION directory_audit_stays();
CREATE TRIGGER directory_audit_is_kept BEFORE DELETE ON directory_audit
    FOR EACH ROW EXECUTE FUNCTION directory_audit_is_kept();

CREATE TABLE directory_captures (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    client_key TEXT,
    body TEXT NOT NULL
);

CREATE INDEX directory_captures_at ON directory_captures (at);
CREATE INDEX directory_captures_request ON directory_captures (request_id);
