//! Overload: more than the server can do is refused at once, and cheaply.
//!
//! A request waits in two places: on its event loop, behind others that are ready too, and
//! in the writer's queue. Both waits are measured where they happen, as CoDel does, rather
//! than guessed from counts: a count that is right for one disk is wrong for another. When
//! either is too long, what comes next is refused before its body is looked at and before any
//! cryptography, so that what was let in still meets its time. A few requests at once are
//! always let in: with so few, a long wait is a slow disk or a busy machine, and refusing
//! would help nobody. Requests of operators have room of their own: who must repair an
//! overloaded server has to be able to. Nobody has proved anything yet when places are
//! given, so a place is left while its caller sends the body, and a stranger in the line of
//! operators goes to the other one before the refusal is written: otherwise slow bodies, or
//! requests with no credential, would keep everybody else out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::rt::{spawn, time};
use segura_store::{Count, Spread};

/// Requests of jobs that are let in whatever the waits are: so many at once is a burst, a
/// matrix of jobs that start together, and not more than the server can do.
const ALWAYS: usize = 128;
/// Requests of operators at once.
const OPERATORS: usize = 64;
/// How long a task that is ready may wait for its event loop.
const LOOP_WAIT: Duration = Duration::from_millis(10);
/// How long an order may wait for the writer.
const WRITER_WAIT: Duration = Duration::from_millis(30);
/// How often an event loop's wait is measured.
const BEAT: Duration = Duration::from_millis(10);

/// Who a request is for, as far as it is told apart when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A probe, or nobody in particular: never refused.
    Free,
    /// A job.
    Jobs,
    /// An operator.
    Operators,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// What is ready waits too long for its event loop.
    EventLoop,
    /// Too many requests of operators at once.
    Operators,
    /// Too many requests of jobs at once.
    Requests,
    /// Orders wait too long for the writer.
    Writer,
}

/// Lets requests in, or not; one for all event loops.
pub struct Overload {
    most: usize,
    jobs: AtomicUsize,
    operators: AtomicUsize,
    writer_wait: Box<dyn Fn() -> Duration + Send + Sync>,
    loop_waits: Arc<Spread>,
    refused: [Count; 4],
    started: Instant,
    /// When refusals were last told in the log, in seconds after the start and one; and how
    /// many there had been.
    told: (AtomicU64, AtomicU64),
}

impl Overload {
    /// Let in at most `most` requests of jobs at once. `writer_wait` says how long the oldest
    /// order has been waiting for the writer.
    pub fn new(
        most: usize,
        writer_wait: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            most,
            jobs: AtomicUsize::new(0),
            operators: AtomicUsize::new(0),
            writer_wait: Box::new(writer_wait),
            loop_waits: Arc::new(Spread::of_times()),
            refused: Default::default(),
            started: Instant::now(),
            told: Default::default(),
        })
    }

    /// Let a request in until the pass is dropped. `loop_wait` is that of its event loop.
    pub fn admit(self: &Arc<Self>, line: Line, loop_wait: Duration) -> Result<Pass, Why> {
        let admitted = match line {
            Line::Free => Ok(()),
            Line::Operators => take(&self.operators, OPERATORS, Why::Operators),
            Line::Jobs => {
                self.waits(loop_wait).and_then(|()| take(&self.jobs, self.most, Why::Requests))
            }
        };
        match admitted {
            Ok(()) => Ok(Pass { overload: Arc::clone(self), line }),
            Err(why) => {
                self.refused[why.place()].raise();
                self.tell();
                Err(why)
            }
        }
    }

    /// How many are being served, by line.
    pub fn in_flight(&self) -> [(&'static str, usize); 2] {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        [("jobs", count(&self.jobs)), ("operators", count(&self.operators))]
    }

    /// How many were refused, by reason.
    pub fn refused(&self) -> [(&'static str, u64); 4] {
        WHYS.map(|why| (why.as_str(), self.refused[why.place()].get()))
    }

    /// How long event loops let wait what is ready, in microseconds.
    pub fn loop_waits(&self) -> &Spread {
        &self.loop_waits
    }

    fn waits(&self, loop_wait: Duration) -> Result<(), Why> {
        if self.jobs.load(Ordering::Relaxed) < ALWAYS {
            return Ok(());
        }
        if loop_wait > LOOP_WAIT {
            return Err(Why::EventLoop);
        }
        if (self.writer_wait)() > WRITER_WAIT { Err(Why::Writer) } else { Ok(()) }
    }

    /// One line a second at most, whatever is refused.
    fn tell(&self) {
        let (at, before) = (&self.told.0, &self.told.1);
        if !is_news(at, self.started.elapsed().as_secs() + 1) {
            return;
        }
        let all = WHYS.map(|why| self.refused[why.place()].get());
        let refused = all.iter().sum::<u64>();
        let refused = refused.saturating_sub(before.swap(refused, Ordering::Relaxed));
        let [event_loop, operators, requests, writer] = all;
        tracing::warn!(
            refused,
            event_loop,
            operators,
            requests,
            writer,
            "overload: requests are refused"
        );
    }
}

impl std::fmt::Debug for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overload").field("most", &self.most).finish_non_exhaustive()
    }
}

