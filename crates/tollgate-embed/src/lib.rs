//! Sentence embeddings on the processor: all-MiniLM-L6-v2 with int8 weights.
//!
//! An [`Encoder`] turns a text into a vector of 384 numbers; texts that mean about the same have vectors that point in about
//! the same direction. It needs no other runtime, takes about 15 MB, and a short prompt takes it a few milliseconds of
//! one thread.
//!
//! ```no_run
//! use tollgate_embed::Model;
//!
//! let encoder = Model::open("models/all-MiniLM-L6-v2")?;
//! let [a, b] = ["How do I reset my password?", "I forgot my password"].map(|text| encoder.embed(text));
//! let similarity: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
//! assert!(similarity > 0.7);
//! # Ok::<_, tollgate_embed::OpenError>(())
//! ```
//!
//! The folder holds what the model is published as: `config.json`, `vocab.txt` (or `tokenizer.json`) and
//! `model.safetensors`. The first start quantises the weights and writes them beside it; later ones map that file.
//!
//! # Features
//!
//! | Feature | Brings |
//! | --- | --- |
//! | `fetch` | `hub`: fetches the files of a model over HTTP |

mod encoder;
mod error;
#[cfg(feature = "fetch")]
pub mod hub;
mod kernel;
mod model;
mod tokenizer;

pub use self::encoder::{Embedding, Encoder};
pub use self::error::OpenError;
pub use self::model::Model;
pub use self::tokenizer::Tokenizer;
