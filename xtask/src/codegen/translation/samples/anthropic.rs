//! Messages.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

use super::{CACHE, FORGOTTEN, Front, SEARCH, STREAM, Sample, UNTHINKING, sample, within};

pub(super) const FRONT: Front = Front {
    protocol: Protocol::AnthropicMessages,
    operation: Operation::Messages,
    title: "Messages",
    base: &[
        ("model", r#""model":"m""#),
        ("max_tokens", r#""max_tokens":9000"#),
        ("messages", r#""messages":[{"role":"user","content":"Hi"}]"#),
    ],
    groups: &[
        ("Messages", MESSAGES),
        ("Media", MEDIA),
        ("Tools", TOOLS),
        ("Answer and thinking", ANSWER),
        ("Sampling", SAMPLING),
        ("Platform", PLATFORM),
    ],
};

const MESSAGES: &[Sample] = &[
    sample("`system`", r#""system":"s4711""#),
    sample("`system` as blocks", r#""system":[{"type":"text","text":"s4711"},{"type":"text","text":"r4711"}]"#),
    within(
        "`system` in the middle",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"system","content":"s4711"},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"user","content":"go"}]"#,
    ),
    sample("`text`", r#""messages":[{"role":"user","content":[{"type":"text","text":"t4711"}]}]"#),
    within(
        "`assistant` last (prefill)",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a4711"}]"#,
        "",
    ),
    within(
        "`text.citations`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"a","citations":[{"type":"char_location","cited_text":"c4711","document_index":0,"document_title":"t4711","start_char_index":0,"end_char_index":3}]}]},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    within(
        "`tool_use` and `tool_result`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f4711","input":{"a":"b4711"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r4711"}]}],"tools":[{"name":"f4711","input_schema":{"type":"object"}}]"#,
        r#""tools":[{"name":"f4711","input_schema":{"type":"object"}}]"#,
    ),
    within(
        "`tool_result.is_error`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r","is_error":true}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
    ),
    within(
        "`thinking` with its signature",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t4711","signature":"s4711"},{"type":"text","text":"a"}]},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
    ).idle(FORGOTTEN),
    within(
        "`redacted_thinking`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d4711"},{"type":"text","text":"a"}]},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":"go"}],"thinking":{"type":"enabled","budget_tokens":2000}"#,
    ).idle(FORGOTTEN),
    sample("`search_result`", r#""messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"search_result","source":"https://example.org","title":"t4711","content":[{"type":"text","text":"c4711"}]}]}]"#),
    within(
        "`server_tool_use` and its result",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"server_tool_use","id":"srv4711","name":"web_search","input":{"query":"q4711"}},{"type":"web_search_tool_result","tool_use_id":"srv4711","content":[]},{"type":"text","text":"a"}]},{"role":"user","content":"go"}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"a"}]},{"role":"user","content":"go"}]"#,
    ),
    sample("`cache_control` of a block", r#""messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]"#).idle(CACHE),
    sample("`cache_control` of `system`", r#""system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#).idle(CACHE),
];

const MEDIA: &[Sample] = &[
    sample("`image` with data", r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA4711"}}]}]"#),
    sample("`image` at an address", r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"url","url":"https://example.org/p4711.png"}}]}]"#),
    sample("`image` in the files", r#""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"file","file_id":"file4711"}}]}]"#),
    sample("`document` with data", r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA4711"}}]}]"#),
    sample("`document` at an address", r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"url","url":"https://example.org/d4711.pdf"}}]}]"#),
    sample("`document` of text", r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"t4711"}}]}]"#).idle("Bedrock gets it in Base64"),
    sample("`document` of content blocks", r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"t4711"}]}}]}]"#),
    within(
        "`document.title`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","title":"t4711","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
    ),
    within(
        "`document.context`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","context":"c4711","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
    ),
    within(
        "`document.citations`",
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","citations":{"enabled":true},"source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]"#,
    ),
    within(
        "an image in a `tool_result`",
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA4711"}}]}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
        r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"r"}]}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
    ),
];

