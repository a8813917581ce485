//! The Tollgate server as a library: configuration, composition and the admin API behind the thin binary.
//!
//! Everything that a request passes is composed in [`stack`]; [`Gateway`] holds what a reload exchanges; [`serve`] listens.

mod accounts;
pub mod admin;
mod app;
mod caches;
pub mod cli;
pub mod config;
mod gateway;
mod keys;
pub mod managed;
mod providers;
pub mod quotas;
mod redis;
mod reloading;
mod rules;
pub mod serve;
pub mod stack;
mod telemetry;
mod texts;

pub use accounts::Accounts;
pub use app::App;
pub use gateway::{Gateway, Reloaded};
pub use providers::kinds;
