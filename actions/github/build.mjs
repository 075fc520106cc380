// Bundles src/ into dist/, which is committed: a runner installs nothing.
// `node build.mjs` writes; `node build.mjs --check` fails when dist/ is stale.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

// Libraries in the bundle still call `require`; an ES module has none of its own.
const banner =
  'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);';

const { outputFiles } = await build({
  entryPoints: ["src/main.mjs", "src/post.mjs"],
  absWorkingDir: import.meta.dirname,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  banner: { js: banner },
  legalComments: "none",
  minifySyntax: true,
  preserveSymlinks: true, // where node_modules really is must not show in the bundle
  write: process.argv[2] !== "--check",
});

for (const { path, text } of outputFiles ?? []) {
  if ((await readFile(path, "utf8").catch(() => "")) !== text) {
    console.error(`${path} is stale: run \`npm run build\` and commit dist/`);
    process.exitCode = 1;
  }
}
