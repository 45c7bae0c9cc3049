// Usage: node scripts/image.mjs DIR
// DIR is an unpacked image archive, as `buildah push docker-archive:` writes it. The image's settings
// name the container in which it was made, at random; without these names they are the same each
// time, and so is their file's name, which is their hash. Of what older versions of Docker read,
// nothing is left: it repeats the settings. Nor is the second name that buildah gives to what it builds.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.argv[2];
const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
const [image] = manifest;

const settings = JSON.parse(readFileSync(join(dir, image.Config), 'utf8'));
delete settings.container;
for (const config of [settings.config, settings.container_config]) {
  if (config) config.Hostname = '';
}
const text = JSON.stringify(settings);
const name = `${createHash('sha256').update(text).digest('hex')}.json`;

for (const entry of readdirSync(dir)) {
  if (!image.Layers.includes(entry)) rmSync(join(dir, entry), { recursive: true });
}
writeFileSync(join(dir, name), text);
const names = image.RepoTags.filter((tag) => !tag.startsWith('localhost/'));
writeFileSync(join(dir, 'manifest.json'), JSON.stringify([{ ...image, Config: name, RepoTags: names }]));
