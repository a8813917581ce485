//! Cutting a byte stream into binary frames.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::eventstream);
