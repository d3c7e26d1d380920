//! The pool of a loop, which the first job makes.
//!
//! The loop has to close its pool, and to wait for its threads, and knows it as a trait object. So a program that offloads
//! no job does not contain the pool, 5 KB of each program's file, and does not wait for its translation.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use super::pool::Pool;
use super::shared::{PoolConfig, Running};
use crate::record::{JobLog, Probe};

/// A pool as its loop knows it.
trait OfTheLoop {
    fn close(&self);

    fn join(&self, grace: Duration) -> Vec<Running>;

    fn pool(self: Rc<Self>) -> Rc<Pool>;
}

impl OfTheLoop for Pool {
    #[inline]
    fn close(&self) {
        self.close();
    }

    #[inline]
    fn join(&self, grace: Duration) -> Vec<Running> {
        self.join(grace)
    }

    #[inline]
    fn pool(self: Rc<Self>) -> Rc<Pool> {
        self
    }
}

/// The place for a loop's pool.
pub(crate) struct LatePool {
    config: PoolConfig,
    probe: Probe,
    log: JobLog,
    made: OnceCell<Rc<dyn OfTheLoop>>,
    is_closed: Cell<bool>,
}

impl LatePool {
    #[inline]
    pub(crate) fn new(config: PoolConfig, probe: Probe, log: JobLog) -> Self {
        Self {
            config,
            probe,
            log,
            made: OnceCell::new(),
            is_closed: Cell::new(false),
        }
    }

    /// The pool. Makes it if this is the first job.
    #[inline]
    pub(super) fn pool(&self) -> Rc<Pool> {
        let made = self.made.get_or_init(|| {
            let config = self.config.clone();
            let pool = Pool::new(config, self.probe.clone(), self.log.clone());
            if self.is_closed.get() {
                pool.close();
            }
            Rc::new(pool)
        });
        Rc::clone(made).pool()
    }

    /// The pool, if there was a job.
    #[inline]
    pub(crate) fn get(&self) -> Option<Rc<Pool>> {
        Some(Rc::clone(self.made.get()?).pool())
    }

    /// See [`Pool::close`].
    #[inline]
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        if let Some(made) = self.made.get() {
            made.close();
        }
    }

    /// See [`Pool::join`].
    #[inline]
    pub(crate) fn join(&self, grace: Duration) -> Vec<Running> {
        self.close();
        match self.made.get() {
            Some(made) => made.join(grace),
            None => Vec::new(),
        }
    }

    /// The jobs that are done.
    #[cfg(feature = "record")]
    #[inline]
    pub(crate) fn job_log(&self) -> JobLog {
        let log = self.get().map(|pool| pool.job_log());
        log.unwrap_or_else(|| self.log.clone())
    }
}
