// The command line that every client script shares.
//
//     node SCRIPT --base-url http://127.0.0.1:8080/v1 --api-key KEY --model NAME --case CASE[,CASE…]
//
// Each case is a function of the parsed arguments that throws when something is wrong. A passed case prints `ok CASE`;
// the first one that fails ends the program with a message and a stack trace on stderr.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

// An import statement looks for packages beside the script only; these are installed outside the source tree.
const modules = process.env.TOLLGATE_NODE_MODULES;
export const require = createRequire(modules ? join(modules, 'package.json') : import.meta.url);

export const question = [{ role: 'user', content: 'Say something about gates.' }];
export const weatherQuestion = { role: 'user', content: 'What is the weather in Paris?' };
export const weatherTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

// Fails the case with the message unless the condition holds.
export function check(condition, message) {
  if (!condition) throw new Error(message);
}

// Runs the action, which must throw an instance of one of the kinds, and returns the exception.
export async function throws(kinds, action) {
  let answer;
  try {
    answer = await action();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return error;
    throw new Error(`expected ${kinds.map((kind) => kind.name)}`, { cause: error });
  }
  throw new Error(`expected ${kinds.map((kind) => kind.name)}, got an answer: ${JSON.stringify(answer)}`);
}

export async function collect(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

// Reads the arguments and runs the named cases in their order.
export async function main(cases) {
  const { values: args } = parseArgs({
    options: {
      'base-url': { type: 'string' },
      'api-key': { type: 'string', default: 'none' },
      model: { type: 'string' },
      case: { type: 'string' },
      direct: { type: 'boolean', default: false }, // no gateway in between: expect no header of its own
    },
  });
  for (const name of ['base-url', 'model', 'case']) {
    if (!args[name]) fail(`--${name} is missing; the cases: ${Object.keys(cases).join(' ')}`, 2);
  }
  for (const name of args.case.split(',')) {
    if (!Object.hasOwn(cases, name)) fail(`no case '${name}'; there are: ${Object.keys(cases).join(' ')}`, 2);
    try {
      await cases[name](args);
    } catch (error) {
      console.error(error);
      fail(`failed ${name}: ${error.name}: ${error.message}`, 1);
    }
    console.log(`ok ${name}`);
  }
  // The SDK's connections are kept open for reuse, and would keep the program alive for some seconds.
  process.exit(0);
}

function fail(message, status) {
  console.error(message);
  process.exit(status);
}
