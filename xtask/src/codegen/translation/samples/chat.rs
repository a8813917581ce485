//! Chat Completions.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

use super::{CACHE, Front, STREAM, STRICT, Sample, UNTHINKING, sample, within};

pub(super) const FRONT: Front = Front {
    protocol: Protocol::OpenAiChat,
    operation: Operation::ChatCompletions,
    title: "Chat Completions",
    base: &[
        ("model", r#""model":"m""#),
        ("max_", r#""max_completion_tokens":9000"#),
        ("messages", r#""messages":[{"role":"user","content":"Hi"}]"#),
    ],
    groups: &[
        ("Messages", MESSAGES),
        ("Media", MEDIA),
        ("Tools", TOOLS),
        ("Answer and thinking", ANSWER),
        ("Sampling", SAMPLING),
        ("Platform", PLATFORM),
        ("Other providers' fields", VENDORS),
    ],
};

const MESSAGES: &[Sample] = &[
    sample("`system`", r#""messages":[{"role":"system","content":"s4711"},{"role":"user","content":"Hi"}]"#),
    sample("`developer`", r#""messages":[{"role":"developer","content":"s4711"},{"role":"user","content":"Hi"}]"#),
    within(
        "`system` in the middle",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"system","content":"s4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    sample("`user` text", r#""messages":[{"role":"user","content":"t4711"}]"#),
    sample(
        "text parts",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"t4711"},{"type":"text","text":"u4711"}]}]"#,
    ),
    sample("`name`", r#""messages":[{"role":"user","name":"n4711","content":"Hi"}]"#),
    within(
        "`assistant` text",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`assistant` last (prefill)",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a4711"}]"#,
        "",
    ),
    within(
        "`refusal`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","refusal":"r4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`tool_calls` and `tool`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f4711","arguments":"{\"a\":\"b4711\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"r4711"}],"tools":[{"type":"function","function":{"name":"f4711"}}]"#,
        r#""tools":[{"type":"function","function":{"name":"f4711"}}]"#,
    ),
    within(
        "`tool_calls` with arguments cut off",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":\"b4711"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
    ),
    within(
        "custom `tool_calls`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"custom","custom":{"name":"f","input":"b4711"}}]},{"role":"tool","tool_call_id":"c1","content":"r4711"}],"tools":[{"type":"custom","custom":{"name":"f"}}]"#,
        r#""tools":[{"type":"custom","custom":{"name":"f"}}]"#,
    ),
    within(
        "`audio.id` of an earlier answer",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","audio":{"id":"au4711"}},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"go"}]"#,
    ),
];

const MEDIA: &[Sample] = &[
    sample(
        "`image_url` at an address",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"https://example.org/p4711.png"}}]}]"#,
    ),
    sample(
        "`image_url` with data",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA4711"}}]}]"#,
    ),
    within(
        "`image_url.detail`",
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA4711","detail":"low"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA4711"}}]}]"#,
    ),
    sample(
        "`input_audio`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"hear"},{"type":"input_audio","input_audio":{"data":"AAAA4711","format":"wav"}}]}]"#,
    ),
    sample(
        "`file` with data",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA4711"}}]}]"#,
    ),
    within(
        "`file.filename`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"filename":"n4711.pdf","file_data":"data:application/pdf;base64,AAAA"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}]}]"#,
    ),
    sample(
        "`file.file_id`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"file_id":"file4711"}}]}]"#,
    ),
    within(
        "an image in a `tool` message",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"r"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA4711"}}]}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
    ),
];

