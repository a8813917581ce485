//! Runs a target on generated input.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

/// What texts are made of: the words that the readers look for, and what surrounds them.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\n",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\n\r\n",
    "\u{feff}",
    "é",
    "😀",
    "0",
    "-1",
    "12",
    "3.0",
    "1e3",
    "1e999",
    "-0",
    "18446744073709551615",
    "true",
    "false",
    "null",
    "\"model\":",
    "\"mod\\u0065l\":",
    "\"stream\":",
    "\"stream_options\":",
    "\"include_usage\":",
    "\"max_tokens\":",
    "\"n\":",
    "\"messages\":",
    "\"tools\":",
    "\"input\":",
    "\"gpt-4o\"",
    "\"data:image/png;base64,AAAA\"",
    "data: ",
    "data:",
    "data",
    "event: ",
    "event: response.completed\n",
    ": note",
    "id: 1",
    "data: [DONE]",
    "[DONE]",
    "\"usage\":",
    "\"usage\":{",
    "\"prompt_tokens\":",
    "\"completion_tokens\":",
    "\"total_tokens\":",
    "\"input_tokens\":",
    "\"output_tokens\":",
    "\"cache_read_input_tokens\":",
    "\"cache_creation_input_tokens\":",
    "\"usageMetadata\":",
    "\"promptTokenCount\":",
    "\"candidatesTokenCount\":",
    "\"thoughtsTokenCount\":",
    "\"toolUsePromptTokenCount\":",
    "\"inputTokens\":",
    "\"outputTokens\":",
    "\"cacheReadInputTokens\":",
    "\"cacheWriteInputTokens\":",
    "\"prompt_eval_count\":",
    "\"eval_count\":",
    "\"tokens\":",
    "\"prompt_tokens_details\":",
    "\"cached_tokens\":",
    "\"completion_tokens_details\":",
    "\"reasoning_tokens\":",
    "\"choices\":",
    "\"choices\":[]",
    "\"delta\":",
    "\"content\":",
    "\"text\":",
    "\"message\":",
    "\"response\":",
    "\"x_groq\":",
    "\"type\":",
    "\"response.completed\"",
    "\"response.failed\"",
    "\"finish_reason\":",
    "\"stop\"",
    "\"error\":",
    "\"code\":",
    "\"status\":",
    "\"details\":",
    "\"retryDelay\":",
    "\"34.4s\"",
    "\"NaNs\"",
];

/// Values of members.
const VALUES: &[&str] = &[
    "0",
    "7",
    "12.0",
    "-3",
    "9007199254740993",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "\"a b\"",
    "\"\\u00e9\"",
    "\"4.5s\"",
];

/// Documents to begin with and to damage.
const SEEDS: &[&str] = &[
    r#"{"model":"gpt-4o","stream":true,"n":2,"max_tokens":5,"messages":[{"role":"user","content":"hi é \u00e9"}],"tools":[{}]}"#,
    r#"{ "mod\u0065l" : "a/b" , "stream_options" : { "include_obfuscation" : false } , "x" : [1, 2.5e-3, null] }"#,
    r#"{"stream_options":{"include_usage":false},"input":[[1,2,3]],"prompt":"x"}"#,
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\ndata: [DONE]\n\n",
    "event: response.output_text.delta\r\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\r\n\r\nevent: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\r\n\r\n",
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\",\"usage\":{\"input_tokens\":1,\"cache_read_input_tokens\":7}}}\n\n: ping\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"x\"}}\n\n",
    r#"{"model":"m","choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":12.0,"completion_tokens":2,"total_tokens":19,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":5}}}"#,
    r#"{"modelVersion":"g","usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":3,"toolUsePromptTokenCount":1}}"#,
    r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow","details":[{"retryDelay":"34.4s"}]}}"#,
    r#"[{"error":{"code":400,"message":"list"}}]"#,
];

/// Where a target's input comes from.
#[derive(Clone, Copy)]
pub struct Input {
    /// Documents to begin with.
    pub seeds: &'static [&'static str],
    /// Makes one input.
    pub generate: fn(&mut fastrand::Rng) -> Vec<u8>,
}

/// Input for whatever reads bytes without building anything of them.
pub const BYTES: Input = Input { seeds: SEEDS, generate };

