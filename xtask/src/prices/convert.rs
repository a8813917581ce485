//! From the list's words to ours, and what is left out because it cannot be right.

use std::collections::BTreeMap;

use tollgate_core::scaled_decimal;
use tollgate_usage::price::{Rate, Terms, Tier, Unit};

use super::source::{Entry, Source};

/// The list's providers: the kind that it is here, and what the list writes before the model's own name.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("anthropic", "anthropic", ""),
    ("azure", "azure", "azure/"),
    ("azure_ai", "azure", "azure_ai/"),
    ("azure_text", "azure", "azure/"),
    ("bedrock", "bedrock", ""),
    ("bedrock_converse", "bedrock", ""),
    ("cerebras", "cerebras", "cerebras/"),
    ("cohere", "cohere", "cohere/"),
    ("cohere_chat", "cohere", "cohere/"),
    ("deepseek", "deepseek", "deepseek/"),
    ("fireworks_ai", "fireworks", "fireworks_ai/"),
    ("fireworks_ai-embedding-models", "fireworks", "fireworks_ai/"),
    ("gemini", "gemini", "gemini/"),
    ("groq", "groq", "groq/"),
    ("mistral", "mistral", "mistral/"),
    ("nvidia_nim", "nvidia", "nvidia_nim/"),
    ("openai", "openai", ""),
    ("openrouter", "openrouter", "openrouter/"),
    ("perplexity", "perplexity", "perplexity/"),
    ("text-completion-openai", "openai", ""),
    ("together_ai", "together", "together_ai/"),
    ("xai", "xai", "xai/"),
];

/// What the gateway has operations for.
const MODES: [&str; 9] = [
    "audio_speech",
    "audio_transcription",
    "chat",
    "completion",
    "embedding",
    "image_edit",
    "image_generation",
    "moderation",
    "responses",
];

const UNITS: &[(&str, Unit)] = &[
    ("input_cost_per_token", Unit::Input),
    ("output_cost_per_token", Unit::Output),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost", Unit::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", Unit::CacheWriteLong),
    ("cache_creation_input_token_cost_above_12hr", Unit::CacheWriteLong),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
    ("input_cost_per_audio_token", Unit::AudioInput),
    ("output_cost_per_audio_token", Unit::AudioOutput),
    ("input_cost_per_image_token", Unit::ImageInput),
    ("output_cost_per_image_token", Unit::ImageOutput),
    ("input_cost_per_request", Unit::Request),
    ("input_cost_per_query", Unit::Search),
];

const TIERS: &[(&str, Tier)] =
    &[("_batches", Tier::Batch), ("_flex", Tier::Flex), ("_priority", Tier::Priority), ("_ultrafast", Tier::Ultrafast)];

/// The terms of every model that the gateway can be asked for, by kind and name.
pub(super) fn convert(source: &Source) -> BTreeMap<(String, String), Terms> {
    let mut converted: BTreeMap<(String, String), (bool, Terms)> = BTreeMap::new();
    for (key, entry) in source {
        let Some((kind, model, has_prefix)) = name(key, entry) else { continue };
        let Some(terms) = terms(kind, model, entry) else { continue };
        if is_by_size(&terms, key, source) {
            continue;
        }
        // A model that is listed twice is the provider's own where the provider is part of the name.
        let place = converted.entry((kind.to_owned(), model.to_owned()));
        let slot = place.or_insert_with(|| (has_prefix, terms.clone()));
        if has_prefix && !slot.0 {
            *slot = (has_prefix, terms);
        }
    }
    converted.into_iter().map(|(name, (_, terms))| (name, terms)).collect()
}

/// Whether what a picture costs depends on its size, which answers do not tell: such models are listed by size too.
fn is_by_size(terms: &Terms, key: &str, source: &Source) -> bool {
    let of_size = |other: &String| other.strip_suffix(key).is_some_and(|size| size.contains("-x-"));
    terms.rate(Tier::Standard, 0, Unit::Image).is_some() && source.keys().any(of_size)
}

