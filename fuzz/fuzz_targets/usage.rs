//! Everything that reads an answer which is here entirely: counts, facts, errors.
#![cfg_attr(fuzzing, no_main)]

tollgate_fuzz::target!(tollgate_fuzz::usage);
