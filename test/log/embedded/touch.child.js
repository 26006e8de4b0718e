// An owner of a lock whose wall clock is an hour back: makes the file and touches it twice a second, as of its own time.
import { utimesSync, writeFileSync } from 'node:fs';

const [path] = process.argv.slice(2);
const hourMs = 3_600_000;
writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: '1', view: 'elsewhere' }));
setInterval(() => {
  const touched = new Date(Date.now() - hourMs);
  utimesSync(path, touched, touched);
}, 500);
process.stdout.write('holds\n');
