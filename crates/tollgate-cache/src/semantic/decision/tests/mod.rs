//! The decision as a whole, over streams whose answers are known.

mod parts;
mod rules;
mod streams;
mod world;
