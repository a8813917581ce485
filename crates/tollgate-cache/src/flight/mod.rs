//! Requests in flight that share one answer.
//!
//! Who asks what is being asked already takes a [`Seat`] in the same flight and reads the answer from its first byte, as
//! it arrives. The provider's answer belongs to all seats together: whoever wants more than is there polls it, and when one
//! leaves, even the first, the others go on. When the last one leaves, the work stops. What was read is kept as long as
//! somebody has yet to read it, within a limit; who falls further behind is cut off, so that a slow client neither stops
//! the others nor fills the memory.

mod seat;
mod state;
mod table;

#[cfg(test)]
mod tests;

pub use seat::Seat;
pub use state::{Begun, Chunk, Landing};
pub use table::{Boarding, Flights};
