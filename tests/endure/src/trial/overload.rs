//! Three times as many deliveries as the server can do, whatever it answers.
//!
//! What it can do is measured first, by connections that wait for their answers. Then
//! requests come at fixed times, over many connections, from this process, which is not
//! the server's: a slow answer puts nothing off. Half of the time one client in a thousand
//! sends its body byte by byte. What is let in has to keep its time, the rest is told at
//! once to come again.

mod storm;

use std::time::Duration;

use acceptance::Database;
use acceptance::wire::Wire;

use self::storm::{CONNECTIONS, Tally, capacity, storm};
use super::{Course, Running, Trial};
use crate::gauge::{MIB, Watch, memory, stand_back};
use crate::load::Ask;
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "overload",
    about: "three times the load that the server can do: what is let in keeps its time, the rest is told when to come again",
    databases: &[Database::Sqlite],
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// One client in a thousand, rounded up, is slow.
const SLOW: u32 = CONNECTIONS.div_ceil(1000);
/// How much more than it can do.
const TIMES: u32 = 3;
/// Whoever generates the load must reach this much of it, or it proves nothing.
const REACHED: f64 = 2.7;
/// What accepted requests keep, in 99 of 100 cases.
const P99: Duration = Duration::from_millis(250);
/// The most that memory may grow by, and what of it may stay.
const MEMORY: u64 = 64 * MIB;
const STAYS: u64 = 32 * MIB;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let seconds = course.options.cycles(4, 60).max(4);
    let mut scene = Scene::start(course.database).await;
    scene.warm_up().await?;
    let pid = scene.world.nodes()[0].pid();
    stand_back(pid)?;
    let capacity = capacity(&scene, seconds / 4).await?;
    report.measure("what it can do: deliveries a second", f64::from(capacity));

    let watch = Watch::start(pid)?;
    let before = watch.before();
    for (what, slow) in [("overload", 0), ("with slow clients", SLOW)] {
        let tally = storm(&scene, capacity * TIMES, seconds, slow).await?;
        judge(what, &tally, (capacity, seconds), course.options.short, report);
    }
    let growth = watch.growth().await;
    report.measure_bytes("memory grew by", growth);
    report.demand(growth <= MEMORY, || format!("memory grew by {growth}, bound {MEMORY}"));

    tokio::time::sleep(Duration::from_secs(seconds.into()) / 4).await;
    let stays = memory(pid)?.saturating_sub(before);
    report.measure_bytes("of which stays", stays);
    report.demand(stays <= STAYS, || format!("of memory {stays} stays, bound {STAYS}"));
    let mut wire = Wire::connect(scene.port(0)).await?;
    let reply = wire.ask(&Ask::replay(&scene.jobs.token()).bytes()).await?;
    report.demand(reply.status == 200, || format!("afterwards a job is told {reply:?}"));
    scene.world.stop();
    Ok(())
}

fn judge(
    what: &str,
    tally: &Tally,
    (capacity, seconds): (u32, u32),
    short: bool,
    report: &mut Report,
) {
    let accepted = u32::try_from(tally.accepted.len()).unwrap_or(u32::MAX);
    let sent = accepted + tally.refused + tally.other.values().sum::<u32>();
    let a_second = |count: u32| f64::from(count) / f64::from(seconds);
    report.measure(&format!("{what}: asked for a second"), a_second(sent));
    report.measure(&format!("{what}: accepted a second"), a_second(accepted));
    report.measure(&format!("{what}: refused a second"), a_second(tally.refused));
    report.measure(&format!("{what}: late of what was sent"), f64::from(tally.late));
    let mut times = tally.accepted.clone();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    report.time(&format!("{what}: accepted, the median"), at(50));
    report.time(&format!("{what}: accepted, of 99 in 100"), at(99));
    for (told, count) in &tally.other {
        report.loss(format!("{what}: {count} requests were told `{told}`"));
    }
    report.demand(tally.unadvised == 0, || {
        format!("{what}: {} were refused without a Retry-After", tally.unadvised)
    });
    report.demand(accepted > 0 && tally.refused > 0, || {
        format!("{what}: {accepted} accepted, {} refused: it proves nothing", tally.refused)
    });
    if short {
        // Seconds of a development build on a machine that does other things as well.
        return;
    }
    report.demand(a_second(sent) >= f64::from(capacity) * REACHED, || {
        format!("{what}: the load was only {:.0} a second: it proves nothing", a_second(sent))
    });
    report.demand(at(99) <= P99, || {
        format!("{what}: of what was let in one in a hundred took longer than {:?}", at(99))
    });
}
