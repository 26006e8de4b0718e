// A disk in memory that outlives the processes which use it. Each process has a view of it that dies
// at a chosen call: before the call, after it, or, where bytes are written, in the middle.
import type { DiskFile, DiskWriter, HistoryDisk } from '../../src/stores/parquet/history-disk.ts';

export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface Kill {
  /** Calls that the process makes before it dies; Infinity: it lives. */
  readonly afterCalls: number;
  readonly when: 'before' | 'midway' | 'after';
}

export const noKill: Kill = { afterCalls: Infinity, when: 'before' };

export class SimulatedDisk {
  readonly files: Map<string, Uint8Array> = new Map();

  /** Returns the disk as one process sees it until it dies. */
  view(kill: Kill): HistoryDisk {
    let calls = 0;
    const call = <T>(effect: () => T, midway?: () => void): Promise<T> => {
      calls += 1;
      if (calls > kill.afterCalls + 1) return Promise.reject(new Killed());
      const isLast = calls === kill.afterCalls + 1;
      if (isLast && kill.when !== 'after') {
        if (kill.when === 'midway') midway?.();
        return Promise.reject(new Killed());
      }
      const result = effect();
      return isLast ? Promise.reject(new Killed()) : Promise.resolve(result);
    };
    const { files } = this;
    return {
      list: (folder) =>
        call(() =>
          [...files.keys()]
            .filter((path) => path.startsWith(`${folder}/`))
            .map((path) => path.slice(folder.length + 1))
            .filter((name) => !name.includes('/')),
        ),
      open: (path) => call(() => openBytes(files.get(path))),
      create: (path) =>
        call(() => {
          files.set(path, new Uint8Array(0));
          return writerOf(files, path, call);
        }),
      replace: (from, to) =>
        call(() => {
          const bytes = files.get(from);
          if (bytes === undefined) throw new Error(`no ${from} to replace ${to}`);
          files.set(to, bytes);
          files.delete(from);
        }),
      remove: (path) => call(() => void files.delete(path)),
    };
  }
}

function openBytes(bytes: Uint8Array | undefined): DiskFile | undefined {
  if (bytes === undefined) return undefined;
  return {
    byteLength: bytes.length,
    slice: (start, end) => Promise.resolve(bytes.slice(start, end).buffer),
    close: () => Promise.resolve(),
  };
}

function writerOf(
  files: Map<string, Uint8Array>,
  path: string,
  call: <T>(effect: () => T, midway?: () => void) => Promise<T>,
): DiskWriter {
  const write = (bytes: Uint8Array): void => {
    files.set(path, Uint8Array.from([...(files.get(path) ?? []), ...bytes]));
  };
  return {
    append: (bytes) =>
      call(
        () => write(bytes),
        () => write(bytes.subarray(0, bytes.length >> 1)),
      ),
    finish: () => call(() => undefined),
    abandon: () => Promise.resolve(),
  };
}
