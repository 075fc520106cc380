// A certified OpenID provider (npm `oidc-provider`) as an issuer of job tokens: a client
// gets a JWT access token for the broker's audience by the client-credentials grant.
//
// stdout, first line: its URL. stdin, a line each: `rotate` replaces all signing keys and
// answers `rotated`; the end of stdin ends the program.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The provider's notices go to stdout otherwise, which is ours to talk on.
console.info = console.error;

const require = createRequire(`${process.env.SEGURA_TEST_NODE_MODULES}/`);
const { Provider } = await import(require.resolve("oidc-provider"));
const { exportJWK, generateKeyPair } = await import(require.resolve("jose"));

const audience = process.argv[2];
let provider;
const server = createServer((request, response) => provider.callback()(request, response));
server.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  provider = await make(url, "first");
  console.log(url);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "rotate") {
      provider = await make(url, `rotated-${Date.now()}`);
      console.log("rotated");
    }
  }
  process.exit(0);
});

async function make(url, kid) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" };
  return new Provider(url, {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: "job-1",
        client_secret: "a-test-secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope: "secrets",
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    extraTokenClaims: () => ({ project_id: "42", pipeline: "deploy" }),
    async findAccount() {},
  });
}
