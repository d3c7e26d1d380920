//! The list as a tree of parents and children, or of waits. Circles of waits are printed below it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::info::{TaskInfo, WaitsFor};
use super::list::Tasks;
use crate::scheduler::TaskState;
use crate::task::id::TaskId;

/// A tree of the tasks. Made by [`Tasks::pstree`].
pub struct Pstree<'a>(&'a Tasks);

impl Tasks {
    /// A tree: under each task the tasks that it spawned. In a loop that is not [observed](crate::Builder::observe),
    /// the parents are unknown: under each task are the tasks whose end it waits for.
    ///
    /// Below the tree is a line for each [circle](Self::circles) of tasks that wait for each other.
    #[inline]
    pub fn pstree(&self) -> Pstree<'_> {
        Pstree(self)
    }

    /// The circles: each task waits for the end of the next, and the last for that of the first. A circle without other
    /// waits is a deadlock, and only an abort ends it.
    #[inline]
    pub fn circles(&self) -> Vec<Circle> {
        circles(self)
    }
}

/// Tasks that wait for each other. Made by [`Tasks::circles`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Circle {
    /// Each waits for the next, and the last for the first. The oldest comes first.
    pub tasks: Vec<TaskId>,
    /// Whether none of the tasks has another wait.
    pub is_deadlock: bool,
    titles: Vec<String>,
}

impl fmt::Display for Circle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.titles[0];
        f.write_str(if self.is_deadlock {
            "deadlock: "
        } else {
            "circle: "
        })?;
        write!(f, "task {first} waits for the end of ")?;
        for next in &self.titles[1..] {
            write!(f, "task {next}, which waits for the end of ")?;
        }
        write!(f, "task {first}")?;
        if !self.is_deadlock {
            f.write_str("; but one of them waits for something else, too")?;
        }
        Ok(())
    }
}

#[inline]
fn circles(tasks: &Tasks) -> Vec<Circle> {
    // At most one other task awaits a task, so a task is in one circle at most. Following the awaiting tasks finds the
    // circle.
    let mut awaited_by = HashMap::new();
    let mut place_of = HashMap::new();
    for (place, task) in tasks.iter().enumerate() {
        place_of.insert(task.id, place);
        for awaited in joins(task) {
            awaited_by.insert(awaited, task.id);
        }
    }
    let mut seen = HashSet::new();
    let mut circles = Vec::new();
    for task in tasks {
        let (mut way, mut next) = (Vec::new(), Some(task.id));
        while let Some(id) = next.filter(|id| seen.insert(*id)) {
            way.push(id);
            next = awaited_by.get(&id).copied();
        }
        if let Some(begin) = way.iter().position(|id| Some(*id) == next) {
            let mut ids = way.split_off(begin);
            ids.reverse();
            circles.push(circle(tasks, &place_of, ids));
        }
    }
    circles
}

#[inline]
fn circle(tasks: &Tasks, place_of: &HashMap<TaskId, usize>, mut ids: Vec<TaskId>) -> Circle {
    let oldest = (0..ids.len()).min_by_key(|at| place_of[&ids[*at]]);
    ids.rotate_left(oldest.unwrap_or(0));
    let members = || ids.iter().map(|id| &tasks[place_of[id]]);
    let waits_for_one = |task: &TaskInfo| {
        task.state == TaskState::Waiting && matches!(&*task.waits_for, [WaitsFor::Task(_)])
    };
    Circle {
        is_deadlock: members().all(waits_for_one),
        titles: members().map(TaskInfo::title).collect(),
        tasks: ids,
    }
}

#[inline]
fn joins(task: &TaskInfo) -> impl Iterator<Item = TaskId> {
    task.waits_for.iter().filter_map(|what| match what {
        WaitsFor::Task(id) => Some(*id),
        _ => None,
    })
}

impl fmt::Debug for Pstree<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Pstree<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let circles = self.0.circles();
        let (roots, children) = branches(self.0);
        // A stack of its own: a chain of tasks may be a hundred thousand long.
        let mut rest: Vec<Branch> = Vec::new();
        let mut drawn = HashSet::new();
        let everybody = roots.into_iter().chain(0..self.0.len());
        for root in everybody {
            let top = Branch {
                place: root,
                indent: String::new(),
                is_last: true,
                depth: 0,
            };
            rest.extend((!drawn.contains(&root)).then_some(top));
            while let Some(branch) = rest.pop() {
                if drawn.insert(branch.place) {
                    let below = branch.draw(f, &self.0[branch.place])?;
                    let twigs = &children[branch.place];
                    rest.extend(branches_of(twigs, &below, branch.depth + 1, &drawn));
                }
            }
        }
        if !circles.is_empty() {
            writeln!(f)?;
        }
        circles
            .iter()
            .try_for_each(|circle| writeln!(f, "{circle}"))
    }
}

/// A task in the tree that is still to be drawn.
struct Branch {
    place: usize,
    /// The text before its line, without the twig.
    indent: String,
    /// Whether it is the last child of its parent.
    is_last: bool,
    depth: usize,
}

/// Deeper lines are not indented further, and print their depth.
const DEEPEST: usize = 16;

impl Branch {
    /// Draws the line. Returns the indent of the lines below it.
    #[inline]
    fn draw(&self, f: &mut fmt::Formatter<'_>, task: &TaskInfo) -> Result<String, fmt::Error> {
        let Self {
            indent, is_last, ..
        } = self;
        let (twig, below) = match (indent.is_empty(), is_last) {
            (true, _) => ("", " "),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
        };
        write!(f, "{indent}{twig}")?;
        if self.depth > DEEPEST {
            write!(f, "[{}] ", self.depth)?;
        }
        write!(f, "{}", task.title())?;
        match task.state {
            TaskState::Waiting => writeln!(f, " waits for {}", task.waits_in_words(3))?,
            state => writeln!(f, " {state}")?,
        }
        Ok(match self.depth < DEEPEST {
            true => format!("{indent}{below}"),
            false => indent.clone(),
        })
    }
}

/// The twigs of a branch, the first on top of the stack.
#[inline]
fn branches_of(
    children: &[usize],
    indent: &str,
    depth: usize,
    drawn: &HashSet<usize>,
) -> Vec<Branch> {
    let fresh = children.iter().filter(|child| !drawn.contains(child));
    let mut twigs: Vec<Branch> = fresh
        .map(|&place| Branch {
            place,
            indent: indent.to_owned(),
            is_last: false,
            depth,
        })
        .collect();
    if let Some(last) = twigs.last_mut() {
        last.is_last = true;
    }
    twigs.reverse();
    twigs
}

/// The roots, and the children of each task: by places in the list.
#[inline]
fn branches(tasks: &Tasks) -> (Vec<usize>, Vec<Vec<usize>>) {
    let places = tasks.iter().enumerate();
    let place_of: HashMap<TaskId, usize> = places.map(|(place, task)| (task.id, place)).collect();
    let mut children = vec![Vec::new(); tasks.len()];
    let mut is_root = vec![true; tasks.len()];
    for (place, task) in tasks.iter().enumerate() {
        let parent_and_child: Vec<(usize, usize)> = if tasks.is_observed() {
            let parent = task.parent.and_then(|id| place_of.get(&id));
            parent.map(|&parent| (parent, place)).into_iter().collect()
        } else {
            let awaited = joins(task).filter_map(|id| place_of.get(&id));
            awaited.map(|&child| (place, child)).collect()
        };
        for (parent, child) in parent_and_child {
            children[parent].push(child);
            is_root[child] = false;
        }
    }
    let roots = (0..tasks.len()).filter(|place| is_root[*place]).collect();
    (roots, children)
}
