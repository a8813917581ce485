//! AWS Bedrock Converse.

pub mod error;
pub mod request;
pub mod response;
pub mod stream;
mod types;

#[cfg(test)]
mod tests;
