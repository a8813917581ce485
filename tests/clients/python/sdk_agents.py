"""The OpenAI Agents SDK, which runs the tools itself, in the shared scenarios. Over Responses."""

import asyncio

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from scenarios import PNG, seen

set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return {"Paris": "sunny", "Rome": "wet"}[city]


@function_tool
def get_time() -> str:
    """The time."""
    return "noon"


class Agents:
    extras = ("weather_run", "parallel_run", "time_run")
    # The scenarios of calls are the runs above, as the SDK does not stop at a call. An answer that is cut for
    # its length is an exception there; the rest has no place in an agent.
    without = ("weather", "parallel", "time", "think_tools", "json", "think", "refuse", "long")

    def __init__(self, args):
        self.args = args

    def send(self, text, stream, tools=False, image=False):
        return asyncio.run(self.run(text, stream, tools, image))

    async def run(self, text, stream, tools, image):
        args = self.args
        async with AsyncOpenAI(base_url=f"{args.base_url}/v1", api_key=args.api_key, max_retries=0) as client:
            model = OpenAIResponsesModel(model=args.model, openai_client=client)
            agent = Agent(name="fake", model=model, tools=[get_weather, get_time] if tools else [])
            content = [{"type": "input_text", "text": text}]
            if image:
                url = f"data:image/png;base64,{PNG}"
                content.append({"type": "input_image", "image_url": url, "detail": "auto"})
            asked = [{"role": "user", "content": content}]
            if stream:
                result = Runner.run_streamed(agent, asked)
                async for _ in result.stream_events():
                    pass
            else:
                result = await Runner.run(agent, asked)
            usage = result.context_wrapper.usage
            return seen(result.final_output, usage={"input": usage.input_tokens, "output": usage.output_tokens})

    def loop(self, text, expected):
        texts = [self.send(text, stream, tools=True)["text"] for stream in (False, True)]
        if texts != [expected, expected]:
            raise AssertionError(f"the texts are {texts!r}")
        return {"text": expected}

    def weather_run(self):
        return self.loop("weather in Paris", "It is sunny")

    def parallel_run(self):
        return self.loop("weather in Paris and Rome", "It is sunny and wet")

    def time_run(self):
        return self.loop("call time", "It is noon")
