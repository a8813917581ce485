//! Whole answers of OpenAI Responses.

mod decode;
mod encode;
mod envelope;
mod item;

pub use decode::decode;
pub(super) use decode::{failure_of, finish_of, is_hosted_image};
pub use encode::encode;
pub(super) use envelope::{Envelope, Status, response_id};
pub(super) use item::{Item, ItemIds, Part, is_cut, item_of_media, write_logprobs};
