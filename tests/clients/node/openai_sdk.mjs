// The official OpenAI SDK for Node, as an application would use it. See the README for the cases.

import { check, collect, main, question, require, throws, weatherQuestion, weatherTool } from './common.mjs';

const OpenAI = require('openai');
const { zodResponseFormat } = require('openai/helpers/zod');
const { z } = require('zod');

// Lengths are bounded, because a random model would never close a string.
const Item = z.object({ name: z.string().max(12), size: z.number().int(), kind: z.enum(['small', 'large']) });

function client(args, changes = {}) {
  // No retries: they would hide an answer that the gateway should not have given.
  return new OpenAI({ baseURL: args['base-url'], apiKey: args['api-key'], maxRetries: 0, timeout: 60_000, ...changes });
}

// The arguments of an ordinary chat completion.
function ask(args, changes = {}) {
  return { model: args.model, messages: question, max_tokens: 12, seed: 7, ...changes };
}

function checkHeaders(args, response) {
  if (!args.direct) check(response.headers.get('x-request-id'), 'no x-request-id');
}

function checkCompletion(completion) {
  const shown = JSON.stringify(completion);
  check(completion.object === 'chat.completion', `object is ${completion.object}`);
  check(completion.id && completion.model, `id or model missing: ${shown}`);
  check(Number.isInteger(completion.created), `created is ${completion.created}`);
  check(completion.choices.length === 1, `expected one choice: ${shown}`);
  const [choice] = completion.choices;
  check(choice.message.role === 'assistant', `role is ${choice.message.role}`);
  check(['stop', 'length'].includes(choice.finish_reason), `finish_reason is ${choice.finish_reason}`);
  check(typeof choice.message.content === 'string', `no content: ${shown}`);
  const { usage } = completion;
  check(usage?.prompt_tokens > 0, `no usage: ${shown}`);
  check(usage.total_tokens === usage.prompt_tokens + usage.completion_tokens, `usage does not add up: ${shown}`);
}

// What holds for every stream; returns the chunks that have a choice.
function checkStream(chunks) {
  check(chunks.length > 0, 'the stream was empty');
  check(new Set(chunks.map((chunk) => chunk.id)).size === 1, 'several ids in one stream');
  check(chunks.every((chunk) => chunk.object === 'chat.completion.chunk'), 'a chunk has another object type');
  const withChoice = chunks.filter((chunk) => chunk.choices.length > 0);
  const reasons = withChoice.map((chunk) => chunk.choices[0].finish_reason);
  check(reasons.filter(Boolean).length === 1 && reasons.at(-1), `expected one finish_reason, at the end: ${reasons}`);
  return withChoice;
}

function checkText(withChoice) {
  const text = withChoice.map((chunk) => chunk.choices[0].delta.content ?? '').join('');
  check(text || withChoice.at(-1).choices[0].finish_reason === 'stop', 'no content, though the model did not stop');
  return text;
}

async function chat(args) {
  const { data, response } = await client(args).chat.completions.create(ask(args)).withResponse();
  checkHeaders(args, response);
  checkCompletion(data);
}

async function stream(args) {
  const asked = ask(args, { stream: true });
  const { data, response } = await client(args).chat.completions.create(asked).withResponse();
  checkHeaders(args, response);
  const kind = response.headers.get('content-type');
  check(kind?.startsWith('text/event-stream'), `content-type is ${kind}`);
  const chunks = await collect(data);
  checkText(checkStream(chunks));
  check(!chunks.some((chunk) => 'usage' in chunk), 'a chunk has usage, which nobody asked for');
}

async function stream_usage(args) {
  const asked = ask(args, { stream: true, stream_options: { include_usage: true } });
  const chunks = await collect(await client(args).chat.completions.create(asked));
  checkText(checkStream(chunks));
  const last = chunks.at(-1);
  check(last.choices.length === 0, `the last chunk has choices: ${JSON.stringify(last)}`);
  check(last.usage?.prompt_tokens > 0, `the last chunk has no usage: ${JSON.stringify(last)}`);
  const before = chunks.slice(0, -1);
  check(before.every((chunk) => chunk.choices.length && !chunk.usage), 'usage or no choices before the end');
}

async function stream_helper(args) {
  const runner = client(args).chat.completions.stream(ask(args));
  let deltas = '';
  runner.on('content', (delta) => (deltas += delta));
  const completion = await runner.finalChatCompletion();
  const [choice] = completion.choices;
  check(['stop', 'length'].includes(choice.finish_reason), `finish_reason is ${choice.finish_reason}`);
  check((choice.message.content ?? '') === deltas, 'the deltas do not make up the final content');
}

