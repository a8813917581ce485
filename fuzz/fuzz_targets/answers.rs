//! Whole answers of every provider's protocol, into every client's.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::answers, tollgate_fuzz::documents::ANSWERS);
