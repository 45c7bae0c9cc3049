//! The priority of threads that work beside the chat.

/// Gives this thread the lowest priority, for the processor and for the disk: its work may take
/// longer when the server is busy. Not `SCHED_IDLE`, which gets no share at all on a busy machine:
/// the work would take minutes, and whoever waits for a lock that this thread holds would wait as
/// long. Only on Linux, where a thread can have a priority of its own.
pub fn lower() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        let done = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, batch);
        if let Err(error) = done {
            tracing::debug!(%error, "cannot lower the priority of a thread");
        }
    }
}
