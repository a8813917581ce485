//! Every recorded conversation, decoded and written for the clients of each front protocol, whole and as a stream.

#![expect(clippy::print_stderr, reason = "tests say what they skip")]

mod known;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::{Answer, Event, FinishReason, Losses, Prompt, Protocol};
use tollgate_protocols::codec::{self, Aggregator, DecodeError, Dialect, Echo, Plan, Target};
use tollgate_protocols::{eventstream, sse};
use tollgate_testkit::conformance::{self, Front, Summary};
use tollgate_testkit::recordings::oracle::{self, Ending, Tokens};
use tollgate_testkit::recordings::{Api, COLLECTIONS, Exchange, Recordings, cuts};

const FRONTS: [(Front, Protocol); 5] = [
    (Front::Chat, Protocol::OpenAiChat),
    (Front::Responses, Protocol::OpenAiResponses),
    (Front::Messages, Protocol::AnthropicMessages),
    (Front::Gemini, Protocol::GeminiGenerate),
    (Front::Ollama, Protocol::OllamaChat),
];

/// A fault that is known, where it is found by a part of its words.
struct Known {
    /// A part of the fault, in which digits are `#`.
    fault: &'static str,
    /// Where it is: how the place begins.
    place: &'static str,
    /// How often it is there at most.
    most: usize,
    /// Why it is none of the codecs', or what is left to do.
    why: &'static str,
}

const fn known(place: &'static str, fault: &'static str, most: usize, why: &'static str) -> Known {
    Known { fault, place, most, why }
}

/// What is wrong, by kind, with how often and where first.
#[derive(Default)]
struct Faults(BTreeMap<String, (usize, String)>);

impl Faults {
    fn add(&mut self, fault: &str, exchange: &Exchange) {
        let kind: String = fault.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).take(300).collect();
        self.0.entry(kind).or_insert_with(|| (0, exchange.to_string())).0 += 1;
    }

    /// Only what is known is wrong, no more often than known, and all that is known still is.
    fn assert_known(&self, known: &[Known]) {
        let mut counts = vec![0; known.len()];
        let mut lines = Vec::new();
        for (kind, (count, first)) in &self.0 {
            match known.iter().position(|known| kind.starts_with(known.place) && kind.contains(known.fault)) {
                Some(at) => counts[at] += count,
                None => lines.push(format!("{count:5} {kind} ({first})")),
            }
        }
        for (known, count) in known.iter().zip(counts).filter(|(known, count)| *count == 0 || *count > known.most) {
            let Known { fault, place, most, why } = known;
            lines.push(format!("{count:5} and not 1 to {most}: {place} {fault} ({why})"));
        }
        assert!(lines.is_empty(), "{} kinds:\n{}", lines.len(), lines.join("\n"));
    }
}

fn protocol(api: Api) -> Option<Protocol> {
    Some(match api {
        Api::Chat => Protocol::OpenAiChat,
        Api::Responses => Protocol::OpenAiResponses,
        Api::Messages => Protocol::AnthropicMessages,
        Api::Gemini => Protocol::GeminiGenerate,
        Api::Converse | Api::ConverseStream => Protocol::BedrockConverse,
        Api::Cohere => Protocol::CohereChat,
        Api::Ollama => Protocol::OllamaChat,
        _ => return None,
    })
}

fn conversations() -> Vec<(Protocol, Exchange)> {
    let Some(shared) = tollgate_testkit::shared() else {
        assert!(std::env::var("TOLLGATE_REQUIRE_COMPONENTS").as_deref() != Ok("1"), "no recordings");
        eprintln!("skipped: no recordings");
        return Vec::new();
    };
    let collections = [COLLECTIONS, &["anthropic-sdk-streams", "agentgateway-golden"]].concat();
    let all = Recordings::load(&shared.join("fixtures"), &collections).exchanges.into_iter();
    all.filter(Exchange::is_success).filter_map(|exchange| Some((protocol(exchange.api)?, exchange))).collect()
}

fn is_stream(exchange: &Exchange) -> bool {
    let lines = exchange.body.bytes().trim_ascii().split(|byte| *byte == b'\n');
    match exchange.api {
        Api::ConverseStream => true,
        Api::Ollama => lines.filter(|line| line.starts_with(b"{\"")).count() > 1,
        _ => exchange.body.is_stream(),
    }
}

