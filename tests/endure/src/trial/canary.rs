//! One secret value and one key are looked for wherever the server writes, and in itself.
//!
//! The value is written, delivered and read, the key opened the keyring; then both are
//! searched for, as they are, in base64 and in hexadecimal: in the database and its
//! write-ahead log while the server runs, in its log at the most talkative level, in the
//! metrics, in what it leaves when it is aborted, and in its memory. The key is looked for
//! as the bytes that it is, whatever its file says them in: it opens the keyring at the
//! start, and is not needed afterwards. Wherever is searched, something that must be there
//! is searched for too. A core dump on purpose needs a process that lets itself be dumped,
//! which this one does not; its memory is read as root may read it, which is what `gcore`
//! would write to a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::wire::{Wire, get, send};
use acceptance::world::text;
use acceptance::{Database, Run as Ran, World};
use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem;
use serde_json::json;

use super::{Course, Running, Trial};
use crate::gauge;
use crate::load::Ask;
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "canary",
    about: "one secret and one key, searched for in database, logs, metrics, crash output and memory: nowhere",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Where the secret is; this must be found, or the search finds nothing.
const PATH: &str = "db/prod/canary";
/// What the log and the metrics have of it: a request's route, never its path.
const ROUTE: &str = "/api/v2/a2a/secrets/";
/// How long a server that answered may hold what it answered.
const SETTLES: Duration = Duration::from_secs(2);
const CHUNK: usize = 1 << 20;
const OVERLAP: usize = 4096;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let mut chance = fastrand::Rng::with_seed(course.seed);
    let value: String = (0..40).map(|_| chance.alphanumeric()).collect();
    let mut world = World::prepare(course.database).await;
    world.speak_plain();
    world.set("telemetry.level=trace");
    world.add_node().await;
    let mut scene = Scene::furnish(world).await;
    let key = std::fs::read_to_string(scene.world.path("guard.key")).context("the guard's key")?;
    let key = STANDARD.decode(key.trim()).context("the guard's key in base64")?;
    ensure!(key.len() == 32, "the guard's key has {} bytes", key.len());
    let secret = Canary::of("the secret", value.as_bytes());
    let searched = [secret, Canary::of("the key", &key)];

    for _ in 0..course.options.cycles(3, 100) {
        use_it(&scene, &value, report).await?;
    }
    tokio::time::sleep(SETTLES).await;
    for (place, end) in [("the database", ""), ("its write-ahead log", "-wal")] {
        look_in_files(&scene.world.path("data"), end, &searched, place, report)?;
    }
    let metrics = gauge::metrics(&scene.world.nodes()[0]).await?;
    look("metrics", metrics.as_bytes(), ROUTE, &searched, report);
    look_in_memory(course, &scene, &searched, report)?;
    abort(&mut scene, &searched, report)
}

/// Everything that touches the value, and some that fails.
async fn use_it(scene: &Scene, value: &str, report: &mut Report) -> anyhow::Result<()> {
    let mut wire = Wire::connect(scene.port(0)).await?;
    let path = format!("/api/v2/a2a/secrets/{PATH}");
    let body = json!({"fields": {"value": value}});
    let put = wire.ask(&send("PUT", &path, &scene.operator, &body)).await?;
    ensure!(put.status == 200, "the secret is not written: {put:?}");
    let Ask { token, key } = Ask::replay(&scene.jobs.token());
    let body = json!({"token": token, "request_key": key, "secrets": [PATH]});
    let delivery = wire.ask(&send("POST", "/api/v2/deliveries", "", &body)).await?;
    let given = delivery.text("/secrets/0/fields/value") == value;
    ensure!(given, "the secret is not delivered: {}", delivery.status);
    let session = delivery.text("/session/token").to_owned();
    for bearer in [&session, &scene.operator] {
        let read = wire.ask(&get(&path, bearer)).await?;
        ensure!(read.status == 200, "the secret is not read: {}", read.status);
        report.count("times that the secret was given", 1);
    }
    let missing = wire.ask(&get(&format!("{path}?version=999"), &session)).await?;
    ensure!(missing.status == 404, "what is not there is answered {}", missing.status);
    let broken = send("PUT", &path, &scene.operator, &json!({"fields": {"value": [value]}}));
    let refused = wire.ask(&broken).await?;
    ensure!(refused.status == 400, "a broken body is answered {}", refused.status);
    let said = refused.body.to_string();
    report.demand(!said.contains(value), || "a refusal repeats the value".to_owned());
    Ok(())
}

/// Something to look for, in all its forms.
struct Canary {
    what: &'static str,
    forms: Vec<(String, Vec<u8>)>,
}

impl Canary {
    fn of(what: &'static str, bytes: &[u8]) -> Self {
        let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let mut forms = vec![
            ("as it is".to_owned(), bytes.to_vec()),
            ("in capital hexadecimal".to_owned(), hex.to_uppercase().into_bytes()),
            ("in hexadecimal".to_owned(), hex.into_bytes()),
        ];
        // Inside something longer it begins at any of three places.
        for shift in 0..3 {
            let padded = [&vec![0; shift][..], bytes].concat();
            let whole = padded.len() / 3 * 3;
            let start = shift.div_ceil(3) * 4;
            let texts = [STANDARD.encode(&padded[..whole]), URL_SAFE.encode(&padded[..whole])];
            for (text, kind) in texts.iter().zip(["base64", "URL-safe base64"]) {
                let name = format!("in {kind}, behind {shift} bytes");
                let form = text.as_bytes()[start..].to_vec();
                // One text is often the same in both alphabets.
                if !forms.iter().any(|(_, known)| *known == form) {
                    forms.push((name, form));
                }
            }
        }
        Self { what, forms }
    }

