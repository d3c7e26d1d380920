//! What sockets allocate: once a source, and once more when it first waits; nothing in the steady state.

mod net_support;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;

use net_support::{in_loop, tcp_pair};
use roundelay::net::UdpSocket;
use roundelay::spawn;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each call goes on to the system's allocator as it came; the count beside it has no destructor, so it can be
// reached for as long as the thread runs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about the pointer is passed on, and it came from `alloc` above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

#[test]
fn an_echo_that_waits_for_every_message_allocates_nothing() {
    in_loop(|| async {
        let (near, far) = tcp_pair().await?;
        let echo = spawn(async move {
            let mut buf = [0; 64];
            loop {
                match far.read(&mut buf).await? {
                    0 => return std::io::Result::Ok(()),
                    count => far.write_all(&buf[..count]).await?,
                }
            }
        });
        let mut before = 0;
        for round in 0..1_100 {
            if round == 100 {
                before = ALLOCATIONS.get();
            }
            near.write_all(b"there and back again").await?;
            near.read_exact(&mut [0; 20]).await?;
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        drop(near);
        echo.await.unwrap()
    });
}

#[test]
fn many_waiters_on_one_socket_allocate_nothing_once_as_many_have_waited() {
    in_loop(|| async {
        let near = Rc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let far = UdpSocket::bind("127.0.0.1:0").await?;
        far.connect(near.local_addr()?).await?;
        for _ in 0..8 {
            let near = Rc::clone(&near);
            drop(spawn(async move {
                while let Ok((_, sender)) = near.recv_from(&mut [0; 8]).await {
                    near.send_to(b"done", sender).await.unwrap();
                }
            }));
        }
        let mut before = 0;
        for round in 0..300 {
            if round == 100 {
                before = ALLOCATIONS.get();
            }
            for _ in 0..16 {
                far.send(b"to one").await?;
            }
            for _ in 0..16 {
                far.recv(&mut [0; 8]).await?;
            }
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
        Ok(())
    });
}

#[test]
fn a_socket_that_never_waits_allocates_once() {
    in_loop(|| async {
        let (std_near, _far) = std::os::unix::net::UnixStream::pair()?;
        let before = ALLOCATIONS.get();
        let near = roundelay::net::UnixStream::from_std(std_near)?;
        near.write_all(b"into the buffer").await?;
        assert_eq!(ALLOCATIONS.get() - before, 1);
        Ok(())
    });
}