/// The kind and the model's name there; `None` for what no client can ask the gateway for by that name.
fn name<'a>(key: &'a str, entry: &Entry) -> Option<(&'static str, &'a str, bool)> {
    let provider = entry.text("litellm_provider")?;
    let mode = entry.text("mode").unwrap_or("chat");
    if !MODES.contains(&mode) && mode != "rerank" {
        return None;
    }
    let (kind, prefix) = if provider == "vertex_ai" || provider.starts_with("vertex_ai-") {
        ("vertex", "vertex_ai/")
    } else {
        PROVIDERS.iter().find(|(name, ..)| *name == provider).map(|(_, kind, prefix)| (*kind, *prefix))?
    };
    let model = key.strip_prefix(prefix).unwrap_or(key);
    let has_prefix = !prefix.is_empty() && model != key;
    // Sizes of pictures, regions and commitments stand before a model's name with a slash, where names have none.
    let has_more = matches!(kind, "anthropic" | "azure" | "bedrock" | "openai") && model.contains('/');
    // A class of models by their size, a fine-tuned model without its name, or spoken conversations.
    let is_class = ["together-ai-", "fireworks-ai-", "ft:"].iter().any(|start| model.starts_with(start));
    let is_spoken = ["realtime", "-live", "native-audio"].iter().any(|word| model.contains(word));
    let is_odd = model.is_empty() || model.ends_with('/') || model.contains([' ', '*']);
    (!has_more && !is_class && !is_spoken && !is_odd).then_some((kind, model, has_prefix))
}

fn terms(kind: &str, model: &str, entry: &Entry) -> Option<Terms> {
    let mut terms = Terms::default();
    for (field, value) in entry.fields() {
        if let Some((tier, above, unit)) = field_of(field) {
            terms.set(tier, above, unit, rate(unit, value));
        }
    }
    if let Some(hit) = entry.raw("input_cost_per_token_cache_hit")
        && terms.rate(Tier::Standard, 0, Unit::CacheRead).is_none()
    {
        terms.set(Tier::Standard, 0, Unit::CacheRead, rate(Unit::CacheRead, hit));
    }
    fees(kind, model, entry, &mut terms);
    let mode = entry.text("mode").unwrap_or("chat");
    clean(model, mode, &mut terms)?;
    let limit = |name| entry.raw(name).and_then(|text| scaled_decimal(text, 0)).filter(|limit| *limit > 0);
    terms.max_input = limit("max_input_tokens");
    // What makes no text has no limit of it, whatever the list says.
    terms.max_output = limit("max_output_tokens").filter(|_| !matches!(mode, "embedding" | "rerank" | "moderation"));
    Some(terms)
}

/// The class of service, size and unit that a field stands for.
fn field_of(field: &str) -> Option<(Tier, u64, Unit)> {
    let with_tier = TIERS.iter().find_map(|(end, tier)| Some((field.strip_suffix(end)?, *tier)));
    let (field, tier) = with_tier.unwrap_or((field, Tier::Standard));
    let (field, above) = match field.strip_suffix("k_tokens").and_then(|field| field.rsplit_once("_above_")) {
        Some((field, thousands)) => (field, thousands.parse::<u64>().ok()? * 1000),
        None => (field, 0),
    };
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == field)?;
    Some((tier, above, *unit))
}

/// A rate from dollars for one, exactly and rounded once.
fn rate(unit: Unit, each: &str) -> Option<Rate> {
    if unit.is_each() {
        return scaled_decimal(each, 9)?.checked_mul(1_000_000).map(Rate);
    }
    // Nano-dollars per million: nine places for the one, six for the other.
    scaled_decimal(each, 15).map(Rate)
}

/// What is charged by the piece and listed in other ways.
fn fees(kind: &str, model: &str, entry: &Entry, terms: &mut Terms) {
    let search = |size| entry.nested("search_context_cost_per_query", size).and_then(|fee| rate(Unit::Search, &fee));
    if kind == "perplexity" {
        // Every request searches. What it costs depends on how much is read, and is reported; the most is for estimates.
        terms.set(Tier::Standard, 0, Unit::Request, search("search_context_size_high"));
    } else if model.contains("search-preview") || model.contains("search-api") {
        terms.set(Tier::Standard, 0, Unit::Request, search("search_context_size_medium"));
    } else if model.contains("claude") {
        // The only ones that count their searches.
        terms.set(Tier::Standard, 0, Unit::Search, search("search_context_size_medium"));
    }
    let has_tokens = [Unit::Input, Unit::Output, Unit::ImageOutput];
    let has_tokens = has_tokens.into_iter().any(|unit| terms.rate(Tier::Standard, 0, unit).is_some());
    if !has_tokens && matches!(entry.text("mode"), Some("image_generation" | "image_edit")) {
        let each = entry.raw("output_cost_per_image").or(entry.raw("input_cost_per_image"));
        terms.set(Tier::Standard, 0, Unit::Image, each.and_then(|each| rate(Unit::Image, each)));
    }
}

