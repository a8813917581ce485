//! Units of measure and currencies.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{LiteralKind, Scanner};

/// Units that say what is asked even without a number; the first word of a line is the canonical one.
const STRICT: &str = "
km kilometer kilometers kilometre kilometres kms
mile miles
meter meters metre metres
cm centimeter centimeters centimetre centimetres
mm millimeter millimeters millimetre millimetres
inch inches
yard yards
kg kilogram kilograms kilo kilos kgs
gram grams gramme grammes
mg milligram milligrams
lb lbs
oz ounce ounces
tonne tonnes
liter liters litre litres
ml milliliter milliliters millilitre millilitres
gallon gallons
celsius centigrade
fahrenheit
kelvin
kb kilobyte kilobytes
mb megabyte megabytes
gb gigabyte gigabytes
tb terabyte terabytes
pb petabyte petabytes
kib kibibyte
mib mebibyte
gib gibibyte
bit bits
byte bytes
ms millisecond milliseconds msec
us-time microsecond microseconds µs μs usec
ns nanosecond nanoseconds nsec
mph
kph kmh
kwh kilowatt-hour
kw kilowatt kilowatts
watt watts
volt volts
hz hertz
mhz megahertz
ghz gigahertz
joule joules
calorie calories kcal
acre acres
hectare hectares
psi
usd dollar dollars
eur euro euros
gbp sterling
inr rupee rupees
jpy yen
cny yuan rmb renminbi
chf franc francs
aud
cad
brl
mxn
rub ruble rubles
krw won-currency
btc bitcoin bitcoins
eth ethereum
";

/// Words that are units only behind a number.
const BOUND: &str = "
% percent pct per-cent percentage
sec secs second seconds
min mins minute minutes
hour hours hr hrs
day days
week weeks wk wks
month months
year years yr yrs
decade decades
century centuries
foot feet ft
pound pounds
ton tons
cup cups
tsp teaspoon teaspoons
tbsp tablespoon tablespoons
degree degrees
sentence sentences
word words
paragraph paragraphs
line lines
bullet bullets
page pages
character characters
cent cents
pence penny
gbp quid
inr rs
";

/// Letters that are units only when they touch a number.
const ATTACHED: &str = "
meter m
gram g
inch in
sec s
hour h
day d
liter l
watt w
volt v
x
";

/// Each word of `text` with the first of its line.
pub(super) fn table(text: &'static str) -> HashMap<&'static str, &'static str> {
    let lines = text.lines().filter_map(|line| Some((line.split_whitespace().next()?, line)));
    lines.flat_map(|(canonical, line)| line.split_whitespace().map(move |word| (word, canonical))).collect()
}

static STRICT_TABLE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| table(STRICT));
static BOUND_TABLE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| table(BOUND));
static ATTACHED_TABLE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| table(ATTACHED));

/// The unit that a word behind a number is.
pub(super) fn bound(word: &str) -> Option<&'static str> {
    STRICT_TABLE.get(word).or_else(|| BOUND_TABLE.get(word)).copied()
}

/// The unit that letters are which touch a number: the `m` of `5m`.
pub(super) fn attached(letters: &str) -> Option<&'static str> {
    ATTACHED_TABLE.get(letters).copied()
}

/// The currency that a word before a number is: `INR 500`, `Rs. 500`.
pub(super) fn code(word: &str) -> Option<&'static str> {
    let unit = bound(word)?;
    const CODES: &[&str] = &["usd", "eur", "gbp", "inr", "jpy", "cny", "chf", "aud", "cad", "brl", "mxn", "krw", "rub"];
    (CODES.contains(&unit) && word.len() <= 3).then_some(unit)
}

/// The currency that a sign stands for. A bare `$` is taken for that of the United States, as most who write it mean.
pub(super) fn symbol(sign: &str) -> Option<&'static str> {
    match sign {
        "$" => Some("usd"),
        "€" => Some("eur"),
        "£" => Some("gbp"),
        "¥" => Some("jpy"),
        "₹" => Some("inr"),
        "₽" => Some("rub"),
        "₩" => Some("krw"),
        _ => None,
    }
}

impl Scanner<'_, '_> {
    /// A unit without a number, or a currency sign alone.
    pub(super) fn bare_unit(&mut self, at: usize) -> Option<usize> {
        if self.word(at) == "per" && matches!(self.word(at + 1), "cent") {
            return Some(at + 2);
        }
        let unit = STRICT_TABLE.get(self.word(at)).copied().or_else(|| symbol(self.word(at)))?;
        // `CM` and `MS` are more often titles and degrees.
        let raw = self.tokens[at].raw;
        let is_title = raw.len() == 2
            && raw.bytes().all(|byte| byte.is_ascii_uppercase())
            && !matches!(raw, "KM" | "KG" | "KB" | "MB" | "GB" | "TB" | "PB");
        // `a bit`, `the yard`, `millions of miles away`: only those that measure nothing by themselves.
        let is_idiom =
            matches!(unit, "bit" | "yard" | "won-currency") || (unit == "us-time" && self.word(at) == "us-time");
        if is_idiom || is_title {
            return None;
        }
        let end = self.take(LiteralKind::Unit, unit, at, at + 1);
        if self.before(at) == "many" {
            self.asked = self.literals.pop();
        }
        Some(end)
    }
}

/// Units of time as a set of bits; they are too common in speech to be literals without a number.
pub(crate) type TimeUnits = u16;

/// The bit of the unit of time that a folded word is.
pub(crate) fn is_time_unit(word: &str) -> Option<TimeUnits> {
    const UNITS: &[&str] = &["sec", "min", "hour", "day", "week", "month", "year", "decade", "century"];
    let unit = BOUND_TABLE.get(word)?;
    UNITS.iter().position(|it| it == unit).map(|at| 1 << at)
}