    /// How often it is there, by form.
    fn found_in(&self, bytes: &[u8]) -> impl Iterator<Item = (&str, usize)> {
        let counted = self.forms.iter().map(|(name, form)| (name.as_str(), count(bytes, form)));
        counted.filter(|(_, found)| *found > 0)
    }
}

/// How often it is there.
fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    memmem::find_iter(bytes, wanted).count()
}

/// Search these bytes, in which `known` must be.
fn look(place: &str, bytes: &[u8], known: &str, searched: &[Canary], report: &mut Report) {
    report.measure_bytes(&format!("searched: {place}"), bytes.len() as u64);
    report.demand(count(bytes, known.as_bytes()) > 0, || {
        format!("{place} does not even have {known}: the search proves nothing")
    });
    for canary in searched {
        for (form, found) in canary.found_in(bytes) {
            let what = canary.what;
            report.demand(false, || format!("{what} is in {place} {form}, {found} times"));
        }
    }
}

/// Look in the files of a folder whose names end so.
fn look_in_files(
    folder: &Path,
    end: &str,
    searched: &[Canary],
    place: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if text(&path).ends_with(end) {
            all.extend(std::fs::read(path)?);
        }
    }
    look(place, &all, PATH, searched, report);
    Ok(())
}

/// Look through all that the process can read of itself.
fn look_in_memory(
    course: &Course<'_>,
    scene: &Scene,
    searched: &[Canary],
    report: &mut Report,
) -> anyhow::Result<()> {
    let process = format!("/proc/{}", scene.world.nodes()[0].pid());
    if course.options.without_root {
        report.note("NOT TRIED: only root may read the memory of the server".to_owned());
        return Ok(());
    }
    let memory = File::open(format!("{process}/mem"))
        .context("only root may read the memory of the server: run as root, or --without-root")?;
    let maps = std::fs::read_to_string(format!("{process}/maps"))?;
    let (mut chunk, untouched) = (vec![0; CHUNK], vec![0; CHUNK]);
    let (mut known, mut size, mut found) = (0, 0, BTreeMap::new());
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(is_writable)) {
        let (from, to) =
            line.split(' ').next().and_then(|all| all.split_once('-')).context("map")?;
        let (mut at, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        let mapping = line.split_whitespace().nth(5).unwrap_or("memory without a name");
        while at < to {
            let Ok(read @ 1..) = memory.read_at(&mut chunk, at) else { break };
            let bytes = &chunk[..read.min(usize::try_from(to - at)?)];
            if bytes == &untouched[..bytes.len()] {
                at += bytes.len() as u64;
                continue;
            }
            known += count(bytes, PATH.as_bytes());
            for canary in searched {
                for (form, times) in canary.found_in(bytes) {
                    *found.entry((canary.what, form, mapping)).or_insert(0) += times;
                }
            }
            size += bytes.len() as u64;
            // What lies across two chunks is found in the one or the other.
            let is_last = at + bytes.len() as u64 == to || bytes.len() <= OVERLAP;
            at += (bytes.len() - if is_last { 0 } else { OVERLAP }) as u64;
        }
    }
    report.measure_bytes("searched: memory", size);
    report.demand(known > 0, || "memory does not even have the path".to_owned());
    for canary in searched {
        let all = found.iter().filter(|((what, ..), _)| *what == canary.what);
        report.count(&format!("{} in memory", canary.what), all.map(|(_, times)| times).sum());
    }
    for ((what, form, mapping), times) in found {
        report.demand(false, || format!("{what} is in memory {form}, {times} times: {mapping}"));
    }
    Ok(())
}

fn is_writable(rights: &str) -> bool {
    rights.starts_with("rw")
}

/// Abort the server, which asks for a core dump, and look at all it leaves.
fn abort(scene: &mut Scene, searched: &[Canary], report: &mut Report) -> anyhow::Result<()> {
    let pid = scene.world.nodes()[0].pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let fields: Vec<_> = core.unwrap_or_default().split_whitespace().skip(4).take(2).collect();
    report.demand(fields == ["0", "0"], || format!("a core dump may be written: {fields:?}"));
    let log = scene.world.path("node-0.log");
    let aborted = Ran::of(Command::new("kill").args(["-ABRT", &pid.to_string()]));
    ensure!(aborted.code == 0, "the server cannot be aborted: {aborted:?}");
    std::thread::sleep(Duration::from_millis(500));
    scene.world.kill();
    for dumped in [format!("core.{pid}"), "core".to_owned()] {
        report.demand(!Path::new(&dumped).exists(), || format!("there is a core dump, {dumped}"));
    }
    look("logs and crash output", &std::fs::read(log)?, ROUTE, searched, report);
    look_in_files(&scene.world.path("data"), "", searched, "what the crash left", report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_in_every_form_and_wherever_it_begins() {
        let bytes: [u8; 32] = std::array::from_fn(|place| 200 + u8::try_from(place).unwrap());
        let canary = Canary::of("it", &bytes);
        let hex = bytes.map(|byte| format!("{byte:02x}")).concat();
        let mut texts = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        for before in 0..4 {
            let longer = [&vec![b'x'; before][..], &bytes, b"and more"].concat();
            texts.push(STANDARD.encode(&longer).into_bytes());
            texts.push(URL_SAFE.encode(&longer).into_bytes());
        }
        for text in texts {
            assert_eq!(canary.found_in(&text).count(), 1, "{}", text.escape_ascii());
        }
        assert_eq!(canary.found_in(&bytes[1..]).count(), 0);
    }
}
