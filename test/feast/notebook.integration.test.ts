// The notebook from past readings to a served model, every cell of it: Jupyter's own client runs it.
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, inject, test } from 'vitest';

const python = inject('feastPython');
const script = fileURLToPath(new URL('./run_notebook.py', import.meta.url));
const notebook = fileURLToPath(new URL('../../notebooks/train_and_serve.ipynb', import.meta.url));

describe.skipIf(python === '')('notebooks/train_and_serve.ipynb', () => {
  test('trains on what is served: no value differs', { timeout: 400_000 }, async () => {
    const path = `${dirname(python)}:${process.env['PATH'] ?? ''}`;

    // Rejects with what was printed unless every cell ran.
    const { stdout } = await promisify(execFile)(python, [script, notebook], {
      env: { HOME: process.env['HOME'], PATH: path, FEAST_USAGE: 'False' },
      maxBuffer: 64 * 1024 * 1024,
    });

    expect(stdout).toContain('3697 of 3697 labels');
    expect(stdout).toContain('served and trained: 0 of 16 values differ');
    expect(stdout).toContain('join and Feast: 0 of 29576 values differ');
    const auc = Number(/([\d.]+) later/.exec(stdout)?.[1]);
    expect(auc).toBeGreaterThan(0.9);
    expect(stdout).toContain('plots: 2');
  });
});
