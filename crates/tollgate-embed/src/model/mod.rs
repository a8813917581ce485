//! Where a model is, and what is read from there.

mod config;
mod mapping;
mod quantize;
mod safetensors;
mod store;
mod weights;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub(crate) use self::config::{Config, HEAD};
#[cfg(test)]
pub(crate) use self::quantize::pack;
pub(crate) use self::quantize::{Block, GROUP, LINE, PANEL, SCALES};
pub(crate) use self::store::VERSION;
pub(crate) use self::weights::{Linear, Norm, Weights};
use crate::{Encoder, OpenError, Tokenizer};

/// A model in a folder: `config.json`, `vocab.txt` (or `tokenizer.json`) and `model.safetensors`.
///
/// ```no_run
/// let encoder = tollgate_embed::Model::at("models/all-MiniLM-L6-v2").max_tokens(128).open_encoder()?;
/// # Ok::<_, tollgate_embed::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    folder: PathBuf,
    cache: Option<PathBuf>,
    max_tokens: usize,
}

/// What is in a model's folder, ready for use.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) weights: Weights,
    /// SHA-256 of the file that the weights come from.
    pub(crate) source: [u8; 32],
    /// Tokens of a text that are looked at.
    pub(crate) max_tokens: usize,
}

// === impl Model ===

impl Model {
    /// A model in this folder, with defaults to change.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), cache: None, max_tokens: 256 }
    }

    /// Opens the model in a folder with all defaults.
    ///
    /// # Errors
    /// See [`Model::open_encoder`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Encoder, OpenError> {
        Self::at(folder).open_encoder()
    }

    /// Sets a folder for the quantised weights, 26 MB. Defaults to the model's own folder.
    #[must_use]
    pub fn cache_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Sets how many tokens of a text are looked at, those for start and end included; at least 2, at most what the
    /// model has positions for (512). Defaults to 256, as the model was made for.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// Opens the model. The first time, its weights are quantised (a quarter of a second) and written down; later that
    /// file is checked and mapped. Where nothing can be written, weights are quantised at every start and stay in the
    /// process's own memory.
    ///
    /// # Errors
    /// If a file cannot be read, or the model is not of the supported kind.
    pub fn open_encoder(&self) -> Result<Encoder, OpenError> {
        let path = self.folder.join("config.json");
        let config = Config::parse(&fs::read_to_string(&path).map_err(OpenError::read(&path))?)?;
        let tokenizer = Tokenizer::open(&self.folder).map_err(OpenError::read(&self.folder.join("vocab.txt")))?;
        if tokenizer.vocabulary_size() > config.vocabulary {
            return Err(OpenError::unsupported("the vocabulary has more pieces than the model".to_owned()));
        }
        let max_tokens = self.max_tokens.clamp(2, config.positions);
        let (weights, source) = self.weights(config)?;
        Ok(Encoder::new(Parts { tokenizer, weights, source, max_tokens }))
    }

    fn weights(&self, config: Config) -> Result<(Weights, [u8; 32]), OpenError> {
        let original = self.folder.join("model.safetensors");
        let path = self.quantized();
        let stored = match store::open(&path, &original, &config) {
            Ok(Some(stored)) => Ok(stored),
            // Nothing usable is there: make it, at least for this process.
            Ok(None) | Err(_) => store::write(&path, &original, &config).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound if !original.exists() => Err(error),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Err(error),
                _ => store::in_memory(&original, &config),
            }),
        };
        let stored = stored.map_err(OpenError::read(&original))?;
        Ok((Weights::read(config, stored.bytes, store::HEADER), stored.source))
    }

    /// The path of the quantised weights.
    fn quantized(&self) -> PathBuf {
        let Some(cache) = &self.cache else { return self.folder.join("tollgate-int8.bin") };
        // Several models may share a folder for such files.
        let folder = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        cache.join(format!("tollgate-int8-{:08x}.bin", crc32fast::hash(path_bytes(&folder).as_bytes())))
    }
}

fn path_bytes(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
