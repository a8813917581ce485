"""The official Google GenAI SDK in the shared scenarios."""

import base64

from google import genai
from google.genai import types

from scenarios import PERSON, PNG, TOOLS, call, seen


class Gemini:
    extras = ("count_tokens", "embed")
    without = ()

    def __init__(self, args):
        options = types.HttpOptions(base_url=args.base_url, timeout=30_000)
        self.client = genai.Client(api_key=args.api_key, http_options=options)
        self.model, self.contents, self.more = args.model, [], {}

    def send(self, text, stream, tools=False, schema=False, think=False, image=False):
        parts = [types.Part.from_text(text=text)]
        if image:
            parts.append(types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"))
        self.contents.append(types.Content(role="user", parts=parts))
        if tools:
            declarations = [
                types.FunctionDeclaration(name=name, description=about, parameters_json_schema=parameters)
                for name, about, parameters in TOOLS
            ]
            self.more["tools"] = [types.Tool(function_declarations=declarations)]
        if schema:
            self.more |= {"response_mime_type": "application/json", "response_json_schema": PERSON}
        if think:
            self.more["thinking_config"] = types.ThinkingConfig(include_thoughts=True)
        return self.ask(stream)

    def results(self, calls, results, stream):
        parts = []
        for one, result in zip(calls, results):
            response = types.FunctionResponse(id=one["id"], name=one["name"], response={"output": result})
            parts.append(types.Part(function_response=response))
        self.contents.append(types.Content(role="user", parts=parts))
        return self.ask(stream)

    def ask(self, stream):
        asked = {"model": self.model, "contents": self.contents, "config": types.GenerateContentConfig(**self.more)}
        models = self.client.models
        chunks = list(models.generate_content_stream(**asked)) if stream else [models.generate_content(**asked)]
        last = chunks[-1]
        finish = last.candidates[0].finish_reason if last.candidates else None
        if finish is None:
            raise EOFError("the stream ended early")
        contents = [chunk.candidates[0].content for chunk in chunks if chunk.candidates]
        parts = [part for content in contents if content for part in content.parts or []]
        self.contents.append(types.Content(role="model", parts=parts))
        text = "".join(part.text for part in parts if part.text and not part.thought)
        thinking = "".join(part.text for part in parts if part.text and part.thought)
        functions = [part.function_call for part in parts if part.function_call]
        calls = [call(function.name, function.args, function.id) for function in functions]
        return seen(text, calls, finish.value, last.usage_metadata.model_dump(exclude_none=True), thinking)

    def count_tokens(self):
        return {"total_tokens": self.client.models.count_tokens(model=self.model, contents="say hello").total_tokens}

    def embed(self):
        answer = self.client.models.embed_content(model=self.model, contents=["a", "b"])
        return {"count": len(answer.embeddings), "length": len(answer.embeddings[0].values)}
