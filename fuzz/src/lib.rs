//! The bodies of the fuzz targets, and generated input for where libFuzzer is not at hand.
//!
//! A target is a function of bytes that panics if something does not hold. `cargo fuzz run TARGET` feeds it by coverage;
//! `cargo run --release --bin TARGET` feeds it from a generator with a fixed seed, so that a check in passing always
//! tests the same. Inputs that once failed are kept in `regressions/` and run first.

pub mod documents;
pub mod harness;
mod seeds;
mod targets;

#[cfg(fuzzing)]
pub use libfuzzer_sys;
pub use targets::{
    answers, eventstream, head_scan, json_tree, lines, requests, sse_decoder, stream_tap, streams, usage,
};

/// Makes a binary of a target: for libFuzzer if that compiles it, else for the generator. The second argument says where
/// generated input comes from, [`harness::BYTES`] unless it is given.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        $crate::target!($body, $crate::harness::BYTES);
    };
    ($body:path, $input:expr) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $body(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::harness::run(stringify!($body), $body, $input)
        }
    };
}
