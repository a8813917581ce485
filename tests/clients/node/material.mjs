// What the adapters of all SDKs have in common.

export { require } from './common.mjs';

export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const object = (properties) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
export const tools = [
  { name: 'get_weather', description: 'The weather in a city.', schema: object({ city: { type: 'string' } }) },
  { name: 'get_time', description: 'The time.', schema: object({}) },
];
export const person = object({ name: { type: 'string' }, age: { type: 'integer' } });
export const call = (name, given, id) => ({
  name,
  arguments: typeof given === 'string' ? JSON.parse(given || '{}') : (given ?? {}),
  id,
});
export const zip = (calls, results) => calls.map((one, at) => [one, results[at]]);
