/** Runs the browser tests: starts a server, holds wire.d.ts to it, runs pages/*.test.js. Arguments name files. */
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { typesNow, typesOf } from "./api.js";
import { startServer } from "./harness.js";

const folder = fileURLToPath(new URL("pages/", import.meta.url));
const named = process.argv.slice(2);
const files = named.length > 0 ? named : (await readdir(folder)).filter((file) => file.endsWith(".test.js"));

const server = await startServer();
let code = 1;
try {
  if ((await typesOf(server.url)) !== (await typesNow())) {
    console.error("wire.d.ts is not what the server documents: `npm run api -- URL` writes it anew");
  } else {
    code = await tests(server);
  }
} finally {
  await server.stop();
}
process.exit(code);

/**
 * @param {{ url: string, data: string }} server
 * @returns {Promise<number>}
 */
function tests({ url, data }) {
  const environment = { ...process.env, WAITLESS_TEST_URL: url, WAITLESS_TEST_DATA: data };
  const child = spawn(process.execPath, ["--test", ...files.map((file) => `${folder}${file}`)], {
    env: environment,
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once("exit", (exit) => resolve(exit ?? 1)));
}
