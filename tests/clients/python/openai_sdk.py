"""The official OpenAI SDK for Python, as an application would use it. See the README for the cases."""

import json
import math
from typing import Literal

import openai
from pydantic import BaseModel, ConfigDict, Field

from common import QUESTION, WEATHER_QUESTION, WEATHER_TOOL, check, main, raises


class Item(BaseModel):
    """What `structured` asks for. Lengths are bounded, because a random model would never close a string."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=12)
    size: int
    kind: Literal["small", "large"]


def settings(args, **changes):
    # No retries: they would hide an answer that the gateway should not have given.
    return {"base_url": args.base_url, "api_key": args.api_key, "max_retries": 0, "timeout": 60.0} | changes


def client(args, **changes):
    return openai.OpenAI(**settings(args, **changes))


def ask(args, **changes):
    """The arguments of an ordinary chat completion."""
    return {"model": args.model, "messages": QUESTION, "max_tokens": 12, "seed": 7} | changes


def check_headers(args, response):
    if not args.direct:
        check(response.headers.get("x-request-id"), f"no x-request-id in {dict(response.headers)}")


def check_completion(completion):
    check(completion.object == "chat.completion", f"object is {completion.object!r}")
    check(completion.id and completion.model, f"id or model missing: {completion!r}")
    check(isinstance(completion.created, int), f"created is {completion.created!r}")
    check(len(completion.choices) == 1, f"expected one choice: {completion!r}")
    choice = completion.choices[0]
    check(choice.message.role == "assistant", f"role is {choice.message.role!r}")
    check(choice.finish_reason in ("stop", "length"), f"finish_reason is {choice.finish_reason!r}")
    check(isinstance(choice.message.content, str), f"content is {choice.message.content!r}")
    usage = completion.usage
    check(usage is not None and usage.prompt_tokens > 0, f"usage is {usage!r}")
    check(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, f"usage does not add up: {usage!r}")


def check_stream(chunks):
    """What holds for every stream; returns the chunks that have a choice."""
    check(chunks, "the stream was empty")
    check(len({chunk.id for chunk in chunks}) == 1, f"several ids: {[chunk.id for chunk in chunks]}")
    check(all(chunk.object == "chat.completion.chunk" for chunk in chunks), "a chunk has another object type")
    with_choice = [chunk for chunk in chunks if chunk.choices]
    reasons = [chunk.choices[0].finish_reason for chunk in with_choice]
    check(len([reason for reason in reasons if reason]) == 1, f"expected one finish_reason: {reasons}")
    check(reasons[-1], f"the finish_reason is not at the end: {reasons}")
    return with_choice


def check_text(with_choice):
    text = "".join(chunk.choices[0].delta.content or "" for chunk in with_choice)
    check(text or with_choice[-1].choices[0].finish_reason == "stop", "no content, though the model did not stop")
    return text


def chat(args):
    response = client(args).chat.completions.with_raw_response.create(**ask(args))
    check_headers(args, response)
    check_completion(response.parse())


async def chat_async(args):
    async with openai.AsyncOpenAI(**settings(args)) as asynchronous:
        check_completion(await asynchronous.chat.completions.create(**ask(args)))
        stream = await asynchronous.chat.completions.create(**ask(args), stream=True)
        check_text(check_stream([chunk async for chunk in stream]))


def stream(args):
    response = client(args).chat.completions.with_raw_response.create(**ask(args), stream=True)
    check_headers(args, response)
    kind = response.headers.get("content-type", "")
    check(kind.startswith("text/event-stream"), f"content-type is {kind!r}")
    chunks = list(response.parse())
    check_text(check_stream(chunks))
    check(not any("usage" in chunk.model_fields_set for chunk in chunks), "a chunk has usage, which nobody asked for")


def stream_usage(args):
    asked = ask(args, stream=True, stream_options={"include_usage": True})
    chunks = list(client(args).chat.completions.create(**asked))
    check_text(check_stream(chunks))
    last = chunks[-1]
    check(last.choices == [], f"the last chunk has choices: {last!r}")
    check(last.usage is not None and last.usage.prompt_tokens > 0, f"the last chunk's usage is {last.usage!r}")
    check(all(chunk.choices and chunk.usage is None for chunk in chunks[:-1]), "usage or no choices before the end")


def stream_helper(args):
    with client(args).chat.completions.stream(**ask(args)) as events:
        kinds = [event.type for event in events]
        # Not `get_final_completion`: it refuses an answer that was cut short, as a random model's is.
        choice = events.current_completion_snapshot.choices[0]
    check("chunk" in kinds, f"no chunk among {kinds}")
    check(choice.finish_reason in ("stop", "length"), f"finish_reason is {choice.finish_reason!r}")
    if choice.message.content:
        check("content.delta" in kinds and "content.done" in kinds, f"no content events among {kinds}")


def structured(args):
    asked = ask(args, max_tokens=500)
    completion = client(args).chat.completions.parse(**asked, response_format=Item)
    check_completion(completion)
    check(isinstance(completion.choices[0].message.parsed, Item), f"not parsed: {completion!r}")

    with client(args).chat.completions.stream(**asked, response_format=Item) as events:
        for _ in events:
            pass
        streamed = events.get_final_completion()
    check(isinstance(streamed.choices[0].message.parsed, Item), f"not parsed from a stream: {streamed!r}")


def embeddings(args):
    texts = ["a gate", "an altogether different text, and a longer one"]
    api = client(args).embeddings
    packed = api.create(model=args.model, input=texts)
    floats = api.create(model=args.model, input=texts, encoding_format="float")
    for answer in (packed, floats):
        check([item.index for item in answer.data] == [0, 1], f"indexes are {[item.index for item in answer.data]}")
        check(answer.usage.prompt_tokens > 0, f"usage is {answer.usage!r}")
        check(all(isinstance(item.embedding, list) for item in answer.data), "an embedding is no list")
    for one, other in zip(packed.data, floats.data):
        check(len(one.embedding) == len(other.embedding) > 0, "the two forms differ in length")
        near = all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6) for a, b in zip(one.embedding, other.embedding))
        check(near, "the two forms differ")
    check(floats.data[0].embedding != floats.data[1].embedding, "different texts have the same embedding")

    single = api.create(model=args.model, input=texts[0])
    check(len(single.data) == 1, f"one text gave {len(single.data)} embeddings")


def completions(args):
    asked = {"model": args.model, "prompt": "A gate is", "max_tokens": 12, "seed": 7}
    completion = client(args).completions.create(**asked)
    check(completion.object == "text_completion", f"object is {completion.object!r}")
    check(isinstance(completion.choices[0].text, str), f"no text: {completion!r}")
    check(completion.choices[0].finish_reason in ("stop", "length"), f"no finish_reason: {completion!r}")
    check(completion.usage and completion.usage.prompt_tokens > 0, f"usage is {completion.usage!r}")

    chunks = list(client(args).completions.create(**asked, stream=True))
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    check(reasons and reasons[-1] in ("stop", "length"), f"finish reasons of the stream: {reasons}")


def models(args):
    api = client(args).models
    ids = [model.id for model in api.list()]
    check(ids, "no models")
    wanted = args.model if args.model in ids else ids[0]
    model = api.retrieve(wanted)
    check(model.id == wanted and model.object == "model", f"asked for {wanted!r}, got {model!r}")


def check_response(response):
    check(response.object == "response" and response.id, f"not a response: {response!r}")
    check(response.status in ("completed", "incomplete"), f"status is {response.status!r}")
    check(isinstance(response.output_text, str), f"output_text is {response.output_text!r}")
    check(response.usage and response.usage.input_tokens > 0, f"usage is {response.usage!r}")


def responses(args):
    asked = {"model": args.model, "input": "Say something about gates.", "max_output_tokens": 16}
    check_response(client(args).responses.create(**asked))
    listed = [{"role": "user", "content": [{"type": "input_text", "text": "Say something about gates."}]}]
    check_response(client(args).responses.create(**asked | {"input": listed}, instructions="Be brief."))


def responses_stream(args):
    asked = {"model": args.model, "input": "Say something about gates.", "max_output_tokens": 16}
    events = list(client(args).responses.create(**asked, stream=True))
    kinds = [event.type for event in events]
    check(kinds and kinds[0] == "response.created", f"events: {kinds}")
    check(kinds[-1] in ("response.completed", "response.incomplete"), f"events: {kinds}")
    check_response(events[-1].response)
    numbers = [number for event in events if (number := getattr(event, "sequence_number", None)) is not None]
    check(numbers == sorted(set(numbers)), f"sequence numbers do not rise: {numbers}")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    check(text == events[-1].response.output_text, f"deltas {text!r} against {events[-1].response.output_text!r}")


def responses_helper(args):
    # The SDK's own accumulator, which fails on a `response.created` that has no `output`.
    asked = {"model": args.model, "input": "Say something about gates.", "max_output_tokens": 16}
    with client(args).responses.stream(**asked) as events:
        last = list(events)[-1]
        # An answer that ended for its length is not final to the SDK.
        final = events.get_final_response() if last.type == "response.completed" else last.response
        check_response(final)


def error_model(args):
    asked = ask(args, model="no-such-model")
    for changes in ({}, {"stream": True}):
        error = raises(openai.APIStatusError, lambda: client(args).chat.completions.create(**asked, **changes))
        kind = (openai.NotFoundError, openai.BadRequestError)
        check(isinstance(error, kind), f"expected 404 or 400, got {error.status_code}: {error}")
        check(error.code == "model_not_found", f"code is {error.code!r}: {error}")


def error_auth(args):
    wrong = client(args, api_key=args.api_key + "-wrong")
    for action in (lambda: wrong.chat.completions.create(**ask(args)), lambda: wrong.models.list()):
        error = raises(openai.AuthenticationError, action)
        check(error.status_code == 401, f"status is {error.status_code}")
        check(error.code == "invalid_api_key", f"code is {error.code!r}: {error}")
        check(args.api_key not in str(error), "the error text holds the key")


def error_upstream(args):
    for changes in ({}, {"stream": True}):
        error = raises(openai.BadRequestError, lambda: client(args).chat.completions.create(**ask(args, **changes)))
        check("bad thing from upstream" in str(error), f"the upstream's message is lost: {error}")
        check(error.type == "invalid_request_error", f"type is {error.type!r}")


def timeout(args):
    impatient = client(args, timeout=0.5)
    raises(openai.APITimeoutError, lambda: impatient.chat.completions.create(**ask(args)))


def check_call(call):
    check(call.id, f"the tool call has no id: {call!r}")
    check(call.function.name == "get_weather", f"the tool is {call.function.name!r}")
    arguments = json.loads(call.function.arguments)
    check(isinstance(arguments.get("city"), str), f"arguments are {arguments!r}")


def tools(args):
    asked = {"model": args.model, "messages": [WEATHER_QUESTION], "tools": [WEATHER_TOOL]}
    api = client(args).chat.completions
    choice = api.create(**asked).choices[0]
    check(choice.finish_reason == "tool_calls", f"finish_reason is {choice.finish_reason!r}")
    check(choice.message.tool_calls, f"no tool call: {choice!r}")
    call = choice.message.tool_calls[0]
    check_call(call)

    # The message goes back just as it came, as the SDK's own examples do.
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"sky":"clear"}'}
    answer = api.create(**asked | {"messages": [WEATHER_QUESTION, choice.message, result]})
    check(answer.choices[0].message.content, f"no text after the tool's result: {answer!r}")
    check(answer.choices[0].finish_reason == "stop", f"finish_reason is {answer.choices[0].finish_reason!r}")


def tools_stream(args):
    asked = {"model": args.model, "messages": [WEATHER_QUESTION], "tools": [WEATHER_TOOL]}
    api = client(args).chat.completions
    # The helper joins the pieces of a call by their index, and parses the arguments.
    with api.stream(**asked) as events:
        kinds = [event.type for event in events]
        choice = events.get_final_completion().choices[0]
    check(choice.finish_reason == "tool_calls", f"finish_reason is {choice.finish_reason!r}")
    check("tool_calls.function.arguments.done" in kinds, f"no finished tool call among {kinds}")
    call = choice.message.tool_calls[0]
    check_call(call)

    said = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
        ],
    }
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"sky":"clear"}'}
    chunks = list(api.create(**asked | {"messages": [WEATHER_QUESTION, said, result]}, stream=True))
    check(check_text(check_stream(chunks)), "no text after the tool's result")


def disconnect(args):
    shared = client(args)
    for _ in range(3):
        stream = shared.chat.completions.create(**ask(args, max_tokens=400), stream=True)
        for chunk in stream:
            if chunk.choices:
                break
        stream.close()
    check_completion(shared.chat.completions.create(**ask(args)))


if __name__ == "__main__":
    main(
        *(chat, chat_async, stream, stream_usage, stream_helper, structured, embeddings, completions, models),
        *(responses, responses_stream, responses_helper, error_model, error_auth, error_upstream, timeout),
        *(tools, tools_stream, disconnect),
    )
