//! Parts of messages and of results.

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, CachePoint, CacheTtl, Citation, Media, MediaKind, Opaque, Prompt, Protocol, Source, Text,
};

use super::super::fields::Place;
use super::decode::extra;
use crate::codec::{mime_of_name, parse_data_url};
use crate::json::{Array, Value};

/// Before the name of a part that only this protocol has; items have their bare name.
pub(super) const PART: &str = "content.";

/// Reads a list of parts.
pub(super) fn read(
    list: &Value<'_>,
    name: &'static str,
    place: Place,
    blocks: &mut Vec<Block>,
    prompt: &mut Prompt,
) -> Result<(), Error> {
    for (at, part) in list.items().iter().enumerate() {
        let place = Place { part: Some((name, at)), ..place };
        let (block, known) = read_part(part, place)?;
        let is_opaque = matches!(block, Block::Opaque(_));
        blocks.push(block);
        for (name, value) in part.present().filter(|(name, _)| !known.contains(name) && !is_opaque) {
            match name {
                "prompt_cache_breakpoint" | "cache_control" => blocks.push(cache_point(value)),
                "type" | "logprobs" | "annotations" => {}
                _ => extra(prompt, place.path(name), value),
            }
        }
    }
    Ok(())
}

fn cache_point(value: &Value<'_>) -> Block {
    let ttl = match value.str("ttl") {
        Some("5m") => Some(CacheTtl::FiveMinutes),
        Some("1h") => Some(CacheTtl::OneHour),
        _ => None,
    };
    Block::CachePoint(CachePoint { ttl })
}

fn read_part(part: &Value<'_>, place: Place) -> Result<(Block, &'static [&'static str]), Error> {
    let Some(kind) = part.str("type") else { return Err(place.wrong("type", "a string")) };
    Ok(match kind {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            let text = place.required(part, "text")?;
            let citations = citations(part.array("annotations"));
            (Block::Text(Text { text, citations, signature: None }), &["text"])
        }
        "refusal" => (Block::Refusal(place.required(part, "refusal")?), &["refusal"]),
        "input_image" => (Block::Media(image(part, place)?), &["image_url", "file_id", "detail"]),
        "input_file" => {
            let known: &[&str] = &["file_data", "file_id", "file_url", "filename", "detail"];
            (Block::Media(file(part, place)?), known)
        }
        "input_audio" => (Block::Media(audio(part, place)?), &["input_audio"]),
        kind => {
            let what = [PART, kind].concat();
            let json = part.raw().to_owned();
            (Block::Opaque(Opaque { protocol: Protocol::OpenAiResponses, what, json }), &[])
        }
    })
}

/// A source from a `data:` URL or an address, and the media type.
fn at_url(url: &str) -> (Source, Option<String>) {
    match parse_data_url(url) {
        Some((mime, data)) => (Source::Base64(data.to_owned()), mime.map(str::to_owned)),
        None => (Source::Url(url.to_owned()), mime_of_name(url).map(str::to_owned)),
    }
}

fn image(part: &Value<'_>, place: Place) -> Result<Media, Error> {
    // Chat Completions has the address in an object, and clients mix the two up.
    let url = part.get("image_url").and_then(|url| url.as_str().or_else(|| url.str("url")));
    let (source, mime) = match (url, part.str("file_id")) {
        (Some(url), _) => at_url(url),
        (None, Some(id)) => (Source::FileId(id.to_owned()), None),
        (None, None) => return Err(place.wrong("image_url", "a string, or `file_id` must be there")),
    };
    Ok(Media { mime, detail: part.string("detail"), ..Media::new(MediaKind::Image, source) })
}

fn file(part: &Value<'_>, place: Place) -> Result<Media, Error> {
    let name = part.string("filename");
    let (source, mime) = if let Some(data) = part.str("file_data") {
        match parse_data_url(data) {
            Some((mime, data)) => (Source::Base64(data.to_owned()), mime.map(str::to_owned)),
            None => (Source::Base64(data.to_owned()), None),
        }
    } else if let Some(id) = part.str("file_id") {
        (Source::FileId(id.to_owned()), None)
    } else if let Some(url) = part.str("file_url") {
        at_url(url)
    } else {
        return Err(place.wrong("", "a file with `file_data`, `file_id` or `file_url`"));
    };
    let mime = mime.or_else(|| name.as_deref().and_then(mime_of_name).map(str::to_owned));
    let kind = mime.as_deref().map_or(MediaKind::Document, MediaKind::of_mime);
    Ok(Media { mime, name, detail: part.string("detail"), ..Media::new(kind, source) })
}

fn audio(part: &Value<'_>, place: Place) -> Result<Media, Error> {
    let audio = part.get("input_audio").unwrap_or(part);
    let Some(data) = audio.str("data") else { return Err(place.wrong("input_audio.data", "a string")) };
    let mime = match audio.str("format") {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => ["audio/", format].concat(),
        None => "audio/wav".to_owned(),
    };
    Ok(Media { mime: Some(mime), ..Media::new(MediaKind::Audio, Source::Base64(data.to_owned())) })
}

/// Citations from annotations of the words.
pub(in super::super) fn citations(annotations: &[Value<'_>]) -> Vec<Citation> {
    annotations.iter().map(citation).collect()
}

/// A citation from one annotation.
pub(in super::super) fn citation(annotation: &Value<'_>) -> Citation {
    Citation {
        url: annotation.string("url"),
        title: annotation.string("title").or_else(|| annotation.string("filename")),
        cited_text: None,
        start: annotation.u64("start_index"),
        end: annotation.u64("end_index"),
        native: Some((Protocol::OpenAiResponses, annotation.raw().to_owned())),
    }
}

/// Writes citations as annotations. `before` is the length in characters of the answer's text before this one, `length`
/// this text's own.
pub(in super::super) fn write_annotations(array: &mut Array<'_>, citations: &[Citation], before: u64, length: u64) {
    for citation in citations {
        // Some servers leave out what clients rely on.
        let known = [citation.title.is_some(), citation.start.is_some(), citation.end.is_some()];
        if let Some((Protocol::OpenAiResponses, native)) = &citation.native
            && (citation.url.is_none() || known == [true; 3])
        {
            array.raw(native);
            continue;
        }
        array.object(|o| {
            let title = citation.title.as_deref().unwrap_or_default();
            if let Some(url) = &citation.url {
                let start = citation.start.map_or(0, |start| start.saturating_sub(before));
                o.string("type", "url_citation");
                o.string("url", url);
                o.string("title", title);
                o.uint("start_index", start);
                o.uint("end_index", citation.end.map_or(length, |end| end.saturating_sub(before)).max(start));
            } else {
                o.string("type", "file_citation");
                o.string("file_id", title);
                o.string("filename", title);
                o.uint("index", citation.end.map_or(length, |end| end.saturating_sub(before)));
            }
        });
    }
}
