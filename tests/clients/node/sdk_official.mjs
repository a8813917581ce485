// The official SDKs of OpenAI, Anthropic, Google and Ollama in the shared scenarios.

import { call, person, png, require, tools, zip } from './material.mjs';

export class Chat {
  constructor(args) {
    const OpenAI = require('openai');
    this.client = new OpenAI({ baseURL: `${args['base-url']}/v1`, apiKey: args['api-key'], maxRetries: 0 });
    this.asked = { model: args.model, messages: [] };
  }

  send(text, { stream, tools: withTools, schema, think, image }) {
    const url = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
    this.asked.messages.push({ role: 'user', content: image ? [{ type: 'text', text }, url] : text });
    if (withTools) {
      this.asked.tools = tools.map(({ schema: parameters, ...about }) => ({
        type: 'function',
        function: { ...about, parameters },
      }));
    }
    const json_schema = { name: 'person', schema: person, strict: true };
    if (schema) this.asked.response_format = { type: 'json_schema', json_schema };
    if (think) this.asked.reasoning_effort = 'high';
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const messages = zip(calls, results).map(([{ id }, content]) => ({ role: 'tool', tool_call_id: id, content }));
    this.asked.messages.push(...messages);
    return this.ask(stream);
  }

  async ask(stream) {
    const api = this.client.chat.completions;
    const runner = stream && api.stream({ ...this.asked, stream_options: { include_usage: true } });
    const completion = stream ? await runner.finalChatCompletion() : await api.create(this.asked);
    const [{ message, finish_reason: finish }] = completion.choices;
    const kept = { role: 'assistant', content: message.content };
    if (message.tool_calls?.length) {
      kept.tool_calls = message.tool_calls.map(({ id, type, function: { name, arguments: given } }) => ({
        id,
        type,
        function: { name, arguments: given },
      }));
    }
    this.asked.messages.push(kept);
    const calls = (message.tool_calls ?? []).map((one) => call(one.function.name, one.function.arguments, one.id));
    return { text: message.content ?? message.refusal ?? '', calls, finish, usage: completion.usage };
  }
}

export class Responses {
  constructor(args) {
    const OpenAI = require('openai');
    this.client = new OpenAI({ baseURL: `${args['base-url']}/v1`, apiKey: args['api-key'], maxRetries: 0 });
    this.asked = { model: args.model, input: [], store: false };
  }

  send(text, { stream, tools: withTools, schema, think, image }) {
    const content = [{ type: 'input_text', text }];
    if (image) content.push({ type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'auto' });
    this.asked.input.push({ role: 'user', content });
    if (withTools) {
      const flat = ({ schema: parameters, ...about }) => ({ type: 'function', ...about, parameters, strict: true });
      this.asked.tools = tools.map(flat);
    }
    if (schema) this.asked.text = { format: { type: 'json_schema', name: 'person', schema: person, strict: true } };
    if (think) {
      this.asked.reasoning = { effort: 'high', summary: 'auto' };
      this.asked.include = ['reasoning.encrypted_content'];
    }
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const outputs = zip(calls, results).map(([{ id }, output]) => ({ type: 'function_call_output', call_id: id, output }));
    this.asked.input.push(...outputs);
    return this.ask(stream);
  }

  async ask(stream) {
    let response;
    if (stream) {
      for await (const event of await this.client.responses.create({ ...this.asked, stream: true })) {
        if (['response.completed', 'response.incomplete'].includes(event.type)) response = event.response;
        if (['error', 'response.failed'].includes(event.type)) throw new Error('the response failed');
      }
      if (!response) throw new Error('the stream ended early');
    } else {
      response = await this.client.responses.create(this.asked);
    }
    this.asked.input.push(...response.output);
    const calls = response.output.filter(({ type }) => type === 'function_call');
    const parts = response.output.flatMap(({ type, content }) => (type === 'message' ? content : []));
    return {
      text: parts.map((part) => part.text ?? part.refusal).join(''),
      calls: calls.map((one) => call(one.name, one.arguments, one.call_id)),
      finish: response.status,
      usage: response.usage,
    };
  }
}

export class Anthropic {
  constructor(args) {
    const Sdk = require('@anthropic-ai/sdk');
    this.client = new (Sdk.default ?? Sdk)({ baseURL: args['base-url'], apiKey: args['api-key'], maxRetries: 0 });
    this.asked = { model: args.model, max_tokens: 4096, messages: [] };
  }

