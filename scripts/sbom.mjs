// Prints the bill of materials of the program, CycloneDX, from package-lock.json. `npm sbom --omit
// dev` (11.19) leaves out packages that a tool needs as well, such as yaml; so all are asked for, and
// those that npm marks as used by tools alone are taken out here.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
const bytesMax = 64 * 1024 * 1024;
const printed = execFileSync('npm', words, { cwd: root, encoding: 'utf8', maxBuffer: bytesMax });

const bill = JSON.parse(printed);
const isOfTools = ({ properties = [] }) =>
  properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
const components = bill.components.filter((component) => !isOfTools(component));
const kept = new Set([bill.metadata.component, ...components].map((each) => each['bom-ref']));
const dependencies = bill.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => kept.has(ref)) }));

console.log(JSON.stringify({ ...bill, components, dependencies }, null, 2));