const TOOLS: &[Sample] = &[
    sample("`tools`", r#""tools":[{"type":"function","function":{"name":"f4711","description":"d4711","parameters":{"type":"object","properties":{"p4711":{"type":"string"}}}}}]"#),
    within(
        "`tools[].function.strict`",
        r#""tools":[{"type":"function","function":{"name":"f","strict":true}}]"#,
        r#""tools":[{"type":"function","function":{"name":"f"}}]"#,
    ).part_of(&["tools"]),
    sample("custom `tools`", r#""tools":[{"type":"custom","custom":{"name":"f4711","description":"d4711"}}]"#),
    within(
        "custom `tools[].custom.format`",
        r#""tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"g4711"}}}}]"#,
        r#""tools":[{"type":"custom","custom":{"name":"f"}}]"#,
    ).part_of(&["tools.custom", "tools"]),
    within("`tool_choice: auto`", r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto""#, r#""tools":[{"type":"function","function":{"name":"f"}}]"#)
        .idle("the model decides where nothing is said"),
    within("`tool_choice: none`", r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none""#, r#""tools":[{"type":"function","function":{"name":"f"}}]"#),
    within("`tool_choice: required`", r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#, r#""tools":[{"type":"function","function":{"name":"f"}}]"#),
    within(
        "`tool_choice` of one",
        r#""tools":[{"type":"function","function":{"name":"f4711"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"f4711"}}"#,
        r#""tools":[{"type":"function","function":{"name":"f4711"}},{"type":"function","function":{"name":"g"}}]"#,
    ),
    within(
        "`tool_choice` of several",
        r#""tools":[{"type":"function","function":{"name":"f4711"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f4711"}}]}}"#,
        r#""tools":[{"type":"function","function":{"name":"f4711"}},{"type":"function","function":{"name":"g"}}]"#,
    ),
    within("`parallel_tool_calls: false`", r#""tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false"#, r#""tools":[{"type":"function","function":{"name":"f"}}]"#).part_of(&["tools"]),
    sample("`functions`", r#""functions":[{"name":"f4711","parameters":{"type":"object","properties":{"p4711":{"type":"string"}}}}]"#),
    within("`function_call`", r#""functions":[{"name":"f4711"},{"name":"g"}],"function_call":{"name":"f4711"}"#, r#""functions":[{"name":"f4711"},{"name":"g"}]"#),
    sample("`web_search_options`", r#""web_search_options":{}"#),
];

const ANSWER: &[Sample] = &[
    sample("`response_format: text`", r#""response_format":{"type":"text"}"#).idle("text is what models answer anyway"),
    sample("`response_format: json_object`", r#""response_format":{"type":"json_object"}"#),
    sample("`response_format: json_schema`", r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"p4711":{"type":"string"}}}}}"#),
    within(
        "`json_schema.description`",
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d4711","schema":{"type":"object"}}}"#,
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#,
    ),
    within(
        "`json_schema.strict`",
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}"#,
        r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#,
    ).idle(STRICT),
    sample("`reasoning_effort: none`", r#""reasoning_effort":"none""#).idle(UNTHINKING),
    sample("`reasoning_effort: high`", r#""reasoning_effort":"high""#),
    sample("`reasoning_effort: xhigh`", r#""reasoning_effort":"xhigh""#),
    sample("`verbosity`", r#""verbosity":"low""#),
    sample("`modalities`, `audio`", r#""modalities":["text","audio"],"audio":{"voice":"v4711","format":"mp3"}"#),
    sample("`prediction`", r#""prediction":{"type":"content","content":"p4711"}"#),
    sample("`stream`", r#""stream":true"#).idle(STREAM),
    within("`stream_options.include_usage`", r#""stream":true,"stream_options":{"include_usage":true}"#, r#""stream":true"#)
        .idle("usage is asked for in any case, and given to the client if it asked"),
];

const SAMPLING: &[Sample] = &[
    sample("`max_completion_tokens`", r#""max_completion_tokens":4711"#),
    sample("`max_tokens`", r#""max_tokens":4711"#),
    sample("`temperature`", r#""temperature":0.4711"#),
    sample("`temperature` above 1", r#""temperature":1.4711"#),
    sample("`top_p`", r#""top_p":0.4711"#),
    within("`temperature` and `top_p`", r#""temperature":0.4711,"top_p":0.84711"#, ""),
    sample("`presence_penalty`", r#""presence_penalty":0.4711"#),
    sample("`frequency_penalty`", r#""frequency_penalty":0.4711"#),
    sample("`logit_bias`", r#""logit_bias":{"4711":7}"#),
    sample("`stop`", r#""stop":["s4711"]"#),
    sample("`seed`", r#""seed":4711"#),
    sample("`n`", r#""n":3"#),
    sample("`logprobs`", r#""logprobs":true"#),
    within("`top_logprobs`", r#""logprobs":true,"top_logprobs":4"#, r#""logprobs":true"#),
];

const PLATFORM: &[Sample] = &[
    sample("`user`", r#""user":"u4711""#),
    sample("`safety_identifier`", r#""safety_identifier":"u4711""#),
    sample("`metadata`", r#""metadata":{"k":"m4711"}"#),
    sample("`store: true`", r#""store":true"#),
    sample("`store: false`", r#""store":false"#).idle("nothing is kept where this cannot be said"),
    sample("`service_tier: flex`", r#""service_tier":"flex""#),
    sample("`service_tier: priority`", r#""service_tier":"priority""#),
    sample("`prompt_cache_key`", r#""prompt_cache_key":"k4711""#),
    sample("`prompt_cache_retention`", r#""prompt_cache_retention":"24h""#),
    sample("a field that nobody knows", r#""unheard_of":"x4711""#),
];

const VENDORS: &[Sample] = &[
    sample("`top_k`", r#""top_k":4711"#),
    sample("`min_p`", r#""min_p":0.04711"#),
    sample("`repetition_penalty`", r#""repetition_penalty":1.4711"#),
    sample("`thinking` with a budget", r#""thinking":{"type":"enabled","budget_tokens":4711}"#),
    sample("`thinking: disabled`", r#""thinking":{"type":"disabled"}"#).idle(UNTHINKING),
    sample("`reasoning.max_tokens`", r#""reasoning":{"max_tokens":4711}"#),
    sample(
        "`cache_control` of a part",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]"#,
    )
    .idle(CACHE),
    within(
        "`reasoning_content`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","reasoning_content":"t4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`thinking_blocks` with Anthropic's signature",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"t4711","signature":"s4711"}]},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
    ),
    within(
        "`extra_content.google.thought_signature` of a call",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s4711"}}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]"#,
    ),
    sample(
        "`video_url`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA4711"}}]}]"#,
    ),
];
