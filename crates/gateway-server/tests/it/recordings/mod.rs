//! Recorded traffic of real providers, replayed through the server: what a client gets is what the provider sent, and
//! what is written down is what the provider counted.

mod answers;
mod broken_off;
mod operations;
mod passthrough;
mod replay;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;

use replay::Play;
use tollgate_testkit::recordings::{Api, Recordings};

/// All recordings, read once; `None` where the shared fixtures are not.
fn recordings() -> Option<&'static Recordings> {
    static RECORDINGS: OnceLock<Option<Recordings>> = OnceLock::new();
    RECORDINGS.get_or_init(Recordings::load_shared).as_ref()
}

/// What was played, by collection and API.
#[derive(Default)]
struct Tally(BTreeMap<(String, Api), usize>);

impl Tally {
    fn add(&mut self, collection: &str, api: Api) {
        *self.0.entry((collection.to_owned(), api)).or_default() += 1;
    }

    /// Writes the counts where they are seen, and refuses to pass on too few recordings.
    #[track_caller]
    fn report(&self, what: &str, least: &[(&[Api], usize)]) {
        let mut text = format!("{what}:\n");
        for ((collection, api), count) in &self.0 {
            text += &format!("  {count:5} {collection} {api:?}\n");
        }
        // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = std::io::stderr().write_all(text.as_bytes());
        for (apis, least) in least {
            let found: usize = self.0.iter().filter(|((_, api), _)| apis.contains(api)).map(|(_, count)| count).sum();
            assert!(found >= *least, "{what}: {found} of {apis:?}, expected at least {least}");
        }
    }
}

/// Fails with all that is wrong, or with as much of it as one can read: what is wrong with an exchange stands once,
/// however often it was played.
#[track_caller]
fn expect_none_wrong<'a>(wrong: impl Iterator<Item = (&'a Play, String)>, of: usize) {
    let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (play, fault) in wrong {
        lines.entry(format!("{}: {fault}", play.exchange)).or_default().push(&play.variant);
    }
    let count: usize = lines.values().map(Vec::len).sum();
    let shown: Vec<String> =
        lines.iter().take(100).map(|(line, variants)| format!("{line} [{}]", variants.join("; "))).collect();
    assert!(lines.is_empty(), "{count} of {of} plays are wrong:\n{}", shown.join("\n"));
}
