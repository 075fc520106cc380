// Runs the `segura` program with the job's own streams.
import { spawn } from "node:child_process";

/**
 * @param {string} binary path of the program
 * @param {string[]} args its arguments; never a secret
 * @param {string} [input] what it reads on stdin
 * @returns {Promise<void>} rejects when it exits with anything but 0
 */
export function run(binary, args, input = "") {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { stdio: ["pipe", "inherit", "inherit"] });
    child.on("error", (error) => reject(new Error(`cannot start ${binary}: ${error.message}`)));
    child.on("close", (code, signal) =>
      code === 0
        ? resolve()
        : reject(new Error(`segura ${args[0]} failed (${signal ?? `exit code ${code}`}); its message is above`)),
    );
    // A program that ends before it has read everything says so by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
