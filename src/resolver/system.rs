//! The system's own resolver, on threads of its own.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Resolve, Resolving};

/// The most threads. A name that is answered takes one for milliseconds; all run only while as many
/// look-ups hang.
pub(super) const MAX_THREADS: usize = 256;
/// How long a thread waits for another look-up until it ends.
const IDLE: Duration = Duration::from_secs(10);
/// The stack of a thread in bytes: what modules of `nsswitch.conf` may need, in reserve. Only what
/// is touched takes memory.
const STACK: usize = 512 << 10;

/// The system's own resolver. Its threads are its own: the runtime's blocking threads write the
/// store, and a hung look-up must take none of them.
#[derive(Clone, Debug, Default)]
pub struct SystemResolver(Arc<Pool>);

#[derive(Debug, Default)]
struct Pool {
    queue: Mutex<Queue>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

#[derive(Debug)]
struct Job {
    host: Box<str>,
    answer: oneshot::Sender<io::Result<Vec<IpAddr>>>,
}

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let (answer, answered) = oneshot::channel();
        let accepted = Pool::push(&self.0, Job { host: host.into(), answer });
        Box::pin(async move {
            accepted?;
            answered.await.unwrap_or_else(|_| Err(io::Error::other("the look-up was lost")))
        })
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(pool: &Arc<Self>, job: Job) -> io::Result<()> {
        let mut queue = pool.lock();
        queue.waiting.push_back(job);
        if queue.waiting.len() <= queue.idle || MAX_THREADS <= queue.threads {
            pool.came.notify_one();
            return Ok(());
        }
        let worker = Arc::clone(pool);
        let started = thread::Builder::new()
            .name("look-up".to_owned())
            .stack_size(STACK)
            .spawn(move || worker.work());
        match started {
            Ok(_) => queue.threads += 1,
            // Those that run take it when they are done.
            Err(_) if 0 < queue.threads => pool.came.notify_one(),
            Err(why) => {
                queue.waiting.pop_back();
                let text = format!("cannot start a thread for the look-up: {why}");
                return Err(io::Error::new(why.kind(), text));
            }
        }
        Ok(())
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                drop(queue);
                // Whoever asked may be gone.
                drop(job.answer.send(look_up(&job.host)));
                queue = self.lock();
                continue;
            }
            queue.idle += 1;
            let woken = self.came.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = woken.0;
            queue.idle -= 1;
            if woken.1.timed_out() && queue.waiting.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_looked_up_on_threads_that_serve_one_after_the_other() {
        let resolver = SystemResolver::default();
        for _ in 0..8 {
            let found = resolver.resolve("localhost").await.unwrap();
            assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
            // The thread that answered may not be waiting again yet.
            while resolver.0.lock().idle == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(resolver.0.lock().threads, 1);
    }
}
