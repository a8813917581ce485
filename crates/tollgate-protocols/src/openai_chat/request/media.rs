//! Pictures, sounds and documents in a provider's request.

use std::borrow::Cow;

use tollgate_core::Error;
use tollgate_core::ir::{Losses, Media, MediaKind, Prompt, Protocol, Source};

use crate::codec::{ReasoningField, Target};
use crate::json::{Array, Object};

/// Writes media as a content part.
pub(super) fn write(
    a: &mut Array<'_>,
    media: &Media,
    prompt: &Prompt,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    losses.drop_if(media.context.is_some(), "document.context");
    losses.drop_if(media.citations, "citations");
    match media.kind {
        MediaKind::Image => image(a, media, target, losses),
        MediaKind::Audio => audio(a, media, target),
        MediaKind::Document => document(a, media, target, losses),
        MediaKind::Video => video(a, media, prompt, target),
    }
}

fn refused(what: &str, how: &str) -> Error {
    Error::invalid_request(format!("The provider of this model takes no {what} {how}."), Some("messages"))
}

fn url<'m>(media: &'m Media, default_mime: &str) -> Option<Cow<'m, str>> {
    match &media.source {
        Source::Url(url) => Some(Cow::Borrowed(url)),
        Source::Base64(data) => {
            let mime = media.mime.as_deref().unwrap_or(default_mime);
            let mut url = String::with_capacity(data.len() + mime.len() + 13);
            url.extend(["data:", mime, ";base64,", data]);
            Some(Cow::Owned(url))
        }
        Source::FileId(_) | Source::Text(_) => None,
    }
}

fn image(a: &mut Array<'_>, media: &Media, target: &Target<'_>, losses: &mut Losses) -> Result<(), Error> {
    let url = url(media, "image/png").ok_or_else(|| refused("images", "by a file's id"))?;
    // OpenAI's Responses know one step more than Chat Completions do.
    let is_foreign = media.detail.as_deref() == Some("original") && target.dialect.refuses_unknown;
    if is_foreign {
        losses.change("image.detail");
    }
    let detail = if is_foreign { Some("high") } else { media.detail.as_deref() };
    part(a, "image_url", |o| {
        o.string("url", &url);
        o.maybe_string("detail", detail);
    });
    Ok(())
}

fn audio(a: &mut Array<'_>, media: &Media, target: &Target<'_>) -> Result<(), Error> {
    let format = match media.mime.as_deref() {
        Some("audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave") => "wav",
        Some("audio/mpeg" | "audio/mp3") => "mp3",
        Some(mime) if !target.dialect.refuses_unknown => mime.strip_prefix("audio/").unwrap_or("wav"),
        Some(_) => return Err(refused("audio", "but in the formats wav and mp3")),
        None => "wav",
    };
    match &media.source {
        Source::Base64(data) => part(a, "input_audio", |o| {
            o.string("data", data);
            o.string("format", format);
        }),
        Source::Url(url) if !target.dialect.refuses_unknown => part(a, "audio_url", |o| o.string("url", url)),
        _ => return Err(refused("audio", "by an address or a file's id")),
    }
    Ok(())
}

fn document(a: &mut Array<'_>, media: &Media, target: &Target<'_>, losses: &mut Losses) -> Result<(), Error> {
    let is_mistral = target.dialect.reasoning_field == ReasoningField::ContentParts;
    match &media.source {
        Source::Text(text) => {
            losses.change("document");
            a.object(|o| {
                o.string("type", "text");
                o.string("text", text);
            });
        }
        Source::FileId(id) => part(a, "file", |o| o.string("file_id", id)),
        Source::Base64(_) | Source::Url(_) if is_mistral => {
            let url = url(media, "application/pdf").unwrap_or_default();
            a.object(|o| {
                o.string("type", "document_url");
                o.string("document_url", &url);
                o.maybe_string("document_name", media.name.as_deref());
            });
        }
        Source::Base64(_) => {
            let url = url(media, "application/pdf").unwrap_or_default();
            part(a, "file", |o| {
                o.string("filename", media.name.as_deref().unwrap_or("document.pdf"));
                o.string("file_data", &url);
            });
        }
        Source::Url(url) if !target.dialect.refuses_unknown => part(a, "file", |o| {
            o.string("filename", media.name.as_deref().unwrap_or("document.pdf"));
            o.string("file_data", url);
        }),
        Source::Url(_) => return Err(refused("documents", "by an address; send the document itself")),
    }
    Ok(())
}

fn video(a: &mut Array<'_>, media: &Media, prompt: &Prompt, target: &Target<'_>) -> Result<(), Error> {
    let is_own = prompt.protocol == Protocol::OpenAiChat && !target.dialect.refuses_unknown;
    match url(media, "video/mp4").filter(|_| is_own) {
        Some(url) => part(a, "video_url", |o| o.string("url", &url)),
        None => return Err(refused("video", "in this protocol")),
    }
    Ok(())
}

fn part(a: &mut Array<'_>, kind: &str, members: impl FnOnce(&mut Object<'_>)) {
    a.object(|o| {
        o.string("type", kind);
        o.object(kind, members);
    });
}
