//! The terminal, for a child that has its own process group.
//!
//! Only the group in the terminal's foreground may read from it, so the child's is put
//! there, and Ctrl-C then goes to the child by itself. Afterwards, and whenever the
//! child is stopped (Ctrl-Z), the terminal goes back to our group, or a script that
//! called us could read no more.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, Signal as NixSignal};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_current_process_group, kill_process_group,
    waitid,
};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use tokio::signal::unix::{self, SignalKind};

/// The terminal that standard input is, lent to a child's group.
pub(crate) struct Terminal {
    ours: Pid,
    child: Pid,
    children: unix::Signal,
}

impl Terminal {
    /// Lend the terminal to the child, if standard input is one.
    pub(crate) fn lend(child: Pid) -> io::Result<Option<Self>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        let children = unix::signal(SignalKind::child())?;
        let terminal = Self { ours: getpgrp(), child, children };
        terminal.hand_over();
        Ok(Some(terminal))
    }

    /// Wait until the child is stopped; then stop with it, and go on with it.
    ///
    /// Cancel safe: what was missed is seen at the next call.
    pub(crate) async fn follow_stops(&mut self) {
        while self.children.recv().await.is_some() {
            let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            if matches!(waitid(WaitId::Pid(self.child), stopped), Ok(Some(_))) {
                self.take_back();
                // Our whole group, as Ctrl-Z would: the shell above waits for all of it.
                let _ = kill_current_process_group(Signal::TSTP);
                // Here somebody has said `fg` or `bg`.
                self.hand_over();
            }
        }
    }

    /// Put our group back into the foreground, if the child's is there.
    pub(crate) fn take_back(&self) {
        if tcgetpgrp(io::stdin().as_fd()).is_ok_and(|group| group == self.child) {
            set_foreground(self.ours);
        }
    }

    /// Put the child's group into the foreground if ours is there, and let it run: it
    /// may have been stopped for reading too early.
    fn hand_over(&self) {
        if tcgetpgrp(io::stdin().as_fd()).is_ok_and(|group| group == self.ours) {
            set_foreground(self.child);
        }
        let _ = kill_process_group(self.child, Signal::CONT);
    }
}

/// A group in the background that does this is stopped by SIGTTOU, unless it blocks it.
fn set_foreground(group: Pid) {
    let mut stop = SigSet::empty();
    stop.add(NixSignal::SIGTTOU);
    let blocked = stop.thread_block().is_ok();
    let _ = tcsetpgrp(io::stdin().as_fd(), group);
    if blocked {
        let _ = stop.thread_unblock();
    }
}
