import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, it, onTestFinished } from "vitest";
import { Server } from "./server";

const run = promisify(execFile);

/** The API's description, as a client's developer gets it. */
async function description() {
  const server = await Server.start();
  const response = await fetch(`${server.origin}/api/openapi.json`);
  return (await response.json()) as { openapi: string };
}

it("the API's description is valid OpenAPI 3.1", async () => {
  const document = await description();
  const { valid, errors } = await new Validator().validate(document);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(document.openapi).toMatch(/^3\.1\./);
});

/** Code that uses the generated types; what must not compile is marked. */
const USE = `
import type { components, operations, paths } from "./shoptalk";

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : never;
type Opened = Json<operations["open_chat"]["responses"][201]>;
type Same = Json<paths["/api/chat/rooms"]["post"]["responses"][200]>;
type Page = Json<operations["list_own_messages"]["responses"][200]>;

export const ask: components["schemas"]["OpenRequest"] = { customer_name: "Zoe" };
export const token = (opened: Opened): string => opened.token ?? "";
export const again = (opened: Opened): Same => opened;
export const words = (page: Page): string[] => page.results.map((message) => message.content);
export const next = (page: Page): number | null => page.next ?? null;
// @ts-expect-error: a room has no such field
export const wrong = (opened: Opened): string => opened.room.colour;
`;

it("types that openapi-typescript generates from it compile, and know the shapes", async () => {
  const document = await description();
  const dir = mkdtempSync(join(tmpdir(), "shoptalk-types-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "openapi.json"), JSON.stringify(document));
  writeFileSync(join(dir, "use.ts"), USE);
  // It needs an older TypeScript than the pages, so it has a workspace of its own.
  const web = join(import.meta.dirname, "..");
  const { resolve } = createRequire(join(web, "clients/package.json"));
  const generate = join(resolve("openapi-typescript/package.json"), "../bin/cli.js");
  const types = join(dir, "shoptalk.ts");
  await run(process.execPath, [generate, join(dir, "openapi.json"), "--output", types]);
  const tsc = join(web, "node_modules/.bin/tsc");
  const flags = ["--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler"];
  // In a directory of its own, so that the pages' tsconfig is not found.
  await run(tsc, [...flags, "use.ts"], { cwd: dir });
});
