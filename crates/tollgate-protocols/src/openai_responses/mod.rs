//! OpenAI Responses, as its OpenAPI description 2.3.0 and the vendor-neutral Open Responses specification have it.

pub mod error;
mod fields;
pub mod replay;
pub mod request;
pub mod response;
pub mod store;
pub mod stream;
mod types;

pub use types::HANDLED_BY_GATEWAY;
