//! What is learned of a streamed answer, in every dialect.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::stream_tap);
