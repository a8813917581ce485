//! Headers about limits in the words of the client's family.
//!
//! OpenAI's family has `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, where a reset is a span such as `6m0s`;
//! Anthropic's has `anthropic-ratelimit-{requests,tokens,…}-{limit,remaining,reset}`, where it is a time (RFC 3339).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_core::ir::Protocol;
use tollgate_core::{Allowance, QuotaNotice};

use crate::models::rfc3339;

const OPENAI: &str = "x-ratelimit-";
const ANTHROPIC: &str = "anthropic-ratelimit-";

/// What is limited, in Anthropic's words, and how the servers of OpenAI's family end their headers about it: OpenAI's
/// own, Mistral's, Cerebras's, Together's. The first that a server sends counts.
const KINDS: [(&str, &[&str]); 4] = [
    ("requests", &["-requests", "-req-10-second", "-requests-minute", "-requests-day", ""]),
    ("tokens", &["-tokens", "-tokens-minute", "-tokens-month"]),
    ("input-tokens", &["-input-tokens"]),
    ("output-tokens", &["-output-tokens"]),
];

/// What Anthropic's limits are called for OpenAI's clients, which know only these two.
const PLAIN_KINDS: usize = 2;

/// The names for the first two, made once.
static OPENAI_NAMES: [[HeaderName; 3]; PLAIN_KINDS] = [
    [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ],
];
static ANTHROPIC_NAMES: [[HeaderName; 3]; PLAIN_KINDS] = [
    [
        HeaderName::from_static("anthropic-ratelimit-requests-limit"),
        HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    ],
];

/// A span that is longer is none: no limit is reset that late.
const MAX_SPAN: Duration = Duration::from_secs(400 * 86_400);

/// A number of seconds or milliseconds from which on it is a time since 1970 (OpenRouter has those).
const TIME_IN_SECONDS: f64 = 1e9;
const TIME_IN_MILLIS: f64 = 1e11;

/// Whether a header belongs to a family that the client does not know.
pub(crate) fn is_foreign(protocol: Protocol, name: &str) -> bool {
    match protocol {
        Protocol::AnthropicMessages => name.starts_with(OPENAI),
        Protocol::OpenAiChat | Protocol::OpenAiResponses => name.starts_with(ANTHROPIC),
        _ => false,
    }
}

/// Adds the limits that a provider tells in the other family's words.
pub(crate) fn translate(provider: &HeaderMap, protocol: Protocol, now: SystemTime, into: &mut HeaderMap) {
    match protocol {
        Protocol::AnthropicMessages => to_anthropic(provider, now, into),
        Protocol::OpenAiChat | Protocol::OpenAiResponses => to_openai(provider, now, into),
        _ => {}
    }
}

/// Tells of the gateway's own limits, in place of what the provider tells of its: those are for the gateway, and a client
/// that went by them would be refused here.
pub(crate) fn tell(notice: &QuotaNotice, protocol: Protocol, now: SystemTime, headers: &mut HeaderMap) {
    // Names of many servers would be looked for; most answers have none of them.
    let is_told = headers.keys().any(|name| name.as_str().starts_with(OPENAI) || name.as_str().starts_with(ANTHROPIC));
    for (index, allowance) in [notice.requests, notice.tokens].into_iter().enumerate() {
        let Some(allowance) = allowance else { continue };
        if is_told {
            remove(headers, KINDS[index].0);
        }
        let Allowance { limit, remaining, reset } = allowance;
        let (names, reset) = match protocol {
            Protocol::OpenAiChat | Protocol::OpenAiResponses => (&OPENAI_NAMES[index], Some(span_text(reset))),
            Protocol::AnthropicMessages => (&ANTHROPIC_NAMES[index], time_after(now, reset)),
            // Their protocols have no headers for it.
            _ => continue,
        };
        headers.insert(&names[0], limit.into());
        headers.insert(&names[1], remaining.into());
        if let Some(reset) = reset.and_then(|reset| HeaderValue::try_from(reset).ok()) {
            headers.insert(&names[2], reset);
        }
    }
}

fn remove(headers: &mut HeaderMap, kind: &str) {
    let ends = KINDS.iter().filter(|(known, _)| known.ends_with(kind)).flat_map(|(_, ends)| ends.iter());
    let openai = ends.flat_map(|end| ["limit", "remaining", "reset"].map(|part| format!("{OPENAI}{part}{end}")));
    let names: Vec<String> =
        openai
            .chain(KINDS.iter().filter(|(known, _)| known.ends_with(kind)).flat_map(|(known, _)| {
                ["limit", "remaining", "reset"].map(|part| format!("{ANTHROPIC}{known}-{part}"))
            }))
            .collect();
    names.iter().for_each(|name| drop(headers.remove(name.as_str())));
}

fn to_anthropic(provider: &HeaderMap, now: SystemTime, into: &mut HeaderMap) {
    if !provider.keys().any(|name| name.as_str().starts_with(OPENAI)) {
        return;
    }
    for (kind, ends) in KINDS {
        for part in ["limit", "remaining", "reset"] {
            let Some(text) = ends.iter().find_map(|end| text(provider, &format!("{OPENAI}{part}{end}"))) else {
                continue;
            };
            let value = if part == "reset" {
                span(text, now).and_then(|span| time_after(now, span))
            } else {
                number(text).map(str::to_owned)
            };
            put(into, &format!("{ANTHROPIC}{kind}-{part}"), value);
        }
    }
}

