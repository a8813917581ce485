//! Sampling, and what else is set for a whole request.

use tollgate_core::ir::{Losses, Prompt, Protocol};

use super::thinking::Think;
use crate::codec::Target;
use crate::json::Object;

/// Writes sampling, as far as the model takes it.
pub(super) fn write_sampling(
    o: &mut Object<'_>,
    prompt: &Prompt,
    target: &Target<'_>,
    think: &Think,
    losses: &mut Losses,
) {
    let sampling = &prompt.sampling;
    if target.gates.refuses_sampling {
        losses.drop_if(sampling.temperature.is_some(), "temperature");
        losses.drop_if(sampling.top_p.is_some(), "top_p");
        losses.drop_if(sampling.top_k.is_some(), "top_k");
    } else {
        if let Some(asked) = sampling.temperature {
            // A model that thinks has the temperature 1, which is the default.
            let temperature = if think.is_on() { 1.0 } else { asked.clamp(0.0, 1.0) };
            if (temperature - asked).abs() > f64::EPSILON {
                losses.change("temperature");
            }
            o.float("temperature", temperature);
        }
        let is_second = target.gates.one_of_temperature_and_top_p && sampling.temperature.is_some();
        // While a model thinks, only 0.95 to 1 is allowed.
        let top_p = sampling.top_p.filter(|top_p| !is_second && (!think.is_on() || (0.95..=1.0).contains(top_p)));
        losses.drop_if(sampling.top_p.is_some() && top_p.is_none(), "top_p");
        o.maybe_float("top_p", top_p);
        let top_k = sampling.top_k.filter(|_| !think.is_on());
        losses.drop_if(sampling.top_k.is_some() && top_k.is_none(), "top_k");
        o.maybe_uint("top_k", top_k);
    }
    let stops = || sampling.stop.iter().filter(|stop| !stop.trim().is_empty());
    if stops().count() < sampling.stop.len() {
        losses.change("stop");
    }
    if stops().next().is_some() {
        o.strings("stop_sequences", stops().map(String::as_str));
    }
}

/// Notes the settings that Anthropic does not have.
pub(super) fn note_losses(prompt: &Prompt, losses: &mut Losses) {
    let sampling = &prompt.sampling;
    let says =
        |penalty: Option<f64>, neutral: f64| penalty.is_some_and(|penalty| (penalty - neutral).abs() > f64::EPSILON);
    for (present, field) in [
        (says(sampling.min_p, 0.0), "min_p"),
        (says(sampling.presence_penalty, 0.0), "presence_penalty"),
        (says(sampling.frequency_penalty, 0.0), "frequency_penalty"),
        (says(sampling.repetition_penalty, 1.0), "repetition_penalty"),
        (sampling.logit_bias.is_some(), "logit_bias"),
        (sampling.seed.is_some(), "seed"),
        (sampling.n.is_some_and(|n| n > 1), "n"),
        (sampling.logprobs == Some(true), "logprobs"),
        (sampling.top_logprobs.is_some_and(|count| count > 0), "top_logprobs"),
        (prompt.metadata.is_some(), "metadata"),
        (prompt.store == Some(true), "store"),
        (prompt.verbosity.is_some(), "verbosity"),
        (prompt.prompt_cache_key.is_some(), "prompt_cache_key"),
    ] {
        losses.drop_if(present, field);
    }
}

/// Writes `metadata` and `service_tier`.
pub(super) fn write_account(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    let own: Vec<_> = own_extras(prompt, "metadata.").collect();
    if prompt.user.is_some() || !own.is_empty() {
        o.object("metadata", |o| {
            o.maybe_string("user_id", prompt.user.as_deref());
            own.iter().for_each(|(name, json)| o.raw(name, json));
        });
    }
    match prompt.service_tier.as_deref() {
        None => {}
        Some("auto") => o.string("service_tier", "auto"),
        Some("default" | "standard") => o.string("service_tier", "standard_only"),
        // Whoever has bought priority gets it by `auto`.
        Some("priority") => {
            losses.change("service_tier");
            o.string("service_tier", "auto");
        }
        Some(_) => losses.drop("service_tier"),
    }
}

/// Members of an object that only Anthropic has, by the object's path.
pub(super) fn own_extras<'a>(prompt: &'a Prompt, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_own = prompt.protocol == Protocol::AnthropicMessages;
    let extras = prompt.extras.iter().filter(move |_| is_own);
    extras.filter_map(move |extra| Some((extra.name.strip_prefix(path)?, &*extra.json)))
}

/// Writes members of the whole request that only Anthropic has, and notes what cannot be written.
pub(super) fn write_extras(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    let is_own = prompt.protocol == Protocol::AnthropicMessages;
    for extra in &prompt.extras {
        let is_nested = ["metadata.", "output_config."].iter().any(|path| extra.name.starts_with(path));
        // Betas are named in a header.
        if is_own && !extra.name.contains('.') && extra.name != "betas" {
            o.raw(&extra.name, &extra.json);
        } else if !(is_own && is_nested) {
            losses.drop(extra.name.clone());
        }
    }
}
