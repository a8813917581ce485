//! Ollama's `/api/chat`.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

use super::{FORGOTTEN, Front, STREAM, Sample, UNTHINKING, sample, within};

pub(super) const FRONT: Front = Front {
    protocol: Protocol::OllamaChat,
    operation: Operation::OllamaChat,
    title: "Ollama",
    base: &[
        ("model", r#""model":"m""#),
        ("options", r#""options":{"num_predict":9000}"#),
        ("messages", r#""messages":[{"role":"user","content":"Hi"}]"#),
    ],
    groups: &[("Messages", MESSAGES), ("Tools and answer", ANSWER), ("Options", OPTIONS)],
};

const MESSAGES: &[Sample] = &[
    sample("`system`", r#""messages":[{"role":"system","content":"s4711"},{"role":"user","content":"Hi"}]"#),
    sample("`user`", r#""messages":[{"role":"user","content":"t4711"}]"#),
    within(
        "`assistant`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`thinking`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","thinking":"t4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"go"}]"#,
    ).idle(FORGOTTEN),
    within(
        "`tool_calls` and `tool`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"function":{"name":"f4711","arguments":{"a":"b4711"}}}]},{"role":"tool","tool_name":"f4711","content":"r4711"}],"tools":[{"type":"function","function":{"name":"f4711"}}]"#,
        r#""tools":[{"type":"function","function":{"name":"f4711"}}]"#,
    ),
    sample("`images`", r#""messages":[{"role":"user","content":"see","images":["iVBORw0KGgAAAA4711"]}]"#),
];

const ANSWER: &[Sample] = &[
    sample(
        "`tools`",
        r#""tools":[{"type":"function","function":{"name":"f4711","description":"d4711","parameters":{"type":"object","properties":{"p4711":{"type":"string"}}}}}]"#,
    ),
    sample("`format: json`", r#""format":"json""#),
    sample("`format` with a schema", r#""format":{"type":"object","properties":{"p4711":{"type":"string"}}}"#),
    sample("`think: true`", r#""think":true"#),
    sample("`think: false`", r#""think":false"#).idle(UNTHINKING),
    sample("`think: high`", r#""think":"high""#),
    sample("`stream: false`", r#""stream":false"#).idle(STREAM),
    sample("`logprobs`", r#""logprobs":true"#),
    within("`top_logprobs`", r#""logprobs":true,"top_logprobs":4"#, r#""logprobs":true"#),
    sample("`keep_alive`", r#""keep_alive":"4711m""#),
    sample("a field that nobody knows", r#""unheard_of":"x4711""#),
];

const OPTIONS: &[Sample] = &[
    sample("`num_predict`", r#""options":{"num_predict":4711}"#),
    sample("`temperature`", r#""options":{"num_predict":9000,"temperature":0.4711}"#),
    sample("`top_p`", r#""options":{"num_predict":9000,"top_p":0.4711}"#),
    sample("`top_k`", r#""options":{"num_predict":9000,"top_k":4711}"#),
    sample("`min_p`", r#""options":{"num_predict":9000,"min_p":0.04711}"#),
    sample("`presence_penalty`", r#""options":{"num_predict":9000,"presence_penalty":0.4711}"#),
    sample("`frequency_penalty`", r#""options":{"num_predict":9000,"frequency_penalty":0.4711}"#),
    sample("`repeat_penalty`", r#""options":{"num_predict":9000,"repeat_penalty":1.4711}"#),
    sample("`seed`", r#""options":{"num_predict":9000,"seed":4711}"#),
    sample("`stop`", r#""options":{"num_predict":9000,"stop":["s4711"]}"#),
    sample("`num_ctx`", r#""options":{"num_predict":9000,"num_ctx":4711}"#),
];
