//! What requests cost: prices as data, costs computed from them.
//!
//! A [`Price`] is [`Terms`] with an id: rates for each [`Unit`], for classes of service and from sizes of the input on. A
//! [`PriceBook`] is a list of them as text, with a version; [`PriceBook::built_in`] is the one that ships with this crate.
//! [`Prices`] finds the price of a deployment, in the overrides or in the book by the provider's kind and the exact name
//! of the model, and computes with it.
//!
//! ```
//! use std::time::SystemTime;
//! use tollgate_core::{NanoUsd, Target, Usage};
//! use tollgate_usage::price::{PriceBook, Prices};
//!
//! let book = PriceBook::parse("# version 1\nopenai small in=0.15 out=0.6 read=0.075\n")?;
//! let prices = Prices::new(book);
//! prices.configure([("openai-east".into(), "openai".into())], Vec::new());
//!
//! let usage = Usage { input: Some(1000), output: Some(200), cache_read: Some(400), ..Usage::default() };
//! let target = Target::new("openai-east", "small");
//! let cost = prices.cost(&target, SystemTime::now(), &usage, None, None).expect("has a price");
//! // 600 x 0.15 + 400 x 0.075 + 200 x 0.60 dollars per million.
//! assert_eq!(cost.amount, NanoUsd(240_000));
//! assert_eq!(&*cost.price, "1:openai/small");
//!
//! let unknown = Target::new("openai-east", "small-2026");
//! assert_eq!(prices.cost(&unknown, SystemTime::now(), &usage, None, None), None);
//! # Ok::<(), tollgate_usage::price::BookError>(())
//! ```

mod book;
mod ceiling;
mod cost;
mod overrides;
mod prices;
mod rates;
mod terms;
#[cfg(test)]
mod tests;

pub use book::{BookError, PriceBook};
pub use overrides::Override;
pub use prices::Prices;
pub use rates::{Rate, Rates, Tier, Unit};
pub use terms::{Price, Terms, TermsError, Variant};
