//! Streamed answers of every provider's protocol, into every client's.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::streams, tollgate_fuzz::documents::STREAMS);
