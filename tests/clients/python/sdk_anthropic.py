"""The official Anthropic SDK in the shared scenarios."""

import anthropic

from scenarios import PERSON, PNG, TOOLS, call, seen


class Messages:
    extras = ("count_tokens", "models")
    without = ()

    def __init__(self, args):
        self.client = anthropic.Anthropic(base_url=args.base_url, api_key=args.api_key, max_retries=0, timeout=30.0)
        self.model, self.messages, self.more = args.model, [], {}

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        content = [{"type": "text", "text": text}]
        if image:
            content.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
        self.messages.append({"role": "user", "content": content})
        if tools:
            self.more["tools"] = [
                {"name": name, "description": about, "input_schema": parameters} for name, about, parameters in TOOLS
            ]
        if schema:
            self.more["output_config"] = {"format": {"type": "json_schema", "schema": PERSON}}
        if think:
            self.more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return self.ask(stream)

    def results(self, calls, results, stream):
        pairs = zip(calls, results)
        content = [{"type": "tool_result", "tool_use_id": one["id"], "content": result} for one, result in pairs]
        self.messages.append({"role": "user", "content": content})
        return self.ask(stream)

    def ask(self, stream):
        asked = {"model": self.model, "max_tokens": 4096, "messages": self.messages, **self.more}
        if stream:
            with self.client.messages.stream(**asked) as events:
                message = events.get_final_message()
            if not message.stop_reason:
                raise EOFError("the stream ended early")
        else:
            message = self.client.messages.create(**asked)
        self.messages.append({"role": "assistant", "content": message.content})
        blocks = message.content
        text = "".join(block.text for block in blocks if block.type == "text")
        calls = [call(block.name, block.input, block.id) for block in blocks if block.type == "tool_use"]
        thinking = "".join(block.thinking for block in blocks if block.type == "thinking")
        return seen(text, calls, message.stop_reason, message.usage.model_dump(exclude_none=True), thinking)

    def count_tokens(self):
        asked = [{"role": "user", "content": "say hello"}]
        return {"input_tokens": self.client.messages.count_tokens(model=self.model, messages=asked).input_tokens}

    def models(self):
        return {"models": [model.id for model in self.client.models.list()]}
