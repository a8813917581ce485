//! Responses.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

use super::{CACHE, Front, SEARCH, STREAM, STRICT, Sample, UNTHINKING, sample, within};

pub(super) const FRONT: Front = Front {
    protocol: Protocol::OpenAiResponses,
    operation: Operation::Responses,
    title: "Responses",
    base: &[
        ("model", r#""model":"m""#),
        ("max_output_tokens", r#""max_output_tokens":9000"#),
        ("input", r#""input":[{"role":"user","content":"Hi"}]"#),
    ],
    groups: &[
        ("Input", INPUT),
        ("Media", MEDIA),
        ("Tools", TOOLS),
        ("Answer and thinking", ANSWER),
        ("Sampling", SAMPLING),
        ("Platform", PLATFORM),
    ],
};

const INPUT: &[Sample] = &[
    sample("`instructions`", r#""instructions":"s4711""#),
    sample("`input` as a text", r#""input":"t4711""#),
    sample("`system` message", r#""input":[{"role":"system","content":"s4711"},{"role":"user","content":"Hi"}]"#),
    sample("`developer` message", r#""input":[{"role":"developer","content":"s4711"},{"role":"user","content":"Hi"}]"#),
    sample("`input_text`", r#""input":[{"role":"user","content":[{"type":"input_text","text":"t4711"}]}]"#),
    within(
        "`output_text`",
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a4711"}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`output_text.annotations`",
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation","url":"https://example.org/u4711","title":"t4711","start_index":0,"end_index":1}]}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`refusal`",
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"r4711"}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`phase`",
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`function_call` and its output",
        r#""input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f4711","arguments":"{\"a\":\"b4711\"}"},{"type":"function_call_output","call_id":"c1","output":"r4711"}],"tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}}]"#,
        r#""tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}}]"#,
    ),
    within(
        "`custom_tool_call` and its output",
        r#""input":[{"role":"user","content":"Hi"},{"type":"custom_tool_call","call_id":"c1","name":"f","input":"b4711"},{"type":"custom_tool_call_output","call_id":"c1","output":"r4711"}],"tools":[{"type":"custom","name":"f"}]"#,
        r#""tools":[{"type":"custom","name":"f"}]"#,
    ),
    within(
        "`reasoning` item with text",
        r#""input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t4711"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`reasoning.encrypted_content`",
        r#""input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e4711"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    within(
        "another item (`web_search_call`)",
        r#""input":[{"role":"user","content":"Hi"},{"type":"web_search_call","id":"ws4711","status":"completed"},{"role":"user","content":"go"}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    sample(
        "`prompt_cache_breakpoint` of a part",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"Hi","prompt_cache_breakpoint":{}}]}]"#,
    )
    .idle(CACHE),
];

const MEDIA: &[Sample] = &[
    sample(
        "`input_image` at an address",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"https://example.org/p4711.png"}]}]"#,
    ),
    sample(
        "`input_image` with data",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AAAA4711"}]}]"#,
    ),
    sample(
        "`input_image.file_id`",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","file_id":"file4711"}]}]"#,
    ),
    within(
        "`input_image.detail`",
        r#""input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"low"}]}]"#,
        r#""input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}]"#,
    ),
    sample(
        "`input_file` with data",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"read"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA4711"}]}]"#,
    ),
    sample(
        "`input_file.file_url`",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"read"},{"type":"input_file","file_url":"https://example.org/d4711.pdf"}]}]"#,
    ),
    sample(
        "`input_file.file_id`",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"read"},{"type":"input_file","file_id":"file4711"}]}]"#,
    ),
    sample(
        "`input_audio`",
        r#""input":[{"role":"user","content":[{"type":"input_text","text":"hear"},{"type":"input_audio","input_audio":{"data":"AAAA4711","format":"wav"}}]}]"#,
    ),
    within(
        "an image in an output",
        r#""input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r"},{"type":"input_image","image_url":"data:image/png;base64,AAAA4711"}]}],"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#,
        r#""input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"r"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#,
    ),
];

