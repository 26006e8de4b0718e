import { describe, expect, it } from 'vitest';

import { createIdOfTopic, topicProblem } from '../../src/ingest/mqtt-topics.ts';

describe('the id of a topic', () => {
  it.each([
    ['factory/+/sensor/+', '{1}/{2}', 'factory/north/sensor/7', 'north/7'],
    ['factory/+/sensor/+', 'f/{2}', 'factory/north/sensor/7', 'f/7'],
    ['$share/g/factory/+', '{1}', 'factory/north', 'north'],
    ['home/#', '{1}', 'home/kitchen/temp', 'kitchen/temp'],
    ['home/#', 'x/{1}', 'home', 'x/'],
    ['#', '{1}', 'a/b', 'a/b'],
    ['+/t', '{topic}', 'a/t', 'a/t'],
    ['a.b/+', '{1}', 'axb/c', undefined],
    ['factory/+', '{1}', 'factory/north/7', undefined],
  ])('of %s as %s of %s is %s', (filter, template, topic, id) => {
    expect(createIdOfTopic(filter, template)(topic)).toBe(id);
  });

  it.each([
    ['a/#/b', undefined, 'MQTT_TOPIC is "a/#/b"'],
    ['a+/b', undefined, 'MQTT_TOPIC is "a+/b"'],
    ['', undefined, 'MQTT_TOPIC is ""'],
    ['a/+', '{2}', 'allowed: {topic}, {1}, as MQTT_TOPIC has 1 wildcards'],
    ['a/+', 'fixed', 'MQTT_SENSOR_ID is "fixed"'],
    ['a/+', '{0}', 'MQTT_SENSOR_ID is "{0}"'],
    ['+/+', '{1}-{2}', 'two topics may be one id'],
  ])('is refused for %s as %s: %s', (filter, template, problem) => {
    expect(topicProblem(filter, template)).toContain(problem);
  });

  it.each([
    ['factory/+/sensor/+', '{1}/{2}'],
    ['a', '{topic}'],
    ['#', undefined],
  ])('is accepted for %s as %s', (filter, template) => {
    expect(topicProblem(filter, template)).toBeUndefined();
  });
});
