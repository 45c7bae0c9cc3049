//! The widget's file, which caches in between may keep for too long.

use super::Judge;
use crate::doctor::check::{Check, Finding};
use crate::doctor::observations::WidgetProbe;

impl Judge<'_> {
    pub(super) fn widget(&self) -> Option<Finding> {
        let widget = self.seen.widget.as_ref()?;
        if widget.status != 200 {
            return self.proxy_problem(
                Check::Widget,
                format!("/widget.js is responded to with {}", widget.status),
            );
        }
        let present = self
            .seen
            .seen
            .as_ref()
            .and_then(|seen| seen.widget.as_deref());
        match widget_fault(widget, present) {
            Some(fault) => self.proxy_problem(Check::Widget, fault),
            None => Some(Finding::ok(
                Check::Widget,
                "revalidated before each use, so an upgrade reaches customers at once",
            )),
        }
    }
}

/// Problems with the headers of the widget.
fn widget_fault(widget: &WidgetProbe, present: Option<&str>) -> Option<String> {
    let tag = widget
        .etag
        .as_deref()
        .map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    if let (Some(present), Some(tag)) = (present, tag)
        && !tag.starts_with(present)
    {
        return Some(
            "/widget.js is not the one of the running server: a cache still has an older one"
                .to_owned(),
        );
    }
    match widget.cache_control.as_deref().map(str::trim) {
        Some("no-cache") => {}
        Some(other) => {
            return Some(format!(
                "the proxy changes Cache-Control of /widget.js from `no-cache` to `{other}`, so customers keep an old widget after an upgrade"
            ));
        }
        None => {
            return Some(
                "the proxy removes Cache-Control of /widget.js, so browsers guess for how long to keep an old widget"
                    .to_owned(),
            );
        }
    }
    if let Some(age) = &widget.age {
        return Some(format!(
            "a cache in between has kept /widget.js for {age} s"
        ));
    }
    match widget.allow_origin.as_deref() {
        None | Some("*") => None,
        Some(other) => Some(format!(
            "the proxy changes Access-Control-Allow-Origin of /widget.js from `*` to `{other}`, and browsers refuse to load it"
        )),
    }
}
