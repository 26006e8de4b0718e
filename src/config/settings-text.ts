// The table of settings for people: as `--help` prints it and as docs/configuration.md holds it.
import type { SettingGroup } from './setting.ts';
import { settingNames, settings, type SettingName } from './settings.ts';

const groups: readonly { readonly group: SettingGroup; readonly says: string }[] = [
  {
    group: 'process',
    says: 'Process: where things are, threads and intervals; never changes a result',
  },
  {
    group: 'semantics',
    says: 'Semantics: changes results; a change needs a new GROUP_ID and OUTPUT_TOPIC',
  },
];

/** Returns the settings as lines of at most `columns` characters where words allow it. */
export function settingsHelp(columns = 100): string {
  const sections = groups.map(({ group, says }) => {
    const entries = namesOf(group).map((name) => {
      const { meaning, unsetText } = settings[name];
      return `  ${name.padEnd(25)}${wrap(`${meaning} [${unsetText}]`, columns - 27).join(`\n${' '.repeat(27)}`)}`;
    });
    return `${says}:\n${entries.join('\n')}`;
  });
  return `Settings (environment variables; in brackets what holds when unset):\n\n${sections.join('\n\n')}`;
}

/** Returns docs/configuration.md. */
export function settingsMarkdown(): string {
  const sections = groups.map(({ group, says }) => {
    const rows = namesOf(group).map((name) => {
      const { meaning, unsetText, expected, secret } = settings[name];
      const cells = [
        `\`${name}\``,
        unsetText,
        expected,
        `${meaning}${secret ? ' Never shown.' : ''}`,
      ];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    });
    return [
      `## ${says}`,
      '',
      '| setting | when unset | allowed | meaning |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n');
  });
  return `${[preface, ...sections].join('\n\n')}\n`;
}

const preface = `# Configuration

Every setting is an environment variable; an empty one counts as unset. All problems are reported at once, each with
its name, its value and what is allowed, and nothing starts until there is none. \`node dist/main.js --help\` prints the
same table; both come from \`src/config/settings.ts\`.

With nothing set, the program runs on the embedded log and store in \`./state\` with simulated sensors. With
\`KAFKA_BROKERS\` and \`REDIS_URL\` it runs on Kafka and Redis. Secrets appear in no error and in no log line.`;

function namesOf(group: SettingGroup): readonly SettingName[] {
  return settingNames.filter((name) => settings[name].group === group);
}

function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
