// Vercel's AI SDK in the shared scenarios.

import { call, person, png, require, tools, zip } from './material.mjs';

const ai = require('ai');

class Ai {
  static without = ['refuse'];

  constructor(args) {
    this.asked = { model: this.model(args), messages: [], maxRetries: 0 };
  }

  send(text, { stream, tools: withTools, schema, think, image }) {
    const content = [{ type: 'text', text }];
    if (image) content.push({ type: 'image', image: png, mediaType: 'image/png' });
    this.asked.messages.push({ role: 'user', content });
    if (withTools) {
      const declare = ({ name, description, schema }) => [name, { description, inputSchema: ai.jsonSchema(schema) }];
      this.asked.tools = Object.fromEntries(tools.map(declare));
    }
    if (schema) this.asked.output = ai.Output.object({ schema: ai.jsonSchema(person) });
    if (think) this.asked.providerOptions = this.thinking;
    return this.ask(stream);
  }

  results(calls, results, { stream }) {
    const content = zip(calls, results).map(([{ id, name }, value]) => ({
      type: 'tool-result',
      toolCallId: id,
      toolName: name,
      output: { type: 'text', value },
    }));
    this.asked.messages.push({ role: 'tool', content });
    return this.ask(stream);
  }

  async ask(stream) {
    let failure;
    const result = stream
      ? ai.streamText({ ...this.asked, onError: ({ error }) => (failure ??= error) })
      : await ai.generateText(this.asked);
    if (stream) {
      await result.consumeStream({ onError: (error) => (failure ??= error) });
      if (failure) throw failure;
    }
    const finish = await result.finishReason;
    if (finish === 'error' || finish === 'other' || finish === 'unknown') throw new Error(`it ended with ${finish}`);
    this.asked.messages.push(...(await result.response).messages);
    const calls = (await result.toolCalls).map(({ toolName, input, toolCallId }) => call(toolName, input, toolCallId));
    const thinking = await result.reasoningText;
    return { text: await result.text, calls, thinking, finish, usage: await result.usage };
  }
}

const settings = (args) => ({ baseURL: `${args['base-url']}/v1`, apiKey: args['api-key'] });

export class OpenAi extends Ai {
  thinking = { openai: { reasoningEffort: 'high', reasoningSummary: 'auto' } };
  model(args) {
    return require('@ai-sdk/openai').createOpenAI(settings(args)).responses(args.model);
  }
}

export class OpenAiChat extends Ai {
  thinking = { openai: { reasoningEffort: 'high' } };
  model(args) {
    return require('@ai-sdk/openai').createOpenAI(settings(args)).chat(args.model);
  }
}

export class Anthropic extends Ai {
  thinking = { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } };
  model(args) {
    return require('@ai-sdk/anthropic').createAnthropic(settings(args))(args.model);
  }
}
