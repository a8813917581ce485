"""One table of scenarios for every SDK, against a provider that follows the words of the testkit's fakes.

    scenarios.py --sdk SDK --base-url ROOT --api-key KEY --model NAME[,NAME…] [--scenario NAME[,NAME…]]

ROOT has no /v1. Prints one line of JSON for each model and scenario with what the SDK saw; ends with a status other
than 0 if something was not as expected.
"""

import argparse
import importlib
import json
import sys
import traceback

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE_TEXT = "I see an image of 70 bytes (image/png)"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
NOTHING = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
TOOLS = [("get_weather", "The weather in a city.", WEATHER), ("get_time", "The time.", NOTHING)]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
SDKS = {
    "openai-chat": "sdk_openai:Chat",
    "openai-responses": "sdk_openai:Responses",
    "openai-responses-previous": "sdk_openai:Previous",
    "anthropic": "sdk_anthropic:Messages",
    "google-genai": "sdk_google:Gemini",
    "ollama": "sdk_ollama:Ollama",
    "langchain-openai": "sdk_langchain:OpenAi",
    "langchain-anthropic": "sdk_langchain:Anthropic",
    "openai-agents": "sdk_agents:Agents",
}

PARIS, ROME = {"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "get_weather", "arguments": {"city": "Rome"}}
TIME = {"name": "get_time", "arguments": {}}
# What is said, with what, and what must be seen. A `then` are the results of the calls and the text after them.
TABLE = {
    "hello": ("say hello", {}, {"text": "Hello from FAKE."}),
    "weather": ("weather in Paris", {"tools": True}, {"calls": [PARIS], "then": (["sunny"], "It is sunny")}),
    "parallel": (
        "weather in Paris and Rome",
        {"tools": True},
        {"calls": [PARIS, ROME], "then": (["sunny", "wet"], "It is sunny and wet")},
    ),
    "time": ("call time", {"tools": True}, {"calls": [TIME], "then": (["noon"], "It is noon")}),
    "image": ("describe the image", {"image": True}, {"text": IMAGE_TEXT}),
    "json": ("as json", {"schema": True}, {"text": '{"name":"Ada","age":36}'}),
    "think": ("think hard", {"think": True}, {"text": "I have thought about it."}),
    "think_tools": (
        "think hard: weather in Paris",
        {"think": True, "tools": True},
        {"calls": [PARIS], "then": (["sunny"], "It is sunny")},
    ),
    "long": ("long", {}, {"text": "This goes on and on and"}),
    "refuse": ("refuse", {}, {}),
    "fail_429": ("fail 429", {}, {"status": [429]}),
    "fail_500": ("fail 500", {}, {"status": [500]}),
    "fail_overloaded": ("fail overloaded", {}, {"status": [503, 529]}),
    "break": ("break midstream", {"only": "stream"}, {"raises": True}),
    "cut": ("cut midstream", {"only": "stream"}, {"raises": True}),
}


def seen(text="", calls=(), finish=None, usage=None, thinking=""):
    """What every SDK's answer is made into."""
    return {"text": text or "", "calls": list(calls), "finish": finish, "usage": usage, "thinking": thinking or ""}


def call(name, arguments, identity=None):
    arguments = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments or {})
    return {"name": name, "arguments": arguments, "id": identity}


def differs(expected, answer):
    if "text" in expected and answer["text"] != expected["text"]:
        return f"text is {answer['text']!r}"
    if "calls" in expected:
        made = [{"name": one["name"], "arguments": one["arguments"]} for one in answer["calls"]]
        if made != expected["calls"]:
            return f"calls are {made!r}"
    return None


def status_of(error):
    return getattr(error, "status_code", None) or getattr(error, "code", None)


def play(adapter, said, options, expected, stream):
    try:
        answer = adapter.send(said, stream=stream, **options)
        if "then" in expected and not differs(expected, answer):
            results, text = expected["then"]
            first = answer
            answer = adapter.results(first["calls"], results, stream=stream)
            answer["calls_before"] = first["calls"]
            answer["thinking"] = answer["thinking"] or first["thinking"]
            return answer, differs({"text": text}, answer)
    except Exception as error:  # What is raised is what some scenarios are about.
        status = status_of(error)
        shown = {"error": type(error).__name__, "status": status, "message": str(error)[:200]}
        if expected.get("raises") or status in expected.get("status", ()):
            return shown, None
        traceback.print_exc()
        return shown, "it raised"
    if expected.get("raises") or expected.get("status"):
        return answer, "it did not raise"
    return answer, differs(expected, answer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sdk", required=True, choices=SDKS)
    parser.add_argument("--base-url", required=True, help="where the API is, without /v1")
    parser.add_argument("--api-key", default="none")
    parser.add_argument("--model", required=True)
    parser.add_argument("--scenario", default="all", help="of: " + " ".join(TABLE))
    args = parser.parse_args()
    module, name = SDKS[args.sdk].split(":")
    kind = getattr(importlib.import_module(module), name)
    failed = False
    wanted = [*TABLE, *kind.extras] if args.scenario == "all" else args.scenario.split(",")
    for model in args.model.split(","):
        args.model = model
        for name in wanted:
            if name in kind.extras:
                try:
                    lines = [(False, getattr(kind(args), name)(), None)]
                except Exception as error:
                    traceback.print_exc()
                    lines = [(False, {"error": type(error).__name__, "status": status_of(error)}, "it raised")]
            elif name in kind.without:
                continue
            else:
                said, options, expected = TABLE[name]
                only = options.get("only") == "stream"
                options = {key: value for key, value in options.items() if key != "only"}
                ways = [True] if only else [False, True]
                lines = [(way, *play(kind(args), said, options, expected, way)) for way in ways]
            for way, answer, wrong in lines:
                line = {"model": model, "scenario": name, "stream": way, "ok": wrong is None, **answer}
                print(json.dumps(line | ({"wrong": wrong} if wrong else {}), default=str), flush=True)
                failed |= wrong is not None
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
