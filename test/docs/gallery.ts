// The gallery of docs/inputs.md as data: what its tests read and run.
import { readFileSync } from 'node:fs';

export interface GalleryEntry {
  readonly title: string;
  readonly declaration: string;
  /** The record's value, as one line. */
  readonly value: string;
  /** undefined where the page names none. */
  readonly key: string | undefined;
  /** The schema that the record is written with; undefined for plain JSON. */
  readonly schema: { readonly kind: 'avro' | 'protobuf'; readonly text: string } | undefined;
  readonly readings: readonly {
    readonly sensor: string;
    readonly time: string;
    readonly value: number;
  }[];
}

/** Returns the entries of the page, in its order. */
export function readGallery(): readonly GalleryEntry[] {
  const page = readFileSync(new URL('../../docs/inputs.md', import.meta.url), 'utf8');
  const [, gallery = ''] = page.split('\n## Gallery\n');
  return gallery.split('\n### ').slice(1).map(entryOf);
}

function entryOf(section: string): GalleryEntry {
  const block = (language: string): string =>
    new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(section)?.[1] ?? '';
  return {
    title: section.slice(0, section.indexOf('\n')),
    declaration: block('yaml'),
    value: JSON.stringify(JSON.parse(block('json'))),
    schema: schemaOf(block('avsc'), block('proto')),
    key: /record's key: `(.+?)`/.exec(section)?.[1],
    readings: block('text')
      .trim()
      .split('\n')
      .map((line) => {
        const [sensor = '', time = '', value = ''] = line.split('  ');
        return { sensor, time, value: Number(value) };
      }),
  };
}

function schemaOf(avsc: string, proto: string): GalleryEntry['schema'] {
  if (avsc !== '') return { kind: 'avro', text: avsc };
  return proto === '' ? undefined : { kind: 'protobuf', text: proto };
}
