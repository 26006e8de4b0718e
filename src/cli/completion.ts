// `completion`: a script for bash, zsh or fish that completes commands and options. It is made from
// the commands themselves, so that it knows each of them.
import { Argument, type Command } from 'commander';

import { printText, type CliContext } from './context.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

interface Completed {
  /** Words before the completed one, such as `dlq replay`; '' for the program itself. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

interface Word {
  readonly word: string;
  readonly description: string;
}

const help = `
Install it once:
  bash: node dist/main.js completion bash > ~/.local/share/bash-completion/completions/sensorium
  zsh:  node dist/main.js completion zsh > "\${fpath[1]}/_sensorium"
  fish: node dist/main.js completion fish > ~/.config/fish/completions/sensorium.fish

Examples:
  source <(node dist/main.js completion bash)`;

/** Adds `completion`. */
export function addCompletion(program: Command, { out }: CliContext): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', help)
    .action((shell: Shell) => {
      printText(out, script[shell](completedOf(program)));
    });
}

function completedOf(command: Command, path: readonly string[] = []): readonly Completed[] {
  const words = ({ commands }: Command): readonly Word[] =>
    commands.map((child) => ({ word: child.name(), description: child.description() }));
  const options = command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) =>
      long === undefined || long === null ? [] : [{ word: long, description }],
    );
  return [
    { path: path.join(' '), commands: words(command), options },
    ...command.commands.flatMap((child) => completedOf(child, [...path, child.name()])),
  ];
}

const joined = (words: readonly Word[]): string => words.map(({ word }) => word).join(' ');

const script: Readonly<Record<Shell, (completed: readonly Completed[]) => string>> = {
  bash: (completed) => `# bash completion of sensorium
_sensorium() {
  local word path='' commands='' options=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == -* ]] || path="\${path:+$path }$word"
  done
  case "$path" in
${casesOf(
  completed,
  ({ commands, options }) => `commands='${joined(commands)}' options='${joined(options)}'`,
)}
  esac
  local current="\${COMP_WORDS[COMP_CWORD]}"
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$current") $(compgen -f -- "$current"))
    [[ -z "$commands" ]] || COMPREPLY=($(compgen -W "$commands" -- "$current"))
  fi
}
complete -o filenames -F _sensorium sensorium`,
  zsh: (completed) => `#compdef sensorium
# zsh completion of sensorium
local -a commands options
local path=''
for word in "\${words[@]:1:$CURRENT-2}"; do
  [[ "$word" == -* ]] || path="\${path:+$path }$word"
done
case "$path" in
${casesOf(
  completed,
  ({ commands, options }) => `commands=(${zshWords(commands)}) options=(${zshWords(options)})`,
)}
esac
if [[ "\${words[CURRENT]}" == -* ]]; then
  _describe 'option' options
elif (( \${#commands} )); then
  _describe 'command' commands
else
  _files
fi`,
  fish: (completed) =>
    ['# fish completion of sensorium', ...completed.flatMap(fishLines)].join('\n'),
};

/**
 * Returns the branches of a `case` over the path. A parent's pattern fits its children as well, so
 * it comes behind them.
 */
function casesOf(
  completed: readonly Completed[],
  assignments: (each: Completed) => string,
): string {
  return completed
    .map((each) => `  ${each.path === '' ? "''" : `'${each.path}'*`}) ${assignments(each)} ;;`)
    .toReversed()
    .join('\n');
}

function zshWords(words: readonly Word[]): string {
  return words.map(({ word, description }) => quoted(`${word}:${description}`)).join(' ');
}

function fishLines({ path, commands, options }: Completed): readonly string[] {
  const [first, ...rest] = path.split(' ');
  const condition =
    path === ''
      ? '__fish_use_subcommand'
      : [first, ...rest].map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const line = (flag: string, { word, description }: Word): string =>
    `complete -c sensorium -n ${quoted(condition)} ${flag} ${word} -d ${quoted(description)}`;
  return [
    ...commands.map((word) => line('-f -a', word)),
    ...options.map(({ word, description }) =>
      line('-l', { word: word.replace(/^--/, ''), description }),
    ),
  ];
}

/** For any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