async function structured(args) {
  const asked = ask(args, { max_tokens: 500, response_format: zodResponseFormat(Item, 'item') });
  const completion = await client(args).chat.completions.parse(asked);
  checkCompletion(completion);
  Item.parse(completion.choices[0].message.parsed);

  const streamed = await client(args).chat.completions.stream(asked).finalChatCompletion();
  Item.parse(streamed.choices[0].message.parsed);
}

async function embeddings(args) {
  const input = ['a gate', 'an altogether different text, and a longer one'];
  const api = client(args).embeddings;
  const packed = await api.create({ model: args.model, input });
  const floats = await api.create({ model: args.model, input, encoding_format: 'float' });
  for (const answer of [packed, floats]) {
    check(answer.data.map((item) => item.index).join() === '0,1', 'the indexes are not 0, 1');
    check(answer.usage.prompt_tokens > 0, `usage is ${JSON.stringify(answer.usage)}`);
    check(answer.data.every((item) => Array.isArray(item.embedding)), 'an embedding is no list');
  }
  packed.data.forEach(({ embedding }, index) => {
    const other = floats.data[index].embedding;
    check(embedding.length > 0 && embedding.length === other.length, 'the two forms differ in length');
    check(embedding.every((value, at) => Math.abs(value - other[at]) < 1e-5), 'the two forms differ');
  });
  check(floats.data[0].embedding.join() !== floats.data[1].embedding.join(), 'different texts, the same embedding');
}

async function completions(args) {
  const asked = { model: args.model, prompt: 'A gate is', max_tokens: 12, seed: 7 };
  const completion = await client(args).completions.create(asked);
  check(completion.object === 'text_completion', `object is ${completion.object}`);
  check(typeof completion.choices[0].text === 'string', `no text: ${JSON.stringify(completion)}`);
  check(['stop', 'length'].includes(completion.choices[0].finish_reason), 'no finish_reason');
  check(completion.usage?.prompt_tokens > 0, `no usage: ${JSON.stringify(completion)}`);

  const chunks = await collect(await client(args).completions.create({ ...asked, stream: true }));
  const reason = chunks.filter((chunk) => chunk.choices.length).at(-1)?.choices[0].finish_reason;
  check(['stop', 'length'].includes(reason), `the stream's finish_reason is ${reason}`);
}

async function models(args) {
  const api = client(args).models;
  const ids = (await collect(api.list())).map((model) => model.id);
  check(ids.length > 0, 'no models');
  const wanted = ids.includes(args.model) ? args.model : ids[0];
  const model = await api.retrieve(wanted);
  check(model.id === wanted && model.object === 'model', `asked for ${wanted}, got ${JSON.stringify(model)}`);
}

function checkResponse(response) {
  const shown = JSON.stringify(response);
  check(response.object === 'response' && response.id, `not a response: ${shown}`);
  check(['completed', 'incomplete'].includes(response.status), `status is ${response.status}`);
  check(response.usage?.input_tokens > 0, `no usage: ${shown}`);
  return response.output
    .flatMap((item) => item.content ?? [])
    .map((part) => part.text ?? '')
    .join('');
}

async function responses(args) {
  const asked = { model: args.model, input: 'Say something about gates.', max_output_tokens: 16 };
  const response = await client(args).responses.create(asked);
  check(checkResponse(response) === response.output_text, 'output_text is not the text of the output');
  const content = [{ type: 'input_text', text: 'Say something about gates.' }];
  const listed = { ...asked, instructions: 'Be brief.', input: [{ role: 'user', content }] };
  checkResponse(await client(args).responses.create(listed));
}

async function responses_stream(args) {
  const asked = { model: args.model, input: 'Say something about gates.', max_output_tokens: 16, stream: true };
  const events = await collect(await client(args).responses.create(asked));
  const kinds = events.map((event) => event.type);
  check(kinds[0] === 'response.created', `events: ${kinds}`);
  check(['response.completed', 'response.incomplete'].includes(kinds.at(-1)), `events: ${kinds}`);
  const numbers = events.map((event) => event.sequence_number).filter((number) => number !== undefined);
  check(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `sequence numbers: ${numbers}`);
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  const text = deltas.map((event) => event.delta).join('');
  check(text === checkResponse(events.at(-1).response), 'the deltas do not make up the final output');
}

