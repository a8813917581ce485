//! Images and documents.

use tollgate_core::Error;
use tollgate_core::ir::{Losses, Media, MediaKind, Protocol, Source};

use crate::codec::{image_mime, mime_of_name};
use crate::json::Object;

/// The media types of images that Anthropic takes.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

const PDF: &str = "application/pdf";

/// Whether media can be written, and whether they are in Anthropic's files.
pub(super) fn check(media: &Media, from: Protocol, losses: &mut Losses) -> Result<bool, Error> {
    let param = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        kind => return Err(refuse(format!("This model takes no {}.", kind.as_str()), kind.as_str())),
    };
    losses.drop_if(media.detail.as_deref().is_some_and(|detail| detail != "auto"), "image.detail");
    match &media.source {
        Source::Url(url) if is_web(url) => {
            losses.drop_if(media.kind == MediaKind::Image && media.context.is_some(), "document.context");
        }
        Source::Url(_) => return Err(refuse(format!("The {param}'s URL must begin with `https:`."), param)),
        Source::FileId(_) if from == Protocol::AnthropicMessages => return Ok(true),
        Source::FileId(_) => {
            return Err(refuse(format!("The {param} is in the files of another provider; send its data."), param));
        }
        Source::Base64(data) if media.kind == MediaKind::Image => {
            if image_type(media, data).is_none() {
                return Err(refuse("The image must be a JPEG, PNG, GIF or WebP.".to_owned(), param));
            }
        }
        Source::Base64(data) => {
            if !is_pdf(media, data) && plain_text(media, data).is_none() {
                return Err(refuse("The document must be a PDF or plain text.".to_owned(), param));
            }
        }
        Source::Text(_) if media.kind == MediaKind::Image => {
            return Err(refuse("The image must be data or a URL.".to_owned(), param));
        }
        Source::Text(_) => {}
    }
    Ok(false)
}

fn refuse(message: String, param: &str) -> Error {
    Error::invalid_request(message, Some(param))
}

fn is_web(url: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn image_type(media: &Media, data: &str) -> Option<&'static str> {
    image_mime(data).or_else(|| match media.mime.as_deref()? {
        "image/jpg" => Some("image/jpeg"),
        mime => IMAGES.into_iter().find(|known| known.eq_ignore_ascii_case(mime)),
    })
}

fn is_pdf(media: &Media, data: &str) -> bool {
    match media.mime.as_deref().or_else(|| media.name.as_deref().and_then(mime_of_name)) {
        Some(mime) => mime.eq_ignore_ascii_case(PDF),
        // `%PDF-` in Base64.
        None => data.starts_with("JVBERi0"),
    }
}

/// The words of a document that is text, though it comes in Base64.
fn plain_text(media: &Media, data: &str) -> Option<String> {
    let mime = media.mime.as_deref().or_else(|| media.name.as_deref().and_then(mime_of_name))?;
    if !mime.starts_with("text/") && mime != "application/json" {
        return None;
    }
    String::from_utf8(decode_base64(data)?).ok()
}

/// Base64 as in RFC 4648, section 4, with or without padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Writes the members of a block of media that [`check`] has let through.
pub(super) fn write(o: &mut Object<'_>, media: &Media) {
    let is_image = media.kind == MediaKind::Image;
    o.string("type", if is_image { "image" } else { "document" });
    o.object("source", |o| write_source(o, media, is_image));
    if !is_image {
        o.maybe_string("title", media.name.as_deref());
        o.maybe_string("context", media.context.as_deref());
        if media.citations {
            o.object("citations", |o| o.bool("enabled", true));
        }
    }
}

fn write_source(o: &mut Object<'_>, media: &Media, is_image: bool) {
    match &media.source {
        Source::Url(url) => {
            o.string("type", "url");
            o.string("url", url);
        }
        Source::FileId(id) => {
            o.string("type", "file");
            o.string("file_id", id);
        }
        Source::Text(text) => write_plain(o, text),
        Source::Base64(data) if is_image => write_data(o, image_type(media, data).unwrap_or("image/png"), data),
        Source::Base64(data) => match plain_text(media, data) {
            Some(text) => write_plain(o, &text),
            None => write_data(o, PDF, data),
        },
    }
}

fn write_plain(o: &mut Object<'_>, text: &str) {
    o.string("type", "text");
    o.string("media_type", "text/plain");
    o.string("data", text);
}

fn write_data(o: &mut Object<'_>, mime: &str, data: &str) {
    o.string("type", "base64");
    o.string("media_type", mime);
    o.string("data", data);
}
