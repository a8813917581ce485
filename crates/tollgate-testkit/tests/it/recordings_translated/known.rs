//! What is known to be wrong or refused when recordings are translated, with the reason for each.

use super::{Known, known};

const AS_RECORDED: &str = "the provider's own item of an earlier or another form, which its own clients get as it came";
const SEVERAL: &str = "the recording has several streams, one after another, of which the first is read";
const CUT: &str = "the provider says `tool_calls` of arguments that are cut off, and clients get them as they came";
const OTHER_API: &str = "the recording is of the provider's earlier API";

pub(super) const ANSWERS: &[Known] = &[
    known("anthropic_messages to anthropic_messages", "lacks `web_fetch_requests`", 3, AS_RECORDED),
    known("anthropic_messages to anthropic_messages", "the unknown type `fallback`", 2, AS_RECORDED),
    known("anthropic_messages to anthropic_messages", "lacks `caller`", 6, AS_RECORDED),
    known(
        "anthropic_messages to anthropic_messages",
        "text differs",
        2,
        "Anthropic's own clients read why it refuses in `stop_details`",
    ),
    known("anthropic_messages: usage", "", 2, SEVERAL),
    known("openai_responses: usage", "", 1, SEVERAL),
    known("cohere_chat: Invalid", "the answer has no message", 4, OTHER_API),
    known("ollama_chat: Invalid", "the answer has no message", 3, OTHER_API),
    known("openai_responses: Invalid", "the answer is not complete", 2, "it was recorded before its end"),
    known("openai_chat to anthropic_messages", "the input of a call is no object", 6, CUT),
    known("openai_chat to openai_chat", "arguments are no object", 12, CUT),
    known("openai_chat to openai_responses", "arguments are no object", 12, CUT),
    known(
        "openai_chat to gemini_generate",
        "usage differs",
        2,
        "the provider counts more tokens of thoughts than of output, which Gemini cannot say",
    ),
    known(
        "openai_responses to anthropic_messages",
        "text differs",
        2,
        "Messages has no place for a picture that the model made, and tells of it in words",
    ),
    known(
        "openai_responses to openai_chat",
        "\"custom\" is not one of",
        2,
        "OpenAI's description has no calls of custom tools in streams, though it has them in whole answers",
    ),
    known(
        "openai_responses to openai_responses",
        "adds an item that is completed",
        1,
        "programs are complete when they begin, at OpenAI itself",
    ),
];

const FETCHES_NOT: &str = "the provider reads no addresses, and the gateway fetches nothing for it";
const KEPT_ELSEWHERE: &str = "the conversation is at OpenAI, and without it the request would be another one";
const NO_PLACE: &str = "the protocol has no place for such media";
const ELSEWHERE: &str = "the file is at another provider";

pub(super) const REQUESTS: &[Known] = &[
    known("ollama_chat request", "`messages` is missing", 4, OTHER_API),
    known("anthropic_messages to bedrock_converse", "fetches nothing from the web", 3, FETCHES_NOT),
    known("gemini_generate to bedrock_converse", "fetches nothing from the web", 6, FETCHES_NOT),
    known("openai_chat to bedrock_converse", "fetches nothing from the web", 5, FETCHES_NOT),
    known("openai_responses to bedrock_converse", "fetches nothing from the web", 2, FETCHES_NOT),
    known("anthropic_messages to ollama_chat", "fetches no images", 1, FETCHES_NOT),
    known("gemini_generate to ollama_chat", "fetches no images", 2, FETCHES_NOT),
    known("openai_chat to ollama_chat", "fetches no images", 3, FETCHES_NOT),
    known("openai_responses to ollama_chat", "fetches no images", 1, FETCHES_NOT),
    known("gemini_generate to anthropic_messages", "URL must begin with `https:`", 2, FETCHES_NOT),
    known("anthropic_messages to bedrock_converse", "no files of another provider", 1, ELSEWHERE),
    known("anthropic_messages to gemini_generate", "a file at another provider", 1, ELSEWHERE),
    known("anthropic_messages to cohere_chat", "documents of plain text only", 3, NO_PLACE),
    known("gemini_generate to cohere_chat", "documents of plain text only", 4, NO_PLACE),
    known("openai_chat to cohere_chat", "documents of plain text only", 6, NO_PLACE),
    known("openai_responses to cohere_chat", "documents of plain text only", 2, NO_PLACE),
    known("anthropic_messages to ollama_chat", "takes only text and images", 3, NO_PLACE),
    known("gemini_generate to ollama_chat", "takes only text and images", 4, NO_PLACE),
    known("openai_chat to ollama_chat", "takes only text and images", 6, NO_PLACE),
    known("openai_responses to ollama_chat", "takes only text and images", 2, NO_PLACE),
    known("openai_responses to anthropic_messages", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("openai_responses to bedrock_converse", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("openai_responses to cohere_chat", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("openai_responses to gemini_generate", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("openai_responses to ollama_chat", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("openai_responses to openai_chat", "does not keep what `conversation` names", 3, KEPT_ELSEWHERE),
    known("gemini_generate to anthropic_messages", "takes no video", 2, NO_PLACE),
    known("gemini_generate to openai_chat", "takes no video", 2, NO_PLACE),
    known("gemini_generate to openai_responses", "takes no video", 2, NO_PLACE),
    known("openai_chat to anthropic_messages", "takes no video", 1, NO_PLACE),
    known("openai_chat to openai_responses", "takes no video", 1, NO_PLACE),
];
