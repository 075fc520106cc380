// After the job, failed or not: end the session, so that its token is worth nothing.
// A broker that cannot be reached must not fail a job that is over; the session's
// own end comes soon enough.
import * as core from "@actions/core";
import { run } from "./segura.mjs";

const session = core.getState("session");
if (session) {
  try {
    await run(core.getState("binary"), ["session", "end", "--session-file", session]);
  } catch (error) {
    core.warning(`the session could not be ended and will expire by itself: ${error.message}`);
  }
}
