//! Recorded traffic of real providers, read from the collections of other projects.
//!
//! The collections are not part of this repository; [`Recordings::load`] reads them where they are. What a file is shows
//! in its content alone, never in its name, so that further files of the same kinds need no change here:
//!
//! - YAML with `when` and `then`: one exchange for each document;
//! - YAML with `interactions`: one exchange for each of them, as VCR and its kin write it;
//! - JSON, lines of JSON and event streams without a request: answers of the known protocols.
//!
//! [`oracle`] says what a gateway should make of an exchange. It reads plain JSON values and shares no code with the
//! gateway, since what it is compared with would otherwise prove nothing.

mod bare;
#[cfg(test)]
mod ceilings;
#[cfg(test)]
mod charges;
pub mod cuts;
mod eventstream;
pub mod oracle;
mod rig;
mod shape;
pub mod sse;
#[cfg(test)]
mod taps;
mod unpack;
mod vcr;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

/// The folders below `fixtures` that hold recordings.
pub const COLLECTIONS: &[&str] = &[
    "envoy-openai-cassettes",
    "gomodel-contract",
    "openllmetry-cassettes",
    "pydantic-ai-cassettes",
    "rig-cassettes",
    "vercel-ai-fixtures",
];

/// A request and what a provider answered.
#[derive(Clone)]
pub struct Exchange {
    /// The collection: the name of the folder that was loaded.
    pub collection: String,
    /// The file, below the folder that holds the collections.
    pub source: PathBuf,
    /// Which of the file's exchanges it is.
    pub index: usize,
    /// Who answered: a host, or what the file's folder is called.
    pub provider: String,
    /// What was asked for.
    pub api: Api,
    /// The method of the request.
    pub method: String,
    /// Path and query of the request; empty if the recording has no request.
    pub path: String,
    /// The body of the request, if it is recorded and JSON.
    pub request: Option<Value>,
    /// The status of the answer.
    pub status: u16,
    /// The content type of the answer.
    pub content_type: String,
    /// The answer's body, byte for byte as the provider sent it where the recording has kept that.
    pub body: Answer,
}

/// The body of an answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// A document.
    Whole(Bytes),
    /// Server-sent events.
    Stream(Bytes),
}

/// The protocol and operation of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's legacy completions.
    Completions,
    /// OpenAI's embeddings.
    Embeddings,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Gemini's `generateContent` and its stream.
    Gemini,
    /// Bedrock's Converse.
    Converse,
    /// Bedrock's Converse as a stream of binary frames.
    ConverseStream,
    /// Cohere's chat.
    Cohere,
    /// Ollama's chat and generation.
    Ollama,
    /// Anything else: lists, files, token counts, older protocols.
    Other,
}

/// Everything that was found.
#[derive(Default)]
pub struct Recordings {
    /// The exchanges, in the order of their files.
    pub exchanges: Vec<Exchange>,
    /// What was left out, by reason.
    pub skipped: BTreeMap<&'static str, usize>,
}

impl Recordings {
    /// Reads the collections among the shared fixtures; `None` where those are not.
    #[must_use]
    pub fn load_shared() -> Option<Self> {
        Some(Self::load(&crate::shared()?.join("fixtures"), COLLECTIONS))
    }

    /// Reads collections, each a folder below `root`. A folder that does not exist has no exchanges.
    #[must_use]
    pub fn load(root: &Path, collections: &[&str]) -> Self {
        let mut files = Vec::new();
        for collection in collections {
            let mut found = files_below(&root.join(collection));
            found.sort();
            files.extend(found.into_iter().map(|path| (*collection, path)));
        }
        // Reading YAML without optimisation is slow enough for a second thread to be felt.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = files.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let readers: Vec<_> = files
                .chunks(share)
                .map(|files| {
                    scope.spawn(move || {
                        let mut part = Self::default();
                        files.iter().for_each(|(collection, path)| part.read_file(root, collection, path));
                        part
                    })
                })
                .collect();
            readers.into_iter().fold(Self::default(), |mut all, reader| {
                let part = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.exchanges.extend(part.exchanges);
                for (reason, count) in part.skipped {
                    *all.skipped.entry(reason).or_default() += count;
                }
                all
            })
        })
    }

    /// Counts by collection and [`Api`], for a report.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(&str, Api), usize> {
        let mut counts = BTreeMap::new();
        for exchange in &self.exchanges {
            *counts.entry((exchange.collection.as_str(), exchange.api)).or_default() += 1;
        }
        counts
    }

    fn read_file(&mut self, root: &Path, collection: &str, path: &Path) {
        let source = path.strip_prefix(root).unwrap_or(path);
        let Ok(text) = fs::read_to_string(path) else {
            self.skip("not text");
            return;
        };
        let read = match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => self.read_yaml(&text, source),
            Some("json" | "txt" | "jsonl" | "sse") => bare::read(&text, source).map(|exchange| vec![exchange]),
            _ => Err("not a recording"),
        };
        match read {
            Ok(exchanges) => {
                self.exchanges.extend(exchanges.into_iter().enumerate().map(|(index, exchange)| Exchange {
                    collection: collection.to_owned(),
                    source: source.to_owned(),
                    index,
                    ..exchange
                }));
            }
            Err(reason) => self.skip(reason),
        }
    }

    fn read_yaml(&mut self, text: &str, source: &Path) -> Result<Vec<Exchange>, &'static str> {
        let documents = yaml::parse(text)?;
        let mut exchanges = Vec::new();
        for document in &documents {
            let read = match document.get("interactions") {
                Some(interactions) => interactions.items().iter().map(vcr::read).collect(),
                None => vec![rig::read(document, source)],
            };
            for exchange in read {
                match exchange {
                    Ok(exchange) => exchanges.push(exchange),
                    Err(reason) => self.skip(reason),
                }
            }
        }
        Ok(exchanges)
    }

    fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

impl Exchange {
    /// An exchange of which nothing is known but who answered what.
    fn new(provider: String, api: Api, body: Answer) -> Self {
        let content_type = match &body {
            Answer::Whole(_) => "application/json",
            Answer::Stream(_) => "text/event-stream",
        };
        Self {
            collection: String::new(),
            source: PathBuf::new(),
            index: 0,
            provider,
            api,
            method: "POST".to_owned(),
            path: String::new(),
            request: None,
            status: 200,
            content_type: content_type.to_owned(),
            body,
        }
    }

    /// Whether the client asked for a stream; where the request is not recorded, whether it got one.
    #[must_use]
    pub fn request_streams(&self) -> bool {
        match &self.request {
            Some(request) => request.get("stream").and_then(Value::as_bool).unwrap_or(false),
            None => self.body.is_stream(),
        }
    }

    /// Whether the client asked for the chunk with nothing but usage.
    #[must_use]
    pub fn asks_for_usage(&self) -> bool {
        let options = self.request.as_ref().and_then(|request| request.get("stream_options"));
        options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether the provider accepted the request.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Where it comes from, for messages.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} ({} {:?})", self.source.display(), self.index, self.provider, self.api)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings").field("exchanges", &self.exchanges.len()).field("skipped", &self.skipped).finish()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_stream() { "Stream" } else { "Whole" };
        write!(f, "{name}({} bytes)", self.bytes().len())
    }
}

impl Answer {
    /// The bytes, whatever they are.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Whole(bytes) | Self::Stream(bytes) => bytes,
        }
    }

    /// Whether it is a stream of events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// The body as what it is: a provider's content type is not always right about that.
    fn sniff(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if sse::looks_like_events(&bytes) { Self::Stream(bytes) } else { Self::Whole(bytes) }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
