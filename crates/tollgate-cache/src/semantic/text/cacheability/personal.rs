//! Questions that only the records of the person who asks can answer.

use super::view::{View, has_any, is_one_of, starts_with_any};

/// What a person has records of.
const RECORDS: &str = "
balance order orders contract contracts appointment appointments invoice invoices booking bookings reservation
subscription plan bill bills package parcel shipment schedule calendar meeting meetings email emails inbox messages
voicemail salary payslip paycheck grade grades prescription results score points membership lease policy claim
ticket tickets flight portfolio transactions statement statements history usage quota birthday name age address
location tasks todos reminders notifications contacts notes files documents profile data debt loan mortgage warranty
enrollment timesheet vacation allowance deadline deadlines unrealized realized gains holdings number
";

/// Phrases about what was said or done before.
const HISTORY: &str = "
did i ask
did i say
did i tell
did we talk
did we discuss
i asked you
i told you
you told me
as you said
my last question
my previous question
my previous message
my previous request
our last
our previous
our conversation
do you remember
what did i ask
what did i say
what did i tell
what did i order
what did i buy
what did i eat
what did i write
where did i leave
when did i last
remember me
last time we
did you tell me
did you say
";

/// Phrases about the person who asks.
const SELF: &str = "
who am i
where am i
how old am i
where do i live
what is my name
when is my
what do i owe
how much do i owe
how much money do i have
how much did i spend
how much have i spent
what did i buy
what did i order
do i have any
what do i have scheduled
what do i have planned
what do i have today
what do i have tomorrow
am i free
my next meeting
my next appointment
when is my next
who is my
who are my
am i on
am i enrolled
am i subscribed
am i signed up
how many days off do i
on my to do list
on my todo list
";

/// How long a question about one's records is at most, in words; a longer one tells a case.
const LONGEST: usize = 16;

pub(super) fn is_personal(view: &View<'_>) -> bool {
    asks_for_records(&view.words, &view.core) || has_any(&view.words, HISTORY) || asks_about_self(&view.core)
}

/// `my balance`, `where is my order`.
fn asks_for_records(words: &[&str], core: &[&str]) -> bool {
    const ASKING: &str =
        "what where when who which how show check track list read open find is are has have did do does was
        tell get display summarize summarise look";
    const GENERAL: &str = "how why can could should if would not change update need want will";
    let counts = starts_with_any(words, "how much\nhow many").is_some();
    let is_general = words.iter().take(24).any(|word| is_one_of(word, GENERAL));
    let asks = core.first().is_some_and(|word| is_one_of(word, ASKING));
    asks && (counts || !is_general) && words.len() <= LONGEST && names_record(words)
}

/// Whether a record stands within three words behind `my`: `my last three invoices`.
fn names_record(words: &[&str]) -> bool {
    let before = |at: usize| at.checked_sub(1).map_or("", |at| words[at]);
    let holds = |at: usize| {
        words.get(at + 1).is_some_and(|word| is_one_of(word, "calendar schedule inbox agenda list account cart"))
    };
    // What stands behind `on my statement` is not what is asked for, unless it is a thing that holds such records.
    let is_meant = |at: usize| !is_one_of(before(at), "in on to with from using at into") || holds(at);
    words.iter().enumerate().filter(|(at, word)| is_one_of(word, "my our") && is_meant(*at)).any(|(at, _)| {
        let near = &words[at + 1..(at + 5).min(words.len())];
        let mut phrase = near.iter().take_while(|word| !is_one_of(word, "to in on for with and is if"));
        phrase.any(|word| is_one_of(word, RECORDS))
    })
}

fn asks_about_self(core: &[&str]) -> bool {
    let counts = starts_with_any(core, "how many\nhow much").is_some();
    let owns = counts && has_any(core, "do i have\nhave i") && !has_any(core, "have to\nhave not");
    owns || (core.len() <= 12 && has_any(core, SELF))
}
