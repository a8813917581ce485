//! Gemini's `generateContent`.

use tollgate_core::Operation;
use tollgate_core::ir::Protocol;

use super::{FORGOTTEN, Front, Sample, UNTHINKING, sample, within};

pub(super) const FRONT: Front = Front {
    protocol: Protocol::GeminiGenerate,
    operation: Operation::GenerateContent,
    title: "Gemini",
    base: &[
        ("generationConfig", r#""generationConfig":{"maxOutputTokens":9000}"#),
        ("contents", r#""contents":[{"role":"user","parts":[{"text":"Hi"}]}]"#),
    ],
    groups: &[
        ("Contents", CONTENTS),
        ("Media", MEDIA),
        ("Tools", TOOLS),
        ("Answer and thinking", ANSWER),
        ("Sampling", SAMPLING),
        ("Platform", PLATFORM),
    ],
};

const CONTENTS: &[Sample] = &[
    sample("`systemInstruction`", r#""systemInstruction":{"parts":[{"text":"s4711"}]}"#),
    sample("`text`", r#""contents":[{"role":"user","parts":[{"text":"t4711"},{"text":"u4711"}]}]"#),
    within(
        "`model` text",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"a4711"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
    ),
    within(
        "`thought`",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"t4711","thought":true},{"text":"a"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
    ).idle(FORGOTTEN),
    within(
        "`thoughtSignature` of a text",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"a","thoughtSignature":"s4711"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
    ),
    within(
        "`functionCall` and `functionResponse`",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f4711","args":{"a":"b4711"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f4711","response":{"output":"r4711"}}}]}],"tools":[{"functionDeclarations":[{"name":"f4711"}]}]"#,
        r#""tools":[{"functionDeclarations":[{"name":"f4711"}]}]"#,
    ),
    within(
        "`thoughtSignature` of a call",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"s4711"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"r"}}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"r"}}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
    within(
        "`functionResponse` with an error",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"error":"e4711"}}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"e"}}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
    within(
        "`executableCode` and its result",
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"c4711"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"o4711"}},{"text":"a"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"go"}]}]"#,
    ),
];

const MEDIA: &[Sample] = &[
    sample(
        "`inlineData` of an image",
        r#""contents":[{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"image/png","data":"AAAA4711"}}]}]"#,
    ),
    sample(
        "`inlineData` of a sound",
        r#""contents":[{"role":"user","parts":[{"text":"hear"},{"inlineData":{"mimeType":"audio/wav","data":"AAAA4711"}}]}]"#,
    ),
    sample(
        "`inlineData` of a film",
        r#""contents":[{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"video/mp4","data":"AAAA4711"}}]}]"#,
    ),
    sample(
        "`inlineData` of a PDF",
        r#""contents":[{"role":"user","parts":[{"text":"read"},{"inlineData":{"mimeType":"application/pdf","data":"AAAA4711"}}]}]"#,
    ),
    sample(
        "`fileData` of an image",
        r#""contents":[{"role":"user","parts":[{"text":"see"},{"fileData":{"mimeType":"image/png","fileUri":"https://example.org/p4711.png"}}]}]"#,
    ),
    within(
        "`mediaResolution`",
        r#""contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],"generationConfig":{"maxOutputTokens":9000,"mediaResolution":"MEDIA_RESOLUTION_LOW"}"#,
        r#""contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]"#,
    ),
    within(
        "`videoMetadata`",
        r#""contents":[{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"video/mp4","data":"AAAA"},"videoMetadata":{"startOffset":"4711s"}}]}]"#,
        r#""contents":[{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}]"#,
    ),
];

