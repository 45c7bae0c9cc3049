use std::io::{IsTerminal, Write};

/// Shows progress on standard error: a bar on a terminal, otherwise a line every ten percent.
pub(super) struct ProgressBar {
    is_terminal: bool,
    shown: u64,
}

impl ProgressBar {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            shown: 0,
        }
    }

    pub(super) fn show(&mut self, done: u64, total: u64) {
        let percent = done.saturating_mul(100) / total.max(1);
        let mut out = std::io::stderr().lock();
        // A failure to show progress does not stop the work.
        if self.is_terminal {
            let width = usize::try_from(percent.min(100) / 4).unwrap_or(0);
            let _ = write!(out, "\r[{:<25}] {percent:>3} %", "#".repeat(width));
        } else if percent / 10 > self.shown / 10 {
            let _ = writeln!(out, "{percent} %");
        }
        self.shown = percent;
    }

    pub(super) fn clear(&mut self) {
        if self.is_terminal && self.shown > 0 {
            let _ = write!(std::io::stderr().lock(), "\r{:40}\r", "");
        }
    }
}