/// Takes away what is not a price, and `None` for what is none at all.
fn clean(model: &str, mode: &str, terms: &mut Terms) -> Option<()> {
    let zero = Some(Rate(0));
    let standard = |terms: &Terms, unit| terms.rate(Tier::Standard, 0, unit);
    if matches!(mode, "embedding" | "rerank") {
        for variant in terms.variants().to_vec() {
            terms.set(variant.tier, variant.above, Unit::Output, None);
        }
        if mode == "rerank" && standard(terms, Unit::Input) == zero {
            terms.set(Tier::Standard, 0, Unit::Input, None);
        }
    }
    if standard(terms, Unit::Search) == zero {
        terms.set(Tier::Standard, 0, Unit::Search, None);
    }
    for unit in [Unit::CacheRead, Unit::CacheWrite, Unit::CacheWriteLong] {
        for variant in terms.variants().to_vec() {
            // No cache gives tokens away; a nought stands for a price that nobody entered.
            if variant.rates.get(unit) == zero {
                terms.set(variant.tier, variant.above, unit, None);
            }
        }
    }
    pictures(terms);
    duplicates(terms);
    tiers(terms);
    if model.contains("claude") {
        long_writes(terms);
    }
    let (input, output) = (standard(terms, Unit::Input), standard(terms, Unit::Output));
    let is_free = mode == "moderation" || model.ends_with(":free");
    let writes = matches!(mode, "chat" | "completion" | "responses");
    // A nought is a price that nobody entered, unless it is known to be free; a model that writes charges for both ways.
    let is_wrong = !is_free && (input == zero || output == zero);
    let is_partial = writes && (input.is_none() || output.is_none());
    (!terms.is_empty() && !is_wrong && !is_partial).then_some(())
}

/// Where all that is made is pictures, a rate for them is the rate of the output.
fn pictures(terms: &mut Terms) {
    for variant in terms.variants().to_vec() {
        let (tier, above) = (variant.tier, variant.above);
        let has_output = terms.rate(Tier::Standard, 0, Unit::Output).is_some_and(|_| tier == Tier::Standard)
            || variant.rates.get(Unit::Output).is_some();
        if !has_output && let Some(rate) = variant.rates.get(Unit::ImageOutput) {
            terms.set(tier, above, Unit::Output, Some(rate));
            terms.set(tier, above, Unit::ImageOutput, None);
        }
    }
}

/// Takes away rates that say what the general one says. They would stand in the way of that of another size.
fn duplicates(terms: &mut Terms) {
    let pairs = [
        (Unit::AudioInput, Unit::Input),
        (Unit::ImageInput, Unit::Input),
        (Unit::Reasoning, Unit::Output),
        (Unit::AudioOutput, Unit::Output),
        (Unit::ImageOutput, Unit::Output),
    ];
    for variant in terms.variants().to_vec() {
        for (part, whole) in pairs {
            if variant.rates.get(part).is_some() && variant.rates.get(part) == variant.rates.get(whole) {
                terms.set(variant.tier, variant.above, part, None);
            }
        }
    }
}

/// Takes away classes of service that lack the rate for one way, or cost the same for being served before others.
fn tiers(terms: &mut Terms) {
    for tier in [Tier::Batch, Tier::Flex, Tier::Priority, Tier::Ultrafast] {
        let both = |tier| [Unit::Input, Unit::Output].map(|unit| terms.rate(tier, 0, unit));
        let (own, standard) = (both(tier), both(Tier::Standard));
        let is_partial = own.iter().zip(&standard).any(|(own, standard)| own.is_none() && standard.is_some());
        let is_placeholder = tier >= Tier::Priority && own == standard;
        if is_partial || is_placeholder {
            terms.remove_tier(tier);
        }
    }
}

