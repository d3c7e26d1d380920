//! The table and the tree.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use roundelay::inspect::Tasks;
use roundelay::{EventLoop, JoinHandle, future, sleep, spawn, task, timeout, yield_now};

const HOUR: Duration = Duration::from_secs(3_600);

/// The list of the tasks after each of them has been polled.
fn listed(is_observed: bool, body: impl AsyncFn()) -> Tasks {
    let mut event_loop = EventLoop::builder().observe(is_observed).build().unwrap();
    event_loop.run(async {
        body().await;
        for _ in 0..4 {
            yield_now().await;
        }
        task::all()
    })
}

/// The text without the loop's number, which differs in each run.
fn without_loop(text: &str, tasks: &Tasks) -> String {
    let (own, _) = tasks[0].id.to_string().split_once('.').map_or_else(
        || unreachable!("loop and serial"),
        |(own, serial)| (own.to_owned(), serial.to_owned()),
    );
    let first: u32 = tasks[0].id.to_string()[own.len() + 1..].parse().unwrap();
    let mut text = text.to_owned();
    for serial in (first..first + 20).rev() {
        text = text.replace(&format!("{own}.{serial}"), &format!("#{}", serial - first));
    }
    text
}

type Handle = Rc<RefCell<Option<JoinHandle<()>>>>;

/// Awaits a handle that is put into the cell later.
async fn awaits(handle: Handle) {
    let handle = handle.take().expect("`circle` has put the handle there");
    drop(handle.await);
}

/// Spawns a task for each name. Each task awaits the next, and the last awaits the first.
fn circle(names: &[&str]) {
    let places: Vec<Handle> = names.iter().map(|_| Handle::default()).collect();
    for (number, name) in names.iter().enumerate() {
        let next = Rc::clone(&places[(number + 1) % names.len()]);
        let handle = task::Builder::new().name(*name).spawn(awaits(next));
        *places[number].borrow_mut() = Some(handle);
    }
}

#[test]
fn a_deadlock_is_found_and_told() {
    let _watched = crate::support::watch();
    for is_observed in [false, true] {
        let tasks = listed(is_observed, async || circle(&["a", "b", "c"]));
        let [circle] = &*tasks.circles() else {
            panic!("one circle");
        };
        assert!(circle.is_deadlock);
        assert_eq!(circle.tasks, [tasks[1].id, tasks[2].id, tasks[3].id]);
        assert_eq!(
            without_loop(&circle.to_string(), &tasks),
            "deadlock: task #1 'a' waits for the end of task #2 'b', which waits for the end of task #3 'c', which waits for \
             the end of task #1 'a'"
        );
        let tree = tasks.pstree().to_string();
        assert_eq!(tree.matches("deadlock: ").count(), 1);
        for task in &tasks {
            let line = |line: &&str| {
                line.contains(&format!(" {}", task.id)) || line.starts_with(&task.id.to_string())
            };
            assert!(tree.lines().any(|text| line(&text)), "{tree}");
        }
    }
}

#[test]
fn a_circle_out_of_which_a_timer_leads_is_no_deadlock() {
    let _watched = crate::support::watch();
    let tasks = listed(true, async || {
        let (of_one, of_two) = (Handle::default(), Handle::default());
        let next = Rc::clone(&of_two);
        let one = spawn(async move {
            let _ = timeout(HOUR, awaits(next)).await;
        });
        let next = Rc::clone(&of_one);
        let two = spawn(awaits(next));
        *of_one.borrow_mut() = Some(one);
        *of_two.borrow_mut() = Some(two);
    });
    let [circle] = &*tasks.circles() else {
        panic!("one circle");
    };
    assert!(!circle.is_deadlock);
    assert!(circle.to_string().starts_with("circle: "));
    assert!(
        circle
            .to_string()
            .ends_with("; but one of them waits for something else, too")
    );
}

#[test]
fn tasks_that_wait_for_one_in_a_circle_are_not_in_it_and_two_circles_are_two() {
    let _watched = crate::support::watch();
    let tasks = listed(true, async || {
        circle(&["a", "b"]);
        circle(&["c", "d"]);
        let chain = spawn(pending::<()>());
        drop(spawn(async move { drop(chain.await) }));
    });
    let sizes: Vec<usize> = tasks
        .circles()
        .iter()
        .map(|circle| circle.tasks.len())
        .collect();
    assert_eq!(sizes, [2, 2]);
}

