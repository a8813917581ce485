//! Entries as they are written down, in files and in Redis.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_core::Usage;

use crate::epochs::{Stamp, Subject};
use crate::{Entry, Pace, PackedUsage, Payload, Provenance};

/// An entry with everything in it and nothing shared. Others have files of this form, so members are only added, with a
/// default.
#[derive(Serialize, Deserialize)]
pub(crate) struct WrittenEntry {
    payload: Payload,
    provider: Arc<str>,
    model: Arc<str>,
    model_answered: Option<Arc<str>>,
    usage: Option<Usage>,
    dropped: Vec<String>,
    scope: Arc<str>,
    tags: Vec<Arc<str>>,
    stamps: Vec<Stamp>,
    stored_at: u64,
    ttl: u64,
    grace: u64,
    #[serde(default)]
    pace: Option<Pace>,
}

// === impl WrittenEntry ===

impl From<Entry> for WrittenEntry {
    fn from(entry: Entry) -> Self {
        let usage = entry.usage();
        let (tags, stamps) = (entry.tag_names().map(Arc::from).collect(), entry.stamps().cloned().collect());
        let Entry { payload, provenance, stored_at, ttl, grace, pace, .. } = entry;
        let Provenance { provider, model, model_answered, dropped, scope, stamps: _ } =
            Arc::unwrap_or_clone(provenance);
        Self {
            payload,
            provider,
            model,
            model_answered,
            usage,
            dropped,
            scope,
            tags,
            stamps,
            stored_at,
            ttl,
            grace,
            pace,
        }
    }
}

impl From<WrittenEntry> for Entry {
    fn from(written: WrittenEntry) -> Self {
        let WrittenEntry { provider, model, model_answered, dropped, scope, .. } = written;
        let (mut tags, stamps) = Stamp::apart(written.stamps);
        for tag in written.tags {
            // A tag that has no epoch is in that of tags which were never invalidated.
            if !tags.iter().any(|stamp| stamp.tag() == Some(&tag)) {
                tags.push(Stamp { name: Subject::Tag(tag.to_string()).name(), epoch: 0 });
            }
        }
        Self {
            payload: written.payload,
            provenance: Arc::new(Provenance { provider, model, model_answered, dropped, scope, stamps }),
            tags: tags.into(),
            usage: written.usage.map(PackedUsage::from),
            stored_at: written.stored_at,
            ttl: written.ttl,
            grace: written.grace,
            pace: written.pace,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::entry;

    /// As it was written before entries shared anything.
    const EARLIER: &str = concat!(
        r#"{"payload":{"Answer":{"id":null,"model":null,"created":null,"choices":[{"blocks":[{"Text":{"text":"Hi.","#,
        r#""citations":[],"signature":null}}],"finish":{"reason":"Stop","native":null,"stop_sequence":null},"#,
        r#""logprobs":null}],"usage":null,"service_tier":null,"extras":[]}},"provider":"p","model":"m","#,
        r#""model_answered":"m-1","usage":{"input":10,"output":2,"cache_read":null,"cache_creation":null,"#,
        r#""cache_creation_1h":null,"reasoning":null,"audio_input":null,"audio_output":null,"image_input":null,"#,
        r#""image_output":null,"images":null,"searches":null,"estimated":false},"dropped":["seed"],"scope":"k","#,
        r#""tags":["doc:1"],"stamps":[{"name":"all","epoch":2},{"name":"scope:k","epoch":0},"#,
        r#"{"name":"model:p/m","epoch":0},{"name":"tag:doc:1","epoch":7}],"stored_at":1000,"ttl":100,"grace":50,"#,
        r#""pace":{"first":300,"last":1300,"pieces":4}}"#,
    );

    fn stamp(name: &str, epoch: u64) -> Stamp {
        Stamp { name: name.into(), epoch }
    }

    #[test]
    fn what_was_written_earlier_is_read_and_written_again_as_it_was() {
        let mut expected = entry("Hi.");
        expected.provenance = Arc::new(Provenance {
            model_answered: Some("m-1".into()),
            dropped: vec!["seed".to_owned()],
            stamps: vec![stamp("all", 2), stamp("scope:k", 0), stamp("model:p/m", 0)],
            ..(*expected.provenance).clone()
        });
        expected.tags = [stamp("tag:doc:1", 7)].into();
        expected.pace = Some(Pace { first: 300, last: 1300, pieces: 4 });
        let read: Entry = serde_json::from_str(EARLIER).unwrap();
        assert_eq!(read, expected);
        assert_eq!(serde_json::to_string(&read).unwrap(), EARLIER);
    }

    #[test]
    fn what_was_written_before_the_pace_was_noted_is_read() {
        let (without, _) = EARLIER.split_once(r#","pace""#).unwrap();
        let read: Entry = serde_json::from_str(&format!("{without}}}")).unwrap();
        assert_eq!(read.pace, None);
    }

    #[test]
    fn a_pace_too_long_for_its_place_is_the_longest() {
        let long = EARLIER.replace("1300", &u64::MAX.to_string());
        let read: Entry = serde_json::from_str(&long).unwrap();
        assert_eq!(read.pace, Some(Pace { first: 300, last: u32::MAX, pieces: 4 }));
    }

    #[test]
    fn a_tag_without_an_epoch_is_a_tag_all_the_same() {
        let read: Entry = serde_json::from_str(&EARLIER.replace("\"tag:doc:1\"", "\"tag:doc:2\"")).unwrap();
        assert_eq!(*read.tags, [stamp("tag:doc:2", 7), stamp("tag:doc:1", 0)]);
    }
}
