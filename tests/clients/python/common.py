"""The command line that every client script shares.

    SCRIPT --base-url http://127.0.0.1:8080/v1 --api-key KEY --model NAME --case CASE[,CASE…]

Each case is a function of the parsed arguments that raises when something is wrong. A passed case prints `ok CASE`;
the first one that fails ends the program with a message and a traceback on stderr.
"""

import argparse
import asyncio
import inspect
import sys
import traceback

QUESTION = [{"role": "user", "content": "Say something about gates."}]
WEATHER_QUESTION = {"role": "user", "content": "What is the weather in Paris?"}
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Failed(Exception):
    """A case saw something that it must not see."""


def check(condition, message):
    """Fails the case with `message` unless `condition` holds. Not `assert`: that one can be switched off."""
    if not condition:
        raise Failed(message)


def raises(kind, action):
    """Runs `action`, which must raise `kind`, and returns the exception."""
    try:
        answer = action()
    except kind as error:
        return error
    except Exception as error:
        raise Failed(f"expected {kind.__name__}, got {type(error).__name__}: {error}") from error
    raise Failed(f"expected {kind.__name__}, got an answer: {answer!r}")


def main(*cases):
    """Reads the arguments and runs the named cases in their order."""
    known = {case.__name__: case for case in cases}
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True, help="where the API is, with its /v1")
    parser.add_argument("--api-key", default="none")
    parser.add_argument("--model", required=True)
    parser.add_argument("--case", required=True, help="of: " + " ".join(known))
    parser.add_argument("--direct", action="store_true", help="no gateway in between: expect no header of its own")
    args = parser.parse_args()

    for name in args.case.split(","):
        if name not in known:
            parser.error(f"no case {name!r}; there are: {' '.join(known)}")
        try:
            result = known[name](args)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Exception as error:
            traceback.print_exc()
            sys.exit(f"failed {name}: {type(error).__name__}: {error}")
        print(f"ok {name}", flush=True)
