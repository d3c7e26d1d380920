//! Which tasks are alive, and what does each wait for? A table and a tree of the tasks, and a deadlock that they show.
//!
//! `cargo run --example 25_who_waits`

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use roundelay::net::{TcpListener, TcpStream};
use roundelay::sync::{Mutex, Queue};
use roundelay::{EventLoop, JoinHandle, offload, sleep, task, timeout};

fn main() -> io::Result<()> {
    // Observed: the loop remembers the parent of each task, and the objects of the waits in `sync`.
    let mut event_loop = EventLoop::builder().observe(true).build()?;
    event_loop.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        named("server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                named("connection", async move { stream.read(&mut [0; 64]).await });
            }
        });
        named("client", async move {
            let stream = TcpStream::connect(address).await?;
            timeout(Duration::from_secs(30), stream.read(&mut [0; 64])).await?
        });
        named("sleeper", sleep(Duration::from_secs(3_600)));
        named("hasher", async {
            offload(|| thread::sleep(Duration::from_millis(300))).await
        });

        let queue = Rc::new(Queue::<u32>::bounded(8));
        named("consumer", async move { queue.get().await });
        let mutex = Rc::new(Mutex::new(()));
        for name in ["holder", "next in line"] {
            let mutex = Rc::clone(&mutex);
            named(name, async move {
                let _guard = mutex.lock().await;
                sleep(Duration::from_secs(60)).await;
            });
        }
        two_that_await_each_other();

        sleep(Duration::from_millis(100)).await;
        let tasks = task::all();
        println!("The table:\n\n{}", tasks.ps());
        println!("Parents and children:\n\n{}", tasks.pstree());
        Ok(())
    })
}

#[track_caller]
fn named<T: 'static>(name: &str, future: impl Future<Output = T> + 'static) -> task::AbortHandle {
    let handle = task::Builder::new().name(name).spawn(future);
    handle.abort_handle() // and detach it
}

fn two_that_await_each_other() {
    let (of_left, of_right) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
    let await_handle = |handle: &Rc<RefCell<Option<JoinHandle<()>>>>| {
        let handle = Rc::clone(handle);
        async move {
            let other = handle.take().expect("put there below");
            drop(other.await);
        }
    };
    let left = task::Builder::new().name("left");
    *of_left.borrow_mut() = Some(left.spawn(await_handle(&of_right)));
    let right = task::Builder::new().name("right");
    *of_right.borrow_mut() = Some(right.spawn(await_handle(&of_left)));
}
