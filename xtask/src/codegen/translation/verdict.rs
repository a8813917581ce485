//! What becomes of a field on its way to a provider.

use std::collections::BTreeSet;

use bytes::Bytes;
use tollgate_core::ir::Losses;
use tollgate_protocols::codec::{self, Target};

use super::samples::{Front, Sample};

/// What stands in every value that can be found again.
const MARK: &str = "4711";

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It arrives.
    Carried,
    /// Something like it arrives, and that is reported.
    Changed,
    /// It is left out, and that is reported.
    Dropped,
    /// The request is refused.
    Refused,
    /// It asks for what happens anyway.
    Idle,
    /// It is lost and nobody is told, which must not be.
    Lost(String),
}

impl Verdict {
    pub(super) fn symbol(&self) -> &'static str {
        match self {
            Self::Carried => "✓",
            Self::Changed => "≈",
            Self::Dropped => "–",
            Self::Refused => "✗",
            Self::Idle => "·",
            Self::Lost(_) => "lost",
        }
    }
}

/// What becomes of a sample's field, and the names under which that is reported.
pub(super) fn judge(front: &Front, sample: &Sample, target: &Target<'_>) -> (Verdict, Vec<String>) {
    let with = match translate(front, sample.with, target) {
        Ok(translated) => translated,
        Err(Fault::Encode) => return (Verdict::Refused, Vec::new()),
        Err(Fault::Decode(why)) => return (Verdict::Lost(format!("the sample is refused: {why}")), Vec::new()),
    };
    let without = match translate(front, sample.without, target) {
        Ok(translated) => translated,
        // What is refused without the field says nothing of the field.
        Err(Fault::Encode) => return (Verdict::Refused, Vec::new()),
        Err(Fault::Decode(why)) => return (Verdict::Lost(format!("its counterpart is refused: {why}")), Vec::new()),
    };
    let news: Vec<_> = with.1.iter().filter(|loss| !without.1.iter().any(|known| known == *loss)).collect();
    let names = news.iter().map(|loss| loss.field.to_string()).collect();
    let verdict = match () {
        () if news.iter().any(|loss| !loss.changed) => Verdict::Dropped,
        () if !news.is_empty() => Verdict::Changed,
        () if with.0 == without.0 && with.1.fields().any(|field| sample.parents.contains(&field)) => Verdict::Dropped,
        () if with.0 == without.0 && sample.idle.is_some() => Verdict::Idle,
        () if with.0 == without.0 => Verdict::Lost("the provider's request is the same with and without it".to_owned()),
        () if sample.idle.is_some() => Verdict::Carried,
        () => missing(sample, &with.0)
            .map_or(Verdict::Carried, |mark| Verdict::Lost(format!("`{mark}` is not in the provider's request"))),
    };
    (verdict, names)
}

enum Fault {
    Decode(String),
    Encode,
}

fn translate(front: &Front, members: &str, target: &Target<'_>) -> Result<(Bytes, Losses), Fault> {
    let body = body(front, members).map_err(|error| Fault::Decode(error.to_string()))?;
    let prompt = codec::decode_request(front.protocol, body.as_bytes());
    let prompt = prompt.map_err(|error| Fault::Decode(error.to_string()))?;
    let mut losses = Losses::default();
    let encoded = codec::encode_request(&prompt, target, &mut losses).map_err(|_| Fault::Encode)?;
    Ok((encoded.body, losses))
}

/// A whole request: the members, and those of the front's base that they do not name.
fn body(front: &Front, members: &str) -> Result<String, serde_json::Error> {
    let named: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&format!("{{{members}}}"))?;
    let is_named = |start: &str| named.keys().any(|name| name.starts_with(start));
    let base = front.base.iter().filter(|(start, _)| !is_named(start)).map(|(_, text)| *text);
    let all: Vec<&str> = Some(members).filter(|members| !members.is_empty()).into_iter().chain(base).collect();
    Ok(format!("{{{}}}", all.join(",")))
}

/// A mark of the sample that is not in the provider's request.
fn missing(sample: &Sample, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    marks(sample.with).into_iter().find(|mark| !text.contains(mark))
}

/// The words with a mark in them.
fn marks(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.contains(MARK)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::Protocol;
    use tollgate_protocols::codec::Dialect;

    use super::super::samples::FRONTS;
    use super::*;

    fn check(with: &'static str, idle: Option<&'static str>) -> Verdict {
        let sample = Sample { field: "", with, without: "", idle, parents: &[] };
        let target = Target::new(Protocol::AnthropicMessages, "claude-sonnet-4-5", &Dialect::OPENAI);
        judge(&FRONTS[0], &sample, &target).0
    }

    #[test]
    fn verdicts() {
        assert_eq!(check(r#""temperature":0.4711"#, None), Verdict::Carried);
        assert_eq!(check(r#""temperature":1.4711"#, None), Verdict::Changed);
        assert_eq!(check(r#""seed":4711"#, None), Verdict::Dropped);
        assert_eq!(check(r#""messages":[{"role":"user","content":[{"type":"text"}]}]"#, None).symbol(), "lost");
    }

    /// The guard itself: what makes no difference is lost unless there is a reason for it, and so is a lost mark.
    #[test]
    fn silence_is_noticed() {
        assert!(matches!(check(r#""n":1"#, None), Verdict::Lost(_)));
        assert_eq!(check(r#""n":1"#, Some("one is what there is")), Verdict::Idle);
        // The comment of a schema is kept, the white space around a number is not: a mark in a name that no codec reads.
        let sample = Sample { field: "", with: r#""stream":true"#, without: "", idle: None, parents: &[] };
        assert_eq!(missing(&sample, b"{}"), None);
        let sample = Sample { with: r#""stop":["a4711","b4711"]"#, ..sample };
        assert_eq!(missing(&sample, br#"{"stop_sequences":["a4711"]}"#).as_deref(), Some("b4711"));
    }
}
