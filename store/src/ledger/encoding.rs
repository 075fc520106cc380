//! What is hashed, byte by byte.
//!
//! Two steps. The content of a record (every column that can be searched for, and a
//! digest of its JSON body, each after its length) is digested on the caller's task; the
//! writer then only chains 32 bytes to 32 bytes. Since the body goes in as a digest,
//! retention can drop it and the chain still holds. An encoding is never changed: a new
//! one gets the next number, and rows keep theirs.

use aws_lc_rs::digest::{SHA256, digest};
use segura_model::audit::{Actor, Record};
use segura_model::{ChainId, Timestamp};

use crate::{StoreError, text};

/// The number of the encoding that new records get.
pub(crate) const ENCODING: i64 = 1;
/// The number in a line of the register. Not [`ENCODING`]: a line does not say under which
/// number it was hashed, so this one stays.
const REGISTER_ENCODING: i64 = 1;

/// The most bytes of a record's JSON.
const BODY: usize = 256 * 1024;
/// The most paths in one record.
const PATHS: usize = 1000;

/// A SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// A record ready to be chained: its columns, its body and the digest of both.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) columns: Columns,
    pub(crate) body: String,
    pub(crate) content: Hash,
}

/// What a ledger row can be searched for, and the digest of its body.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) outcome: String,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) request: Option<String>,
    pub(crate) denial: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) client: Option<String>,
    /// Paths and versions; 0 where no version was looked up.
    pub(crate) paths: Vec<(String, i64)>,
    pub(crate) body_digest: Hash,
}

impl Prepared {
    /// Check a record's bounds and take its digest.
    pub(crate) fn new(record: &Record) -> Result<Self, StoreError> {
        let body = serde_json::to_string(record)
            .map_err(|_| StoreError::Invalid("a ledger record has no JSON form"))?;
        text::bytes("a ledger record", body.as_bytes(), BODY)?;
        if record.paths.len() > PATHS {
            return Err(StoreError::TooLarge { what: "a record's list of paths", limit: PATHS });
        }
        let columns = Columns::of(record, sha256(body.as_bytes()));
        if let Some(subject) = &columns.subject {
            text::line("a subject", subject)?;
        }
        if let Some(code) = &columns.code {
            text::line("a reason code", code)?;
        }
        Ok(Self { content: columns.content_1(), columns, body })
    }
}

impl Columns {
    fn of(record: &Record, body_digest: Hash) -> Self {
        let (issuer, subject, operator) = match &record.actor {
            Actor::Operator { name, .. } => (None, None, Some(name.to_string())),
            Actor::Server => (None, None, None),
            Actor::Stranger { issuer } => (issuer.as_ref().map(ToString::to_string), None, None),
            Actor::Workload { issuer, subject, .. } => {
                (Some(issuer.to_string()), Some(subject.clone()), None)
            }
        };
        let path = |released: &segura_model::audit::ReleasedPath| {
            (released.path.to_string(), i64::from(released.version.unwrap_or(0)))
        };
        Self {
            at: record.at.0,
            event: record.event.as_str().to_owned(),
            outcome: record.outcome.as_str().to_owned(),
            issuer,
            subject,
            operator,
            session: record.session.map(|id| id.to_string()),
            request: record.request.map(|id| id.to_string()),
            denial: record.denial.map(|id| id.to_string()),
            code: record.code.clone(),
            client: record.client.map(|address| address.to_string()),
            paths: record.paths.iter().map(path).collect(),
            body_digest,
        }
    }

    /// The digest of these columns under the encoding that their row was written with; `None`
    /// for one that this release does not know.
    pub(crate) fn content(&self, encoding: i64) -> Option<Hash> {
        match encoding {
            1 => Some(self.content_1()),
            _ => None,
        }
    }

    /// The digest of these columns, under encoding 1.
    fn content_1(&self) -> Hash {
        let mut bytes = Encoder::new(b"segura ledger content");
        bytes.number(self.at);
        bytes.part(self.event.as_bytes());
        bytes.part(self.outcome.as_bytes());
        for optional in [
            &self.issuer,
            &self.subject,
            &self.operator,
            &self.session,
            &self.request,
            &self.denial,
            &self.code,
            &self.client,
        ] {
            bytes.optional(optional.as_deref());
        }
        bytes.number(i64::try_from(self.paths.len()).unwrap_or(i64::MAX));
        for (path, version) in &self.paths {
            bytes.part(path.as_bytes());
            bytes.number(*version);
        }
        bytes.part(&self.body_digest);
        bytes.digest()
    }
}

/// The hash of a record: its place, the record before it and its content.
pub(crate) fn record_hash(
    encoding: i64,
    chain: ChainId,
    seq: i64,
    previous: &Hash,
    content: &Hash,
) -> Hash {
    let mut bytes = Encoder::new(b"segura ledger record");
    bytes.number(encoding);
    bytes.part(&chain.to_bytes());
    bytes.number(seq);
    bytes.part(previous);
    bytes.part(content);
    bytes.digest()
}