/// What a decoder of the stream gets when its bytes come in pieces.
fn wire(exchange: &Exchange, cut: cuts::Cuts) -> Vec<Vec<u8>> {
    let body = exchange.body.bytes();
    let mut events = Vec::new();
    match exchange.api {
        Api::Ollama => {
            let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            events.extend(lines.map(<[u8]>::to_vec));
        }
        Api::ConverseStream => {
            let mut decoder = eventstream::Decoder::new(1 << 24);
            for piece in cuts::pieces(body, cut) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().expect("a frame") {
                    let name = frame.event_type().unwrap_or_default();
                    events.push([b"{\"", name.as_bytes(), b"\":", &frame.payload()[..], b"}"].concat());
                }
            }
        }
        _ => {
            let mut decoder = sse::Decoder::new(1 << 24);
            let mut take = |event: &[u8]| {
                events.extend(sse::data(event).filter(|data| !data.is_empty()).map(|data| data.into_owned()));
            };
            for piece in cuts::pieces(body, cut) {
                decoder.push(piece);
                while let Some(event) = decoder.next_event().expect("an event") {
                    take(&event);
                }
            }
            take(&decoder.take_rest());
        }
    }
    events
}

fn decode(protocol: Protocol, exchange: &Exchange, cut: cuts::Cuts) -> Result<Vec<Event>, DecodeError> {
    if !is_stream(exchange) {
        return codec::decode_answer(protocol, exchange.body.bytes(), &Plan::default()).map(codec::replay);
    }
    let mut decoder = codec::stream_decoder(protocol, &Dialect::GENERIC, &Plan::default());
    let mut events = Vec::new();
    for data in wire(exchange, cut) {
        decoder.event(&data, &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn aggregate(events: &[Event]) -> Answer {
    let mut aggregator = Aggregator::default();
    events.iter().cloned().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

fn tokens(usage: Usage) -> Tokens {
    Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_creation: usage.cache_creation,
        reasoning: usage.reasoning,
    }
}

/// A client that wants everything that it can get.
fn echo(protocol: Protocol) -> Echo {
    let mut prompt = Prompt::new(protocol);
    (prompt.stream, prompt.stream_usage) = (true, true);
    prompt.reasoning.include = Some(true);
    Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 1_700_000_000, id: None }
}

fn class(finish: Option<&str>, has_calls: bool) -> &'static str {
    match finish {
        Some("length" | "max_tokens" | "MAX_TOKENS" | "incomplete: max_output_tokens") => "length",
        Some("content_filter" | "refusal" | "SAFETY" | "MODEL_ARMOR" | "incomplete: content_filter") => "filter",
        Some(
            "stop" | "end_turn" | "stop_sequence" | "pause_turn" | "tool_use" | "tool_calls" | "STOP" | "completed",
        ) => {
            if has_calls {
                "calls"
            } else {
                "stop"
            }
        }
        _ => "other",
    }
}

fn said_class(answer: &Answer) -> &'static str {
    use tollgate_core::ir::Block;
    let has_calls = answer.blocks().iter().any(|block| matches!(block, Block::ToolCall(_)));
    match answer.choices.first().map(|choice| choice.finish.reason) {
        Some(FinishReason::Length) => "length",
        Some(FinishReason::ContentFilter) => "filter",
        _ if has_calls => "calls",
        _ => "stop",
    }
}

/// The text of an answer; where the front has no place for a refusal, that is text as well.
fn text(answer: &Answer, front: Front) -> String {
    use tollgate_core::ir::Block;
    let is_placed = matches!(front, Front::Chat | Front::Responses);
    let texts = answer.blocks().iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.text.as_str()),
        Block::Refusal(text) if !is_placed => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// What the front says otherwise than the answer does.
