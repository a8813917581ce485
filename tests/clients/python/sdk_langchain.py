"""LangChain's chat models in the shared scenarios."""

import os

os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage  # noqa: E402

from scenarios import PERSON, PNG, TOOLS, call, seen  # noqa: E402


class LangChain:
    extras = ()
    # Refusals are exceptions or messages by the package's own choice.
    without = ("refuse",)

    def __init__(self, args):
        self.args, self.messages, self.more, self.tools, self.schema = args, [], {}, False, False

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        self.messages.append(HumanMessage([{"type": "text", "text": text}, url] if image else text))
        self.tools, self.schema = tools, schema
        if think:
            self.more |= self.thinking
        return self.ask(stream)

    def results(self, calls, results, stream):
        self.messages += [ToolMessage(result, tool_call_id=one["id"]) for one, result in zip(calls, results)]
        return self.ask(stream)

    def ask(self, stream):
        model = self.model()
        if self.tools:
            functions = [
                {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
                for name, about, parameters in TOOLS
            ]
            model = model.bind_tools(functions)
        if self.schema:
            schema = {"title": "person", "description": "A person.", **PERSON}
            model = model.with_structured_output(schema, method="json_schema", include_raw=True)
            message = model.invoke(self.messages)["raw"]
        elif stream:
            message = None
            for chunk in model.stream(self.messages):
                message = chunk if message is None else message + chunk
            message = AIMessage(message.content, tool_calls=message.tool_calls, usage_metadata=message.usage_metadata,
                                response_metadata=message.response_metadata)
        else:
            message = model.invoke(self.messages)
        self.messages.append(message)
        calls = [call(one["name"], one["args"], one["id"]) for one in message.tool_calls]
        about = message.response_metadata
        finish = about.get("finish_reason") or about.get("stop_reason")
        if not finish:
            raise EOFError("the stream ended early")
        blocks = message.content if isinstance(message.content, list) else []
        thinking = "".join(block.get("thinking", "") for block in blocks if isinstance(block, dict))
        return seen(message.text, calls, finish, message.usage_metadata, thinking)


class OpenAi(LangChain):
    thinking = {"reasoning_effort": "high"}

    def model(self):
        from langchain_openai import ChatOpenAI

        args = self.args
        base_url = f"{args.base_url}/v1"
        return ChatOpenAI(model=args.model, base_url=base_url, api_key=args.api_key, max_retries=0, stream_usage=True,
                          timeout=30.0, use_responses_api=False, **self.more)


class Anthropic(LangChain):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}

    def model(self):
        from langchain_anthropic import ChatAnthropic

        args = self.args
        return ChatAnthropic(model=args.model, base_url=args.base_url, api_key=args.api_key, max_retries=0,
                             timeout=30.0, max_tokens=4096, **self.more)
