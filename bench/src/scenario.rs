//! What is measured under which circumstances.

use std::fmt;

use acceptance::Database;
use serde::Serialize;

use crate::load::Connections;

/// The circumstances to go through: each of these with each of those.
#[derive(clap::Args)]
pub(crate) struct Choices {
    /// The server's database; PostgreSQL is a scratch cluster, or `SEGURA_TEST_POSTGRES`.
    #[arg(long, value_enum, default_value_t = Databases::Sqlite)]
    database: Databases,
    /// How many policies there are, one number or several: 1,10000.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    policies: Vec<u32>,
    /// Kept-alive connections over plain HTTP, a new TLS connection for each request, or both.
    #[arg(long, value_delimiter = ',', default_value = "keep-alive")]
    connections: Vec<Connections>,
    /// Everything: both databases, 1 and 10,000 policies, both kinds of connections.
    #[arg(long, conflicts_with_all = ["database", "policies", "connections"])]
    full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Databases {
    Both,
    Postgres,
    Sqlite,
}

impl Choices {
    /// Every combination.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        use Connections::{KeepAlive, NewTls};
        let databases: &[Database] = match self.database {
            _ if self.full => &[Database::Sqlite, Database::Postgres],
            Databases::Both => &[Database::Sqlite, Database::Postgres],
            Databases::Postgres => &[Database::Postgres],
            Databases::Sqlite => &[Database::Sqlite],
        };
        let policies = if self.full { &[1, 10_000][..] } else { &self.policies };
        let connections = if self.full { &[KeepAlive, NewTls][..] } else { &self.connections };
        let mut scenarios = Vec::new();
        for &database in databases {
            for &policies in policies {
                for (index, &connections) in connections.iter().enumerate() {
                    let first = index == 0;
                    scenarios.push(Scenario { database, policies, connections, first });
                }
            }
        }
        scenarios
    }
}

/// One combination.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) database: Database,
    pub(crate) policies: u32,
    pub(crate) connections: Connections,
    first: bool,
}

impl Scenario {
    /// SQLite, one policy, plain HTTP.
    pub(crate) const fn plain() -> Self {
        Self {
            database: Database::Sqlite,
            policies: 1,
            connections: Connections::KeepAlive,
            first: true,
        }
    }

    /// The same over TLS or not, as a job needs it.
    pub(crate) fn over(&self, connections: Connections) -> Self {
        Self { connections, ..self.clone() }
    }

    /// Of those that differ in their connections only, the first.
    pub(crate) const fn is_first_of_its_connections(&self) -> bool {
        self.first
    }

    /// How the report names it.
    pub(crate) const fn named(&self) -> Named {
        let database = match self.database {
            Database::Postgres => "postgres",
            Database::Sqlite => "sqlite",
        };
        Named { database, policies: self.policies, connections: self.connections }
    }
}

/// A scenario in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Named {
    pub(crate) database: &'static str,
    pub(crate) policies: u32,
    pub(crate) connections: Connections,
}

impl Named {
    /// The same with another number of policies.
    pub(crate) const fn with_policies(self, policies: u32) -> Self {
        Self { policies, ..self }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = match self.connections {
            Connections::KeepAlive => "keep-alive",
            Connections::NewTls => "new TLS",
        };
        let policies = if self.policies == 1 { "policy" } else { "policies" };
        write!(f, "{}, {} {policies}, {connections}", self.database, self.policies)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        choices: Choices,
    }

    fn scenarios(flags: &[&str]) -> Vec<Scenario> {
        let arguments = ["bench"].iter().chain(flags);
        Alone::try_parse_from(arguments).unwrap().choices.scenarios()
    }

    #[test]
    fn by_default_there_is_one_scenario_and_in_full_eight() {
        let default = scenarios(&[]);
        assert_eq!(default.len(), 1);
        assert_eq!(default[0].to_string(), "sqlite, 1 policy, keep-alive");
        assert_eq!(scenarios(&["--full"]).len(), 8);
        let some = scenarios(&["--database=both", "--connections=keep-alive,new-tls"]);
        assert_eq!(some.len(), 4);
        assert_eq!(some.iter().filter(|scenario| scenario.first).count(), 2);
    }
}