async function responses_helper(args) {
  const asked = { model: args.model, input: 'Say something about gates.', max_output_tokens: 16 };
  checkResponse(await client(args).responses.stream(asked).finalResponse());
}

async function error_model(args) {
  for (const changes of [{}, { stream: true }]) {
    const asked = ask(args, { model: 'no-such-model', ...changes });
    const kinds = [OpenAI.NotFoundError, OpenAI.BadRequestError];
    const error = await throws(kinds, () => client(args).chat.completions.create(asked));
    check(error.code === 'model_not_found', `code is ${error.code}: ${error.message}`);
  }
}

async function error_auth(args) {
  const wrong = client(args, { apiKey: `${args['api-key']}-wrong` });
  for (const action of [() => wrong.chat.completions.create(ask(args)), () => collect(wrong.models.list())]) {
    const error = await throws([OpenAI.AuthenticationError], action);
    check(error.status === 401, `status is ${error.status}`);
    check(error.code === 'invalid_api_key', `code is ${error.code}: ${error.message}`);
    check(!error.message.includes(args['api-key']), 'the error text holds the key');
  }
}

async function error_upstream(args) {
  for (const changes of [{}, { stream: true }]) {
    const action = () => client(args).chat.completions.create(ask(args, changes));
    const error = await throws([OpenAI.BadRequestError], action);
    check(error.message.includes('bad thing from upstream'), `the upstream's message is lost: ${error.message}`);
    check(error.type === 'invalid_request_error', `type is ${error.type}`);
  }
}

async function timeout(args) {
  const impatient = client(args, { timeout: 500 });
  await throws([OpenAI.APIConnectionTimeoutError], () => impatient.chat.completions.create(ask(args)));
}

function checkCall(call) {
  check(call?.id, `no tool call, or without an id: ${JSON.stringify(call)}`);
  check(call.function.name === 'get_weather', `the tool is ${call.function.name}`);
  const { city } = JSON.parse(call.function.arguments);
  check(typeof city === 'string', `arguments are ${call.function.arguments}`);
}

async function tools(args) {
  const api = client(args).chat.completions;
  const asked = { model: args.model, messages: [weatherQuestion], tools: [weatherTool] };
  const [choice] = (await api.create(asked)).choices;
  check(choice.finish_reason === 'tool_calls', `finish_reason is ${choice.finish_reason}`);
  const call = choice.message.tool_calls?.[0];
  checkCall(call);

  // The message goes back just as it came, as the SDK's own examples do.
  const result = { role: 'tool', tool_call_id: call.id, content: '{"sky":"clear"}' };
  const answer = await api.create({ ...asked, messages: [weatherQuestion, choice.message, result] });
  check(answer.choices[0].message.content, `no text after the tool's result: ${JSON.stringify(answer)}`);
  check(answer.choices[0].finish_reason === 'stop', `finish_reason is ${answer.choices[0].finish_reason}`);
}

async function tools_stream(args) {
  const api = client(args).chat.completions;
  const asked = { model: args.model, messages: [weatherQuestion], tools: [weatherTool] };
  // The helper joins the pieces of a call by their index.
  const [choice] = (await api.stream(asked).finalChatCompletion()).choices;
  check(choice.finish_reason === 'tool_calls', `finish_reason is ${choice.finish_reason}`);
  const call = choice.message.tool_calls?.[0];
  checkCall(call);

  const { id, function: { name, arguments: given } } = call;
  const said = { role: 'assistant', tool_calls: [{ id, type: 'function', function: { name, arguments: given } }] };
  const result = { role: 'tool', tool_call_id: id, content: '{"sky":"clear"}' };
  const messages = [weatherQuestion, said, result];
  const chunks = await collect(await api.create({ ...asked, messages, stream: true }));
  check(checkText(checkStream(chunks)), "no text after the tool's result");
}

async function disconnect(args) {
  const shared = client(args);
  for (let round = 0; round < 3; round += 1) {
    const stream = await shared.chat.completions.create(ask(args, { max_tokens: 400, stream: true }));
    for await (const chunk of stream) {
      if (chunk.choices.length > 0) break; // leaving the loop aborts the request
    }
  }
  checkCompletion(await shared.chat.completions.create(ask(args)));
}

await main({
  ...{ chat, stream, stream_usage, stream_helper, structured, embeddings, completions, models },
  ...{ responses, responses_stream, responses_helper, error_model, error_auth, error_upstream, timeout },
  ...{ tools, tools_stream, disconnect },
});
