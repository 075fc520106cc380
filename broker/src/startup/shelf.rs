//! The shelf of issuer keys in the store.

use futures::FutureExt;
use futures::future::BoxFuture;
use segura_model::IssuerId;
use segura_store::{IssuerKeys, Writer};
use segura_vault::{Keyring, TrustMac};

use crate::oidc::{KeyShelf, ShelfError, ShelvedKeys};

/// Keeps issuers' last good keys in the database.
pub struct StoreShelf {
    writer: Writer,
    mac: TrustMac,
}

impl StoreShelf {
    /// A shelf in this writer's database.
    pub fn new(writer: Writer, keyring: &Keyring) -> Self {
        Self { writer, mac: TrustMac::new(keyring) }
    }
}

impl KeyShelf for StoreShelf {
    fn find<'a>(
        &'a self,
        issuer: &'a IssuerId,
    ) -> BoxFuture<'a, Result<Option<ShelvedKeys>, ShelfError>> {
        async move {
            let found = self.writer.store().issuer_keys_find(issuer, &self.mac).await;
            let row = found.map_err(|error| ShelfError(error.into()))?;
            Ok(row.map(|IssuerKeys { key_set, fetched_at, source, .. }| ShelvedKeys {
                document: key_set,
                fetched_at,
                source,
            }))
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        issuer: &'a IssuerId,
        keys: ShelvedKeys,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        async move {
            let ShelvedKeys { document, fetched_at, source } = keys;
            let issuer = issuer.clone();
            let row = IssuerKeys { issuer, key_set: document, source, fetched_at };
            self.writer.issuer_keys_put(row).await.map_err(|error| ShelfError(error.into()))
        }
        .boxed()
    }
}
