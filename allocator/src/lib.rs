//! The program's memory: what is freed is wiped, and goes back to the system at once.
//!
//! The allocator is mimalloc. It takes less of a request's time than glibc's, and it gives
//! back what a storm made it take, where glibc keeps several arenas of ten megabytes for good
//! (ADR 0015). Huge pages are left out: they would make thirty megabytes of an idle server's
//! five.
//!
//! It is a crate of its own because it has the one unsafe call of the project.

use libmimalloc_sys::mi_option_t;
use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// What the program allocates with.
pub type Allocator = ZeroAlloc<MiMalloc>;

/// Allocates, and wipes what is freed. Our own secret types wipe themselves, but a secret
/// also passes through the buffers of libraries: HTTP, TLS, JSON, the database's client.
pub const ALLOCATOR: Allocator = ZeroAlloc(MiMalloc);

/// Milliseconds after which free pages go back to the system (`mi_option_purge_delay`, the
/// sixteenth of mimalloc's options; the bindings do not name it).
const PURGE_DELAY: mi_option_t = 15;

/// Give pages back as soon as they are free. Call it first in `main`.
///
/// By itself the allocator waits a second, and looks only when pages are taken or freed:
/// attack bodies came to half as much again, and an idle server kept all that it once had.
#[expect(unsafe_code, reason = "no safe binding sets an option")]
pub fn give_back_at_once() {
    // SAFETY: it stores one number in a table of the allocator; `main` has no other thread
    // yet that could read it.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static TESTED: Allocator = ALLOCATOR;

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// The number of the option is the right one: with the default the pages would stay.
    #[test]
    fn what_is_freed_goes_back_at_once() {
        give_back_at_once();
        let before = resident();
        let blocks: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 4_000]).collect();
        assert!(resident() > before + 70_000, "80 MB are in use");
        drop(blocks);
        assert!(resident() < before + 8_000, "{before} KiB before, {} after", resident());
    }
}
