//! The encoder: texts in, vectors out.

mod forward;
mod scratch;

use std::fmt::Write;
use std::iter::Peekable;

use self::forward::Pass;
use self::scratch::{Pool, Scratch};
use crate::kernel::Kernel;
use crate::model::{Parts, VERSION};

/// The vector of a text: [`Encoder::dimensions`] numbers, of length one. The similarity of two texts is the sum of the
/// products of their vectors' numbers, from -1 to 1.
pub type Embedding = Vec<f32>;

/// Turns texts into vectors. See the [crate's documentation](crate).
///
/// It may be used by many threads at once; each call works on the thread that makes it and on no other.
#[derive(Debug)]
pub struct Encoder {
    parts: Parts,
    kernel: Kernel,
    id: String,
    pool: Pool,
}

/// Tokens of a pass, unless one text alone has more. More do not make a token cheaper, and each takes 12 KB of scratch.
const PASS: usize = 256;

// === impl Encoder ===

impl Encoder {
    pub(crate) fn new(parts: Parts) -> Self {
        let id = identity(&parts);
        Self { parts, kernel: Kernel::detect(), id, pool: Pool::default() }
    }

    /// The vector of a text. Of a long text, only the beginning is looked at, see
    /// [`Model::max_tokens`](crate::Model::max_tokens).
    #[must_use]
    pub fn embed(&self, text: &str) -> Embedding {
        self.embed_batch(&[text]).pop().unwrap_or_default()
    }

    /// The vectors of some texts, in order. Short texts are cheaper together, because each weight is read once for several
    /// of them; the vectors are the same as those of [`embed`](Self::embed).
    #[must_use]
    pub fn embed_batch<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Embedding> {
        self.pool.with(|scratch| {
            let mut vectors = Vec::with_capacity(texts.len());
            let mut texts = texts.iter().map(AsRef::as_ref).peekable();
            while texts.peek().is_some() {
                self.fill(scratch, &mut texts);
                vectors.extend(Pass { kernel: self.kernel, weights: &self.parts.weights, scratch }.run());
            }
            vectors
        })
    }

    /// What vectors depend on, as a word: model, vocabulary, quantisation and limit of tokens. Vectors of encoders with
    /// different identities must not be compared, so it belongs into the key of whatever keeps them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of numbers in a vector: 384.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.parts.weights.config.hidden
    }

    /// The number of tokens that a text has, those for start and end included, also if it is more than what is looked at.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.parts.tokenizer.count(text)
    }

    /// The tokens of a text that are looked at, at most, those for start and end included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.parts.max_tokens
    }

    /// What this processor's instructions are called: `avx512-vnni`, `avx512`, `avx-vnni`, `avx2`, `neon` or `portable`.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        self.kernel.name()
    }

    /// The same encoder once with each kind of instructions that this processor has, for tests and measurements.
    #[doc(hidden)]
    pub fn for_each_kernel(&mut self, mut work: impl FnMut(&Self)) {
        let chosen = self.kernel;
        for kernel in Kernel::all() {
            self.kernel = kernel;
            work(self);
        }
        self.kernel = chosen;
    }

    /// Takes texts as long as they fit into a pass, but at least one.
    fn fill<'t>(&self, scratch: &mut Scratch, texts: &mut Peekable<impl Iterator<Item = &'t str>>) {
        scratch.tokens.clear();
        scratch.ends.clear();
        while let Some(text) = texts.peek() {
            let before = scratch.tokens.len();
            self.parts.tokenizer.encode_into(text, self.parts.max_tokens, &mut scratch.tokens);
            if scratch.tokens.len() > PASS && before > 0 {
                scratch.tokens.truncate(before);
                break;
            }
            scratch.ends.push(scratch.tokens.len());
            texts.next();
        }
    }
}

/// The shape, then what the weights and the vocabulary are told by, then how they are used.
fn identity(parts: &Parts) -> String {
    let config = &parts.weights.config;
    let mut id = format!("bert-{}x{}-", config.layers, config.hidden);
    for byte in parts.source[..6].iter().chain(&parts.tokenizer.fingerprint()[..4]) {
        let _ = write!(id, "{byte:02x}");
    }
    let _ = write!(id, "-int8g32.{VERSION}-{}", parts.max_tokens);
    id
}
