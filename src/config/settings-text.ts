// The table of settings for people: as `--help` prints it and as docs/configuration.md holds it.
import {
  connectionSettings,
  isSettingName,
  processSettings,
  semanticsSettings,
  settings,
  type SettingName,
} from './settings.ts';

interface Group {
  readonly title: string;
  readonly names: readonly SettingName[];
}

const groups: readonly Group[] = [
  {
    title: 'Process: where things are, threads and intervals; never changes a result',
    names: Object.keys({ ...connectionSettings, ...processSettings }).filter(isSettingName),
  },
  {
    title: 'Semantics: changes results; a change needs a new GROUP_ID and OUTPUT_TOPIC',
    names: Object.keys(semanticsSettings).filter(isSettingName),
  },
];

/** Returns the settings as lines of at most `columns` characters where words allow it. */
export function settingsHelp(columns = 100): string {
  const sections = groups.map(({ title, names }) => {
    const entries = names.map((name) => {
      const { meaning, unsetText } = settings[name];
      return `  ${name.padEnd(25)}${wrap(`${meaning} [${unsetText}]`, columns - 27).join(`\n${' '.repeat(27)}`)}`;
    });
    return `${title}:\n${entries.join('\n')}`;
  });
  return `Settings (environment variables; in brackets what holds when unset):\n\n${sections.join('\n\n')}`;
}

/** Returns docs/configuration.md. */
export function settingsMarkdown(): string {
  const sections = groups.map(({ title, names }) => {
    const rows = names.map((name) => {
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
      `## ${title}`,
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