/// Feeds a target: first the inputs that once failed, then generated ones. The first two arguments of the program, both
/// optional, are how many and the seed. `corpus FOLDER` instead writes what libFuzzer may begin with.
pub fn run(name: &str, target: fn(&[u8]), input: Input) -> ExitCode {
    let name = name.rsplit("::").next().unwrap_or(name).trim();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, folder] = &arguments[..]
        && command == "corpus"
    {
        return match write_corpus(Path::new(folder), input) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{folder} cannot be written: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut numbers = arguments.iter().map(|argument| argument.parse::<u64>().unwrap_or(1));
    let (count, seed) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(1));
    let kept = match kept_inputs(name) {
        Ok(kept) => kept,
        Err(error) => {
            eprintln!("{name}: the kept inputs cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    for input in &kept {
        if !survives(name, target, input) {
            return ExitCode::FAILURE;
        }
    }
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..count {
        if !survives(name, target, &(input.generate)(&mut random)) {
            return ExitCode::FAILURE;
        }
    }
    println!("{name}: {} kept and {count} generated inputs, seed {seed}", kept.len());
    ExitCode::SUCCESS
}

/// Documents to begin with, and `words.dict` beside the folder.
fn write_corpus(folder: &Path, input: Input) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (number, seed) in input.seeds.iter().enumerate() {
        // With lengths of chunks that cut it in the middle of events.
        std::fs::write(folder.join(format!("seed-{number}")), ["%\u{1}\u{2}@ @\u{7f}\t", seed].concat())?;
    }
    let mut random = fastrand::Rng::with_seed(0);
    for number in 0..200 {
        std::fs::write(folder.join(format!("generated-{number}")), (input.generate)(&mut random))?;
    }
    let escaped = |word: &&str| {
        let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{bytes}\"\n")
    };
    std::fs::write(folder.with_file_name("words.dict"), WORDS.iter().map(escaped).collect::<String>())
}

fn kept_inputs(name: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(name);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

fn survives(name: &str, target: fn(&[u8]), input: &[u8]) -> bool {
    let survived = catch_unwind(AssertUnwindSafe(|| target(input))).is_ok();
    if !survived {
        eprintln!("{name} fails for these {} bytes:\n{}", input.len(), input.escape_ascii());
    }
    survived
}

/// One input: words in any order, a damaged document, or plain noise; eight bytes of noise stand before, which targets
/// that cut their input take for lengths.
fn generate(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input: Vec<u8> = (0..8).map(|_| random.u8(..)).collect();
    if random.u8(..4) == 0 {
        input.clear();
    }
    match random.u8(..8) {
        0 => object(random, 0, &mut input),
        1 => input.extend((0..random.usize(..64)).map(|_| random.u8(..))),
        2..4 => {
            for _ in 0..random.usize(..40) {
                input.extend_from_slice(pick(random, WORDS).as_bytes());
            }
        }
        _ => input.extend(damaged(random)),
    }
    input
}

/// An object whose members have the names that are looked for, and values that are often of another type.
fn object(random: &mut fastrand::Rng, depth: usize, output: &mut Vec<u8>) {
    let names: Vec<&str> = WORDS.iter().copied().filter(|word| word.ends_with("\":")).collect();
    output.push(b'{');
    for member in 0..random.usize(..6) {
        if member > 0 {
            output.push(b',');
        }
        output.extend_from_slice(pick(random, &names).as_bytes());
        match random.u8(..6) {
            0 if depth < 4 => object(random, depth + 1, output),
            1 if depth < 4 => {
                output.push(b'[');
                object(random, depth + 1, output);
                output.push(b']');
            }
            _ => output.extend_from_slice(pick(random, VALUES).as_bytes()),
        }
    }
    output.push(b'}');
}

fn damaged(random: &mut fastrand::Rng) -> Vec<u8> {
    let text = pick(random, SEEDS).as_bytes().to_vec();
    damage(random, text)
}

/// Cuts, exchanges and adds bytes.
pub(crate) fn damage(random: &mut fastrand::Rng, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.usize(..6) {
        let at = random.usize(..=text.len());
        match random.u8(..5) {
            0 => text.truncate(at),
            1 if at < text.len() => text[at] = random.u8(..),
            2 if at < text.len() => drop(text.drain(at..(at + random.usize(..20)).min(text.len()))),
            3 => {
                let other = pick(random, SEEDS).as_bytes();
                text.splice(at..at, other[random.usize(..other.len())..].iter().copied());
            }
            _ => drop(text.splice(at..at, pick(random, WORDS).bytes())),
        }
    }
    text
}

fn pick<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(..from.len())]
}
