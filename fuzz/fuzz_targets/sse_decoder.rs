//! Cutting a byte stream into server-sent events.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::sse_decoder);