const TOOLS: &[Sample] = &[
    sample("`tools`", r#""tools":[{"name":"f4711","description":"d4711","input_schema":{"type":"object","properties":{"p4711":{"type":"string"}}}}]"#),
    within("`tools[].strict`", r#""tools":[{"name":"f","strict":true,"input_schema":{"type":"object"}}]"#, r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#).part_of(&["tools"]),
    within("`tools[].cache_control`", r#""tools":[{"name":"f","cache_control":{"type":"ephemeral"},"input_schema":{"type":"object"}}]"#, r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#).idle(CACHE),
    within("`tools[].input_examples`", r#""tools":[{"name":"f","input_examples":[{"a":"e4711"}],"input_schema":{"type":"object"}}]"#, r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#),
    sample("`web_search_…`", r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#),
    within("`web_search_….max_uses`", r#""tools":[{"type":"web_search_20250305","name":"web_search","max_uses":4711}]"#, r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#).part_of(SEARCH),
    within("`web_search_….allowed_domains`", r#""tools":[{"type":"web_search_20250305","name":"web_search","allowed_domains":["d4711.org"]}]"#, r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#).part_of(SEARCH),
    sample("another server tool (`code_execution_…`)", r#""tools":[{"type":"code_execution_20250825","name":"code_execution"}]"#),
    within("`tool_choice: none`", r#""tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"none"}"#, r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#),
    within("`tool_choice: any`", r#""tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}"#, r#""tools":[{"name":"f","input_schema":{"type":"object"}}]"#),
    within(
        "`tool_choice: tool`",
        r#""tools":[{"name":"f4711","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f4711"}"#,
        r#""tools":[{"name":"f4711","input_schema":{"type":"object"}}]"#,
    ),
    within(
        "`disable_parallel_tool_use`",
        r#""tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#,
        r#""tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"}"#,
    ).part_of(&["tools"]),
    sample("`mcp_servers`", r#""mcp_servers":[{"type":"url","url":"https://example.org/m4711","name":"n"}]"#),
];

const ANSWER: &[Sample] = &[
    sample("`thinking: enabled`", r#""thinking":{"type":"enabled","budget_tokens":4711}"#),
    sample("`thinking: adaptive`", r#""thinking":{"type":"adaptive"}"#),
    sample("`thinking: disabled`", r#""thinking":{"type":"disabled"}"#).idle(UNTHINKING),
    within(
        "`thinking.display`",
        r#""thinking":{"type":"adaptive","display":"omitted"}"#,
        r#""thinking":{"type":"adaptive"}"#,
    )
    .idle("where thoughts cannot be left out by the provider, they are in the answer"),
    sample("`output_config.effort`", r#""output_config":{"effort":"low"}"#),
    sample(
        "`output_config.format`",
        r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"p4711":{"type":"string"}}}}}"#,
    ),
    sample("`stream`", r#""stream":true"#).idle(STREAM),
];

const SAMPLING: &[Sample] = &[
    sample("`max_tokens`", r#""max_tokens":4711"#),
    sample("`temperature`", r#""temperature":0.4711"#),
    sample("`top_p`", r#""top_p":0.4711"#),
    sample("`top_k`", r#""top_k":4711"#),
    sample("`stop_sequences`", r#""stop_sequences":["s4711"]"#),
];

const PLATFORM: &[Sample] = &[
    sample("`metadata.user_id`", r#""metadata":{"user_id":"u4711"}"#),
    sample("`service_tier: auto`", r#""service_tier":"auto""#).idle("it is the default"),
    sample("`service_tier: standard_only`", r#""service_tier":"standard_only""#)
        .idle("where there is one class of service, nothing needs to be said"),
    sample("`container`", r#""container":"c4711""#),
    sample("`context_management`", r#""context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}"#),
    sample("`inference_geo`", r#""inference_geo":"g4711""#),
    sample("a field that nobody knows", r#""unheard_of":"x4711""#),
];
