// Completes the bill of materials that cargo-cyclonedx wrote (the argument) and prints it: adds the
// npm packages whose code is in the pages, and removes the path of this directory.
import { readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url).pathname.replace(/\/$/, '');
const text = readFileSync(process.argv[2], 'utf8').replaceAll(`path+file://${root}`, 'path+file:///shoptalk');
const bom = JSON.parse(text);

const lock = JSON.parse(readFileSync(`${root}/web/package-lock.json`, 'utf8'));
const shipped = Object.entries(lock.packages).filter(
  ([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.link,
);
for (const [path, { version, license, integrity }] of shipped) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [algorithm, hash] = integrity.split('-');
  bom.components.push({
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    scope: 'required',
    hashes: [{ alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(hash, 'base64').toString('hex') }],
    licenses: [{ expression: license }],
    purl,
  });
  bom.dependencies.find(({ ref }) => ref === bom.metadata.component['bom-ref']).dependsOn.push(purl);
  bom.dependencies.push({ ref: purl });
}
console.log(JSON.stringify(bom, null, 2));
