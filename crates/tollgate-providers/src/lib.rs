//! Model providers: who they are and how to reach them.
//!
//! A provider is anything that implements [`Provider`], three methods. Nearly all of today's providers speak OpenAI's
//! protocols, so most of them are a few lines of data, a [`Descriptor`], over one adapter, [`HttpProvider`]. The
//! [`Registry`] holds the providers of a gateway, knows their models and decides which provider a model's name means;
//! [`Dispatch`] is the innermost service of a request path, the one that calls the provider.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_core::{BoxFuture, Error, Operation, Request, Response};
//! use tollgate_providers::{Model, Provider, Registry};
//!
//! /// A provider that knows one answer.
//! struct Fixed(Arc<str>);
//!
//! impl Provider for Fixed {
//!     fn name(&self) -> &Arc<str> {
//!         &self.0
//!     }
//!
//!     fn supports(&self, operation: Operation) -> bool {
//!         operation == Operation::ChatCompletions
//!     }
//!
//!     fn call(&self, _request: Request) -> BoxFuture<'_, Result<Response, Error>> {
//!         let answer = r#"{"object":"chat.completion","choices":[]}"#;
//!         Box::pin(async move { Ok(Response::new(answer.into())) })
//!     }
//!
//!     fn models(&self) -> BoxFuture<'_, Result<Vec<Model>, Error>> {
//!         Box::pin(async { Ok(vec![Model::new("one")]) })
//!     }
//! }
//!
//! let registry = Registry::builder().provider(Arc::new(Fixed("fixed".into()))).alias("fast", "fixed/one").build();
//! assert_eq!(registry.names().collect::<Vec<_>>(), ["fixed"]);
//! ```
//!
//! | Feature | What it adds | Default |
//! |---|---|---|
//! | `openai` | [`HttpProvider`], its HTTP transport, and [`auth`] | yes |
//! | `demo` | [`Demo`], which answers without a network | yes |

#[cfg(feature = "openai")]
mod adapter;
#[cfg(feature = "openai")]
pub mod auth;
mod catalogue;
#[cfg(feature = "demo")]
mod demo;
mod descriptor;
mod dispatch;
mod failure;
mod provider;
mod registry;
pub mod responses;
mod table;
mod translate;
#[cfg(feature = "openai")]
mod transport;

#[cfg(feature = "openai")]
pub use adapter::{AdapterLimits, BuildError, HttpProvider, HttpProviderBuilder};
#[cfg(feature = "demo")]
pub use demo::Demo;
pub use descriptor::{Api, Auth, Descriptor, Operations, Quirks, Wire};
pub use dispatch::Dispatch;
pub use provider::{Model, Provider};
pub use registry::{Registry, RegistryBuilder};
pub use table::{DESCRIPTORS, descriptor};
#[cfg(feature = "openai")]
pub use transport::{Transport, TransportBuilder};
