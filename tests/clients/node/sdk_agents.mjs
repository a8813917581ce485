// The OpenAI Agents SDK, which runs the tools itself, in the shared scenarios. Over Responses.

import { png, require, tools } from './material.mjs';

const OpenAI = require('openai');
const { Agent, OpenAIResponsesModel, Runner, setTracingDisabled, tool } = require('@openai/agents');
setTracingDisabled(true);

const results = { get_weather: ({ city }) => ({ Paris: 'sunny', Rome: 'wet' })[city], get_time: () => 'noon' };

export class Agents {
  static without = ['json', 'think', 'think_tools', 'refuse', 'long'];
  runsTools = true;

  constructor(args) {
    const client = new OpenAI({ baseURL: `${args['base-url']}/v1`, apiKey: args['api-key'], maxRetries: 0 });
    this.model = new OpenAIResponsesModel(client, args.model);
  }

  async send(text, { stream, tools: withTools, image }) {
    const declare = ({ name, description, schema: parameters }) =>
      tool({ name, description, parameters, execute: async (given) => results[name](given) });
    const agent = new Agent({ name: 'fake', model: this.model, tools: withTools ? tools.map(declare) : [] });
    const content = [{ type: 'input_text', text }];
    if (image) content.push({ type: 'input_image', image: `data:image/png;base64,${png}` });
    const result = await new Runner().run(agent, [{ role: 'user', content }], { stream });
    if (stream) {
      for await (const _ of result);
      await result.completed;
    }
    return { text: result.finalOutput };
  }
}
