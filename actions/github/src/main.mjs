// The step itself: put `segura` on the PATH and let it fetch what was asked for.
// Everything GitHub-shaped about secrets (masks, environment files) is in the
// program, so that this file has nothing to get wrong.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as core from "@actions/core";
import { locate } from "./binary.mjs";
import { run } from "./segura.mjs";

const EXPORTS = ["env", "file", "outputs", "none"];

try {
  await main();
} catch (error) {
  core.setFailed(error.message);
}

async function main() {
  const url = core.getInput("vault-url", { required: true });
  const to = core.getInput("export") || "env";
  if (!EXPORTS.includes(to)) {
    throw new Error(`export: \`${to}\` is not one of ${EXPORTS.join(", ")}`);
  }
  const binary = await locate({
    path: core.getInput("binary-path"),
    mirror: core.getInput("download-url"),
  });
  core.addPath(dirname(binary));

  // Later `segura exec` steps of this job find the broker by these; none is a secret.
  core.exportVariable("SEGURA_URL", url);
  // Without an audience the program takes the broker's address, which it knows how to spell;
  // one that is there already is an earlier step's, and was meant for its broker.
  const audience = core.getInput("audience");
  if (audience || process.env.SEGURA_AUDIENCE) core.exportVariable("SEGURA_AUDIENCE", audience);
  const authority = await authorityFile(core.getInput("ca-cert"));
  if (authority) core.exportVariable("SEGURA_CA_CERT", authority);

  const secrets = core.getInput("secrets");
  if (to === "none" || !secrets.trim()) return;
  const session = join(temporary(), `segura-session-${randomUUID()}`);
  core.saveState("binary", binary);
  core.saveState("session", session);
  await run(binary, ["export", "--to", to, "--secrets-file", "-", "--session-file", session], secrets);
}

/** The path of the authority's PEM file: the input is a path, or the text itself. */
async function authorityFile(input) {
  if (!input.includes("-----BEGIN CERTIFICATE-----")) return input;
  const file = join(temporary(), `segura-ca-${randomUUID()}.pem`);
  await writeFile(file, input, { mode: 0o600 });
  return file;
}

function temporary() {
  const folder = process.env.RUNNER_TEMP;
  if (!folder) throw new Error("RUNNER_TEMP is not set: this action runs in a GitHub Actions job");
  return folder;
}
