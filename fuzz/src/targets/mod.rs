//! One file per target.

mod cut;
mod eventstream;
mod head_scan;
mod sse_decoder;
mod stream_tap;
mod usage;

pub use eventstream::eventstream;
pub use head_scan::head_scan;
pub use sse_decoder::sse_decoder;
pub use stream_tap::stream_tap;
pub use usage::usage;
