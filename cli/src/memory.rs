//! The program's memory: what is freed is wiped, and in time goes back to the system.
//!
//! The allocator is mimalloc. Under load it takes a fifth off the time that a request costs
//! the server, and it gives back what a storm made it take, where glibc keeps several arenas
//! of ten megabytes for good (`docs/reference/benchmark.md`). Huge pages are left out: they
//! would make 30 MB of an idle server's 5.

use std::hint::black_box;
use std::time::Duration;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Whatever is freed is wiped first. Our own secret types wipe themselves, but a secret
/// also passes through the buffers of libraries: HTTP, TLS, JSON, the database's client.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

/// How often an idle server gives memory back.
const PAUSE: Duration = Duration::from_secs(2);
/// More than the allocator keeps for itself when it is freed (512 KiB).
const BLOCK: usize = 768 * 1024;

/// Give free memory back to the system for as long as this is polled.
///
/// The allocator does so a second after pages were freed, but looks only when pages are
/// taken or freed: a server that has nothing to do after a storm would keep all that the
/// storm took. So a block is taken and freed now and then.
pub(crate) async fn give_back() {
    loop {
        tokio::time::sleep(PAUSE).await;
        drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
    }
}
