//! Content parts of a client's messages.

use tollgate_core::Error;
use tollgate_core::ir::{Block, Extra, Media, MediaKind, Opaque, Origin, Protocol, Source, Thinking};

use super::fields::At;
use super::tools::cache_point;
use crate::codec::{mime_of_name, open_signature, parse_data_url};
use crate::json::Value;

/// Reads content: a string or a list of parts.
pub(super) fn decode(
    content: &Value<'_>,
    at: At,
    blocks: &mut Vec<Block>,
    extras: &mut Vec<Extra>,
) -> Result<(), Error> {
    if let Some(text) = content.as_str() {
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
        return Ok(());
    }
    if !content.is_array() {
        return Err(at.wrong("content", "a string or a list of parts"));
    }
    for (index, part) in content.items().iter().enumerate() {
        let at = At { part: Some(index), ..at };
        // A bare string among the parts is what some clients make of a list of texts.
        match part.as_str() {
            Some(text) => blocks.push(Block::text(text)),
            None => blocks.push(decode_part(part, at, extras)?),
        }
        blocks.extend(cache_point(part).map(Block::CachePoint));
    }
    Ok(())
}

fn decode_part(part: &Value<'_>, at: At, extras: &mut Vec<Extra>) -> Result<Block, Error> {
    let kind = part.str("type").ok_or_else(|| at.wrong("type", "a string"))?;
    let block = match kind {
        "text" => Block::text(part.str("text").ok_or_else(|| at.wrong("text", "a string"))?),
        "refusal" => Block::Refusal(part.string("refusal").ok_or_else(|| at.wrong("refusal", "a string"))?),
        "image_url" => Block::Media(located(part, kind, MediaKind::Image, at)?),
        "video_url" => Block::Media(located(part, kind, MediaKind::Video, at)?),
        "audio_url" => Block::Media(located(part, kind, MediaKind::Audio, at)?),
        "document_url" => {
            let mut media = located(part, kind, MediaKind::Document, at)?;
            media.name = part.string("document_name");
            Block::Media(media)
        }
        "input_audio" => Block::Media(audio(part, at)?),
        "file" => Block::Media(file(part, at)?),
        "thinking" => Block::Thinking(Thinking {
            text: thinking_text(part),
            signature: part.str("signature").map(|text| open_signature(text, Origin::Other)),
            ..Thinking::default()
        }),
        _ => {
            Block::Opaque(Opaque { protocol: Protocol::OpenAiChat, what: kind.to_owned(), json: part.raw().to_owned() })
        }
    };
    if !matches!(block, Block::Opaque(_)) {
        for (name, value) in part.present() {
            let is_known = name == kind
                || matches!(name, "type" | "cache_control" | "prompt_cache_breakpoint" | "signature" | "closed")
                || name == "document_name";
            if !is_known {
                extras.push(Extra { name: format!("messages.content.{name}"), json: value.raw().to_owned() });
            }
        }
    }
    Ok(block)
}

/// The words of a part of type `thinking`: a string, or a list of parts (Mistral).
pub(in super::super) fn thinking_text(part: &Value<'_>) -> String {
    match part.str("thinking") {
        Some(text) => text.to_owned(),
        None => part.array("thinking").iter().filter_map(|item| item.str("text")).collect(),
    }
}

/// Media by an address, which may hold the data: `{"url"}`, or the address itself as Mistral takes it.
fn located(part: &Value<'_>, kind: &str, media: MediaKind, at: At) -> Result<Media, Error> {
    let inner = part.get(kind);
    let url = inner.and_then(|inner| inner.as_str().or_else(|| inner.str("url")));
    let url = url.filter(|url| !url.is_empty()).ok_or_else(|| at.wrong(&format!("{kind}.url"), "an address"))?;
    let mut media = of_url(url, media);
    media.detail = inner.and_then(|inner| inner.string("detail"));
    Ok(media)
}

/// Media at an address or in a `data:` URL.
pub(in super::super) fn of_url(url: &str, kind: MediaKind) -> Media {
    match parse_data_url(url) {
        Some((mime, data)) => {
            Media { mime: mime.map(str::to_owned), ..Media::new(kind, Source::Base64(data.to_owned())) }
        }
        None => Media { mime: mime_of_name(url).map(str::to_owned), ..Media::new(kind, Source::Url(url.to_owned())) },
    }
}

fn audio(part: &Value<'_>, at: At) -> Result<Media, Error> {
    let inner = part.get("input_audio");
    let data = inner.and_then(|inner| inner.str("data")).ok_or_else(|| at.wrong("input_audio.data", "a string"))?;
    let mime = match inner.and_then(|inner| inner.str("format")) {
        Some("mp3") => Some("audio/mpeg".to_owned()),
        Some(format) => Some(format!("audio/{format}")),
        None => None,
    };
    let (named, data) = parse_data_url(data).unwrap_or((None, data));
    let mime = mime.or_else(|| named.map(str::to_owned));
    Ok(Media { mime, ..Media::new(MediaKind::Audio, Source::Base64(data.to_owned())) })
}

fn file(part: &Value<'_>, at: At) -> Result<Media, Error> {
    let inner = part.get("file").ok_or_else(|| at.wrong("file", "an object"))?;
    let name = inner.string("filename");
    let mut media = match (inner.str("file_data"), inner.str("file_id")) {
        (Some(data), _) => match parse_data_url(data) {
            Some((mime, data)) => {
                let kind = mime.map_or(MediaKind::Document, MediaKind::of_mime);
                Media { mime: mime.map(str::to_owned), ..Media::new(kind, Source::Base64(data.to_owned())) }
            }
            // OpenRouter takes addresses here, OpenAI bare Base64 as well.
            None if data.contains("://") => of_url(data, MediaKind::Document),
            None => Media::new(MediaKind::Document, Source::Base64(data.to_owned())),
        },
        (None, Some(id)) => Media::new(MediaKind::Document, Source::FileId(id.to_owned())),
        (None, None) => return Err(at.wrong("file", "an object with `file_data` or `file_id`")),
    };
    media.mime = media.mime.or_else(|| mime_of_name(name.as_deref()?).map(str::to_owned));
    media.name = name;
    Ok(media)
}