const TOOLS: &[Sample] = &[
    sample("`tools` of type `function`", r#""tools":[{"type":"function","name":"f4711","description":"d4711","strict":false,"parameters":{"type":"object","properties":{"p4711":{"type":"string"}}}}]"#),
    within(
        "`tools[].strict`",
        r#""tools":[{"type":"function","name":"f","strict":true,"parameters":{"type":"object","properties":{}}}]"#,
        r#""tools":[{"type":"function","name":"f","strict":false,"parameters":{"type":"object","properties":{}}}]"#,
    ).part_of(&["tools"]),
    sample("`tools` of type `custom`", r#""tools":[{"type":"custom","name":"f4711","description":"d4711"}]"#),
    within(
        "`tools[].format` of a custom tool",
        r#""tools":[{"type":"custom","name":"f","format":{"type":"grammar","syntax":"regex","definition":"g4711"}}]"#,
        r#""tools":[{"type":"custom","name":"f"}]"#,
    ).part_of(&["tools.custom", "tools"]),
    sample("`web_search`", r#""tools":[{"type":"web_search"}]"#),
    within("`web_search.filters`", r#""tools":[{"type":"web_search","filters":{"allowed_domains":["d4711.org"]}}]"#, r#""tools":[{"type":"web_search"}]"#).part_of(SEARCH),
    sample("another hosted tool (`file_search`)", r#""tools":[{"type":"file_search","vector_store_ids":["vs4711"]}]"#),
    within("`tool_choice: none`", r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],"tool_choice":"none""#, r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#),
    within("`tool_choice: required`", r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],"tool_choice":"required""#, r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#),
    within(
        "`tool_choice` of one",
        r#""tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}}],"tool_choice":{"type":"function","name":"f4711"}"#,
        r#""tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}}]"#,
    ),
    within(
        "`tool_choice` of several",
        r#""tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}},{"type":"function","name":"g","parameters":{"type":"object","properties":{}}}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f4711"}]}"#,
        r#""tools":[{"type":"function","name":"f4711","parameters":{"type":"object","properties":{}}},{"type":"function","name":"g","parameters":{"type":"object","properties":{}}}]"#,
    ),
    within("`parallel_tool_calls: false`", r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}],"parallel_tool_calls":false"#, r#""tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#).part_of(&["tools"]),
    sample("`max_tool_calls`", r#""max_tool_calls":7"#),
];

const ANSWER: &[Sample] = &[
    sample("`text.format: json_object`", r#""text":{"format":{"type":"json_object"}}"#),
    sample(
        "`text.format: json_schema`",
        r#""text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"p4711":{"type":"string"}}}}}"#,
    ),
    within(
        "`text.format.strict`",
        r#""text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}}"#,
        r#""text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}"#,
    )
    .idle(STRICT),
    sample("`text.verbosity`", r#""text":{"verbosity":"low"}"#),
    sample("`reasoning.effort: none`", r#""reasoning":{"effort":"none"}"#).idle(UNTHINKING),
    sample("`reasoning.effort: high`", r#""reasoning":{"effort":"high"}"#),
    within(
        "`reasoning.summary`",
        r#""reasoning":{"effort":"high","summary":"detailed"}"#,
        r#""reasoning":{"effort":"high"}"#,
    )
    .idle("models that show what they think do so unasked"),
    sample("`include: reasoning.encrypted_content`", r#""include":["reasoning.encrypted_content"]"#)
        .idle("signatures are in every answer"),
    sample("`include: message.output_text.logprobs`", r#""include":["message.output_text.logprobs"]"#),
    sample("`stream`", r#""stream":true"#).idle(STREAM),
    within(
        "`stream_options.include_obfuscation`",
        r#""stream":true,"stream_options":{"include_obfuscation":false}"#,
        r#""stream":true"#,
    )
    .idle("translated streams have no padding"),
];

const SAMPLING: &[Sample] = &[
    sample("`max_output_tokens`", r#""max_output_tokens":4711"#),
    sample("`temperature`", r#""temperature":0.4711"#),
    sample("`top_p`", r#""top_p":0.4711"#),
    sample("`top_logprobs`", r#""top_logprobs":4"#),
];

const PLATFORM: &[Sample] = &[
    sample("`user`", r#""user":"u4711""#),
    sample("`safety_identifier`", r#""safety_identifier":"u4711""#),
    sample("`metadata`", r#""metadata":{"k":"m4711"}"#),
    sample("`service_tier: flex`", r#""service_tier":"flex""#),
    sample("`prompt_cache_key`", r#""prompt_cache_key":"k4711""#),
    sample("`store: true`", r#""store":true"#).idle("the gateway itself keeps answers for providers that cannot"),
    sample("`truncation: auto`", r#""truncation":"auto""#),
    sample("`prompt`", r#""prompt":{"id":"p4711"}"#),
    sample("a field that nobody knows", r#""unheard_of":"x4711""#),
];
