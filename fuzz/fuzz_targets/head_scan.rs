//! The scan of a request's head, and the edits made with what it found.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::head_scan);