#[test]
fn the_tree_shows_who_spawned_whom() {
    let _watched = crate::support::watch();
    let tasks = listed(true, async || {
        let parent = task::Builder::new().name("parent").spawn(async {
            for name in ["first", "second"] {
                drop(task::Builder::new().name(name).spawn(async {
                    drop(spawn(pending::<()>()));
                    pending::<()>().await;
                }));
            }
            pending::<()>().await;
        });
        drop(parent);
        drop(task::Builder::new().name("last").spawn(pending::<()>()));
    });
    assert_eq!(
        without_loop(&tasks.pstree().to_string(), &tasks),
        "#0 running\n \
         ├─ #1 'parent' waits for something else\n \
         │  ├─ #3 'first' waits for something else\n \
         │  │  └─ #5 waits for something else\n \
         │  └─ #4 'second' waits for something else\n \
         │     └─ #6 waits for something else\n \
         └─ #2 'last' waits for something else\n"
    );
}

#[test]
fn in_a_loop_that_is_not_observed_the_tree_shows_who_waits_for_whom() {
    let _watched = crate::support::watch();
    let tasks = listed(false, async || {
        let (one, two) = (spawn(pending::<()>()), spawn(pending::<()>()));
        let middle = spawn(async move { drop(one.await) });
        drop(spawn(async move {
            let handles: [std::pin::Pin<Box<dyn Future<Output = ()>>>; 2] = [
                Box::pin(async { drop(middle.await) }),
                Box::pin(async { drop(two.await) }),
            ];
            future::join_all(handles).await;
        }));
    });
    assert_eq!(
        without_loop(&tasks.pstree().to_string(), &tasks),
        "#0 running\n\
         #4 waits for task #2's end; task #3's end\n \
         ├─ #2 waits for something else\n \
         └─ #3 waits for task #1's end\n    \
            └─ #1 waits for something else\n"
    );
}

#[test]
fn a_task_whose_parent_has_ended_is_a_root() {
    let _watched = crate::support::watch();
    let tasks = listed(true, async || {
        let parent = spawn(async { drop(spawn(pending::<()>())) });
        let id = parent.id();
        parent.await.unwrap();
        let orphan = &task::all()[1];
        assert_eq!(orphan.parent, Some(id));
    });
    let tree = tasks.pstree().to_string();
    assert!(
        tree.lines()
            .nth(1)
            .unwrap()
            .starts_with(&tasks[1].id.to_string()),
        "{tree}"
    );
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_is_drawn_on_a_small_stack() {
    let _watched = crate::support::watch();
    const CHAIN: usize = 100_000;
    let body = || {
        let tasks = listed(false, async || {
            let mut last = spawn(pending::<()>());
            for _ in 0..CHAIN {
                let next = last;
                last = spawn(async move { drop(next.await) });
            }
            drop(last);
        });
        let tree = tasks.pstree().to_string();
        assert_eq!(tree.lines().count(), CHAIN + 2);
        let widest = tree.lines().map(|line| line.chars().count()).max();
        assert!(widest < Some(120), "{widest:?}");
        assert!(tasks.circles().is_empty());
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    thread.spawn(body).unwrap().join().unwrap();
}

#[test]
fn the_table_has_aligned_columns_and_fits_in_120() {
    let _watched = crate::support::watch();
    for is_observed in [false, true] {
        let tasks = listed(is_observed, async || {
            let long =
                "a name that is far longer than any column of any table should be, and goes on";
            drop(task::Builder::new().name(long).spawn(sleep(HOUR)));
            let handles: Vec<_> = (0..9).map(|_| spawn(pending::<()>())).collect();
            drop(spawn(async move { drop(future::join_all(handles).await) }));
            drop(spawn(async {
                let queue = roundelay::sync::Queue::<u8>::unbounded();
                let _ = timeout(HOUR, queue.get()).await;
            }));
        });
        let table = tasks.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= 120),
            "{table}"
        );
        let column = |line: &str, word: &str| line.find(word).map(|at| line[..at].chars().count());
        let states = column(lines[0], "STATE").unwrap();
        let waiting: Vec<_> = lines
            .iter()
            .filter_map(|line| column(line, "waiting"))
            .collect();
        assert!(
            waiting.len() > 10 && waiting.iter().all(|at| *at == states),
            "{table}"
        );
        assert!(table.contains("6 more"), "{table}");
        assert_eq!(table.contains("BY"), is_observed);
        assert_eq!(table, tasks.ps().to_string());
    }
}

#[test]
fn one_task_is_one_line() {
    let _watched = crate::support::watch();
    let tasks = listed(true, async || {
        drop(task::Builder::new().name("pump").spawn(sleep(HOUR)));
    });
    let line = tasks[1].to_string();
    let [begin, rest] = ["task ", " 'pump' spawned at tests/inspect/text.rs:"];
    assert!(line.starts_with(begin) && line.contains(rest), "{line}");
    assert!(line.ends_with(", waiting for a timer in 59 min"), "{line}");
    assert!(tasks[0].to_string().ends_with(", running now"));
}
