"""The official Ollama SDK in the shared scenarios."""

import ollama

from scenarios import PERSON, PNG, TOOLS, call, seen


class Ollama:
    extras = ("tags", "embed")
    without = ()

    def __init__(self, args):
        headers = {"authorization": f"Bearer {args.api_key}"}
        self.client = ollama.Client(host=args.base_url, headers=headers, timeout=30.0)
        self.model, self.messages, self.more = args.model, [], {}

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        self.messages.append({"role": "user", "content": text, **({"images": [PNG]} if image else {})})
        if tools:
            self.more["tools"] = [
                {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
                for name, about, parameters in TOOLS
            ]
        if schema:
            self.more["format"] = PERSON
        if think:
            self.more["think"] = True
        return self.ask(stream)

    def results(self, calls, results, stream):
        for one, result in zip(calls, results):
            self.messages.append({"role": "tool", "tool_name": one["name"], "content": result})
        return self.ask(stream)

    def ask(self, stream):
        answer = self.client.chat(model=self.model, messages=self.messages, stream=stream, **self.more)
        chunks = list(answer) if stream else [answer]
        if not chunks[-1].done:
            raise EOFError("the stream ended early")
        text = "".join(chunk.message.content or "" for chunk in chunks)
        thinking = "".join(chunk.message.thinking or "" for chunk in chunks)
        made = [one for chunk in chunks for one in chunk.message.tool_calls or []]
        self.messages.append({"role": "assistant", "content": text, "thinking": thinking, "tool_calls": made})
        calls = [call(one.function.name, one.function.arguments) for one in made]
        usage = {"prompt_eval_count": chunks[-1].prompt_eval_count, "eval_count": chunks[-1].eval_count}
        return seen(text, calls, chunks[-1].done_reason, usage, thinking)

    def tags(self):
        return {"models": [model.model for model in self.client.list().models]}

    def embed(self):
        answer = self.client.embed(model=self.model, input=["a", "b"])
        return {"count": len(answer.embeddings), "length": len(answer.embeddings[0])}
