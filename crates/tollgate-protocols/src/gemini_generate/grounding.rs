//! Sources of an answer and log probabilities, in both directions.

use tollgate_core::ir::Citation;

use super::parts::OWN;
use super::types::member;
use crate::json::{self, Array, Object, Value};

/// The citations in `groundingMetadata`. Its places are bytes of a part, which begin where `base` says in `text`.
pub(super) fn citations(metadata: &Value<'_>, text: &str, base: impl Fn(usize) -> usize) -> Vec<Citation> {
    let chunks = metadata.array("groundingChunks");
    let mut found = Vec::new();
    for support in metadata.array("groundingSupports") {
        let segment = support.get("segment");
        let part = segment.and_then(|segment| segment.u64("partIndex")).and_then(|at| usize::try_from(at).ok());
        let base = base(part.unwrap_or(0));
        let place = |name: &str| {
            let at = usize::try_from(segment?.u64(name).unwrap_or(0)).ok()?;
            Some(characters(text, base.saturating_add(at)))
        };
        for index in support.array("groundingChunkIndices") {
            let chunk = index.as_u64().and_then(|at| chunks.get(usize::try_from(at).ok()?));
            if let Some(citation) = chunk.and_then(source) {
                found.push(Citation { start: place("startIndex"), end: place("endIndex"), ..citation });
            }
        }
    }
    if found.is_empty() {
        found.extend(chunks.iter().filter_map(source));
    }
    found
}

/// The citations in `citationMetadata`.
pub(super) fn recitations(metadata: &Value<'_>, text: &str) -> Vec<Citation> {
    let named = ["citationSources", "citations"].iter().flat_map(|name| metadata.array(name));
    let place = |source: &Value<'_>, name: &str| {
        source.u64(name).and_then(|at| usize::try_from(at).ok()).map(|at| characters(text, at))
    };
    named
        .map(|source| Citation {
            url: source.string("uri"),
            title: source.string("title"),
            start: place(source, "startIndex").or(Some(0)),
            end: place(source, "endIndex"),
            native: Some((OWN, source.raw().to_owned())),
            ..Citation::default()
        })
        .collect()
}

fn source(chunk: &Value<'_>) -> Option<Citation> {
    let place = ["web", "retrievedContext", "maps"].iter().find_map(|name| chunk.get(name))?;
    Some(Citation {
        url: place.string("uri"),
        title: place.string("title"),
        cited_text: place.string("text"),
        native: Some((OWN, chunk.raw().to_owned())),
        ..Citation::default()
    })
}

/// How many characters are in the first bytes of a text.
fn characters(text: &str, bytes: usize) -> u64 {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).map_or(0, |text| text.chars().count() as u64)
}

/// How many bytes are in the first characters of a text.
fn bytes(text: &str, characters: u64) -> u64 {
    let characters = usize::try_from(characters).unwrap_or(usize::MAX);
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at) as u64
}

/// Writes citations as `groundingMetadata`.
pub(super) fn write_citations(citations: &[Citation], text: &str, o: &mut Object<'_>) {
    let mut sources: Vec<(&Option<String>, &Option<String>)> = Vec::new();
    let mut places = Vec::new();
    for citation in citations {
        let source = (&citation.url, &citation.title);
        let at = sources.iter().position(|known| *known == source).unwrap_or(sources.len());
        if at == sources.len() {
            sources.push(source);
        }
        places.push(at);
    }
    o.array("groundingChunks", |a| {
        for (url, title) in &sources {
            a.object(|o| {
                o.object("web", |o| {
                    o.maybe_string("uri", url.as_deref());
                    o.maybe_string("title", title.as_deref());
                });
            });
        }
    });
    let spans = citations.iter().zip(places).filter_map(|(c, at)| Some((c.start?, c.end?, at)));
    o.array("groundingSupports", |a| {
        for (start, end, at) in spans {
            a.object(|o| {
                o.object("segment", |o| {
                    o.uint("startIndex", bytes(text, start));
                    o.uint("endIndex", bytes(text, end));
                });
                o.array("groundingChunkIndices", |a| a.raw(&at.to_string()));
            });
        }
    });
}

/// `logprobsResult` as OpenAI's `logprobs`.
pub(super) fn logprobs(result: &Value<'_>) -> String {
    let tops = result.array("topCandidates");
    json::object_text(|o| {
        o.array("content", |content| {
            for (at, chosen) in result.array("chosenCandidates").iter().enumerate() {
                content.object(|o| {
                    token(chosen, o);
                    o.array("top_logprobs", |a| {
                        let others = tops.get(at).map(|top| top.array("candidates")).unwrap_or_default();
                        others.iter().for_each(|other| a.object(|o| token(other, o)));
                    });
                });
            }
        });
    })
}

fn token(value: &Value<'_>, o: &mut Object<'_>) {
    let text = value.str("token").unwrap_or_default();
    o.string("token", text);
    o.float("logprob", member(value, "logProbability").and_then(Value::as_f64).unwrap_or(0.0));
    o.array("bytes", |a| text.bytes().for_each(|byte| a.float(f64::from(byte))));
}

/// OpenAI's `logprobs`, of one or several chunks, as `logprobsResult`.
pub(super) fn write_logprobs(logprobs: &[String], o: &mut Object<'_>) {
    let parsed: Vec<_> = logprobs.iter().filter_map(|text| json::parse(text.as_bytes()).ok()).collect();
    let tokens = || parsed.iter().flat_map(|logprobs| logprobs.array("content"));
    o.object("logprobsResult", |o| {
        o.array("topCandidates", |a| {
            tokens().for_each(|token| {
                a.object(|o| {
                    o.array("candidates", |a| token.array("top_logprobs").iter().for_each(|top| write_token(top, a)));
                });
            });
        });
        o.array("chosenCandidates", |a| tokens().for_each(|token| write_token(token, a)));
    });
}

fn write_token(token: &Value<'_>, a: &mut Array<'_>) {
    a.object(|o| {
        o.string("token", token.str("token").unwrap_or_default());
        o.maybe_raw("logProbability", token.get("logprob").map(Value::raw));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_characters_and_bytes_again() {
        let text = "é is a letter";
        let json = br#"{"groundingChunks":[{"web":{"uri":"https://h","title":"H"}}],
            "groundingSupports":[{"segment":{"startIndex":3,"endIndex":5},"groundingChunkIndices":[0,7]}]}"#;
        let value = json::parse(json).unwrap();
        let found = citations(&value, text, |_| 0);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start, found[0].end, found[0].url.as_deref()), (Some(2), Some(4), Some("https://h")));
        let back = json::object_text(|o| write_citations(&found, text, o));
        assert!(back.contains(r#""segment":{"startIndex":3,"endIndex":5}"#), "{back}");
    }

    #[test]
    fn log_probabilities() {
        let json = br#"{"topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5}]}],"chosenCandidates":[{"token":"a","logProbability":-0.5}]}"#;
        let openai = logprobs(&json::parse(json).unwrap());
        assert_eq!(
            openai,
            r#"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":[97]}]}]}"#
        );
        let back = json::object_text(|o| write_logprobs(&[openai], o));
        assert_eq!(back, format!(r#"{{"logprobsResult":{}}}"#, std::str::from_utf8(json).unwrap()));
    }
}
