//! The server from outside: the binary as a child process between a scripted upstream and a client.

mod access;
mod admin_api;
mod broken_streams;
mod caching;
mod clients;
mod demo;
mod faults;
mod keys;
mod ledger;
mod lifecycle;
mod models;
mod open_responses;
mod other_operations;
mod passthrough;
mod pricing;
mod provider_errors;
mod quota;
mod recordings;
mod reload;
mod semantic_caching;
mod stored_responses;
mod streaming;
mod support;
mod translation_cases;
