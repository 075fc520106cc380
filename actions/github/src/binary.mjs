// Where the `segura` program comes from: a given path, the runner's tool cache, or a
// download. Of the latter two the SHA-256 stands in checksums.json beside this action. A
// tag of this action therefore names the exact program it runs, whatever a mirror serves
// and whatever an earlier job left in the cache.
import { createHash } from "node:crypto";
import { access, chmod, constants, readFile } from "node:fs/promises";
import { arch, platform } from "node:process";
import * as core from "@actions/core";
import * as cache from "@actions/tool-cache";

const TABLE = new URL("../checksums.json", import.meta.url);

/**
 * @param {{path: string, mirror: string}} from the inputs `binary-path` and `download-url`
 * @returns {Promise<string>} path of a program that may be run
 */
export async function locate({ path, mirror }) {
  if (path) return given(path);
  const table = JSON.parse(await readFile(TABLE, "utf8"));
  const system = `${platform}-${arch}`;
  const entry = expected(table, system);
  const found = cache.find("segura", table.version, system);
  if (found) {
    const file = `${found}/segura`;
    if ((await sha256Of(file).catch(() => "")) === entry.sha256) return file;
    core.warning(
      `${file} in the runner's tool cache is not the program this action was made for; it is not run, but ` +
        "downloaded anew. Find out who writes to that cache: jobs that share it can change each other's programs.",
    );
  }
  return download({ mirror, version: table.version, system, ...entry });
}

async function given(path) {
  await access(path, constants.X_OK).catch(() => {
    throw new Error(`binary-path: ${path} is not a program that can be run`);
  });
  return path;
}

/** The entry of this platform; its absence is an error that says what to do. */
export function expected(table, system) {
  const entry = table.files?.[system];
  if (entry?.sha256) return entry;
  const known = Object.keys(table.files ?? {}).join(", ") || "none";
  throw new Error(
    `checksums.json has no entry for segura ${table.version} on ${system} (it has: ${known}). ` +
      "Use a released tag of this action that has one, or put the program on the runner and name it with `binary-path`.",
  );
}

async function download({ mirror, version, system, name, sha256 }) {
  const url = `${mirror.replace(/\/+$/, "")}/v${version}/${name}`;
  core.info(`Downloading segura ${version} for ${system} from ${url}`);
  const file = await cache.downloadTool(url).catch((error) => {
    throw new Error(
      `cannot download ${url}: ${error.message}. ` +
        "Name a mirror that this runner can reach with `download-url`, or use `binary-path`.",
    );
  });
  const actual = await sha256Of(file);
  if (actual !== sha256) {
    throw new Error(
      `${url} is not the program this action was made for: its SHA-256 is ${actual}, expected ${sha256}. ` +
        "It was not run. Check what the mirror serves.",
    );
  }
  await chmod(file, 0o755);
  return `${await cache.cacheFile(file, "segura", "segura", version, system)}/segura`;
}

async function sha256Of(file) {
  return createHash("sha256").update(await readFile(file)).digest("hex");
}
