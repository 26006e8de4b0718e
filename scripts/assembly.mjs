// Compiles assembly/ to src/kernel/kernel.wasm, which is checked in, so building and starting the
// program need no compiler. AssemblyScript takes 100 MB, so it is not a dependency; it is installed
// into .cache/ on first use.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}.cache/assemblyscript`;
// An exact version, with an exact binaryen: any other may give different bytes.
const version = '0.28.20';
const entry = 'assembly/kernel.ts';
const options = [
  '-O3',
  ...['--runtime', 'stub'],
  '--noAssert',
  // Memory of the host's: shared, so that its views stay valid when it grows.
  '--importMemory',
  '--sharedMemory',
  ...['--enable', 'threads'],
  // Above what assembly/layout.ts places.
  ...['--memoryBase', '458752'],
  ...['--initialMemory', '8'],
  ...['--maximumMemory', '65536'],
];

/** From the repository's root. */
export const compiledPath = 'src/kernel/kernel.wasm';

/**
 * Resolves with the compiled bytes of assembly/; installs the compiler first if it is missing.
 * @throws if the compiler cannot be installed, or with its messages if the source does not compile.
 */
export async function compile() {
  await installCompiler();
  const { main } = await import(`${folder}/node_modules/assemblyscript/dist/asc.js`);
  let compiled;
  const { error, stderr } = await main([entry, ...options, '--baseDir', root, '-o', 'compiled'], {
    writeFile: (_, bytes) => (compiled = bytes),
  });
  if (error) throw new Error(`${entry} does not compile:\n${stderr}`);
  return inlined(compiled);
}

/**
 * V8 keeps no register over a call in WebAssembly and inlines none: what runs for every reading has
 * to have none.
 */
async function inlined(compiled) {
  const { default: binaryen } = await import(`${folder}/node_modules/binaryen/index.js`);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  // Several times what the compiler above allows.
  binaryen.setAlwaysInlineMaxSize(100);
  binaryen.setFlexibleInlineMaxSize(100);
  binaryen.setOneCallerInlineMaxSize(2_000);
  const module = binaryen.readBinary(compiled);
  const { Atomics, BulkMemory, BulkMemoryOpt, MutableGlobals, NontrappingFPToInt, SignExt } =
    binaryen.Features;
  module.setFeatures(
    Atomics | BulkMemory | BulkMemoryOpt | MutableGlobals | NontrappingFPToInt | SignExt,
  );
  module.optimize();
  return module.emitBinary();
}

async function installCompiler() {
  if (installedVersion() === version) return;
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    await promisify(execFile)('npm', [...args, '--prefix', folder, `assemblyscript@${version}`]);
  } catch ({ stderr, message }) {
    throw new Error(
      `assembly/ cannot be compiled: npm could not install assemblyscript@${version} into .cache/:\n` +
        (stderr || message),
    );
  }
}

function installedVersion() {
  // npm writes this file last, so an interrupted install is not mistaken for a complete one.
  const path = `${folder}/node_modules/.package-lock.json`;
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')).packages['node_modules/assemblyscript']?.version;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    writeFileSync(`${root}${compiledPath}`, await compile());
  } catch ({ message }) {
    console.error(message);
    process.exitCode = 1;
  }
}
