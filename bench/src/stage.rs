//! A broker for one job: its own database, one policy that grants, the others beside it.

use std::fmt::Write;

use acceptance::World;
use acceptance::world::AUDIENCE;
use anyhow::Context;
use serde_json::json;

use crate::load::{Connections, Target};
use crate::mint::Mint;
use crate::scenario::Scenario;
use crate::subject::{Name, Subject};

/// A world with secrets and policies.
pub(crate) struct Stage {
    pub(crate) world: World,
}

impl Stage {
    /// Set it up: everything that `segura` itself offers, nothing behind its back.
    pub(crate) async fn set(scenario: &Scenario, mint: &Mint) -> Self {
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
        for file in policy_files(scenario.policies) {
            world.apply_policy(&file);
        }
        Self { world }
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

/// The policy that grants, and as many more for other repositories of the same issuer.
///
/// One apply takes 1,000, but writes them one after the other, each in several round trips
/// to the database: on a busy machine it does not answer within the client's 30 s.
fn policy_files(count: u32) -> Vec<String> {
    const APPLIED_AT_ONCE: usize = 200;
    let numbers: Vec<u32> = (0..count).collect();
    numbers.chunks(APPLIED_AT_ONCE).map(policy_file).collect()
}

fn policy_file(numbers: &[u32]) -> String {
    let mut file = String::new();
    for number in numbers {
        // The samples' repository is 456789.
        let (repository, path) = match number {
            0 => (456_789, "db/prod".to_owned()),
            _ => (1_000_000 + number, format!("team-{number}/prod")),
        };
        let _ = write!(
            file,
            "---\npolicy: bench-{number}\nissuer: github\nanchor: {{ repository_id: \
             \"{repository}\", repository_owner_id: \"123456\" }}\nclaims: {{ ref: \
             refs/heads/main }}\nread: [\"{path}/*\"]\n"
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use segura_model::policy::PolicyDraft;

    use super::*;

    #[test]
    fn policy_files_parse_and_hold_as_many_as_were_asked_for() {
        let files = policy_files(500);
        let count = |file: &String| PolicyDraft::parse_documents(file).unwrap().len();
        assert_eq!(files.iter().map(count).collect::<Vec<_>>(), [200, 200, 100]);
    }
}
