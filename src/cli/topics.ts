// `topics create`: creates missing topics with the settings each needs.
import type { Command } from 'commander';

import { numberOption, logPlace, readConfig, withLog } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { ensureTopics, partitionsDefault } from './ensure-topics.ts';

interface CreateFlags {
  readonly partitions?: number;
  readonly json?: true;
}

const examples = `
Examples:
  node dist/main.js topics create
  KAFKA_BROKERS=localhost:9092 TOPIC_REPLICATION_FACTOR=3 node dist/main.js topics create --partitions 12`;

/** Adds `topics create`. */
export function addTopics(program: Command, context: CliContext): void {
  const topics = program.command('topics').description('manage the topics of the program');
  topics
    .command('create')
    .description('create missing topics; existing ones stay as they are')
    .option(
      '--partitions <number>',
      `partitions of a new input topic (default: ${partitionsDefault})`,
      numberOption({ min: 1, max: 10_000 }),
    )
    .option('--json', 'print the topics as JSON')
    .addHelpText('after', examples)
    .action((flags: CreateFlags) => create(flags, context));
}

async function create({ partitions, json }: CreateFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const ensured = await withLog({ config, context, name: 'topics' }, (log) =>
    ensureTopics(log, config, partitions),
  );
  if (json === true) {
    printLine(context.out, JSON.stringify({ topics: ensured }));
    return;
  }
  for (const { topic, partitions: count, isNew } of ensured) {
    printLine(context.out, `${isNew ? 'created' : 'exists '}  ${topic}  ${count} partitions`);
  }
  const [input] = ensured;
  if (partitions !== undefined && input !== undefined && input.partitions !== partitions) {
    const kept = `${input.topic} keeps its ${input.partitions} partitions`;
    printLine(context.err, `warning: ${kept}: an existing topic is never changed`);
  }
  printLine(context.err, `on ${logPlace(config)}`);
}
