//! `kill -9` of the server under load: what was answered is there after the restart.

use std::time::{Duration, Instant};

use segura_model::{Clock, SystemClock};

use super::{BOTH, Course, Running, Trial};
use crate::check;
use crate::ledger::{self, Mark};
use crate::load::{Delivery, Load};
use crate::report::Report;
use crate::scene::Scene;

pub(crate) const TRIAL: Trial = Trial {
    name: "kill",
    about: "kill -9 under load: nothing answered is missing, no token is spent twice, the chain verifies",
    databases: BOTH,
    run: |course, report| -> Running<'_> { Box::pin(run(course, report)) },
};

/// Connections of the load; one of them writes secrets.
const CONNECTIONS: usize = 8;
/// The whole ledger is read again every so many cycles.
const VERIFY_EVERY: u32 = 20;

async fn run(course: &Course<'_>, report: &mut Report) -> anyhow::Result<()> {
    let cycles = course.options.cycles(3, 200);
    let mut chance = fastrand::Rng::with_seed(course.seed);
    let mut scene = Scene::start(course.database).await;
    let mut kept: Vec<Delivery> = Vec::new();
    for cycle in 1..=cycles {
        let (mark, since) = (Mark::set(&scene, 0).await?, SystemClock.now().0);
        let load = Load::start(&scene, &[scene.port(0)], CONNECTIONS, chance.u64(..));
        load.is_under_way().await;
        tokio::time::sleep(Duration::from_millis(chance.u64(100..700))).await;
        scene.world.kill();
        let mut books = load.stop().await;

        let started = Instant::now();
        scene.world.add_node().await;
        report.time("restart to answer", started.elapsed());

        let acknowledged = books.acknowledged();
        report.count("cycles", 1);
        report.count("acknowledged", acknowledged);
        report.count("never answered", books.open.len());
        report.measure_count("acknowledged in a cycle", acknowledged);
        report.demand(acknowledged > 0, || {
            format!("nothing was acknowledged in cycle {cycle}: it proves nothing")
        });
        books.refusals("before the kill", report);
        check::all(&scene, 0, &books, (&mark, since), report).await?;
        kept.extend(books.deliveries.drain(..).map(without_tokens));
        if cycle % VERIFY_EVERY == 0 {
            let verified = ledger::verify(&scene, 0, report).await?;
            report.progress(&format!(
                "{cycle} of {cycles} kills, {} acknowledged, {} records verify, {} lost",
                report.counted("acknowledged"),
                verified.records,
                report.lost()
            ));
        }
    }
    // Once more, all of it: a later kill must not take what an earlier one left.
    let rows = ledger::read(&scene, 0, 0).await?;
    check::receipts(&kept, &rows, report);
    let verified = ledger::verify(&scene, 0, report).await?;
    report.note(format!("{} records in {} chains verify", verified.records, verified.chains));
    scene.world.stop();
    Ok(())
}

/// Only what the last reading of the ledger needs.
fn without_tokens(mut delivery: Delivery) -> Delivery {
    delivery.ask.token = String::new();
    delivery.session.token = String::new();
    delivery
}
