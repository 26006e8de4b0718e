// Requests that `feast serve` and the program are both asked: right ones in many shapes, and wrong
// ones of every kind.
import { feastView as view } from '../../src/codecs/feast.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';

export interface AskedRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** The content type; '' for none. */
  readonly type: string;
  /** The text of the body; undefined for none. */
  readonly body: string | undefined;
}

type Add = (name: string, body: unknown, how?: Partial<AskedRequest>) => void;

const names = defaultFeatures.map(({ name }) => name);
const ref = (name: string): string => `${view}:${name}`;
const all = names.map(ref);
const features = [ref('count')];

/** Returns the requests about three stored sensors, each with a name of its own. */
export function feastRequests([a, b, c]: readonly [
  string,
  string,
  string,
]): readonly AskedRequest[] {
  const out: AskedRequest[] = [];
  const add: Add = (name, body, how = {}) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const post = { method: 'POST', path: '/get-online-features', type: 'application/json' };
    out.push({ ...post, name, body: text, ...how });
  };
  const entities = {
    'one sensor': [a],
    'an unknown sensor': ['nobody'],
    'two sensors': [a, b],
    'known and unknown': [a, 'nobody', b],
    'one sensor twice': [a, a],
    'a quoted id': [c],
    'an empty id': [''],
    'a whole number': [42],
    many: Array.from({ length: 50 }, (_, i) => (i % 2 ? a : `x${i}`)),
  };
  for (const [who, sensor_id] of Object.entries(entities)) {
    for (const n of names) add(`${n} of ${who}`, { features: [ref(n)], entities: { sensor_id } });
    add(`all of ${who}`, { features: all, entities: { sensor_id } });
    add(`all of ${who}, full names`, {
      features: all,
      entities: { sensor_id },
      full_feature_names: true,
    });
  }
  addOptions(add, a);
  addFeatures(add, a);
  addEntities(add, [a, b]);
  addBodies(add, a);
  return out;
}

function addOptions(add: Add, a: string): void {
  const entities = { sensor_id: [a] };
  for (const [k, v] of [
    ['false', false],
    ['null', null],
    ['"true"', 'true'],
    ['"yes"', 'yes'],
    ['1', 1],
    ['0', 0],
    ['2', 2],
    ['"on"', 'on'],
    ['"maybe"', 'maybe'],
    ['list', []],
  ])
    add(`full_feature_names ${String(k)}`, { features, entities, full_feature_names: v });
  add('view metadata', { features: all, entities, include_feature_view_version_metadata: true });
  add('unknown key in the body', { features: all, entities, hello: 1 });
}

function addFeatures(add: Add, a: string): void {
  const entities = { sensor_id: [a] };
  add('features reversed', { features: [...all].reverse(), entities });
  add('a feature twice', { features: [ref('count'), ref('count')], entities });
  add('a feature twice, full names', {
    features: [ref('count'), ref('count')],
    entities,
    full_feature_names: true,
  });
  add('no features', { features: [], entities });
  add('features null', { features: null, entities });
  add('features missing', { entities });
  add('features a string', { features: ref('count'), entities });
  add('features numbers', { features: [1], entities });
  add('feature without a view', { features: ['count'], entities });
  add('feature with two colons', { features: [`${view}:count:x`], entities });
  add('empty feature', { features: [''], entities });
  add('unknown view', { features: ['nope:count'], entities });
  add('unknown feature', { features: [`${view}:nope`], entities });
  add('known and unknown feature', { features: [ref('count'), `${view}:nope`], entities });
  add('version of a view', { features: [`${view}@v1:count`], entities });
  add('service unknown', { feature_service: 'nope', entities });
  add('service empty', { feature_service: '', entities });
  add('service null', { feature_service: null, features, entities });
  add('service number', { feature_service: 3, entities });
  add('service named as the view', { feature_service: view, entities });
  add('service of the repository', { feature_service: 'sensor_model', entities });
  add('service and features', { feature_service: 'nope', features, entities });
}

function addEntities(add: Add, [a, b]: readonly [string, string]): void {
  add('entities missing', { features: all });
  add('entities null', { features: all, entities: null });
  add('entities a list', { features: all, entities: [a] });
  add('entities empty', { features: all, entities: {} });
  add('entity of another name', { features: all, entities: { machine: [a] } });
  add('entity and another', { features: all, entities: { sensor_id: [a], machine: ['m'] } });
  add('entity and another, shorter', {
    features: all,
    entities: { sensor_id: [a, b], machine: ['m'] },
  });
  add('entity a string', { features: all, entities: { sensor_id: a } });
  add('entity an empty list', { features: all, entities: { sensor_id: [] } });
  add('entity null', { features: all, entities: { sensor_id: [null] } });
  add('entity true', { features: all, entities: { sensor_id: [true] } });
  add('entity a fraction', { features: all, entities: { sensor_id: [1.5] } });
  add('entity 1.0', `{"features":["${view}:count"],"entities":{"sensor_id":[1.0]}}`);
  add('entity 1e3', `{"features":["${view}:count"],"entities":{"sensor_id":[1e3]}}`);
  add(
    'entity of 20 digits',
    `{"features":["${view}:count"],"entities":{"sensor_id":[12345678901234567890]}}`,
  );
  add('entity a list in a list', { features: all, entities: { sensor_id: [[a]] } });
  add('entity an object', { features: all, entities: { sensor_id: [{ x: 1 }] } });
  add('entity string and number', { features: all, entities: { sensor_id: [a, 1] } });
  add('entities with protobuf value', { features: all, entities: { sensor_id: { val: [a] } } });
}

function addBodies(add: Add, a: string): void {
  const entities = { sensor_id: [a] };
  add('a body of null', 'null');
  add('a body of a list', '[]');
  add('a body of a string', '"x"');
  add('a body of a number', '1');
  add('no body', '');
  add('half a body', '{"features":');
  add('text', 'hello');
  add('NaN in the body', '{"features":NaN,"entities":{"sensor_id":["a"]}}');
  add('a body with a byte order mark', '\ufeff{}');
  add(
    'key twice',
    `{"features":["${view}:count"],"entities":{"sensor_id":["x"]},"entities":{"sensor_id":["${a}"]}}`,
  );
  add('text/plain', { features: all, entities }, { type: 'text/plain' });
  add('no content type', { features: all, entities }, { type: '' });
  add('GET', undefined, { method: 'GET' });
  add('PUT', { features: all, entities }, { method: 'PUT' });
  add('trailing slash', { features: all, entities }, { path: '/get-online-features/' });
  add('health', undefined, { method: 'GET', path: '/health' });
  add('unknown path', undefined, { method: 'GET', path: '/nope' });
}
