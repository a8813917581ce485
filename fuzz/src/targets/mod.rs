//! One file per target.

mod answers;
mod cut;
mod eventstream;
mod head_scan;
mod json_tree;
mod lines;
mod order;
mod requests;
mod sse_decoder;
mod stream_tap;
mod streams;
mod usage;

pub use answers::answers;
pub use eventstream::eventstream;
pub use head_scan::head_scan;
pub use json_tree::json_tree;
pub use lines::lines;
pub use requests::requests;
pub use sse_decoder::sse_decoder;
pub use stream_tap::stream_tap;
pub use streams::streams;
pub use usage::usage;
