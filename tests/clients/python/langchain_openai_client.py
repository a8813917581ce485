"""LangChain's OpenAI classes, as an application would use them. See the README for the cases."""

import os

# LangChain can report every call to a tracing service; a test must talk to nothing but the gateway.
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"

from typing import Literal  # noqa: E402

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: E402
from pydantic import BaseModel, Field  # noqa: E402

from common import WEATHER_QUESTION, check, main  # noqa: E402


class Item(BaseModel):
    """A thing, with lengths bounded, because a random model would never close a string."""

    name: str = Field(max_length=12)
    size: int
    kind: Literal["small", "large"]


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"clear in {city}"


def chat_model(args, **changes):
    settings = {"base_url": args.base_url, "api_key": args.api_key, "max_retries": 0, "timeout": 60.0}
    return ChatOpenAI(model=args.model, max_tokens=12, seed=7, **settings, **changes)


def check_message(message):
    check(isinstance(message.content, str), f"content is {message.content!r}")
    check(message.response_metadata.get("finish_reason") in ("stop", "length"), f"no finish_reason: {message!r}")
    check(message.usage_metadata and message.usage_metadata["input_tokens"] > 0, f"no usage: {message!r}")


def invoke(args):
    check_message(chat_model(args).invoke([SystemMessage("Be brief."), HumanMessage("Say something about gates.")]))


def stream(args):
    chunks = list(chat_model(args, stream_usage=True).stream("Say something about gates."))
    check(len(chunks) > 1, f"expected several chunks, got {chunks!r}")
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    check_message(whole)


def with_structured_output(args):
    model = ChatOpenAI(model=args.model, base_url=args.base_url, api_key=args.api_key, max_tokens=500, max_retries=0)
    item = model.with_structured_output(Item, method="json_schema").invoke("Describe a gate.")
    check(isinstance(item, Item), f"not an Item: {item!r}")


def bind_tools(args):
    model = chat_model(args).bind_tools([get_weather])
    question = HumanMessage(WEATHER_QUESTION["content"])
    said = model.invoke([question])
    check(said.tool_calls, f"no tool call: {said!r}")
    call = said.tool_calls[0]
    check(call["name"] == "get_weather" and isinstance(call["args"].get("city"), str), f"the call is {call!r}")
    answer = model.invoke([question, said, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])])
    check(answer.content and not answer.tool_calls, f"no text after the tool's result: {answer!r}")


def embed(args):
    # With the check on, the texts are cut into numbers by a tokenizer that has to be fetched first.
    settings = {"check_embedding_ctx_length": False, "base_url": args.base_url, "api_key": args.api_key}
    model = OpenAIEmbeddings(model=args.model, max_retries=0, **settings)
    documents = model.embed_documents(["a gate", "an altogether different text, and a longer one"])
    query = model.embed_query("a gate")
    check(len(documents) == 2 and len(documents[0]) == len(documents[1]) == len(query) > 0, "lengths differ")
    check(documents[0] != documents[1], "different texts have the same embedding")


def batch(args):
    messages = chat_model(args).batch([f"Say something about gate number {number}." for number in range(4)])
    check(len(messages) == 4, f"four questions gave {len(messages)} answers")
    for message in messages:
        check_message(message)


if __name__ == "__main__":
    main(invoke, stream, with_structured_output, bind_tools, embed, batch)
