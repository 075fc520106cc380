//! A broker for one job: its own database, one policy that grants, the others beside it.

use acceptance::World;
use acceptance::world::AUDIENCE;
use anyhow::Context;
use serde_json::json;

use crate::load::{Connections, Target};
use crate::mint::Mint;
use crate::policies;
use crate::scenario::Scenario;
use crate::subject::{Name, Subject};

/// A world with secrets and policies.
pub(crate) struct Stage {
    pub(crate) world: World,
}

impl Stage {
    /// Set it up: everything that `segura` itself offers, nothing behind its back.
    pub(crate) async fn set(scenario: &Scenario, mint: &Mint) -> Self {
        let stage = Self::bare(scenario, mint).await;
        stage.apply(scenario.policies);
        stage
    }

    /// The same without policies.
    pub(crate) async fn bare(scenario: &Scenario, mint: &Mint) -> Self {
        let world = match scenario.connections {
            Connections::KeepAlive => World::start_plain(scenario.database).await,
            Connections::NewTls => World::start(scenario.database).await,
        };
        world.enrol_entry(&json!({
            "issuer": "github",
            "preset": "github",
            "iss": mint.issuer().url(),
            "audiences": [AUDIENCE],
            "insecure_loopback": true,
            // The tokens were minted before the first job.
            "max_age": "24h",
        }));
        for number in 0..10 {
            world.put_secret(&format!("db/prod/password-{number}"), "correct horse battery staple");
        }
        Self { world }
    }

    /// Apply the policy that grants, and as many more as there are to be.
    pub(crate) fn apply(&self, policies: u32) {
        // As many as one file holds.
        const FILE: u32 = 10_000;
        for first in (0..policies).step_by(FILE as usize) {
            let numbers = first..policies.min(first + FILE);
            self.world.apply_policy(&numbers.map(policies::policy).collect::<String>());
        }
    }

    /// Apply one of them anew, with another session.
    pub(crate) fn change(&self, number: u32, minutes: u32) {
        self.world.apply_policy(&format!("{}session: {minutes}m\n", policies::policy(number)));
    }

    /// As what is measured.
    pub(crate) fn subject(&self, connections: Connections) -> anyhow::Result<Subject> {
        let node = self.world.nodes().first().context("the world has a server")?;
        let authority = match connections {
            Connections::KeepAlive => None,
            Connections::NewTls => Some(self.world.authority()),
        };
        let target = Target { port: node.port(), authority };
        Ok(Subject { name: Name::Segura, pid: node.pid(), target })
    }
}
