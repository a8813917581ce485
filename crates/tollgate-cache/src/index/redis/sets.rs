//! By the vector sets of Redis 8: for each namespace a set of vectors, and a hash of payloads.
//!
//! An element of a vector set cannot expire, but a field of a hash can. A point is there as long as its payload is: a search
//! removes the elements that it finds without one, and looks again. All of that is one script, so that nobody sees half of
//! it and it takes one round trip. A set with the fields of which all will expire does so itself, for namespaces that
//! nobody asks for again.

use std::time::Duration;

use super::{Checked, bytes_of, float_of};
use crate::index::{IndexError, Namespace, Neighbour, PointId};
use crate::redis::{Operation, RedisClient, RedisError, Reply, Script, cmd, milliseconds, number};

/// The scripts, with their digests.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    quantisation: &'static str,
    upsert: Script,
    search: Script,
    remove: Script,
}

/// Keys: set, hash. Arguments: how vectors are kept, milliseconds to live or 0, then for each point id, vector, payload.
const UPSERT: &str = "
local ttl = tonumber(ARGV[2])
local existed = {redis.call('EXISTS', KEYS[1]), redis.call('EXISTS', KEYS[2])}
for i = 3, #ARGV, 3 do
  redis.call('VADD', KEYS[1], 'FP32', ARGV[i + 1], ARGV[i], ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
  if ttl > 0 then
    redis.call('HPEXPIRE', KEYS[2], ttl, 'FIELDS', 1, ARGV[i])
  end
end
for k = 1, 2 do
  if ttl == 0 then
    redis.call('PERSIST', KEYS[k])
  elseif existed[k] == 0 then
    redis.call('PEXPIRE', KEYS[k], ttl)
  else
    redis.call('PEXPIRE', KEYS[k], ttl, 'GT')
  end
end
";

/// Keys: set, hash. Arguments: vector, how many, how many candidates. Answers id, score, payload of each.
const SEARCH: &str = "
local answer
for _ = 1, 4 do
  answer = {}
  local gone = {}
  local found = redis.call('VSIM', KEYS[1], 'FP32', ARGV[1], 'WITHSCORES', 'COUNT', ARGV[2], 'EF', ARGV[3])
  for i = 1, #found, 2 do
    local payload = redis.call('HGET', KEYS[2], found[i])
    if payload then
      answer[#answer + 1] = found[i]
      answer[#answer + 1] = found[i + 1]
      answer[#answer + 1] = payload
    else
      gone[#gone + 1] = found[i]
    end
  end
  for _, id in ipairs(gone) do
    redis.call('VREM', KEYS[1], id)
  end
  if #gone == 0 then
    break
  end
end
return answer
";

/// Keys: set, hash. Arguments: ids.
const REMOVE: &str = "
for _, id in ipairs(ARGV) do
  redis.call('VREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
";

/// Enough for a search to find what is there; more take longer.
const LEAST_CANDIDATES: usize = 100;

// === impl Sets ===

impl Sets {
    pub(super) fn new(is_exact: bool) -> Self {
        let quantisation = if is_exact { "NOQUANT" } else { "Q8" };
        let [upsert, search, remove] = [UPSERT, SEARCH, REMOVE].map(Script::new);
        Self { quantisation, upsert, search, remove }
    }

    pub(super) async fn upsert(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        points: Vec<Checked>,
        ttl: Option<Duration>,
    ) -> Result<(), IndexError> {
        let mut arguments = vec![self.quantisation.into(), ttl.map_or(0, milliseconds).to_string().into_bytes()];
        for point in points {
            arguments.extend([element(point.id), point.blob, point.payload.into()]);
        }
        client.call(&self.upsert, &keys(client, namespace), &arguments, Operation::Write).await?;
        Ok(())
    }

    pub(super) async fn search(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        blob: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<Neighbour>, IndexError> {
        let candidates = limit.saturating_mul(2).max(LEAST_CANDIDATES);
        let arguments = [blob, limit.to_string().into_bytes(), candidates.to_string().into_bytes()];
        let found = client.call(&self.search, &keys(client, namespace), &arguments, Operation::Read).await?;
        Ok(neighbours(&found)?)
    }

    pub(super) async fn remove(
        &self,
        client: &RedisClient,
        namespace: Namespace,
        ids: &[PointId],
    ) -> Result<(), IndexError> {
        let ids: Vec<Vec<u8>> = ids.iter().copied().map(element).collect();
        client.call(&self.remove, &keys(client, namespace), &ids, Operation::Write).await?;
        Ok(())
    }

    pub(super) async fn clear(&self, client: &RedisClient, namespace: Namespace) -> Result<(), IndexError> {
        client.run(cmd("UNLINK").arg(&keys(client, namespace)), Operation::Write).await?;
        Ok(())
    }

    pub(super) async fn count(&self, client: &RedisClient, namespace: Namespace) -> Result<usize, IndexError> {
        let [_, hash] = keys(client, namespace);
        let count = number(&client.run(cmd("HLEN").arg(hash), Operation::Read).await?)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}

/// The set and the hash of a namespace. The braces keep both on one node of a cluster.
fn keys(client: &RedisClient, namespace: Namespace) -> [Vec<u8>; 2] {
    ["vectors", "payloads"].map(|part| client.key(format!("{{{namespace}}}:{part}").as_bytes()))
}

fn element(id: PointId) -> Vec<u8> {
    id.number().to_be_bytes().into()
}

/// Reads triples of id, score and payload. A score is (1 + cosine) / 2.
fn neighbours(found: &Reply) -> Result<Vec<Neighbour>, RedisError> {
    let Reply::Array(found) = found else { return Err(RedisError::unexpected()) };
    let triples = found.chunks_exact(3).map(|triple| {
        let id = bytes_of(&triple[0])?.try_into().map_err(|_| RedisError::unexpected())?;
        #[expect(clippy::cast_possible_truncation, reason = "from -1 to 1")]
        let similarity = (float_of(&triple[1])? * 2.0 - 1.0).clamp(-1.0, 1.0) as f32;
        let payload = bytes::Bytes::copy_from_slice(bytes_of(&triple[2])?);
        Ok(Neighbour { id: PointId::new(u128::from_be_bytes(id)), similarity, payload })
    });
    triples.collect()
}
