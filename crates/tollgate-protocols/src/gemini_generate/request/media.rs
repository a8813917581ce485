//! Media in requests.

use tollgate_core::Error;
use tollgate_core::ir::{Block, Losses, Media, MediaKind, Prompt, Source};

use crate::codec::{image_mime, mime_of_name};
use crate::gemini_generate::parts::OWN;
use crate::gemini_generate::types::{RESOLUTIONS, is_google_file, is_youtube};
use crate::json::{Array, Object};

/// How closely pictures are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// The client does not say.
    Unsaid,
    /// All the same.
    Request(&'static str),
    /// Each its own, which only newer models take.
    Part,
    /// The closest of several for all.
    Closest(&'static str),
}

impl Resolution {
    /// What the pictures of a prompt want. `by_part`: whether the model takes it part by part.
    pub(super) fn of(prompt: &Prompt, by_part: bool) -> Self {
        if prompt.protocol == OWN && prompt.extra("generationConfig.mediaResolution").is_some() {
            return Self::Unsaid;
        }
        let mut found: Option<usize> = None;
        let (mut differ, mut silent) = (false, false);
        for block in prompt.turns.iter().flat_map(|turn| &turn.blocks) {
            let Block::Media(media) = block else { continue };
            match place(media) {
                Some(at) => {
                    differ |= found.is_some_and(|known| known != at);
                    found = found.max(Some(at));
                }
                None => silent |= media.kind == MediaKind::Image,
            }
        }
        let Some(word) = found.and_then(|at| RESOLUTIONS.get(at)).map(|(word, _)| *word) else { return Self::Unsaid };
        // The finest exists for single parts only.
        let is_finest = word == "MEDIA_RESOLUTION_ULTRA_HIGH";
        match (differ || silent || is_finest, by_part) {
            (true, true) => Self::Part,
            (true, false) => Self::Closest(if is_finest { "MEDIA_RESOLUTION_HIGH" } else { word }),
            (false, _) => Self::Request(word),
        }
    }

    /// The resolution for the whole request.
    pub(super) fn for_request(self, losses: &mut Losses) -> Option<&'static str> {
        match self {
            Self::Request(word) => Some(word),
            Self::Closest(word) => {
                losses.change("image.detail");
                Some(word)
            }
            Self::Unsaid | Self::Part => None,
        }
    }
}

/// The place of a picture's detail in the table; `None` for `auto`, which is what holds anyway.
fn place(media: &Media) -> Option<usize> {
    let detail = media.detail.as_deref().filter(|detail| *detail != "auto")?;
    RESOLUTIONS.iter().position(|(_, known)| *known == detail)
}

/// Writes a part of media.
pub(super) fn write_media(
    media: &Media,
    prompt: &Prompt,
    resolution: &Resolution,
    losses: &mut Losses,
    parts: &mut Array<'_>,
) -> Result<(), Error> {
    losses.drop_if(media.context.is_some(), "document.context");
    losses.drop_if(media.citations, "citations");
    losses.drop_if(media.name.is_some() && prompt.protocol != OWN, "document.name");
    let param = media.kind.as_str();
    let (member, data, mime) = match &media.source {
        Source::Text(text) => {
            parts.object(|o| o.string("text", text));
            return Ok(());
        }
        Source::Base64(data) => {
            let mime = mime(media, None).ok_or_else(|| unknown_mime(param))?;
            ("inlineData", ("data", &**data), Some(mime))
        }
        Source::Url(url) if url.starts_with("s3:") => {
            let message = format!("This model's provider cannot read the {param} at `s3:`.");
            return Err(Error::invalid_request(message, Some(param)));
        }
        Source::Url(url) => {
            let mut mime = mime(media, Some(url));
            if mime.is_none() && media.kind == MediaKind::Image {
                // The type is demanded, and what most pictures are is better than no answer.
                losses.change("image.media_type");
                mime = Some("image/jpeg");
            }
            if mime.is_none() && !is_youtube(url) {
                return Err(unknown_mime(param));
            }
            ("fileData", ("fileUri", &**url), mime)
        }
        Source::FileId(id) if is_google_file(id) || prompt.protocol == OWN => {
            ("fileData", ("fileUri", &**id), mime(media, None))
        }
        Source::FileId(_) => {
            let message =
                format!("The {param} is a file at another provider, which this model's provider cannot read.");
            return Err(Error::invalid_request(message, Some(param)));
        }
    };
    parts.object(|o| {
        o.object(member, |o| {
            o.maybe_string("mimeType", mime);
            o.string(data.0, data.1);
            if prompt.protocol == OWN {
                o.maybe_string("displayName", media.name.as_deref());
            }
        });
        if *resolution == Resolution::Part {
            write_resolution(media, o);
        }
    });
    Ok(())
}

fn write_resolution(media: &Media, o: &mut Object<'_>) {
    if let Some((word, _)) = place(media).and_then(|at| RESOLUTIONS.get(at)) {
        o.object("mediaResolution", |o| o.string("level", word));
    }
}

fn mime<'a>(media: &'a Media, url: Option<&str>) -> Option<&'a str> {
    let seen = match &media.source {
        Source::Base64(data) if media.kind == MediaKind::Image => image_mime(data),
        _ => None,
    };
    let said = media.mime.as_deref().map(|mime| if mime == "image/jpg" { "image/jpeg" } else { mime });
    seen.or(said).or_else(|| url.and_then(mime_of_name)).or_else(|| mime_of_name(media.name.as_deref()?))
}

fn unknown_mime(param: &str) -> Error {
    let message =
        format!("The {param} has no known media type. Give it a `data:` URL with one, or an address with an ending.");
    Error::invalid_request(message, Some(param))
}