  send(text, { stream, tools: withTools, schema, think, image }) {
    const content = [{ type: 'text', text }];
    if (image) content.push({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } });
    this.asked.messages.push({ role: 'user', content });
    if (withTools) this.asked.tools = tools.map(({ schema: input_schema, ...about }) => ({ ...about, input_schema }));
    if (schema) this.asked.output_config = { format: { type: 'json_schema', schema: person } };
    if (think) this.asked.thinking = { type: 'enabled', budget_tokens: 1024 };
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const content = zip(calls, results).map(([{ id }, content]) => ({ type: 'tool_result', tool_use_id: id, content }));
    this.asked.messages.push({ role: 'user', content });
    return this.ask(stream);
  }

  async ask(stream) {
    const api = this.client.messages;
    const message = stream ? await api.stream(this.asked).finalMessage() : await api.create(this.asked);
    if (!message.stop_reason) throw new Error('the stream ended early');
    this.asked.messages.push({ role: 'assistant', content: message.content });
    const blocks = (kind) => message.content.filter(({ type }) => type === kind);
    return {
      text: blocks('text').map(({ text }) => text).join(''),
      calls: blocks('tool_use').map(({ name, input, id }) => call(name, input, id)),
      thinking: blocks('thinking').map(({ thinking }) => thinking).join(''),
      finish: message.stop_reason,
      usage: message.usage,
    };
  }
}

export class Gemini {
  constructor(args) {
    const { GoogleGenAI } = require('@google/genai');
    this.client = new GoogleGenAI({ apiKey: args['api-key'], httpOptions: { baseUrl: args['base-url'] } });
    this.asked = { model: args.model, contents: [], config: {} };
  }

  send(text, { stream, tools: withTools, schema, think, image }) {
    const parts = [{ text }];
    if (image) parts.push({ inlineData: { mimeType: 'image/png', data: png } });
    this.asked.contents.push({ role: 'user', parts });
    const { config } = this.asked;
    if (withTools) {
      const declare = ({ schema: parametersJsonSchema, ...about }) => ({ ...about, parametersJsonSchema });
      config.tools = [{ functionDeclarations: tools.map(declare) }];
    }
    if (schema) Object.assign(config, { responseMimeType: 'application/json', responseJsonSchema: person });
    if (think) config.thinkingConfig = { includeThoughts: true };
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const part = ([{ id, name }, output]) => ({ functionResponse: { id, name, response: { output } } });
    this.asked.contents.push({ role: 'user', parts: zip(calls, results).map(part) });
    return this.ask(stream);
  }

  async ask(stream) {
    const chunks = [];
    if (stream) {
      for await (const chunk of await this.client.models.generateContentStream(this.asked)) chunks.push(chunk);
    } else {
      chunks.push(await this.client.models.generateContent(this.asked));
    }
    const last = chunks.at(-1);
    const finish = last.candidates?.[0]?.finishReason;
    if (!finish) throw new Error('the stream ended early');
    const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    this.asked.contents.push({ role: 'model', parts });
    const made = parts.flatMap(({ functionCall }) => functionCall ?? []);
    const texts = (thought) => parts.filter((part) => part.text && Boolean(part.thought) === thought);
    return {
      text: texts(false).map(({ text }) => text).join(''),
      calls: made.map(({ name, args, id }) => call(name, args, id)),
      thinking: texts(true).map(({ text }) => text).join(''),
      finish,
      usage: last.usageMetadata,
    };
  }
}

export class Ollama {
  constructor(args) {
    const { Ollama: Sdk } = require('ollama');
    const headers = { authorization: `Bearer ${args['api-key']}` };
    this.client = new Sdk({ host: args['base-url'], headers });
    this.asked = { model: args.model, messages: [] };
  }

  send(content, { stream, tools: withTools, schema, think, image }) {
    this.asked.messages.push({ role: 'user', content, ...(image ? { images: [png] } : {}) });
    if (withTools) {
      const declare = ({ schema: parameters, ...about }) => ({ type: 'function', function: { ...about, parameters } });
      this.asked.tools = tools.map(declare);
    }
    if (schema) this.asked.format = person;
    if (think) this.asked.think = true;
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const messages = zip(calls, results).map(([{ name }, content]) => ({ role: 'tool', tool_name: name, content }));
    this.asked.messages.push(...messages);
    return this.ask(stream);
  }

  async ask(stream) {
    const chunks = [];
    if (stream) for await (const chunk of await this.client.chat({ ...this.asked, stream: true })) chunks.push(chunk);
    else chunks.push(await this.client.chat(this.asked));
    const last = chunks.at(-1);
    if (!last.done) throw new Error('the stream ended early');
    const text = chunks.map(({ message }) => message.content ?? '').join('');
    const made = chunks.flatMap(({ message }) => message.tool_calls ?? []);
    this.asked.messages.push({ role: 'assistant', content: text, tool_calls: made });
    return {
      text,
      calls: made.map((one) => call(one.function.name, one.function.arguments)),
      thinking: chunks.map(({ message }) => message.thinking ?? '').join(''),
      finish: last.done_reason,
      usage: { prompt_eval_count: last.prompt_eval_count, eval_count: last.eval_count },
    };
  }
}
