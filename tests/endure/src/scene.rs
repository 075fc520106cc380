//! The world that a trial breaks: plain HTTP, an issuer that signs fast, one policy.

use std::sync::Arc;

use acceptance::wire::Wire;
use acceptance::world::AUDIENCE;
use acceptance::{Database, TokenIssuer, World};
use segura_model::Algorithm;
use segura_plugins::sample;
use serde_json::{Value, json};

use crate::load::Ask;

/// The secret that is delivered.
pub(crate) const SECRET: &str = "db/prod/password";

/// How many deliveries warm a server up, over how many connections.
pub(crate) const WARM_UP: usize = 512;
const WARM_UP_CONNECTIONS: usize = 64;

/// A world with all that the load needs.
pub(crate) struct Scene {
    /// It.
    pub(crate) world: World,
    /// Signs tokens.
    pub(crate) jobs: Jobs,
    /// The administrator's token.
    pub(crate) operator: String,
}

/// Who signs tokens for jobs. Clones sign for the same issuer.
#[derive(Clone)]
pub(crate) struct Jobs {
    issuer: Arc<TokenIssuer>,
    claims: Arc<Value>,
}

impl Jobs {
    /// A fresh token of a job.
    pub(crate) fn token(&self) -> String {
        self.issuer.token(&self.claims)
    }

    /// A fresh token with these claims beside a job's own.
    pub(crate) fn token_with(&self, more: &Value) -> String {
        self.issuer.token(&self.claims_with(more))
    }

    /// A job's claims with these beside them.
    pub(crate) fn claims_with(&self, more: &Value) -> Value {
        let mut claims = (*self.claims).clone();
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name.as_str()] = value.clone();
        }
        claims
    }
}

impl Scene {
    /// A world with one server, on plain HTTP.
    pub(crate) async fn start(database: Database) -> Self {
        let world = World::start_plain(database).await;
        Self::furnish(world).await
    }

    /// What jobs need, in a world that runs already. ES256, because it signs twenty times
    /// as fast as RS256 and the load is signed on the server's own machine.
    pub(crate) async fn furnish(world: World) -> Self {
        let issuer = TokenIssuer::start(Algorithm::ES256).await;
        world.enrol_entry(&json!({
            "issuer": "github",
            "preset": "github",
            "iss": issuer.url(),
            "audiences": [AUDIENCE],
            "algorithms": ["ES256"],
            "insecure_loopback": true,
        }));
        world.put_secret(SECRET, "correct horse battery staple");
        world.apply_policy(
            "policy: endure\nissuer: github\nanchor: { repository_id: \"456789\", \
             repository_owner_id: \"123456\" }\nread: [\"db/prod/*\"]\nsession: 1h\n",
        );
        let mut claims = sample::github();
        claims["aud"] = json!(AUDIENCE);
        let operator = world.credential_text();
        let jobs = Jobs { issuer: Arc::new(issuer), claims: Arc::new(claims) };
        Self { world, jobs, operator }
    }

    /// Serve a while in the ordinary way, so that memory which the server needs anyway is
    /// there before a trial measures it.
    pub(crate) async fn warm_up(&self) -> anyhow::Result<()> {
        let mut wires = Vec::new();
        for _ in 0..WARM_UP_CONNECTIONS {
            let mut wire = Wire::connect(self.port(0)).await?;
            for _ in 0..WARM_UP / WARM_UP_CONNECTIONS {
                let reply = wire.ask(&Ask::replay(&self.jobs.token()).bytes()).await?;
                anyhow::ensure!(reply.status == 200, "a job is refused: {reply:?}");
            }
            // All are open at the end.
            wires.push(wire);
        }
        drop(wires);
        Ok(())
    }

    /// The port of a server.
    pub(crate) fn port(&self, node: usize) -> u16 {
        self.world.nodes()[node].port()
    }
}