/// One line of the register of chains.
pub(crate) struct RegisterLine {
    pub(crate) number: i64,
    pub(crate) chain: ChainId,
    pub(crate) started_at: Timestamp,
    /// Where the chain registered before this one stood.
    pub(crate) previous_seq: i64,
    pub(crate) previous_hash: Hash,
}

impl RegisterLine {
    /// The hash of this line, which the chain's first record is chained to.
    pub(crate) fn hash(&self, line_before: &Hash) -> Hash {
        let mut bytes = Encoder::new(b"segura ledger register");
        bytes.number(REGISTER_ENCODING);
        bytes.number(self.number);
        bytes.part(&self.chain.to_bytes());
        bytes.number(self.started_at.0);
        bytes.number(self.previous_seq);
        bytes.part(&self.previous_hash);
        bytes.part(line_before);
        bytes.digest()
    }
}

/// What a receipt's MAC is over: the record's hash for another purpose, so that a receipt
/// is never the head of a chain that was cut short behind it.
pub(crate) fn receipt_digest(hash: &Hash) -> Hash {
    let mut bytes = Encoder::new(b"segura ledger receipt");
    bytes.part(hash);
    bytes.digest()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Writes parts that cannot be taken for one another: each is preceded by its length.
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn new(purpose: &[u8]) -> Self {
        let mut encoder = Self(Vec::with_capacity(512));
        encoder.part(purpose);
        encoder
    }

    pub(crate) fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn part(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.part(text.as_bytes());
        }
    }

    fn digest(&self) -> Hash {
        sha256(&self.0)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use segura_model::audit::{Event, Outcome};

    use super::*;

    fn columns() -> Columns {
        let actor = Actor::Workload {
            issuer: "github".parse().unwrap(),
            subject: "repo:acme/payments".to_owned(),
            anchors: std::collections::BTreeMap::new(),
            run: std::collections::BTreeMap::new(),
        };
        let record = Record::new(Event::Read, Outcome::Released, Timestamp(7), actor);
        Prepared::new(&record).unwrap().columns
    }

    #[test]
    fn every_column_changes_the_content() {
        type Edit = fn(&mut Columns);
        let edits: [Edit; 13] = [
            |columns| columns.at += 1,
            |columns| columns.event.push('x'),
            |columns| columns.outcome.push('x'),
            |columns| columns.issuer = None,
            |columns| columns.subject = Some(String::new()),
            |columns| columns.operator = Some(String::new()),
            |columns| columns.session = Some(String::new()),
            |columns| columns.request = Some(String::new()),
            |columns| columns.denial = Some(String::new()),
            |columns| columns.code = Some(String::new()),
            |columns| columns.client = Some(String::new()),
            |columns| columns.paths.push(("db".to_owned(), 1)),
            |columns| columns.body_digest[0] ^= 1,
        ];
        let mut seen = std::collections::BTreeSet::from([columns().content_1()]);
        for (place, edit) in edits.iter().enumerate() {
            let mut edited = columns();
            edit(&mut edited);
            assert!(seen.insert(edited.content_1()), "edit {place} is not seen");
        }
    }

    /// Were this to change, ledgers that are written already would no longer verify.
    #[test]
    fn encoding_1_stays_what_it_is() {
        let chain = ChainId::from_bytes([1; 16]);
        let content = Columns { body_digest: [3; 32], ..columns() }.content(1).unwrap();
        let hash = record_hash(1, chain, 1, &[2; 32], &content);
        assert_eq!(hex(&hash), "b8f38171cdc328f88468fcf28e175533b359dc234b53d67b7cbaf83fdc9dbcf0");
    }

    #[test]
    fn a_record_is_prepared_under_the_encoding_that_its_row_will_name() {
        let record = Record::new(Event::Read, Outcome::Released, Timestamp(7), Actor::Server);
        let prepared = Prepared::new(&record).unwrap();
        assert_eq!(prepared.columns.content(ENCODING), Some(prepared.content));
        assert_eq!(prepared.columns.content(ENCODING + 1), None);
    }

    #[test]
    fn a_line_of_the_register_stays_what_it_is() {
        let line = RegisterLine {
            number: 4,
            chain: ChainId::from_bytes([1; 16]),
            started_at: Timestamp(7),
            previous_seq: 9,
            previous_hash: [2; 32],
        };
        assert_eq!(
            hex(&line.hash(&[3; 32])),
            "dbcee00cc818c540d1605ea6e89b42cd3d52f52214b8a67c7d2fc42d170201f0"
        );
    }

    fn hex(hash: &Hash) -> String {
        hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}
