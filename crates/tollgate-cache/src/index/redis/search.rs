//! By RediSearch: for each point a hash, and for each number of dimensions an index over such hashes.
//!
//! Written to the specification of `FT.CREATE` and `FT.SEARCH` (query dialect 2): the namespace is a tag, by which
//! candidates are filtered before the nearest are looked for; the score is the distance, 1 - cosine. A hash expires as any
//! key does, and the index follows. The number of dimensions of a namespace is kept under a key of its own, since hashes
//! would not know.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{Checked, bytes_of, float_of};
use crate::index::{IndexError, Namespace, Neighbour, PointId};
use crate::redis::{Command, Operation, RedisClient, RedisError, Reply, cmd, milliseconds, number};

/// Which indexes are known to be there.
#[derive(Clone, Debug)]
pub(super) struct Search {
    created: Arc<Mutex<HashSet<usize>>>,
}

/// How many points are removed at once; by default the server gives no more than 10,000 results.
const AT_ONCE: usize = 1000;

// === impl Search ===

impl Search {
    pub(super) fn new() -> Self {
        Self { created: Arc::default() }
    }

    pub(super) async fn upsert(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        dimensions: usize,
        points: Vec<Checked>,
        ttl: Option<Duration>,
    ) -> Result<(), IndexError> {
        self.create(client, dimensions).await?;
        let known = client.run(&claim(client, namespace, dimensions), Operation::Write).await?;
        check_dimensions(&known, dimensions)?;
        let mut outlive = expire(&dimensions_key(client, namespace), ttl);
        if ttl.is_some() && !matches!(known, Reply::Nil) {
            // Never sooner than the points that are there.
            outlive.arg("GT");
        }
        client.run(&outlive, Operation::Write).await?;
        for point in points {
            let key = point_key(client, namespace, dimensions, point.id);
            client.run(&store(&key, namespace, &point), Operation::Write).await?;
            client.run(&expire(&key, ttl), Operation::Write).await?;
        }
        Ok(())
    }

