// One table of scenarios for every SDK, against a provider that follows the words of the testkit's fakes.
//
//     node scenarios.mjs --sdk SDK --base-url ROOT --api-key KEY --model NAME[,NAME…] [--scenario NAME[,NAME…]]
//
// ROOT has no /v1. Prints one line of JSON for each model and scenario with what the SDK saw; ends with a status other
// than 0 if something was not as expected.

import { isDeepStrictEqual, parseArgs } from 'node:util';

const paris = { name: 'get_weather', arguments: { city: 'Paris' } };
const rome = { name: 'get_weather', arguments: { city: 'Rome' } };
const time = { name: 'get_time', arguments: {} };

// What is said, with what, and what must be seen; `then` are the results of the calls and the text after them.
const table = {
  hello: ['say hello', {}, { text: 'Hello from FAKE.' }],
  weather: ['weather in Paris', { tools: true }, { calls: [paris], then: [['sunny'], 'It is sunny'] }],
  parallel: [
    'weather in Paris and Rome',
    { tools: true },
    { calls: [paris, rome], then: [['sunny', 'wet'], 'It is sunny and wet'] },
  ],
  time: ['call time', { tools: true }, { calls: [time], then: [['noon'], 'It is noon'] }],
  image: ['describe the image', { image: true }, { text: 'I see an image of 70 bytes (image/png)' }],
  json: ['as json', { schema: true }, { json: { name: 'Ada', age: 36 } }],
  think: ['think hard', { think: true }, { text: 'I have thought about it.' }],
  think_tools: [
    'think hard: weather in Paris',
    { think: true, tools: true },
    { calls: [paris], then: [['sunny'], 'It is sunny'] },
  ],
  long: ['long', {}, { text: 'This goes on and on and' }],
  refuse: ['refuse', {}, {}],
  fail_429: ['fail 429', {}, { status: [429] }],
  fail_500: ['fail 500', {}, { status: [500] }],
  fail_overloaded: ['fail overloaded', {}, { status: [503, 529] }],
  break: ['break midstream', {}, { raises: true, only: true }],
  cut: ['cut midstream', {}, { raises: true, only: true }],
};

const sdks = {
  'openai-chat': ['./sdk_official.mjs', 'Chat'],
  'openai-responses': ['./sdk_official.mjs', 'Responses'],
  anthropic: ['./sdk_official.mjs', 'Anthropic'],
  'google-genai': ['./sdk_official.mjs', 'Gemini'],
  ollama: ['./sdk_official.mjs', 'Ollama'],
  'ai-openai': ['./sdk_ai.mjs', 'OpenAi'],
  'ai-openai-chat': ['./sdk_ai.mjs', 'OpenAiChat'],
  'ai-anthropic': ['./sdk_ai.mjs', 'Anthropic'],
  'openai-agents': ['./sdk_agents.mjs', 'Agents'],
};

function differs(expected, answer) {
  if (expected.text && answer.text !== expected.text) return `text is ${JSON.stringify(answer.text)}`;
  if (expected.json && !isDeepStrictEqual(JSON.parse(answer.text), expected.json)) return `text is ${answer.text}`;
  const calls = (answer.calls ?? []).map(({ name, arguments: given }) => ({ name, arguments: given }));
  if (expected.calls && !isDeepStrictEqual(calls, expected.calls)) return `calls are ${JSON.stringify(calls)}`;
  return null;
}

async function play(adapter, [said, options, expected], stream) {
  try {
    const answer = await adapter.send(said, { stream, ...options });
    const wrong = differs(adapter.runsTools && expected.then ? { text: expected.then[1] } : expected, answer);
    if (expected.then && !wrong && !adapter.runsTools) {
      const [results, text] = expected.then;
      const last = await adapter.results(answer.calls, results, { stream });
      return [{ ...last, calls_before: answer.calls, thinking: answer.thinking }, differs({ text }, last)];
    }
    if (expected.raises || expected.status) return [answer, 'it did not throw'];
    return [answer, wrong];
  } catch (error) {
    const status = error.status ?? error.statusCode ?? error.status_code ?? null;
    const shown = { error: error.constructor.name, status, message: String(error.message).slice(0, 200) };
    if (expected.raises || expected.status?.includes(status)) return [shown, null];
    console.error(error);
    return [shown, 'it threw'];
  }
}

const text = { type: 'string' };
const { values: args } = parseArgs({
  options: {
    sdk: text,
    'base-url': text,
    'api-key': { ...text, default: 'none' },
    model: text,
    scenario: { ...text, default: 'all' },
  },
});
if (!sdks[args.sdk] || !args['base-url'] || !args.model) {
  console.error(`needed: --base-url, --model, and --sdk of ${Object.keys(sdks).join(' ')}`);
  process.exit(2);
}
const [module, name] = sdks[args.sdk];
const Adapter = (await import(module))[name];
let failed = false;
for (const model of args.model.split(',')) {
  for (const scenario of args.scenario === 'all' ? Object.keys(table) : args.scenario.split(',')) {
    if (Adapter.without?.includes(scenario)) continue;
    for (const stream of table[scenario][2].only ? [true] : [false, true]) {
      const [answer, wrong] = await play(new Adapter({ ...args, model }), table[scenario], stream);
      console.log(JSON.stringify({ model, scenario, stream, ok: !wrong, ...answer, ...(wrong ? { wrong } : {}) }));
      failed ||= Boolean(wrong);
    }
  }
}
// Connections that are kept for reuse would keep the program alive.
process.exit(failed ? 1 : 0);
