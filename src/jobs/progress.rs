//! Following the progress of a job.

use std::pin::Pin;

use tokio::sync::watch;

/// What happens next in a job that is followed.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<P, T> {
    /// The progress has changed to this.
    Progress(P),
    /// The job has ended with this.
    Done(T),
}

/// Runs `work` until its progress changes or it ends. To be called until it returns [`Step::Done`].
/// Nothing is lost when it is dropped and called again.
pub async fn next<P: Copy, T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    progress: &mut watch::Receiver<P>,
) -> Step<P, T> {
    tokio::select! {
        done = work.as_mut() => Step::Done(done),
        // Without a sender, only the end is waited for.
        Ok(()) = progress.changed() => Step::Progress(*progress.borrow_and_update()),
    }
}

/// Runs `work` to its end, and reports its progress whenever that changes, the last one always.
/// Dropping this future drops the receiver, which cancels work that checks for a watcher.
pub async fn follow<P: Copy, T>(
    work: impl Future<Output = T>,
    mut progress: watch::Receiver<P>,
    mut report: impl FnMut(P),
) -> T {
    let mut work = std::pin::pin!(work);
    let done = loop {
        match next(work.as_mut(), &mut progress).await {
            Step::Progress(newest) => report(newest),
            Step::Done(done) => break done,
        }
    };
    let last = progress.borrow_and_update();
    if last.has_changed() {
        report(*last);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_newest_at_the_end_is_reported_last() {
        let (sender, receiver) = watch::channel(0);
        let work = async move {
            for step in 1..=3 {
                sender.send_replace(step);
                tokio::task::yield_now().await;
            }
            sender.send_replace(4);
            "done"
        };
        let mut reported = Vec::new();
        let done = follow(work, receiver, |newest| reported.push(newest)).await;
        assert_eq!((done, reported.last()), ("done", Some(&4)));
        assert!(
            reported.is_sorted_by(|one, next| one < next),
            "{reported:?}"
        );
    }

    #[tokio::test]
    async fn work_without_progress_reports_none() {
        let (sender, receiver) = watch::channel(0);
        let work = async move {
            drop(sender);
            tokio::task::yield_now().await;
        };
        follow(work, receiver, |_| panic!("there was none")).await;
    }

    #[tokio::test]
    async fn work_that_is_followed_no_more_has_no_watcher() {
        let (sender, receiver) = watch::channel(0);
        let followed = follow(std::future::pending::<()>(), receiver, |_| {});
        drop(followed);
        assert!(sender.is_closed());
    }
}