    pub(super) async fn search(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        dimensions: usize,
        blob: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<Neighbour>, IndexError> {
        let known = client.run(cmd("GET").arg(dimensions_key(client, namespace)), Operation::Read).await?;
        if matches!(known, Reply::Nil) {
            return Ok(Vec::new());
        }
        check_dimensions(&known, dimensions)?;
        let found = client.run(&nearest(client, namespace, dimensions, &blob, limit), Operation::Read).await?;
        Ok(neighbours(&found)?)
    }

    pub(super) async fn remove(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        ids: &[PointId],
    ) -> Result<(), IndexError> {
        let Some(dimensions) = self.dimensions(client, namespace).await? else { return Ok(()) };
        let keys: Vec<Vec<u8>> = ids.iter().map(|&id| point_key(client, namespace, dimensions, id)).collect();
        client.run(cmd("UNLINK").arg(keys), Operation::Write).await?;
        Ok(())
    }

    pub(super) async fn clear(&self, client: &RedisClient, namespace: Namespace) -> Result<(), IndexError> {
        let Some(dimensions) = self.dimensions(client, namespace).await? else { return Ok(()) };
        loop {
            let found = client.run(&some_of(client, namespace, dimensions, AT_ONCE), Operation::Write).await?;
            let Reply::Array(found) = found else { return Err(RedisError::unexpected().into()) };
            let keys = found.iter().skip(1).map(bytes_of).collect::<Result<Vec<_>, _>>()?;
            if keys.is_empty() {
                break;
            }
            let removed = client.run(cmd("UNLINK").arg(keys), Operation::Write).await?;
            // The index may be behind; what it still names is gone.
            if number(&removed)? == 0 {
                break;
            }
        }
        client.run(cmd("UNLINK").arg(dimensions_key(client, namespace)), Operation::Write).await?;
        Ok(())
    }

    pub(super) async fn count(&self, client: &RedisClient, namespace: Namespace) -> Result<usize, IndexError> {
        let Some(dimensions) = self.dimensions(client, namespace).await? else { return Ok(0) };
        match client.run(&some_of(client, namespace, dimensions, 0), Operation::Read).await? {
            Reply::Array(found) => {
                let total = found.first().map_or_else(|| Err(RedisError::unexpected()), number)?;
                Ok(usize::try_from(total).unwrap_or(usize::MAX))
            }
            _ => Err(RedisError::unexpected().into()),
        }
    }

    async fn create(&self, client: &RedisClient, dimensions: usize) -> Result<(), IndexError> {
        let is_known =
            |known: &Mutex<HashSet<usize>>| known.lock().unwrap_or_else(PoisonError::into_inner).contains(&dimensions);
        if is_known(&self.created) {
            return Ok(());
        }
        match client.run(&create(client, dimensions), Operation::Write).await {
            Err(error) if !error.refusal().is_some_and(|said| said.contains("already exists")) => {
                return Err(error.into());
            }
            _ => {}
        }
        self.created.lock().unwrap_or_else(PoisonError::into_inner).insert(dimensions);
        Ok(())
    }

    async fn dimensions(&self, client: &RedisClient, namespace: Namespace) -> Result<Option<usize>, IndexError> {
        let known = client.run(cmd("GET").arg(dimensions_key(client, namespace)), Operation::Write).await?;
        if matches!(known, Reply::Nil) {
            return Ok(None);
        }
        spelled(&known).map(Some)
    }
}

fn index_name(client: &RedisClient, dimensions: usize) -> Vec<u8> {
    client.key(format!("vectors:{dimensions}").as_bytes())
}

fn point_key(client: &RedisClient, namespace: Namespace, dimensions: usize, id: PointId) -> Vec<u8> {
    client.key(format!("vectors:{dimensions}:{namespace}:{id}").as_bytes())
}

fn dimensions_key(client: &RedisClient, namespace: Namespace) -> Vec<u8> {
    client.key(format!("dimensions:{namespace}").as_bytes())
}

fn create(client: &RedisClient, dimensions: usize) -> Command {
    let mut command = cmd("FT.CREATE");
    command.arg(index_name(client, dimensions)).arg(&["ON", "HASH", "PREFIX", "1"]);
    command.arg(client.key(format!("vectors:{dimensions}:").as_bytes()));
    command.arg(&["SCHEMA", "namespace", "TAG", "vector", "VECTOR", "HNSW", "6", "TYPE", "FLOAT32", "DIM"]);
    command.arg(dimensions).arg(&["DISTANCE_METRIC", "COSINE"]);
    command
}

/// Answers the number of dimensions that the namespace had before, if any.
fn claim(client: &RedisClient, namespace: Namespace, dimensions: usize) -> Command {
    let mut command = cmd("SET");
    command.arg(dimensions_key(client, namespace)).arg(dimensions).arg(&["NX", "GET"]);
    command
}

fn store(key: &[u8], namespace: Namespace, point: &Checked) -> Command {
    let mut command = cmd("HSET");
    command.arg(key).arg("namespace").arg(namespace.to_string());
    command.arg("vector").arg(&point.blob).arg("payload").arg(&*point.payload);
    command
}

fn expire(key: &[u8], ttl: Option<Duration>) -> Command {
    let mut command = cmd(if ttl.is_some() { "PEXPIRE" } else { "PERSIST" });
    command.arg(key);
    if let Some(ttl) = ttl {
        command.arg(milliseconds(ttl));
    }
    command
}

fn nearest(client: &RedisClient, namespace: Namespace, dimensions: usize, blob: &[u8], limit: usize) -> Command {
    let mut command = cmd("FT.SEARCH");
    command.arg(index_name(client, dimensions));
    command.arg(format!("(@namespace:{{{namespace}}})=>[KNN {limit} @vector $vector AS distance]"));
    command.arg(&["PARAMS", "2", "vector"]).arg(blob);
    command.arg(&["SORTBY", "distance", "RETURN", "2", "distance", "payload", "LIMIT", "0"]).arg(limit);
    command.arg(&["DIALECT", "2"]);
    command
}

fn some_of(client: &RedisClient, namespace: Namespace, dimensions: usize, limit: usize) -> Command {
    let mut command = cmd("FT.SEARCH");
    command.arg(index_name(client, dimensions)).arg(format!("@namespace:{{{namespace}}}")).arg("NOCONTENT");
    command.arg(&["LIMIT", "0"]).arg(limit).arg(&["DIALECT", "2"]);
    command
}

fn check_dimensions(known: &Reply, dimensions: usize) -> Result<(), IndexError> {
    if matches!(known, Reply::Nil) {
        return Ok(());
    }
    let expected = spelled(known)?;
    if expected == dimensions { Ok(()) } else { Err(IndexError::dimensions(expected, dimensions)) }
}

fn spelled(value: &Reply) -> Result<usize, IndexError> {
    let text = std::str::from_utf8(bytes_of(value)?).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| RedisError::unexpected().into())
}

/// Reads a total, then for each result its key and a list of fields and values.
fn neighbours(found: &Reply) -> Result<Vec<Neighbour>, RedisError> {
    let Reply::Array(found) = found else { return Err(RedisError::unexpected()) };
    found.get(1..).unwrap_or_default().chunks_exact(2).map(|result| neighbour(&result[0], &result[1])).collect()
}