/// A request that was let in.
#[derive(Debug)]
pub struct Pass {
    overload: Arc<Overload>,
    line: Line,
}

/// The place of one request, where the event loop's handlers can leave it and come back.
pub struct Place {
    overload: Arc<Overload>,
    pulse: Option<Rc<Pulse>>,
    line: Cell<Line>,
    pass: RefCell<Option<Pass>>,
}

impl Place {
    /// Take a place in this line.
    pub fn take(
        overload: &Arc<Overload>,
        line: Line,
        pulse: Option<Rc<Pulse>>,
    ) -> Result<Rc<Self>, Why> {
        let (line, pass) = (Cell::new(line), RefCell::default());
        let place = Self { overload: Arc::clone(overload), pulse, line, pass };
        place.come_back()?;
        Ok(Rc::new(place))
    }

    /// Leave it, for a while or for good.
    pub fn leave(&self) {
        drop(self.pass.take());
    }

    /// Take it again, if there is room.
    pub fn come_back(&self) -> Result<(), Why> {
        self.leave();
        let loop_wait = self.pulse.as_ref().map_or(Duration::ZERO, |pulse| pulse.wait());
        self.pass.replace(Some(self.overload.admit(self.line.get(), loop_wait)?));
        Ok(())
    }

    /// Whoever waited among operators is none: on to the line of jobs, if there is room.
    pub fn move_to_jobs(&self) -> Result<(), Why> {
        if self.line.replace(Line::Jobs) == Line::Jobs { Ok(()) } else { self.come_back() }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        match self.line {
            Line::Free => {}
            Line::Jobs => {
                self.overload.jobs.fetch_sub(1, Ordering::Relaxed);
            }
            Line::Operators => {
                self.overload.operators.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Why {
    const fn place(self) -> usize {
        match self {
            Self::EventLoop => 0,
            Self::Operators => 1,
            Self::Requests => 2,
            Self::Writer => 3,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::EventLoop => "event-loop",
            Self::Operators => "operators",
            Self::Requests => "requests",
            Self::Writer => "writer",
        }
    }
}

const WHYS: [Why; 4] = [Why::EventLoop, Why::Operators, Why::Requests, Why::Writer];

/// Whether nobody told anything in this second or a later one: who read the clock may be
/// overtaken before it comes here.
fn is_news(told_at: &AtomicU64, now: u64) -> bool {
    told_at.fetch_max(now, Ordering::Relaxed) < now
}

fn take(count: &AtomicUsize, most: usize, why: Why) -> Result<(), Why> {
    let room = |count| (count < most).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).map(drop).map_err(|_| why)
}

/// The pulse of one event loop: a task that wants to run every ten milliseconds. How late
/// it is is how long everything else that is ready waits too.
pub struct Pulse(Cell<Instant>);

impl Pulse {
    /// Begin, on this event loop.
    pub fn start(overload: &Overload) -> Rc<Self> {
        let pulse = Rc::new(Self(Cell::new(Instant::now())));
        let (waits, beating) = (Arc::clone(&overload.loop_waits), Rc::downgrade(&pulse));
        spawn(async move {
            loop {
                time::sleep(BEAT).await;
                let Some(pulse) = beating.upgrade() else { return };
                waits.add_time(pulse.wait());
                pulse.0.set(Instant::now());
            }
        });
        pulse
    }

    /// How late the next beat is by now.
    pub fn wait(&self) -> Duration {
        self.0.get().elapsed().saturating_sub(BEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn a_full_gate_refuses_and_opens_again() {
        let overload = Overload::new(2, || NONE);
        let passes = [(); 2].map(|()| overload.admit(Line::Jobs, NONE).unwrap());
        assert_eq!(overload.admit(Line::Jobs, NONE).err(), Some(Why::Requests));
        let operator = overload.admit(Line::Operators, NONE).unwrap();
        assert_eq!(overload.in_flight(), [("jobs", 2), ("operators", 1)]);
        drop((passes, operator));
        assert_eq!(overload.in_flight(), [("jobs", 0), ("operators", 0)]);
        assert!(overload.admit(Line::Jobs, NONE).is_ok());
        assert_eq!(overload.refused()[2], ("requests", 1));
    }

    #[test]
    fn a_long_wait_refuses_only_when_many_are_served() {
        let overload = Overload::new(1000, || WRITER_WAIT * 2);
        let few: Vec<_> = (0..ALWAYS).map(|_| overload.admit(Line::Jobs, LOOP_WAIT * 2)).collect();
        assert!(few.iter().all(Result::is_ok));
        assert_eq!(overload.admit(Line::Jobs, LOOP_WAIT * 2).err(), Some(Why::EventLoop));
        assert_eq!(overload.admit(Line::Jobs, NONE).err(), Some(Why::Writer));
        assert!(overload.admit(Line::Operators, LOOP_WAIT * 2).is_ok());
        drop(few);
        assert!(overload.admit(Line::Jobs, LOOP_WAIT * 2).is_ok());
    }

    #[test]
    fn operators_have_a_bound_of_their_own() {
        let overload = Overload::new(1, || NONE);
        let all: Vec<_> = (0..OPERATORS).map(|_| overload.admit(Line::Operators, NONE)).collect();
        assert_eq!(overload.admit(Line::Operators, NONE).err(), Some(Why::Operators));
        assert!(
            overload.admit(Line::Jobs, NONE).is_ok() && overload.admit(Line::Free, NONE).is_ok()
        );
        drop(all);
    }

    #[test]
    fn a_place_is_left_and_taken_again_while_there_is_room() {
        let overload = Overload::new(1, || NONE);
        let place = Place::take(&overload, Line::Jobs, None).unwrap();
        assert_eq!(Place::take(&overload, Line::Jobs, None).err(), Some(Why::Requests));
        place.leave();
        let other = Place::take(&overload, Line::Jobs, None).unwrap();
        assert_eq!(place.come_back(), Err(Why::Requests));
        drop(other);
        assert_eq!(place.come_back(), Ok(()));
        drop(place);
        assert_eq!(overload.in_flight(), [("jobs", 0), ("operators", 0)]);
    }

    #[test]
    fn a_stranger_has_no_place_among_operators() {
        let overload = Overload::new(1, || NONE);
        let place = Place::take(&overload, Line::Operators, None).unwrap();
        assert_eq!(place.move_to_jobs(), Ok(()));
        assert_eq!(overload.in_flight(), [("jobs", 1), ("operators", 0)]);
        let other = Place::take(&overload, Line::Operators, None).unwrap();
        assert_eq!(other.move_to_jobs(), Err(Why::Requests));
        assert_eq!(overload.in_flight(), [("jobs", 1), ("operators", 0)]);
    }

    #[test]
    fn a_second_is_told_of_once_even_by_who_was_overtaken() {
        let told_at = AtomicU64::new(0);
        let told = [1, 2, 1, 2, 3].map(|now| is_news(&told_at, now));
        assert_eq!(told, [true, true, false, false, true]);
    }

    #[actix_web::test]
    async fn a_blocked_event_loop_is_seen_while_it_is_blocked_and_after() {
        let overload = Overload::new(1, || NONE);
        let pulse = Pulse::start(&overload);
        time::sleep(BEAT * 3).await;
        std::thread::sleep(LOOP_WAIT * 3);
        assert!(pulse.wait() > LOOP_WAIT, "{:?}", pulse.wait());
        time::sleep(BEAT * 3).await;
        let longest = overload.loop_waits().counts().filter(|(_, count)| *count > 0).last();
        assert!(longest.unwrap().0.is_none_or(|bound| bound > 25_000), "{longest:?}");
    }
}
