//! The bodies of the fuzz targets, and generated input for where libFuzzer is not at hand.
//!
//! A target is a function of bytes that panics if something does not hold. `cargo fuzz run TARGET` feeds it by coverage;
//! `cargo run --release --bin TARGET` feeds it from a generator with a fixed seed, so that a check in passing always
//! tests the same. Inputs that once failed are kept in `regressions/` and run first.

pub mod harness;
mod targets;

#[cfg(fuzzing)]
pub use libfuzzer_sys;
pub use targets::{eventstream, head_scan, sse_decoder, stream_tap, usage};

/// Makes a binary of a target: for libFuzzer if that compiles it, else for the generator.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $body(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::harness::run(stringify!($body), $body)
        }
    };
}