fn neighbour(key: &Reply, fields: &Reply) -> Result<Neighbour, RedisError> {
    let key = bytes_of(key)?;
    let id = key.rsplit(|byte| *byte == b':').next().and_then(|id| std::str::from_utf8(id).ok());
    let id = id.and_then(|id| u128::from_str_radix(id, 16).ok()).ok_or_else(RedisError::unexpected)?;
    let Reply::Array(fields) = fields else { return Err(RedisError::unexpected()) };
    let field = |name: &[u8]| {
        let pairs = fields.chunks_exact(2);
        pairs.into_iter().find(|pair| bytes_of(&pair[0]).is_ok_and(|known| known == name)).map(|pair| &pair[1])
    };
    let distance = float_of(field(b"distance").ok_or_else(RedisError::unexpected)?)?;
    #[expect(clippy::cast_possible_truncation, reason = "from -1 to 1")]
    let similarity = (1.0 - distance).clamp(-1.0, 1.0) as f32;
    // A field that is empty may be left out.
    let payload = field(b"payload").map_or(Ok(&[][..]), bytes_of)?;
    Ok(Neighbour { id: PointId::new(id), similarity, payload: Bytes::copy_from_slice(payload) })
}

#[cfg(test)]
mod tests {
    use tollgate_core::Secret;

    use super::*;

    fn client() -> RedisClient {
        RedisClient::builder(Secret::new("redis://localhost")).key_prefix("t:").build().unwrap()
    }

    /// A command as text; bytes that are no text as `?`.
    fn check(command: &Command, expected: &str) {
        let packed = command.packed();
        let text: String = packed.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect();
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn commands_are_those_of_the_specification() {
        let (client, namespace) = (client(), Namespace::new([0xab; 32]));
        let tag = "ab".repeat(32);
        check(
            &create(&client, 3),
            "FT.CREATE t:vectors:3 ON HASH PREFIX 1 t:vectors:3: SCHEMA namespace TAG vector VECTOR HNSW 6 TYPE FLOAT32 \
             DIM 3 DISTANCE_METRIC COSINE",
        );
        check(&claim(&client, namespace, 3), &format!("SET t:dimensions:{tag} 3 NX GET"));
        let key = point_key(&client, namespace, 3, PointId::new(0x2a));
        let point = Checked { id: PointId::new(0x2a), blob: b"....".to_vec(), payload: "p".into() };
        check(
            &store(&key, namespace, &point),
            &format!("HSET t:vectors:3:{tag}:0000000000000000000000000000002a namespace {tag} vector .... payload p"),
        );
        check(&expire(b"k", Some(Duration::from_secs(2))), "PEXPIRE k 2000");
        check(&expire(b"k", None), "PERSIST k");
        check(
            &nearest(&client, namespace, 3, b"....", 5),
            &format!(
                "FT.SEARCH t:vectors:3 (@namespace:{{{tag}}})=>[KNN 5 @vector $vector AS distance] PARAMS 2 vector .... \
                 SORTBY distance RETURN 2 distance payload LIMIT 0 5 DIALECT 2"
            ),
        );
        check(
            &some_of(&client, namespace, 3, 0),
            &format!("FT.SEARCH t:vectors:3 @namespace:{{{tag}}} NOCONTENT LIMIT 0 0 DIALECT 2"),
        );
    }

    #[test]
    fn results_are_read() {
        let text = |text: &str| Reply::BulkString(text.into());
        let fields = |distance: &str, payload: &str| {
            Reply::Array(vec![text("distance"), text(distance), text("payload"), text(payload)])
        };
        let found = Reply::Array(vec![
            Reply::Int(2),
            text("t:vectors:3:ab:0000000000000000000000000000002a"),
            fields("0.25", "one"),
            text("t:vectors:3:ab:ffffffffffffffffffffffffffffffff"),
            fields("1.5", "two"),
        ]);
        let expected = [(0x2a, 0.75, "one"), (u128::MAX, -0.5, "two")];
        let expected = expected.map(|(id, similarity, payload)| Neighbour {
            id: PointId::new(id),
            similarity,
            payload: payload.into(),
        });
        assert_eq!(neighbours(&found).unwrap(), expected);
        assert_eq!(neighbours(&Reply::Array(vec![Reply::Int(0)])).unwrap(), []);
        assert!(neighbours(&Reply::Array(vec![Reply::Int(1), text("no id"), fields("0", "")])).is_err());
        assert!(neighbours(&Reply::Okay).is_err());
    }

    #[test]
    fn another_number_of_dimensions_is_invalid() {
        assert!(check_dimensions(&Reply::Nil, 3).is_ok());
        assert!(check_dimensions(&Reply::BulkString(b"3".to_vec()), 3).is_ok());
        assert!(check_dimensions(&Reply::BulkString(b"4".to_vec()), 3).unwrap_err().is_invalid());
    }
}
