//! Configuration: a YAML file, the environment and the command line become one checked [`Config`].
//!
//! ```text
//! Source ── document ──▶ ConfigFile ── check ──▶ Config
//!             ▲ ${VAR}                   ▲ environment, command line, known kinds of providers
//! ```
//!
//! [`load()`] is the whole path, and the same with and without a file. All mistakes are reported together, each with
//! its file, line, column and key ([`ConfigError`]), and none of them repeats a secret or the value of a variable.
//!
//! ```
//! use gateway_server::config::{KindInfo, Overrides, Source, load};
//! use std::collections::BTreeMap;
//!
//! let kinds = [KindInfo { name: "openai", env_prefixes: &["OPENAI"], needs_key: true, needs_base_url: false, cloud: None }];
//! let variables = BTreeMap::from([("OPENAI_EAST_API_KEY".to_owned(), "sk-1".to_owned())]);
//! let config = load(&Source::environment(), &variables, &kinds, &Overrides::default())?;
//! assert_eq!(config.providers[0].name, "openai-east");
//!
//! let source = Source::text("tollgate.yaml", "limits:\n  max_bdy: 1MiB\n");
//! let errors = load(&source, &variables, &kinds, &Overrides::default()).unwrap_err();
//! assert_eq!(errors.to_string(), "tollgate.yaml:2:3: limits.max_bdy: unknown key; did you mean `max_body`?");
//! # Ok::<(), gateway_server::config::ConfigErrors>(())
//! ```

mod check;
pub mod document;
pub mod environment;
mod error;
mod load;
#[cfg(feature = "schema")]
pub mod reference;
mod resolved;
mod source;
pub mod types;

pub(crate) use check::capture::redaction;
pub use document::Document;
pub use environment::{ProcessEnvironment, Variables};
pub use error::{ConfigError, ConfigErrors, Position};
pub use load::load;
pub use resolved::{AwsKey, Cloud, Config, KindInfo, Overrides, ProviderConfig};
pub use source::Source;

#[cfg(test)]
mod tests;
