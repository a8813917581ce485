//! Requests of every client's protocol, for every provider.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::requests, tollgate_fuzz::documents::REQUESTS);
