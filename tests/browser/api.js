/**
 * The types of the pages come from the server: `npm run api -- URL` writes wire.d.ts from the OpenAPI document of a running
 * server. `run.js` fails when they differ.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapi, { astToString } from "openapi-typescript";

const file = fileURLToPath(new URL("wire.d.ts", import.meta.url));

/**
 * What wire.d.ts has to be for this server.
 *
 * @param {string} base as in `http://127.0.0.1:8080`
 */
export async function typesOf(base) {
  const document = await (await fetch(`${base}/openapi.json`)).json();
  const { components } = document;
  const shapes = { ...document, paths: {}, components: { schemas: components.schemas } };
  const text = astToString(await openapi(shapes, { rootTypes: true, rootTypesNoSchemaPrefix: true }));
  return `// Written by api.js from the server's OpenAPI document.\n\n${text}`;
}

/** What it is. */
export function typesNow() {
  return readFile(file, "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(file, await typesOf(process.argv[2] ?? "http://127.0.0.1:8080"));
}