/// Claude's caches charge twice the input for keeping it an hour.
fn long_writes(terms: &mut Terms) {
    for variant in terms.variants().to_vec() {
        if variant.rates.get(Unit::CacheWrite).is_some()
            && let Some(Rate(input)) = variant.rates.get(Unit::Input)
        {
            terms.set(variant.tier, variant.above, Unit::CacheWriteLong, Some(Rate(input.saturating_mul(2))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    /// What becomes of one entry, as `KIND MODEL TERMS`.
    #[track_caller]
    fn check(entry: &str, expect: Option<&str>) {
        let source = source::read(&format!("{{{entry}}}")).expect("is a list");
        let lines: Vec<String> =
            convert(&source).iter().map(|((kind, model), terms)| format!("{kind} {model} {terms}")).collect();
        assert_eq!(lines.first().map(String::as_str), expect, "{entry}");
    }

    #[test]
    fn names_classes_and_sizes() {
        check(
            r#""gpt-x": {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 400000.0, "max_output_tokens": 128000,
                "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 2.5e-07,
                "input_cost_per_token_flex": 1.25e-06, "output_cost_per_token_flex": 7.5e-06,
                "input_cost_per_token_above_272k_tokens": 5e-06, "output_cost_per_token_above_272k_tokens": 2.25e-05,
                "input_cost_per_token_above_272k_tokens_flex": 2.5e-06}"#,
            Some(
                "openai gpt-x in=2.5 out=15 read=0.25 >272000.in=5 >272000.out=22.5 flex.in=1.25 flex.out=7.5 \
                 flex>272000.in=2.5 max_in=400000 max_out=128000",
            ),
        );
        check(
            r#""vertex_ai/claude-y@2025": {"litellm_provider": "vertex_ai-anthropic_models", "mode": "chat",
                "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_creation_input_token_cost": 3.75e-06,
                "cache_creation_input_token_cost_above_1hr": 1e-09,
                "search_context_cost_per_query": {"search_context_size_medium": 0.01}}"#,
            Some("vertex claude-y@2025 in=3 out=15 write=3.75 write_long=6 per_search=0.01"),
        );
        check(
            r#""rerank-z": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002,
                "input_cost_per_token": 0.0, "output_cost_per_token": 0.0}"#,
            Some("cohere rerank-z per_search=0.002"),
        );
        check(
            r#""image-1": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 5e-06,
                "input_cost_per_image_token": 1e-05, "output_cost_per_image_token": 4e-05}"#,
            Some("openai image-1 in=5 out=40 image_in=10"),
        );
        check(
            r#""picture": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 0.04}"#,
            Some("openai picture per_image=0.04"),
        );
    }

    #[test]
    fn what_cannot_be_a_price_is_left_out() {
        let chat =
            |name: &str, rest: &str| format!(r#""{name}": {{"litellm_provider": "openai", "mode": "chat", {rest}}}"#);
        check(&chat("a", r#""input_cost_per_token": 0.0, "output_cost_per_token": 0.0"#), None);
        check(&chat("a", r#""input_cost_per_token": 1e-06, "output_cost_per_token": 0"#), None);
        check(&chat("a", r#""input_cost_per_token": 1e-06"#), None);
        check(&chat("a", r#""input_cost_per_character": 1e-06"#), None);
        check(&chat("ft:a", r#""input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06"#), None);
        check(&chat("1024-x-1024/a", r#""input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06"#), None);
        check(
            &chat(
                "a",
                r#""input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "input_cost_per_token_priority": 5e-05,
                   "cache_read_input_token_cost": 0.0, "output_cost_per_reasoning_token": 1e-06"#,
            ),
            Some("openai a in=1 out=1"),
        );
        check(
            r#""picture": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 0.04},
               "hd/1024-x-1024/picture": {"litellm_provider": "openai", "mode": "image_generation"}"#,
            None,
        );
        check(r#""b": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 1e-06}"#, None);
        check(r#""c": {"alias_of": "a"}"#, None);
    }

    #[test]
    fn of_two_entries_for_a_model_the_providers_own_counts() {
        check(
            r#""m": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
               "deepseek/m": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 2e-06,
                "output_cost_per_token": 3e-06, "input_cost_per_token_cache_hit": 1e-07}"#,
            Some("deepseek m in=2 out=3 read=0.1"),
        );
    }
}
