// Topic filters of MQTT, and the device id that a topic's levels make.
//
//   filter  factory/+/sensor/+      topic  factory/north/sensor/7      {1}/{2}  →  north/7
//
// Levels hold no `/`, so that ids whose parts are separated by one are as distinct as the topics.

/** Returns the device id of a topic; undefined where it does not match. */
export type IdOfTopic = (topic: string) => string | undefined;

const placeholder = /\{(\d{1,2}|topic)\}/g;

/** Returns why `filter` is no topic filter, or `template` none for it; undefined where both are. */
export function topicProblem(filter: string, template: string | undefined): string | undefined {
  const levels = plainFilter(filter).split('/');
  const wildcards = levels.filter(isWildcard).length;
  const isFilter = levels.every((level, index) =>
    isWildcard(level) ? level === '+' || index === levels.length - 1 : !/[+#]/.test(level),
  );
  if (plainFilter(filter) === '' || !isFilter) {
    return `MQTT_TOPIC is ${JSON.stringify(filter)}; allowed: + for a level, # for the last ones`;
  }
  if (template === undefined) return undefined;
  const parts = template.split(placeholder);
  const [names, between] = [parts.filter(odd), parts.filter(even).slice(1, -1)];
  const highest = Math.max(0, ...names.filter((name) => name !== 'topic').map(Number));
  if (names.length > 0 && highest <= wildcards && !names.includes('0')) {
    if (between.every((part) => part.includes('/'))) return undefined;
    return 'MQTT_SENSOR_ID has two levels without / between them, so that two topics may be one id';
  }
  return (
    `MQTT_SENSOR_ID is ${JSON.stringify(template)}; allowed: {topic}` +
    (wildcards === 0 ? '' : `, {1}${wildcards > 1 ? ` to {${wildcards}}` : ''}`) +
    `, as MQTT_TOPIC has ${wildcards} wildcards`
  );
}

/** Returns the ids of the topics that match `filter`. */
export function createIdOfTopic(filter: string, template: string): IdOfTopic {
  const pattern = patternOf(plainFilter(filter));
  return (topic) => {
    const found = pattern.exec(topic);
    if (found === null) return undefined;
    return template.replace(placeholder, (_, name: string) =>
      name === 'topic' ? topic : (found[Number(name)] ?? ''),
    );
  };
}

/** Without the name of a shared subscription. */
function plainFilter(filter: string): string {
  return filter.replace(/^\$share\/[^/]+\//, '');
}

function patternOf(filter: string): RegExp {
  const levels = filter.split('/').map((level) => {
    if (level === '+') return '/([^/]*)';
    // `a/#` matches `a` as well.
    if (level === '#') return '(?:/(.*))?';
    return `/${level.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;
  });
  return new RegExp(`^${levels.join('').replace(/^(\(\?:)?\//, '$1')}$`, 's');
}

const isWildcard = (level: string): boolean => level === '+' || level === '#';
const odd = (_: string, index: number): boolean => index % 2 === 1;
const even = (_: string, index: number): boolean => index % 2 === 0;