fn differs(front: Front, said: &Summary, answer: &Answer) -> Vec<String> {
    use tollgate_core::ir::Block;
    let mut found = Vec::new();
    if said.text != text(answer, front) {
        found.push("text differs".to_owned());
    }
    let calls = answer.blocks().iter().filter_map(|block| match block {
        Block::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    if !calls.eq(said.calls.iter().map(|call| call.name.as_str())) {
        found.push("calls differ".to_owned());
    }
    let class = class(said.finish.as_deref(), !said.calls.is_empty());
    let refuses = answer.blocks().iter().any(|block| matches!(block, Block::Refusal(_)));
    // Anthropic and Google have a word of their own for the end of a refusal, and Google none where nothing was answered.
    let is_refusal = refuses && class == "filter" && matches!(front, Front::Messages | Front::Gemini);
    let is_blocked = front == Front::Gemini && said.finish.is_none() && answer.blocks().is_empty();
    if class != said_class(answer) && !is_refusal && !is_blocked {
        found.push(format!("finish {:?} for {}", said.finish, said_class(answer)));
    }
    if let (Some(said), Some(usage)) = (said.usage, answer.usage)
        && (said.input, said.output) != (usage.input.or(said.input), usage.output.or(said.output))
    {
        found.push("usage differs".to_owned());
    }
    found
}

#[test]
fn recorded_answers_reach_every_front() {
    let (mut read, mut faults) = (0, Faults::default());
    for (protocol, exchange) in &conversations() {
        if oracle::is_error_body(exchange.body.bytes()) {
            continue;
        }
        let events = decode(*protocol, exchange, cuts::Cuts::None);
        for seed in [1, 2, 3] {
            if decode(*protocol, exchange, cuts::Cuts::random(seed)).is_ok() != events.is_ok() {
                faults.add(&format!("{protocol}: cuts matter"), exchange);
            }
        }
        let events = match events {
            Ok(events) => events,
            Err(error) => {
                let ends_badly = is_stream(exchange)
                    && matches!(exchange.api, Api::Chat | Api::Responses)
                    && oracle::ending(exchange.api, exchange.body.bytes()) != Ending::Complete;
                if !ends_badly {
                    faults.add(&format!("{protocol}: {error:?}"), exchange);
                }
                continue;
            }
        };
        read += 1;
        let answer = aggregate(&events);
        let counts = answer.usage.map(tokens);
        if counts != oracle::tokens(exchange) {
            faults.add(&format!("{protocol}: usage {counts:?} and not {:?}", oracle::tokens(exchange)), exchange);
        }
        for (front, name) in FRONTS {
            let place = format!("{protocol} to {name}");
            reaches(front, name, &answer, &events)
                .iter()
                .for_each(|fault| faults.add(&format!("{place} {fault}"), exchange));
        }
    }
    if read > 0 {
        faults.assert_known(known::ANSWERS);
    };
}

/// Whether a front lacks counts because the provider gave none.
fn is_uncounted(violation: &str, answer: &Answer) -> bool {
    let (input, output) = answer.usage.map(|usage| (usage.input, usage.output)).unwrap_or_default();
    match violation {
        "no prompt_eval_count" => input.is_none(),
        "no eval_count" => output.is_none(),
        "usage was asked for and not sent" => answer.usage.is_none(),
        _ => answer.usage.is_none() && violation.ends_with("has no usageMetadata"),
    }
}

fn reaches(front: Front, name: Protocol, answer: &Answer, events: &[Event]) -> Vec<String> {
    let whole: Bytes = codec::encode_answer(answer, &echo(name));
    let mut encoder = codec::stream_encoder(echo(name));
    let mut stream = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut stream));
    let mut found = Vec::new();
    for (kind, violations) in [
        ("whole", conformance::whole(front, 200, &whole).expect("the specifications")),
        ("stream", conformance::stream(front, &stream, true).expect("the specifications")),
    ] {
        let of_codec = violations.into_iter().filter(|violation| !is_uncounted(violation, answer));
        found.extend(of_codec.map(|violation| format!("{kind}: {violation}")));
    }
    for (kind, said) in
        [("whole", conformance::summary(front, &whole, false)), ("stream", conformance::summary(front, &stream, true))]
    {
        found.extend(differs(front, &said, answer).into_iter().map(|difference| format!("{kind}: {difference}")));
    }
    found
}

#[test]
fn recorded_requests_reach_every_provider() {
    let mut faults = Faults::default();
    let conversations = conversations();
    for (protocol, exchange) in &conversations {
        let is_front = FRONTS.iter().any(|(_, front)| front == protocol);
        let Some(request) = exchange.request.as_ref().filter(|_| is_front) else { continue };
        let prompt = match codec::decode_request(*protocol, request.to_string().as_bytes()) {
            Ok(prompt) => prompt,
            Err(error) => {
                faults.add(&format!("{protocol} request: {error}"), exchange);
                continue;
            }
        };
        for target in Protocol::ALL {
            let result =
                codec::encode_request(&prompt, &Target::new(target, "m", &Dialect::GENERIC), &mut Losses::default());
            match result {
                Ok(encoded) if serde_json::from_slice::<serde_json::Value>(&encoded.body).is_err() => {
                    faults.add(&format!("{protocol} to {target}: not JSON"), exchange);
                }
                Ok(_) => {}
                Err(error) => faults.add(&format!("{protocol} to {target} request: {error}"), exchange),
            }
        }
    }
    if !conversations.is_empty() {
        faults.assert_known(known::REQUESTS);
    };
}
