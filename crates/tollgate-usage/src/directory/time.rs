//! Points in time: milliseconds in stores, RFC 3339 in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Milliseconds since 1970; zero for what was before.
pub(crate) fn to_millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// The present as stores keep it, so that what was written equals what is read.
pub(crate) fn now() -> SystemTime {
    from_millis(to_millis(SystemTime::now()))
}

pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&timestamp(*time))
}

fn timestamp(time: SystemTime) -> Timestamp {
    let millis = i64::try_from(to_millis(time)).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: Timestamp = text.parse().map_err(|_| D::Error::custom("not a time such as 2026-12-31T23:59:59Z"))?;
    let millis = u64::try_from(time.as_millisecond()).map_err(|_| D::Error::custom("a time before 1970"))?;
    Ok(from_millis(millis))
}

/// The same for a time that may be absent.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Serializer, SystemTime};

    pub(crate) fn serialize<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
        #[derive(Deserialize)]
        struct Present(#[serde(with = "super")] SystemTime);
        Ok(Option::<Present>::deserialize(deserializer)?.map(|Present(time)| time))
    }
}

/// The same for a change: absent leaves a time alone, null removes it.
pub(crate) mod changed {
    use super::{Deserializer, SystemTime};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<SystemTime>>, D::Error> {
        super::optional::deserialize(deserializer).map(Some)
    }
}
