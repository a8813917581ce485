//! Orders to act, whose effect no stored answer has.

use super::view::{View, has_any, is_one_of, starts_with_any};

/// Acts upon others, whatever the object.
const ACTS: &str = "
play restart reboot deploy approve reject publish submit merge execute refund reschedule send book reserve schedule
order pay buy purchase email remind notify forward rsvp invite dial wire hire donate tweet subscribe unsubscribe
";

/// Acts only upon what is pointed at: `Cancel it`, but `Cancel a subscription` is a question for how.
const POINTED: &str = "
cancel delete remove call text message post publish submit transfer refund approve reject confirm deploy restart
reboot upload reply block unblock freeze unfreeze activate deactivate update change play pause stop start turn
switch lock unlock charge renew extend reschedule move archive accept decline assign close merge check read save add
withdraw deposit return terminate disable enable mark share execute run apply release ship upgrade downgrade revoke
grant reset rename
";

/// What an order points at.
const OBJECTS: &str = "
it them that this these those my our him her me us everything mom dad
";

/// What is switched.
const DEVICES: &str = "
lights light lamp tv television heating music alarm fan ac radio speaker oven
";

/// What makes an order polite. `I need to cancel my card` is not here: it asks for help.
const POLITE: &str = "
please
kindly
hi
hello
hey
just
now
then
ok
okay
so
go ahead and
can you
could you
would you
will you
i want you to
i would like you to
i need you to
yes
and
";

pub(super) fn is_act(view: &View<'_>) -> bool {
    /// How long a last sentence is that is an order by itself: `Is this junk? Delete it`.
    const SHORT: usize = 8;
    let tail = &view.last_sentence;
    let is_tail_order = tail.len() < view.words.len() && tail.len() <= SHORT && is_order(without_politeness(tail));
    !view.asks_how() && (is_order(without_politeness(&view.words)) || is_tail_order)
}

fn without_politeness<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    let mut rest = words;
    while let Some(length) = starts_with_any(rest, POLITE) {
        rest = &rest[length..];
    }
    rest
}

/// Whether the words begin with the order to act on something definite.
fn is_order(words: &[&str]) -> bool {
    let Some((verb, rest)) = words.split_first() else { return false };
    let object = match *rest {
        [particle, object, ..] if is_one_of(particle, "on off up down out to") => object,
        [object, ..] => object,
        [] => "",
    };
    let is_number = object.starts_with(|first: char| first.is_ascii_digit());
    let definite = is_one_of(object, OBJECTS);
    let determined = definite || is_number || is_one_of(object, "the a an another two three some");
    (is_one_of(verb, ACTS) && determined)
        || (is_one_of(verb, POINTED) && definite)
        || (is_one_of(verb, "transfer deposit withdraw") && is_number)
        // The name of the file is a literal and no word; with more words it is a question for how.
        || (is_one_of(verb, POINTED) && matches!(*rest, ["the", "file" | "folder"]))
        || is_particular(verb, object, rest)
}

/// Orders that are told by what else is said.
fn is_particular(verb: &str, object: &str, rest: &[&str]) -> bool {
    let names = |list, reach| rest.iter().take(reach).any(|word| is_one_of(word, list));
    (is_one_of(verb, "set create start add schedule") && names("timer alarm reminder meeting", 4))
        || (is_one_of(verb, "turn switch dim mute") && object == "the" && names(DEVICES, 5))
        || (is_one_of(verb, "add put save move copy upload") && has_any(rest, "to my\non my\nin my\nto our"))
        || (is_one_of(verb, "email text message remind reply notify inform") && names("about saying that", rest.len()))
}
