// Renders the table of settings for `--help` and for docs/configuration.md.
import { connectionSettings } from './connection-settings.ts';
import {
  isSettingName,
  processSettings,
  semanticsSettings,
  settings,
  type SettingName,
} from './settings.ts';
import { secretNames } from './secret-files.ts';

interface Group {
  readonly title: string;
  readonly names: readonly SettingName[];
}

const groups: readonly Group[] = [
  {
    title: 'Process settings: locations, threads, intervals; they never change a result',
    names: Object.keys({ ...connectionSettings, ...processSettings }).filter(isSettingName),
  },
  {
    title: 'Semantic settings: they change results; a change needs a new GROUP_ID and OUTPUT_TOPIC',
    names: Object.keys(semanticsSettings).filter(isSettingName),
  },
];

/** Column at which each meaning begins: behind the longest name. */
const meaningAt = Math.max(...Object.keys(settings).map((name) => `  ${name}  `.length));

/** Returns the settings wrapped to `columns` characters. */
export function settingsHelp(columns = 100): string {
  const sections = groups.map(({ title, names }) => {
    const entries = names.map((name) => {
      const { meaning, unsetText } = settings[name];
      const lines = wrap(`${meaning} [${unsetText}]`, columns - meaningAt);
      return `  ${name}`.padEnd(meaningAt) + lines.join(`\n${' '.repeat(meaningAt)}`);
    });
    return `${title}:\n${entries.join('\n')}`;
  });
  return `Settings are environment variables; brackets show the default:\n\n${sections.join('\n\n')}`;
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
      '| setting | default | allowed | meaning |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n');
  });
  return `${[preface, ...sections].join('\n\n')}\n`;
}

const preface = `# Configuration

Every setting is an environment variable. An empty variable counts as unset. If settings are invalid, the program does
not start; it reports all of them at once, each with its name, its value and the allowed values.
\`node dist/main.js --help\` prints the same tables; both come from \`src/config/settings.ts\`.

Without any setting, the program runs on the embedded log and store in \`./state\` with simulated sensors. With
\`KAFKA_BROKERS\` and \`REDIS_URL\` it runs on Kafka and Redis. Errors and log lines never show secrets.

A secret may lie in a file, as Docker and Kubernetes mount them: the variable with \`_FILE\` at its end names the file, for
example \`HTTP_TOKEN_FILE=/run/secrets/token\`. It holds for ${secretNames.map((name) => `\`${name}\``).join(', ')}.`;

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