fn to_openai(provider: &HeaderMap, now: SystemTime, into: &mut HeaderMap) {
    if !provider.keys().any(|name| name.as_str().starts_with(ANTHROPIC)) {
        return;
    }
    for (kind, _) in KINDS.into_iter().take(PLAIN_KINDS) {
        for part in ["limit", "remaining", "reset"] {
            let Some(text) = text(provider, &format!("{ANTHROPIC}{kind}-{part}")) else { continue };
            let value = if part == "reset" {
                seconds_of(text).map(|at| span_text(Duration::from_secs(at).saturating_sub(since_1970(now))))
            } else {
                number(text).map(str::to_owned)
            };
            put(into, &format!("{OPENAI}{part}-{kind}"), value);
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// What the provider says in the client's own words stays.
fn put(headers: &mut HeaderMap, name: &str, value: Option<String>) {
    let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) else { return };
    if let Ok(name) = HeaderName::try_from(name) {
        headers.entry(name).or_insert(value);
    }
}

fn number(text: &str) -> Option<&str> {
    let is_number = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(text)
}

/// A span as the servers of OpenAI's family write it: `6m0s`, `12ms`, `1.5s`, plain seconds, or a time since 1970.
fn span(text: &str, now: SystemTime) -> Option<Duration> {
    if text.is_empty() || text.len() > 40 {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let number: f64 = text.parse().ok()?;
        let at = if number >= TIME_IN_MILLIS { number / 1e3 } else { number };
        let span = Duration::try_from_secs_f64(at).ok()?;
        let span = if number >= TIME_IN_SECONDS { span.saturating_sub(since_1970(now)) } else { span };
        return (span <= MAX_SPAN).then_some(span);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let in_seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * in_seconds;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|span| *span <= MAX_SPAN)
}

/// `6m0s`, `1h0m3s`, `12ms`.
fn span_text(span: Duration) -> String {
    let (seconds, millis) = (span.as_secs(), span.subsec_millis());
    if seconds == 0 && millis > 0 {
        return format!("{millis}ms");
    }
    // Rounded up: who comes back a moment too early is refused again.
    let seconds = seconds + u64::from(span.subsec_nanos() > 0);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn time_after(now: SystemTime, span: Duration) -> Option<String> {
    let at = since_1970(now).checked_add(span)?;
    Some(rfc3339(at.as_secs() + u64::from(at.subsec_nanos() > 0)))
}

fn since_1970(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The seconds since 1970 of a date (RFC 3339), a part of a second counting as a whole one. `None` if it is none, or
/// before 1970.
fn seconds_of(date: &str) -> Option<u64> {
    let digits = |from: usize, to: usize| number(date.get(from..to)?)?.parse::<u64>().ok();
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let is_date = date.is_ascii()
        && [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, mark)| date.as_bytes().get(*at) == Some(mark))
        && matches!(date.as_bytes().get(10), Some(b'T' | b't' | b' '))
        && (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_date {
        return None;
    }
    let zone = date.get(19..)?;
    let zone = zone.strip_prefix('.').map_or(zone, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let offset = match (zone.get(..1)?, zone.get(1..3), zone.get(3..4), zone.get(4..)) {
        ("Z" | "z", None, _, _) => 0,
        (sign @ ("+" | "-"), Some(hours), Some(":"), Some(minutes)) => {
            let seconds = number(hours)?.parse::<i64>().ok()? * 3_600 + number(minutes)?.parse::<i64>().ok()? % 60 * 60;
            if sign == "-" { -seconds } else { seconds }
        }
        _ => return None,
    };
    // Years that begin in March have their odd day at the end; 719,468 days lie between March of the year 0 and 1970.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
    let days = (days + (153 * shifted_month + 2) / 5 + day - 1).checked_sub(719_468)?;
    let has_part = date.get(19..20) == Some(".");
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second + u64::from(has_part);
    seconds.checked_add_signed(-offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_798_761_599;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn check(protocol: Protocol, provider: &[(&'static str, &'static str)], expect: &[(&'static str, &'static str)]) {
        let mut translated = HeaderMap::new();
        translate(&headers(provider), protocol, now(), &mut translated);
        assert_eq!(translated, headers(expect));
    }

    #[test]
    fn spans_of_every_form() {
        for (text, millis) in [
            ("6m0s", 360_000),
            ("12ms", 12),
            ("1h2m3.5s", 3_723_500),
            ("7.66s", 7_660),
            ("1d", 86_400_000),
            ("0s", 0),
            ("59", 59_000),
            ("0.5", 500),
            ("1798761600", 1_000),
            ("1798761600500", 1_500),
            ("1700000000", 0),
        ] {
            assert_eq!(span(text, now()).map(|span| span.as_micros().div_ceil(1000)), Some(millis), "{text}");
        }
        for text in ["", "soon", "-1", "1x", "s", "1.2.3s", "99999999h", "5m6", "1e9", &"9".repeat(41)] {
            assert_eq!(span(text, now()), None, "{text}");
        }
    }

    #[test]
    fn dates_there_and_back() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, NOW, 4_107_542_400, 253_402_300_799] {
            assert_eq!(seconds_of(&rfc3339(seconds)), Some(seconds));
        }
        for (date, expect) in [
            ("1970-01-01T00:00:00.25Z", 1),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01T00:00:00-00:30", 1_800),
            ("1970-01-01t00:00:01z", 1),
        ] {
            assert_eq!(seconds_of(date), Some(expect), "{date}");
        }
        for date in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "1970-01-01T00:00:00Zoo",
            "1970/01/01T00:00:00Z",
            "19é0-01-01T00:00:00Z",
            "1970-01-01T00:00:00é",
        ] {
            assert_eq!(seconds_of(date), None, "{date}");
        }
    }

    #[test]
    fn spans_as_text() {
        let millis = [(0, "0s"), (12, "12ms"), (1_500, "2s"), (360_000, "6m0s"), (3_603_000, "1h0m3s")];
        for (millis, expect) in millis {
            assert_eq!(span_text(Duration::from_millis(millis)), expect);
        }
    }

    #[test]
    fn openais_limits_for_anthropics_clients() {
        check(
            Protocol::AnthropicMessages,
            &[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-tokens", "149984"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-ratelimit-limit-tokens", "no number"),
            ],
            &[
                ("anthropic-ratelimit-requests-limit", "60"),
                ("anthropic-ratelimit-requests-remaining", "59"),
                ("anthropic-ratelimit-requests-reset", "2027-01-01T00:00:00Z"),
                ("anthropic-ratelimit-tokens-remaining", "149984"),
                ("anthropic-ratelimit-tokens-reset", "2027-01-01T00:05:59Z"),
            ],
        );
    }

    #[test]
    fn other_servers_names() {
        check(
            Protocol::AnthropicMessages,
            &[("x-ratelimit-limit-tokens-minute", "5"), ("x-ratelimit-remaining-req-10-second", "2")],
            &[("anthropic-ratelimit-tokens-limit", "5"), ("anthropic-ratelimit-requests-remaining", "2")],
        );
        check(
            Protocol::AnthropicMessages,
            &[("x-ratelimit-limit", "10"), ("x-ratelimit-reset", "1")],
            &[
                ("anthropic-ratelimit-requests-limit", "10"),
                ("anthropic-ratelimit-requests-reset", "2027-01-01T00:00:00Z"),
            ],
        );
    }

    #[track_caller]
    fn check_own(
        protocol: Protocol,
        provider: &[(&'static str, &'static str)],
        expect: &[(&'static str, &'static str)],
    ) {
        let reset = Duration::from_millis(61_000);
        let notice =
            QuotaNotice { requests: Some(Allowance { limit: 10, remaining: 3, reset }), ..QuotaNotice::default() };
        let mut told = headers(provider);
        tell(&notice, protocol, now(), &mut told);
        assert_eq!(told, headers(expect));
    }

    #[test]
    fn the_gateways_limits_stand_in_place_of_the_providers() {
        check_own(
            Protocol::OpenAiChat,
            &[
                ("x-ratelimit-limit-requests", "500"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-req-10-second", "7"),
                ("x-ratelimit-remaining-tokens", "90"),
            ],
            &[
                ("x-ratelimit-limit-requests", "10"),
                ("x-ratelimit-remaining-requests", "3"),
                ("x-ratelimit-reset-requests", "1m1s"),
                ("x-ratelimit-remaining-tokens", "90"),
            ],
        );
        check_own(
            Protocol::AnthropicMessages,
            &[("anthropic-ratelimit-requests-remaining", "500"), ("anthropic-ratelimit-input-tokens-limit", "9")],
            &[
                ("anthropic-ratelimit-requests-limit", "10"),
                ("anthropic-ratelimit-requests-remaining", "3"),
                ("anthropic-ratelimit-requests-reset", "2027-01-01T00:01:00Z"),
                ("anthropic-ratelimit-input-tokens-limit", "9"),
            ],
        );
        check_own(Protocol::GeminiGenerate, &[("x-ratelimit-remaining-requests", "500")], &[]);
    }

    #[test]
    fn anthropics_limits_for_openais_clients() {
        let provider = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-reset", "2027-01-01T00:05:59Z"),
            ("anthropic-ratelimit-tokens-remaining", "9"),
            ("anthropic-ratelimit-tokens-reset", "2020-01-01T00:00:00Z"),
            ("anthropic-ratelimit-input-tokens-limit", "7"),
        ];
        for protocol in [Protocol::OpenAiChat, Protocol::OpenAiResponses] {
            check(
                protocol,
                &provider,
                &[
                    ("x-ratelimit-limit-requests", "50"),
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-remaining-tokens", "9"),
                    ("x-ratelimit-reset-tokens", "0s"),
                ],
            );
        }
        check(Protocol::AnthropicMessages, &provider, &[]);
    }
}