const TOOLS: &[Sample] = &[
    sample(
        "`functionDeclarations`",
        r#""tools":[{"functionDeclarations":[{"name":"f4711","description":"d4711","parametersJsonSchema":{"type":"object","properties":{"p4711":{"type":"string"}}}}]}]"#,
    ),
    sample(
        "`parameters` in OpenAPI's words",
        r#""tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"p4711":{"type":"STRING","nullable":true}}}}]}]"#,
    ),
    within(
        "`functionDeclarations[].response`",
        r#""tools":[{"functionDeclarations":[{"name":"f","response":{"type":"STRING","description":"d4711"}}]}]"#,
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
    sample("`googleSearch`", r#""tools":[{"googleSearch":{}}]"#),
    sample("`codeExecution`", r#""tools":[{"codeExecution":{}}]"#),
    within(
        "mode `NONE`",
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}"#,
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
    within(
        "mode `ANY`",
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#,
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
    within(
        "`allowedFunctionNames`",
        r#""tools":[{"functionDeclarations":[{"name":"f4711"},{"name":"g4711"},{"name":"h"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f4711","g4711"]}}"#,
        r#""tools":[{"functionDeclarations":[{"name":"f4711"},{"name":"g4711"},{"name":"h"}]}]"#,
    ),
    within(
        "`toolConfig.retrievalConfig`",
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"retrievalConfig":{"languageCode":"l4711"}}"#,
        r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#,
    ),
];

const ANSWER: &[Sample] = &[
    sample("JSON as `responseMimeType`", r#""generationConfig":{"maxOutputTokens":9000,"responseMimeType":"application/json"}"#),
    sample("`responseJsonSchema`", r#""generationConfig":{"maxOutputTokens":9000,"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"p4711":{"type":"string"}}}}"#),
    sample("`responseSchema`", r#""generationConfig":{"maxOutputTokens":9000,"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"p4711":{"type":"STRING"}}}}"#),
    sample("`thinkingBudget`", r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":4711}}"#),
    sample("`thinkingBudget: 0`", r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":0}}"#).idle(UNTHINKING),
    sample("`thinkingBudget: -1`", r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":-1}}"#),
    sample("`thinkingLevel`", r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingLevel":"LOW"}}"#),
    within("`includeThoughts`", r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":2048,"includeThoughts":true}}"#, r#""generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":2048}}"#)
        .idle("thoughts that a provider gives are always in the answer"),
    sample("`responseModalities`", r#""generationConfig":{"maxOutputTokens":9000,"responseModalities":["AUDIO"]}"#),
    sample("`speechConfig`", r#""generationConfig":{"maxOutputTokens":9000,"speechConfig":{"languageCode":"l4711"}}"#),
];

const SAMPLING: &[Sample] = &[
    sample("`maxOutputTokens`", r#""generationConfig":{"maxOutputTokens":4711}"#),
    sample("`temperature`", r#""generationConfig":{"maxOutputTokens":9000,"temperature":0.4711}"#),
    sample("`topP`", r#""generationConfig":{"maxOutputTokens":9000,"topP":0.4711}"#),
    sample("`topK`", r#""generationConfig":{"maxOutputTokens":9000,"topK":4711}"#),
    sample("`stopSequences`", r#""generationConfig":{"maxOutputTokens":9000,"stopSequences":["s4711"]}"#),
    sample("`seed`", r#""generationConfig":{"maxOutputTokens":9000,"seed":4711}"#),
    sample("`candidateCount`", r#""generationConfig":{"maxOutputTokens":9000,"candidateCount":3}"#),
    sample("`presencePenalty`", r#""generationConfig":{"maxOutputTokens":9000,"presencePenalty":0.4711}"#),
    sample("`frequencyPenalty`", r#""generationConfig":{"maxOutputTokens":9000,"frequencyPenalty":0.4711}"#),
    sample("`responseLogprobs`", r#""generationConfig":{"maxOutputTokens":9000,"responseLogprobs":true}"#),
    within(
        "`logprobs`",
        r#""generationConfig":{"maxOutputTokens":9000,"responseLogprobs":true,"logprobs":4}"#,
        r#""generationConfig":{"maxOutputTokens":9000,"responseLogprobs":true}"#,
    ),
];

const PLATFORM: &[Sample] = &[
    sample(
        "`safetySettings`",
        r#""safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]"#,
    ),
    sample("`cachedContent`", r#""cachedContent":"cachedContents/c4711""#),
    sample("`labels`", r#""labels":{"k":"m4711"}"#),
    sample("`serviceTier`", r#""serviceTier":"flex""#),
    sample("a field that nobody knows", r#""unheardOf":"x4711""#),
];
