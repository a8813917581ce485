"""The official OpenAI SDK in the shared scenarios."""

import openai

from scenarios import PERSON, PNG, TOOLS, call, seen


def client(args):
    return openai.OpenAI(base_url=f"{args.base_url}/v1", api_key=args.api_key, max_retries=0, timeout=30.0)


class Chat:
    """Chat Completions."""

    extras = ("embeddings", "models")
    without = ()

    def __init__(self, args):
        self.client, self.model, self.messages, self.more = client(args), args.model, [], {}

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
        self.messages.append({"role": "user", "content": parts if image else text})
        if tools:
            self.more["tools"] = [
                {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
                for name, about, parameters in TOOLS
            ]
        if schema:
            json_schema = {"name": "person", "schema": PERSON, "strict": True}
            self.more["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        if think:
            self.more["reasoning_effort"] = "high"
        return self.ask(stream)

    def results(self, calls, results, stream):
        for one, result in zip(calls, results):
            self.messages.append({"role": "tool", "tool_call_id": one["id"], "content": result})
        return self.ask(stream)

    def ask(self, stream):
        asked = {"model": self.model, "messages": self.messages, **self.more}
        if stream:
            with self.client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
                for _ in events:
                    pass
                completion = events.current_completion_snapshot
            if not completion.choices[0].finish_reason:
                raise EOFError("the stream ended early")
        else:
            completion = self.client.chat.completions.create(**asked)
        choice = completion.choices[0]
        kept = choice.message.model_dump(exclude_none=True)
        kept.pop("parsed", None)
        for one in kept.get("tool_calls", []):
            one.pop("index", None)
            one["function"].pop("parsed_arguments", None)
        self.messages.append(kept)
        calls = [call(one.function.name, one.function.arguments, one.id) for one in choice.message.tool_calls or []]
        text = choice.message.content or choice.message.refusal
        thinking = getattr(choice.message, "reasoning_content", None)
        return seen(text, calls, choice.finish_reason, completion.usage.model_dump(exclude_none=True), thinking)

    def embeddings(self):
        answer = self.client.embeddings.create(model=self.model, input=["a", "b"])
        return {"count": len(answer.data), "length": len(answer.data[0].embedding)}

    def models(self):
        return {"models": [model.id for model in self.client.models.list()]}


class Responses:
    """Responses, with the history sent every time."""

    extras = ()
    without = ()
    stored = False

    def __init__(self, args):
        self.client, self.model, self.input, self.more, self.last = client(args), args.model, [], {}, None

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        content = [{"type": "input_text", "text": text}]
        if image:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"})
        self.input.append({"role": "user", "content": content})
        if tools:
            self.more["tools"] = [
                {"type": "function", "name": name, "description": about, "parameters": parameters, "strict": True}
                for name, about, parameters in TOOLS
            ]
        if schema:
            self.more["text"] = {"format": {"type": "json_schema", "name": "person", "schema": PERSON, "strict": True}}
        if think:
            self.more["reasoning"] = {"effort": "high", "summary": "auto"}
            self.more["include"] = ["reasoning.encrypted_content"]
        return self.ask(stream)

    def results(self, calls, results, stream):
        for one, result in zip(calls, results):
            self.input.append({"type": "function_call_output", "call_id": one["id"], "output": result})
        return self.ask(stream)

    def ask(self, stream):
        asked = {"model": self.model, "input": self.input, "store": self.stored, **self.more}
        if self.stored and self.last:
            asked["previous_response_id"] = self.last
        if stream:
            with self.client.responses.stream(**asked) as events:
                seen_events = list(events)
            last = seen_events[-1]
            if any(event.type in ("error", "response.failed") for event in seen_events):
                raise RuntimeError("the response failed")
            if last.type not in ("response.completed", "response.incomplete"):
                raise EOFError("the stream ended early")
            response = last.response
        else:
            response = self.client.responses.create(**asked)
        self.last = response.id
        output = [item.model_dump(exclude_none=True) for item in response.output]
        for item in output:
            item.pop("parsed_arguments", None)
            for part in item.get("content") or []:
                part.pop("parsed", None)
        self.input = [] if self.stored else [*self.input, *output]
        calls = [call(i.name, i.arguments, i.call_id) for i in response.output if i.type == "function_call"]
        thoughts = [part.text for i in response.output if i.type == "reasoning" for part in i.summary]
        usage = response.usage.model_dump(exclude_none=True)
        return seen(response.output_text, calls, response.status, usage, "".join(thoughts))


class Previous(Responses):
    """Responses, with the history kept by the server."""

    stored = True
