//! Where an answer goes, and how it gets there without being overtaken.
//!
//! An event loop of the server runs the tasks that wake each other on its own thread before
//! those that another thread wakes: of the latter it takes one in 31 turns while there is
//! anything else to do (tokio's `LocalSet`). The writer is another thread. Under load every
//! request that is done would wait behind dozens that have just come, and be late although
//! nothing on its way is slow. So the answers for one thread go to a task there, which hands
//! them out: it waits for its turn once for as many as are ready, and whom it wakes is woken
//! by the own thread. It also costs one wake-up rather than one for each.

use std::cell::RefCell;

use tokio::sync::{mpsc, oneshot};

use super::entry::Commit;
use crate::StoreError;

/// How many answers are taken at once.
const AT_ONCE: usize = 64;

/// What the writer says of one order.
type Answer = Result<Commit, StoreError>;

/// An answer, and who waits for it.
struct Parcel {
    to: oneshot::Sender<Answer>,
    answer: Answer,
}

thread_local! {
    /// The way to the task that hands out this thread's answers, while there is one.
    static HOME: RefCell<Option<mpsc::UnboundedSender<Parcel>>> = const { RefCell::new(None) };
}

/// Hand out the answers to what this thread's tasks ask the writer for, for as long as this
/// is polled. Run it as a task of each event loop; where there is none, answers come from
/// the writer's own thread.
///
/// What waits here is bounded by the writer's queue.
pub async fn hand_out_answers() {
    let (home, mut parcels) = mpsc::unbounded_channel();
    let _open = Open::with(home);
    let mut some = Vec::with_capacity(AT_ONCE);
    while parcels.recv_many(&mut some, AT_ONCE).await > 0 {
        some.drain(..).for_each(Parcel::hand_over);
    }
}

/// Until it is dropped, answers for this thread go home.
struct Open;

impl Open {
    fn with(home: mpsc::UnboundedSender<Parcel>) -> Self {
        HOME.set(Some(home));
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        HOME.set(None);
    }
}

impl Parcel {
    /// A caller that went away wants no answer.
    fn hand_over(self) {
        drop(self.to.send(self.answer));
    }
}

/// Where an order's answer goes.
pub(super) struct Reply {
    to: oneshot::Sender<Answer>,
    home: Option<mpsc::UnboundedSender<Parcel>>,
}

impl Reply {
    /// To a task of this thread, which waits for it here.
    pub(super) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (to, answer) = oneshot::channel();
        (Self { to, home: HOME.with_borrow(Clone::clone) }, answer)
    }

    /// Answer.
    pub(super) fn give(self, answer: Answer) {
        let parcel = Parcel { to: self.to, answer };
        match self.home {
            None => parcel.hand_over(),
            // An event loop that has ended hands nothing out.
            Some(home) => home.send(parcel).unwrap_or_else(|back| back.0.hand_over()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::task::{LocalSet, spawn_local, yield_now};
    use tokio::time::sleep;

    use super::*;
    use crate::ChangeNumber;

    const STALE: Answer = Ok(Commit::Stale { now: ChangeNumber(7) });

    fn is_it(answer: &Answer) -> bool {
        matches!(answer, Ok(Commit::Stale { now: ChangeNumber(7) }))
    }

    #[tokio::test]
    async fn without_a_home_an_answer_goes_straight_there() {
        let (reply, answer) = Reply::new();
        std::thread::spawn(move || reply.give(STALE)).join().unwrap();
        assert!(is_it(&answer.await.unwrap()));
    }

    #[tokio::test]
    async fn an_answer_for_a_loop_that_has_ended_is_given_all_the_same() {
        let local = LocalSet::new();
        let (reply, answer) = local
            .run_until(async {
                let home = spawn_local(hand_out_answers());
                yield_now().await;
                let made = Reply::new();
                home.abort();
                assert!(home.await.unwrap_err().is_cancelled());
                made
            })
            .await;
        assert!(HOME.with_borrow(Option::is_none));
        reply.give(STALE);
        assert!(is_it(&answer.await.unwrap()));
    }

    /// Tasks that always have something to do keep no answer waiting: 500 answers are there
    /// after far fewer turns than 31 for each.
    #[tokio::test]
    async fn answers_are_not_overtaken_by_a_busy_loop() {
        LocalSet::new()
            .run_until(async {
                spawn_local(hand_out_answers());
                yield_now().await;
                let (replies, answers): (Vec<_>, Vec<_>) = (0..500).map(|_| Reply::new()).unzip();
                let waiting: Vec<_> = answers.into_iter().map(spawn_local).collect();
                sleep(Duration::from_millis(10)).await; // Until all of them wait.
                let turns = Rc::new(Cell::new(0_u32));
                for _ in 0..100 {
                    let turns = Rc::clone(&turns);
                    spawn_local(poll_fn(move |context| {
                        turns.set(turns.get() + 1);
                        context.waker().wake_by_ref();
                        Poll::<()>::Pending
                    }));
                }
                let writer = std::thread::spawn(move || {
                    for reply in replies {
                        reply.give(STALE);
                    }
                });
                writer.join().unwrap();
                let before = turns.get();
                for answer in waiting {
                    assert!(is_it(&answer.await.unwrap().unwrap()));
                }
                let turns = turns.get() - before;
                assert!(turns < 500 * 4, "{turns} turns of other tasks");
            })
            .await;
    }
}
