//! Certificates: the private authority and the leaves it signed.
//!
//! The private keys are sealed by the vault before they come here; this file sees
//! bytes. The newest row of a role is the one in use.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use segura_model::Timestamp;

use crate::backend::{Conn, on_backend};
use crate::readers::read;
use crate::schema::certificates;
use crate::{ChangeKind, Store, StoreError, Tx, text};

/// The most bytes of a certificate chain or a sealed key.
const LIMIT: usize = 64 * 1024;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateRole {
    /// The private authority that signs the leaves.
    Authority,
    /// What the server shows.
    Leaf,
}

/// A certificate and its sealed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for.
    pub role: CertificateRole,
    /// The certificate, or the chain leaf first, in PEM.
    pub pem: String,
    /// The private key, sealed by the vault.
    pub sealed_key: Vec<u8>,
    /// When it was made; also its key among those of its role.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// The newest certificate of a role.
    pub async fn certificate_newest(
        &self,
        role: CertificateRole,
    ) -> Result<Option<Certificate>, StoreError> {
        read!(self, |conn| newest(conn, role))
    }
}

impl Tx {
    /// The newest certificate of a role, as this unit of work sees it.
    pub async fn certificate_newest(
        &mut self,
        role: CertificateRole,
    ) -> Result<Option<Certificate>, StoreError> {
        newest(self.conn(), role).await
    }

    /// Add a certificate; it becomes the newest of its role, in place of one made in the
    /// same second. Raises the change number.
    pub async fn certificate_add(&mut self, certificate: &Certificate) -> Result<(), StoreError> {
        text::document("a certificate", &certificate.pem, LIMIT)?;
        text::bytes("a sealed key", &certificate.sealed_key, LIMIT)?;
        let values = (
            certificates::pem.eq(&certificate.pem),
            certificates::sealed_key.eq(&certificate.sealed_key),
            certificates::expires_at.eq(certificate.expires_at.0),
        );
        let key = (
            certificates::role.eq(certificate.role.as_str()),
            certificates::made_at.eq(certificate.made_at.0),
        );
        let upsert = diesel::insert_into(certificates::table)
            .values((key, values))
            .on_conflict((certificates::role, certificates::made_at))
            .do_update()
            .set(values);
        on_backend!(self.conn(), |conn| upsert.execute(conn).await)?;
        self.raise(ChangeKind::Certificate, certificate.role.as_str());
        Ok(())
    }

    /// Delete all but the newest `keep` certificates of a role, which nobody reads any more;
    /// gives how many. That the newest is the newest does not change, so no number is raised.
    pub async fn certificate_trim(
        &mut self,
        role: CertificateRole,
        keep: u32,
    ) -> Result<usize, StoreError> {
        let of_role = certificates::role.eq(role.as_str());
        let newest_to_go = certificates::table
            .filter(of_role)
            .order(certificates::made_at.desc())
            .offset(keep.into())
            .select(certificates::made_at);
        let newest_to_go: Option<i64> =
            on_backend!(self.conn(), |conn| newest_to_go.first(conn).await.optional())?;
        let Some(newest_to_go) = newest_to_go else { return Ok(0) };
        let gone = diesel::delete(certificates::table)
            .filter(of_role.and(certificates::made_at.le(newest_to_go)));
        Ok(on_backend!(self.conn(), |conn| gone.execute(conn).await)?)
    }
}

impl CertificateRole {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Leaf => "leaf",
        }
    }
}

async fn newest(conn: &mut Conn, role: CertificateRole) -> Result<Option<Certificate>, StoreError> {
    let query = certificates::table
        .filter(certificates::role.eq(role.as_str()))
        .order(certificates::made_at.desc())
        .select((
            certificates::made_at,
            certificates::pem,
            certificates::sealed_key,
            certificates::expires_at,
        ));
    let row = on_backend!(conn, |conn| query
        .first::<(i64, String, Vec<u8>, i64)>(conn)
        .await
        .optional())?;
    Ok(row.map(|(made_at, pem, sealed_key, expires_at)| Certificate {
        role,
        pem,
        sealed_key,
        made_at: Timestamp(made_at),
        expires_at: Timestamp(expires_at),
    }))
}
